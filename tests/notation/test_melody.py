"""Of several voices the one that is most like a tune is learnt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from abcgen.corpus.cache import TextCache
from abcgen.corpus.records import extract_corpus, extract_of
from abcgen.midi import read_midi
from abcgen.notation.ensemble import melody_of
from abcgen.notation.melody import melody_voice
from abcgen.notation.model_text import encode_tune
from abcgen.notation.reader import read_abc
from abcgen.pipeline.formats import all_readers
from abcgen.score.musicxml import musicxml_of
from tests.midi_files import melody, meta, metre, written
from tests.tunes import CHORDS, JIG, REEL

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.notation.tune import Tune

TUNE = "G2AB c2B2|A2GA B4|G2AB c2d2|edcB A2G2|"
VOICES = {
    "tune": TUNE,
    "low tune": "G,2A,B, C2B,2|A,2G,A, B,4|G,2A,B, C2D2|EDCB, A,2G,2|",
    "rests": "z8|z8|z8|edcB A2G2|",
    "bass": "G,,2D,,2G,,2D,,2|D,,2A,,2G,,4|G,,2D,,2G,,2D,,2|D,,4G,,4|",
    "chords": "[G,B,D]2[G,B,D]2[G,CE]2[G,CE]2|" * 4,
    "drone": "G,8|G,8|G,8|G,8|",
    "high pattern": "g'd'g'd' g'd'g'd'|" * 4,
}


def score(*voices: tuple[str, str]) -> str:
    """Return ABC of voices with names; ``sung`` after a name has words."""
    parts = []
    for number, (name, kind) in enumerate(voices, start=1):
        words = "" if not name.endswith("sung") else "w:" + "la " * 30 + "\n"
        parts.append(f'V:{number} name="{name.removesuffix("sung")}"\n{VOICES[kind]}\n{words}')
    return "X:1\nT:T\nM:4/4\nL:1/8\nK:G\n" + "".join(parts)


@pytest.mark.parametrize(
    ("voices", "wanted"),
    [
        ([("", "tune"), ("", "bass")], 0),
        ([("", "bass"), ("", "tune")], 1),
        ([("", "chords"), ("", "tune")], 1),
        ([("", "rests"), ("", "tune")], 1),
        ([("", "drone"), ("", "bass"), ("", "low tune")], 2),
        ([("", "high pattern"), ("", "tune")], 1),
        # Two lines much alike: the first, unless a name or words tell.
        ([("", "low tune"), ("", "tune")], 0),
        ([("Alto", "low tune"), ("Melody", "tune")], 1),
        ([("Tune", "low tune"), ("Descant", "tune")], 0),
        ([("", "tune"), ("sung", "low tune")], 1),
        ([("sung", "tune"), ("sung", "low tune")], 0),
    ],
)
def test_the_voice_most_like_a_tune_is_known(
    voices: list[tuple[str, str]], wanted: int, tmp_path: Path
) -> None:
    tune = read_abc(score(*voices))
    assert melody_voice(tune) == wanted
    alone = encode_tune(read_abc(f"X:1\nT:T\nM:4/4\nL:1/8\nK:G\n{VOICES[voices[wanted][1]]}\n"))
    # As abcgen train reads it, from ABC and from MusicXML.
    (tmp_path / "tune.abc").write_text(score(*voices), encoding="utf-8")
    (tmp_path / "tune.musicxml").write_bytes(musicxml_of(tune))
    corpus = extract_corpus([tmp_path], all_readers(), TextCache(None))
    assert [each.chosen for each in corpus.tunes] == ["tune" if wanted else "first"] * 2
    assert [each.example.notes for each in corpus.tunes] == [alone.notes] * 2
    assert corpus.tunes[0].example.text.splitlines()[-1] == alone.text.splitlines()[-1]


@pytest.mark.parametrize("tune", [JIG, REEL, CHORDS])
def test_a_tune_of_one_voice_is_learnt_as_ever(tune: Tune) -> None:
    extract = extract_of(tune)
    assert extract.chosen == ""
    assert extract.example == encode_tune(tune)


def test_what_opens_in_another_key_is_learnt_in_it() -> None:
    text = score(("", "bass"), ("", "tune")).replace("V:2 ", "V:2 clef=treble ")
    tune = melody_of(read_abc(text.replace(TUNE, f"[K:Emin]{TUNE}"))).tune
    assert str(tune.key) == "Emin"
    assert not tune.others


def test_bars_in_which_only_others_play_are_not_learnt() -> None:
    voices = f"V:1\nz8|[M:6/8]z6|[M:4/4]{TUNE}z8|]\nV:2\nG,8|[M:6/8]G,6|[M:4/4]{'G,8|' * 4}G,8|]\n"
    tune = read_abc("X:1\nT:T\nM:4/4\nL:1/8\nK:G\n" + voices)
    alone = read_abc(f"X:1\nT:T\nM:4/4\nL:1/8\nK:G\n{TUNE.removesuffix('|')}|]\n")
    assert extract_of(tune).example == encode_tune(alone)
    # A tune of one voice begins as it is written, and a repeat keeps its bars.
    one = read_abc(f"X:1\nT:T\nM:4/4\nL:1/8\nK:G\nz8|{TUNE}\n")
    assert extract_of(one).example == encode_tune(one)
    repeated = read_abc("X:1\nT:T\nM:4/4\nL:1/8\nK:G\n" + voices.replace("V:1\n", "V:1\n|:"))
    assert len(melody_of(repeated).tune.bars) == len(repeated.bars)


def test_of_midi_the_part_with_the_words_is_learnt_though_another_is_like_a_tune() -> None:
    keys = [67, 69, 71, 72, 71, 69, 67, 66] * 4
    upper = melody((at, 1, key + 12) for at, key in enumerate(keys))
    sung = melody((2 * at, 2, 55) for at in range(16))
    words = [event for at in range(16) for event in meta(2 * at * 480, "lyrics", text="la ")]
    reading = read_midi(written(metre(0, 4, 4) + words, upper, sung))
    assert reading.tune_first
    extract = extract_of(reading.tune, tune_first=reading.tune_first)
    assert extract.example == encode_tune(replace(reading.tune, others=(), staves=()))
