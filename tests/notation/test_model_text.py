from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from abcgen.errors import NotationError
from abcgen.notation.model_text import decode_tune, encode_tune
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import transpose
from abcgen.notation.tune import Key
from tests.notation.test_writer import sounding
from tests.strategies import tunes

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

REEL = "X:1\nT:Title\nR:Reel\nM:C|\nL:1/16\nK:Ador\nE2|:A4 B2c2|1 ^F2E2 A4:|2 (3c2B2A2 G4|]"


def test_a_model_text_has_a_head_and_one_line_of_music_in_c() -> None:
    encoded = encode_tune(read_abc(REEL))
    assert encoded.text == "R:reel\nM:2/2\nK:Cdor\nG|:c2de|1AGc2:|2(3edcB2|]\n"
    assert encoded.unscored == len("R:reel\n")
    assert encoded.notes == 11


def test_an_unknown_rhythm_has_no_line() -> None:
    assert encode_tune(read_abc(REEL.replace("R:Reel", "R:Romanze"))).text.startswith("M:2/2\n")


def test_bar_lines_and_repeat_signs_that_meet_are_written_as_one() -> None:
    text = encode_tune(read_abc("X:1\nM:4/4\nL:1/8\nK:C\n|:C8|D8:|:E8||\n|:F8:|G8|]")).text
    assert text.splitlines()[-1] == "|:C8|D8::E8||:F8:|G8|]"


def test_invisible_rests_are_written_as_rests() -> None:
    text = encode_tune(read_abc("X:1\nM:4/4\nL:1/8\nK:Cmix\nC4x4|]")).text
    assert text == "M:4/4\nK:Cmix\nC4z4|]\n"


def test_changes_of_key_and_metre_are_written_in_line() -> None:
    text = encode_tune(read_abc("X:1\nM:4/4\nL:1/8\nK:G\nG8|\nM:3/4\nK:Gm\nG6|")).text
    assert text == "M:4/4\nK:Cmaj\nc8|[M:3/4][K:Cmin]c6|\n"


def test_real_tunes_survive_encoding_and_decoding(real_tunes: list[Tune]) -> None:
    for tune in real_tunes:
        text = encode_tune(tune).text
        decoded = decode_tune(text)
        assert sounding(decoded) == sounding(transpose(tune, Key("C")))
        assert encode_tune(decoded).text == text


@given(tunes())
@settings(max_examples=20)
def test_any_tune_survives_encoding_and_decoding(tune: Tune) -> None:
    decoded = decode_tune(encode_tune(tune).text)
    assert sounding(decoded) == sounding(transpose(tune, Key("C")))


@pytest.mark.parametrize(
    "text",
    ["", "M:4/4\n", "M:4/4\nK:Cmaj\n", "M:4/4\nK:Cmaj\nABc", "K:Cmaj\nM:4/4\nABc\n",
     "M:4/4\nK:Dmaj\nABc\n", "M:4/4\nK:Cmaj\nAB@\n", "M:4/4\nK:Cmaj\nAB\ncd\n",
     "M:4/4\nK:Cxyz\nAB\n"],
)  # fmt: skip
def test_a_text_that_is_no_model_text_is_refused(text: str) -> None:
    with pytest.raises(NotationError):
        decode_tune(text)


def test_a_change_of_key_or_metre_that_model_text_does_not_tell_is_none() -> None:
    text = "X:1\nM:C\nL:1/8\nK:none ^f\nC8|\nK:C\nM:4/4\nC8|\nK:Cmin\nM:3/4\nC6|\n"
    assert encode_tune(read_abc(text)).text == "M:4/4\nK:Cmaj\nC8|C8|[M:3/4][K:Cmin]C6|\n"
