from __future__ import annotations

from typing import Any

import pytest

from abcgen.config import SplitConfig
from abcgen.corpus.cache import TextCache
from abcgen.corpus.families import Split
from abcgen.corpus.records import Extracts, VoiceRange, extract_corpus, extract_of
from abcgen.corpus.tune_files import READERS
from abcgen.errors import InputError
from abcgen.notation.model_text import encode_tune
from abcgen.notation.reader import read_abc
from abcgen.pipeline.held_out import read_held_out, write_held_out
from abcgen.pipeline.training import prepare_data
from abcgen.pipeline.voices import (
    NamedRange,
    described_choice,
    number_of,
    ranges_of,
    recorded_ranges,
    usual_number,
)
from tests.notation.test_ensemble import FOUR

ONE = "X:1\nT:One\nM:4/4\nL:1/4\nK:C\nCDEF|]\n"
TWO = "X:2\nT:Two\nM:4/4\nL:1/4\nK:C\nV:1\nCDEF|]\nV:2\nC,4|]\n"
UNLIKE = "X:3\nT:Unlike\nM:4/4\nL:1/4\nK:C\nV:1\nCDEF|G4|]\nV:2\nC,4|]\n"


def test_an_extract_has_the_text_and_the_ranges_of_the_voices() -> None:
    tune = read_abc(FOUR)
    extract = extract_of(tune, voices=4)
    assert extract.example == encode_tune(tune, voices=4)
    assert extract.ranges[0] == VoiceRange("Soprano", 62, 74)
    assert extract.ranges[3] == VoiceRange("Bass", 43, 62)
    assert (extract.voices, extract.chosen) == (4, "all")
    assert [len(again.voices) for again in [extract.tune()]] == [4]


def test_an_extract_of_one_voice_is_as_ever() -> None:
    extract = extract_of(read_abc(FOUR))
    assert extract.example == encode_tune(read_abc(FOUR))
    assert (extract.voices, extract.chosen, extract.ranges) == (4, "first", ())


def test_tunes_that_have_not_the_voices_are_left_out_with_their_reasons(tmp_path: Any) -> None:
    path = tmp_path / "tunes.abc"
    path.write_text("\n".join([ONE, TWO, UNLIKE, FOUR]), encoding="utf-8")
    corpus = extract_corpus([path], READERS, TextCache(None), voices=2)
    assert [tune.chosen for tune in corpus.tunes] == ["all", "outer and fullest"]
    reasons = {tune.cause.title: tune.cause.reason for tune in corpus.skipped}
    assert reasons == {"One": "1 of 2 voices", "Unlike": "voice 2 has 1 bars, not 2"}
    with pytest.raises(InputError):
        extract_corpus([path], READERS, TextCache(None), voices=8)


def test_extracts_of_several_voices_survive_the_cache(tmp_path: Any) -> None:
    path = tmp_path / "four.abc"
    path.write_text(FOUR, encoding="utf-8")
    cache = TextCache(tmp_path / "cache")
    fresh = extract_corpus([path], READERS, cache, voices=4)
    assert extract_corpus([path], READERS, cache, voices=4) == fresh
    assert extract_corpus([path], READERS, cache).tunes[0].ranges == ()


def test_the_usual_number_of_voices_is_that_of_most_tunes_of_several() -> None:
    one, two, four = (extract_of(read_abc(text)) for text in (ONE, TWO, FOUR))
    assert usual_number([one, one, one, two, four, four]) == 4
    assert usual_number([one]) == 1


@pytest.mark.parametrize("text", ["0", "30", "9", "-1", "x", "", "4.0"])
def test_impossible_numbers_of_voices_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        number_of(text)


def test_a_number_of_voices_or_auto_is_read() -> None:
    assert (number_of("4"), number_of("auto")) == (4, None)


def test_a_network_tells_the_names_and_ranges_of_its_voices() -> None:
    tunes = [extract_of(read_abc(FOUR), voices=4)] * 3
    data, _ = prepare_data(Extracts({}, tuple(tunes), ()), SplitConfig())
    again = recorded_ranges(data.about, 4)
    assert again == ranges_of(tunes)
    assert again[1] == NamedRange(name="Alto", lowest=62, highest=67)
    assert described_choice(tunes) == "all of 3"


@pytest.mark.parametrize(
    "voices",
    [None, 3, [], [{"name": "x"}] * 4, [{"name": "x" * 99, "lowest": 1, "highest": 2}] * 4,
     [{"name": "x", "lowest": 1, "highest": 2}] * 3,
     [{"name": "x", "lowest": -1, "highest": 200}] * 4],
)  # fmt: skip
def test_what_a_stranger_s_checkpoint_tells_of_voices_is_not_trusted(voices: object) -> None:
    assert recorded_ranges({"voices": voices}, 4) == []


def test_held_out_tunes_are_read_back_with_the_notes_of_all_voices(tmp_path: Any) -> None:
    tunes = [extract_of(read_abc(FOUR), voices=4)]
    split = Split(tuple(tunes), tuple(tunes), tuple(tunes), (), (), 1, "")
    write_held_out(tmp_path, split)
    assert read_held_out(tmp_path).test == (tunes[0].example,)
