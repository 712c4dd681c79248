from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from abcgen.errors import InputError
from abcgen.notation.tune import Metre
from abcgen.notation.walk import sounding_notes
from abcgen.score.referee import Referee
from tests.tunes import JIG, REEL, tune

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = "X:1\nT:A tune\nM:4/4\nL:1/8\nK:D\n"
JIG_ABC = """X:1
T:The Pickup Jig
M:6/8
L:1/8
K:D
A |
|: BAF FEF | AFA B2A | ABA F2A | BAA B2A |
BAF FEF | AFA Bdf | afa gec |1 d3 d2 A :|2 d3 d2 e ||
|: f2f fed | faa abb | afd def | b3 b2 a |
bab agf | gfg bag | fed e2 f |1 e3 d2 e :|2 e3 d2 |]
"""


@pytest.fixture(scope="module")
def referee() -> Iterator[Referee]:
    with Referee() as one:
        yield one


def test_it_agrees_where_tune_and_text_are_the_same(referee: Referee) -> None:
    assert referee.disagreement(JIG, JIG_ABC) == ""


def test_it_names_the_first_note_that_differs(referee: Referee) -> None:
    reason = referee.disagreement(JIG, JIG_ABC.replace("ABA F2A", "ABA ^F2A").replace("gec", "ged"))
    values = re.findall(r"[A-G]#?\d|\b\d+(?:/\d+)?", reason)
    assert values == ["40", "C#5", "1/8", "21/4", "D5", "1/8", "21/4"]


def test_it_notices_notes_left_over(referee: Referee) -> None:
    reason = referee.disagreement(tune("A4 |]"), HEAD + "A4 B4 |]\n")
    assert re.findall(r"\d+", reason) == ["1", "2"]


def test_ties_chords_tuplets_and_rests_are_read_as_written(referee: Referee) -> None:
    (heard,) = referee.read_voices(HEAD + "|: A4- A4 | (3ABc z2 [FAd]4 :|\n")
    assert heard == sounding_notes(tune("|: A4- A4 | (3ABc z2 [FAd]4 :|"))
    assert heard[0].duration == 1
    assert heard[1].duration == Fraction(1, 12)


def test_invisible_rests_and_chord_ties_are_not_compared(referee: Referee) -> None:
    ours = tune("x2 [FA]2- [FA]4 |]")
    assert (
        referee.disagreement(ours, HEAD.replace("A tune", "Oxtail") + "x2 [FA]2- [FA]4 |]\n") == ""
    )


def test_an_accidental_lasts_through_the_bar(referee: Referee) -> None:
    keys = [sound.keys for sound in referee.read_voices(HEAD + "^G2 G2 =G2 G2 | G8 |]\n")[0]]
    assert keys == [(68,), (68,), (67,), (67,), (67,)]


def test_a_refusal_by_music21_is_an_input_error_with_its_reason(referee: Referee) -> None:
    with pytest.raises(InputError, match="ABCHandlerException"):
        referee.read_voices("no tune at all")


def test_two_tunes_are_not_one(referee: Referee) -> None:
    with pytest.raises(InputError):
        referee.read_voices(HEAD + "A4 |]\n\nX:2\nL:1/8\nK:C\nB4 |]\n")


@pytest.mark.parametrize("body", ["C99999999", "z1000", "[CE]5000", "c" * 100_000])
def test_monstrous_lengths_are_refused_before_they_cost_time(body: str) -> None:
    started = time.monotonic()
    with pytest.raises(InputError):
        Referee().read_voices(HEAD + body)
    assert time.monotonic() - started < 0.5


def test_a_time_out_is_an_input_error_and_the_next_tune_is_read() -> None:
    slow = Referee(seconds=0.005)
    with pytest.raises(InputError):
        slow.read_voices(HEAD + "ABcd efga | " * 300)
    slow._seconds = 10.0
    with slow:
        assert slow.disagreement(tune("A8 |]"), HEAD + "A8 |]\n") == ""


def test_after_a_crash_it_starts_again() -> None:
    with Referee() as referee:
        referee.read_voices(HEAD + "A8 |]\n")
        child = referee._child
        assert child is not None
        child._process.kill()
        with pytest.raises(InputError):
            referee.read_voices(HEAD + "A8 |]\n")
        assert len(referee.read_voices(HEAD + "A8 |]\n")[0]) == 1


def test_the_child_process_ends_with_the_context() -> None:
    with Referee() as referee:
        child = referee._child
    assert child is not None
    assert child._process.poll() is not None


def test_importing_the_package_loads_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys, abcgen.score.pages, abcgen.score.midi, abcgen.score.referee;"
        "print({'music21', 'verovio', 'typst', 'mido', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b"set()"


def test_onsets_count_from_the_pickup(referee: Referee) -> None:
    pickup = replace(REEL, bars=tune("A | d3 |]", metre=Metre(3, 8)).bars)
    assert referee.disagreement(pickup, "X:1\nM:3/8\nL:1/8\nK:D\nA | d3 |]\n") == ""
