"""What is kept of a tune once it is read: its canonical ABC and the facts that reports need."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from math import lcm
from typing import TYPE_CHECKING, NamedTuple

from abcgen.corpus.entries import Kind, checked, moved
from abcgen.corpus.families import fingerprint, intervals_of
from abcgen.notation.bars import bar_problems
from abcgen.notation.transpose import pitches_of
from abcgen.notation.writer import MusicWriter, best_unit, write_abc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from abcgen.notation.bars import BarProblem
    from abcgen.notation.reader import Reading
    from abcgen.notation.tune import Tune


class RepairNote(NamedTuple):
    """What was put right in reading a tune.

    Attributes:
        line: Line of the file; 0 if it is no matter of one line.
        what: What was done and why.
        text: What it was done to, as written.
    """

    line: int
    what: str
    text: str


class WrongBar(NamedTuple):
    """A bar that does not add up.

    Attributes:
        bar: Its number, counted from 1 as written.
        found: Its duration, as ``7/8``.
        expected: The metre's, as ``8/8``.
        music: The bar in canonical ABC.
    """

    bar: int
    found: str
    expected: str
    music: str


@dataclass(frozen=True, slots=True)
class TuneRecord:
    """A tune that was read.

    Attributes:
        line: Line of the file where it begins.
        number: Its reference number.
        title: Its title.
        abc: Its canonical ABC, but for the first line, that with the number.
        key: The key it opens in, as ABC writes it.
        metre: The metre it opens in, as ABC writes it.
        rhythm: The kind of tune, as its source says it.
        bars: How many bars it has.
        notes: How many notes are written.
        fingerprint: Its identity by its notes alone, in any key.
        intervals: The steps of its melody: what families are found by.
        repairs: What was put right in reading it.
        wrong_bars: The bars that do not add up.
    """

    line: int
    number: int
    title: str
    abc: str
    key: str
    metre: str
    rhythm: str
    bars: int
    notes: int
    fingerprint: str
    intervals: bytes
    repairs: tuple[RepairNote, ...]
    wrong_bars: tuple[WrongBar, ...]


def record_of(reading: Reading, name: str) -> TuneRecord:
    """The record of a tune; one that names no source comes from the file of that name."""
    tune = replace(reading.tune, source=reading.tune.source or name)
    intervals = intervals_of(tune)
    return TuneRecord(
        line=reading.line,
        number=tune.number,
        title=tune.title,
        abc=write_abc(tune).partition("\n")[2],
        key=str(tune.key),
        metre=str(tune.metre),
        rhythm=tune.rhythm,
        bars=len(tune.bars),
        notes=len(pitches_of(tune)),
        fingerprint=fingerprint(tune, intervals),
        intervals=intervals,
        repairs=tuple(RepairNote(one.line, one.what, one.text) for one in reading.repairs),
        wrong_bars=tuple(_wrong_bars(tune)),
    )


def _wrong_bars(tune: Tune) -> Iterator[WrongBar]:
    problems = bar_problems(tune)
    if not problems:
        return
    music = MusicWriter(tune.key, tune.metre, best_unit(tune))
    written = [" ".join(music.beams(bar)) for bar in tune.bars]
    for problem in problems:
        found, expected = _fractions(problem, tune.metre.unit)
        yield WrongBar(problem.bar, found, expected, written[problem.bar - 1])


def _fractions(problem: BarProblem, unit: int) -> tuple[str, str]:
    """Both durations with one denominator, the metre's if it will do."""
    below = lcm(problem.found.denominator, problem.expected.denominator, unit)
    return _over(problem.found, below), _over(problem.expected, below)


def _over(duration: Fraction, denominator: int) -> str:
    return f"{int(duration * denominator)}/{denominator}"


def _fields(record: TuneRecord) -> list[object]:
    return [
        record.line,
        record.number,
        record.title,
        record.abc,
        record.key,
        record.metre,
        record.rhythm,
        record.bars,
        record.notes,
        record.fingerprint,
        base64.b64encode(record.intervals).decode(),
        record.repairs,
        record.wrong_bars,
    ]


_TUNE = [int, int, str, str, str, str, str, int, int, str, str, list, list]
_REPAIR = [int, str, str]
_BAR = [int, str, str, str]


def _record(fields: list[object], before: int) -> TuneRecord:
    """A record; lines are moved by those before its portion, but for a line 0."""
    line, *plain, intervals, repairs, wrong_bars = checked(fields, _TUNE)
    notes = (checked(note, _REPAIR) for note in repairs)
    parts = [
        moved(line, before),
        *plain,
        base64.b64decode(intervals, validate=True),
        tuple(RepairNote(moved(at, before), what, text) for at, what, text in notes),
        tuple(WrongBar(*checked(bar, _BAR)) for bar in wrong_bars),
    ]
    return TuneRecord(*parts)


TUNE_RECORDS = Kind("records", record_of, _fields, _record)
