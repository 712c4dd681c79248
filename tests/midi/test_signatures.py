"""A file's events of metre are read for what they mean."""

from __future__ import annotations

from fractions import Fraction

import pytest

from abcgen.midi import read_midi
from abcgen.midi.performance import NamedMetre
from abcgen.midi.signatures import read_signatures
from abcgen.notation.reader import read_abc
from abcgen.notation.tune import Metre, Tune
from abcgen.notation.validation import bar_problems
from benchmarks.transcription.measures import bar_lines, first_bar, sounding
from benchmarks.transcription.truths import without_repeats
from tests.midi_files import QUARTER, Timed, melody, metre, written

# Events as time, metre and track; times and metres read.
Events = list[tuple[str, str, int]]
READ: dict[str, tuple[Events, dict[str, str]]] = {
    "nothing": ([], {}),
    "one": ([("0", "3/4", 1)], {"0": "3/4"}),
    "again in every track": ([("0", "3/4", 1), ("0", "3/4", 2), ("4", "3/4", 3)], {"0": "3/4"}),
    "a pickup": ([("0", "1/8", 1), ("1/8", "6/8", 1)], {"0": "6/8", "1/8": "6/8"}),
    "a longer pickup": ([("0", "2/4", 1), ("1/2", "4/4", 1)], {"0": "4/4", "1/2": "4/4"}),
    "a bar divided at a repeat": (
        [
            ("0", "1/8", 1),
            ("1/8", "6/8", 1),
            ("25/8", "5/8", 1),
            ("30/8", "1/8", 1),
            ("31/8", "6/8", 1),
        ],
        {"0": "6/8", "1/8": "6/8"},
    ),
    "a bar divided in halves": (
        [("0", "3/4", 1), ("6", "3/8", 1), ("27/4", "3/4", 1)],
        {"0": "3/4"},
    ),
    "a short bar at the end": ([("0", "4/4", 1), ("19", "3/4", 1)], {"0": "4/4"}),
    "a bar of its own": (
        [("0", "4/4", 1), ("4", "2/4", 1), ("9/2", "4/4", 1)],
        {"0": "4/4", "4": "2/4", "9/2": "4/4"},
    ),
    "beats only": ([("0", "1/4", 1)], {}),
    "beats, and then a metre": ([("0", "1/4", 1), ("2", "3/4", 1)], {"0": "3/4", "1/2": "3/4"}),
    "a change where a bar ends": (
        [("0", "6/8", 1), ("23/8", "4/4", 2), ("3", "4/4", 1)],
        {"0": "6/8", "3": "4/4"},
    ),
    "a change that only a pickup explains": (
        [("0", "6/8", 1), ("25/8", "4/4", 1)],
        {"0": "6/8", "1/8": "6/8", "25/8": "4/4"},
    ),
    "a change after the end": ([("0", "4/4", 1), ("30", "3/4", 1)], {"0": "4/4"}),
    "a change before the beginning": ([("0", "4/4", 1), ("1/1", "3/4", 1)], {"1": "3/4"}),
}


def metre_of(name: str) -> Metre:
    beats, unit = map(int, name.split("/"))
    return Metre(beats, unit)


@pytest.mark.parametrize("name", READ)
def test_metres_hold_from_bar_lines(name: str) -> None:
    events, wanted = READ[name]
    begin = Fraction(1) if name == "a change before the beginning" else Fraction(0)
    named = [NamedMetre(float(Fraction(time)), track, metre_of(one)) for time, one, track in events]
    found = read_signatures(named, begin, Fraction(79, 4))
    assert found == {Fraction(time): metre_of(one) for time, one in wanted.items()}


TUNE = """X:1
T:With a pickup and repeats
M:{metre}
L:1/8
K:D
{body}
"""
BODIES = {
    "6/8": "|: A | DFA d2A | BdB A2F | GBG FAF | EFE E2A | DFA d2A | BdB A2F | GBG FAF | EFE D2 :|"
    "|: g | f2d d2f | e2c c2A | B2d A2F | E3 E2g | f2d d2f | e2c c2A | BAG FGE | D3 D2 :|",
    "3/4": "|: A2 | d2 f2 a2 | g4 e2 | f2 d2 B2 | A4 A2 | d2 f2 a2 | g4 e2 | f2 e2 c2 | d4 :|"
    "|: f2 | e2 c2 A2 | f4 d2 | g2 e2 c2 | A4 f2 | e2 c2 A2 | f4 d2 | g2 e2 c2 | d4 :|",
    "4/4": "|: FG | A2d2 d2cd | e2A2 A2FG | A2d2 f2ed | e6 FG | A2d2 d2cd | e2A2 A2Bc | d2f2 e2c2"
    "| d6 :||: de | f2a2 f2d2 | e2g2 e2c2 | d2f2 d2B2 | A6 de | f2a2 f2d2 | e2g2 e2c2 | d2f2 e2c2"
    "| d6 :|",
}


def exported(tune: Tune) -> bytes:
    """Return the MIDI of a notation program: a metre for every bar whose length is its own."""
    notes = melody((4 * float(on), 4 * float(length), key) for on, length, key in sounding(tune))
    events: Timed = []
    time, before = Fraction(0), Fraction(0)
    for bar in tune.bars:
        if bar.duration != before:
            length = bar.duration
            beats = length * tune.metre.unit
            events += metre(round(time * 4 * QUARTER), int(beats), tune.metre.unit)
        time, before = time + bar.duration, bar.duration
    return written(events + notes)


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("times", [1, 2])
def test_the_bars_of_a_notation_program_are_those_of_its_score(name: str, times: int) -> None:
    score = without_repeats(read_abc(TUNE.format(metre=name, body=BODIES[name])))
    # Played twice, the last bar and the pickup meet.
    bars = score.bars * times
    tune = Tune(bars, score.key, score.metre)
    found = read_midi(exported(tune)).tune
    assert str(found.metre) == name
    assert first_bar(found) == first_bar(tune)
    assert sounding(found) == sounding(tune)
    assert bar_lines(found) == bar_lines(tune)
    assert not bar_problems(found)
