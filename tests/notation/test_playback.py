from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from abcgen.notation.playback import play_order
from abcgen.notation.reader import read_abc
from abcgen.notation.tune import Marks, Note, Tune
from abcgen.notation.walk import sounding_notes
from abcgen.notation.writer import write_abc
from tests.referee import TICKS, Played, played

if TYPE_CHECKING:
    from pathlib import Path

# Bars of one note each, and the order in which a player plays them: the standard's sections 4.8
# (repeat and bar symbols), 4.9 (first and second repeats) and 4.10 (variant endings).
TRUTHS = [
    ("A|B|]", "AB"),
    ("A|B||", "AB"),
    ("A:|", "AA"),
    ("A|B:|", "ABAB"),
    ("A:|B:|", "AABB"),
    ("A:|B|]", "AAB"),
    ("|:A:|", "AA"),
    ("|:A|B:|", "ABAB"),
    ("|:A||B:|", "ABAB"),
    ("|:A|]|:B:|", "ABB"),
    ("A|:B:|c|]", "ABBc"),
    ("A|B|:c:|", "ABcc"),
    ("|:A::B:|", "AABB"),
    ("A::B:|", "AABB"),
    ("|:A:|:B:|", "AABB"),
    ("|:A:||:B:|", "AABB"),
    ("|:A|B::c|d:|", "ABABcdcd"),
    ("|:A|1B:|2c|]", "ABAc"),
    ("|:A|[1B:|[2c|]", "ABAc"),
    ("|:A|[1 B :| [2 c ||", "ABAc"),
    ("A|1B:|2c|]", "ABAc"),
    ("|:A|1B:|2c:|", "ABAc"),
    ("|:A|1B:|2c||d:|", "ABAcdd"),
    ("|:A|1B:|2c|:d:|", "ABAcdd"),
    ("|:A|1B:|2c|]|:d|1e:|2f|]", "ABAcdedf"),
    ("|:A|1B:|2c:|:d|1e:|2f|]", "ABAcdedf"),
    ("|:A|1B|c:|2d|e||f|]", "ABcAdef"),
    ("|:A|[1,3 B:|[2 c:|[4 d|]", "ABAcABAd"),
    ("|:A|[1,2 B:|[3 c|]", "ABABAc"),
    ("|:A|[1-2 B:|[3 c|]", "ABABAc"),
    ("|:A|[1-3 B:|[4 c|]", "ABABABAc"),
    ("|:A|[1 B:|[2 c:|[3 d|]", "ABAcAd"),
    ("|:A|[1 B:|c|]", "ABAc"),
    ("A:|B||c:|", "AABcc"),
    ("A||B:|", "ABAB"),
]
# Where abc2midi plays otherwise, and what it does.
REFEREE_DIFFERS = {
    "|:A|]|:B:|": "repeats the part that no sign closes",
    "|:A|1B:|2c:|": "begins the part a third time, without an ending",
    "|:A|1B:|2c:|:d|1e:|2f|]": "begins the part a third time, without an ending",
}


def tune_of(body: str) -> Tune:
    return read_abc(f"X:1\nM:1/8\nL:1/8\nK:C\n{body}\n")


def names_played(tune: Tune) -> str:
    notes = [bar.items[0] for bar in tune.bars]
    names = [
        "CDEFGABcdefgab"[note.pitches[0].step - 28] for note in notes if isinstance(note, Note)
    ]
    return "".join(names[index] for index in play_order(tune))


@pytest.mark.parametrize(("body", "order"), TRUTHS)
def test_repeats_and_endings_are_played_in_order(body: str, order: str) -> None:
    assert names_played(tune_of(body)) == order


@pytest.mark.parametrize("body", [body for body, _ in TRUTHS])
def test_abc2midi_plays_the_same_order(body: str, abc2midi: Path, tmp_path: Path) -> None:
    tune = tune_of(body)
    ours = [
        Played(round(onset * 4 * TICKS), key, round(duration * 2 * TICKS))
        for onset, duration, keys in sounding_notes(tune, play_order(tune))
        for key in keys
    ]
    same = played(abc2midi, write_abc(tune), tmp_path) == ours
    assert same == (body not in REFEREE_DIFFERS)


def marked(body: str, **signs: str) -> Tune:
    """A tune with decorations at some of its notes."""
    tune = tune_of(body)
    bars = []
    for bar in tune.bars:
        (note,) = bar.items
        assert isinstance(note, Note)
        name = "CDEFGABcdefgab"[note.pitches[0].step - 28]
        marks = Marks(decorations=tuple(signs[name].split())) if name in signs else None
        bars.append(replace(bar, items=(replace(note, marks=marks),)))
    return replace(tune, bars=tuple(bars))


@pytest.mark.parametrize(
    ("body", "signs", "order"),
    [
        ("A|B|]", {"B": "D.C."}, "ABAB"),
        ("A|B|c|]", {"A": "fine", "c": "D.C."}, "ABcA"),
        ("|:A|B:|:c|d:|", {"B": "fine", "d": "D.C."}, "ABABcdcdAB"),
        ("A|B|c|d|]", {"B": "segno", "c": "fine", "d": "D.S."}, "ABcdBc"),
        ("A|B|c|d|]", {"A": "dacoda", "d": "coda", "c": "D.C."}, "ABcAd"),
        ("A|B|c|d|]", {"B": "segno", "c": "dacoda", "d": "D.S."}, "ABcdBcd"),
        ("|:A|1B:|2c||d|]", {"c": "fine", "d": "D.C."}, "ABAcdAc"),
        ("A|B|c|]", {"B": "D.C."}, "ABABc"),
        ("A|B|]", {"B": "D.S."}, "AB"),
        ("A|B|c|]", {"A": "fine", "B": "coda segno"}, "ABc"),
        ("A|B|]", {"A": "D.C. fine segno", "B": "D.S."}, "AA"),
    ],
)
def test_jumps_are_taken_once(body: str, signs: dict[str, str], order: str) -> None:
    assert names_played(marked(body, **signs)) == order


def test_a_tune_without_bars_has_no_play_order() -> None:
    assert play_order(replace(tune_of("A|]"), bars=())) == ()
