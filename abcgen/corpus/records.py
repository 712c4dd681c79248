"""What is kept of a tune once it is read: its canonical ABC and the facts that reports need.

What training needs of tunes: a fifteenth of what they weigh, and kept in the cache.

A network learns a tune's text, the split goes by its melody, and what new tunes borrow is found by
its passages; nothing else of it is looked at again.
"""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from math import lcm
from typing import TYPE_CHECKING, NamedTuple

from abcgen.corpus.families import fingerprint, intervals_of
from abcgen.corpus.loading import Loss, find_files, nothing_read
from abcgen.corpus.overlap import line_of
from abcgen.corpus.reading import Kind, checked, moved, read_files
from abcgen.errors import NotationError
from abcgen.example import Example
from abcgen.notation.model_text import decode_tune, encode_tune
from abcgen.notation.reader import LeftOut
from abcgen.notation.transpose import pitches_of
from abcgen.notation.validation import bar_problems
from abcgen.notation.writer import MusicWriter, best_unit, write_abc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from fractions import Fraction
    from pathlib import Path

    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.loading import Reader
    from abcgen.notation.reader import Reading
    from abcgen.notation.tune import Tune
    from abcgen.notation.validation import BarProblem


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


@dataclass(frozen=True, slots=True)
class Extract:
    """What training needs of a tune.

    Attributes:
        title: Its title.
        text: What a network reads and writes.
        fingerprint: Its identity by its notes alone, in any key.
        intervals: The steps of its melody: what families are found by.
        symbols: Its melody as passages are looked up in; see ``line_of``.
    """

    title: str
    text: Example
    fingerprint: str
    intervals: bytes
    symbols: bytes

    def tune(self) -> Tune:
        """The tune again, in C, without what the network does not see of it.

        Raises:
            NotationError: if its text is longer than a reader takes, which its source was not.
        """
        return decode_tune(self.text.text)


@dataclass(frozen=True, slots=True)
class Extracts:
    """What was found in files and folders.

    Attributes:
        files: How many tunes each file holds.
        tunes: What training needs of them, in the order of files and places.
        losses: What was left out.
    """

    files: Mapping[Path, int]
    tunes: tuple[Extract, ...]
    losses: tuple[Loss, ...]


def read_again(extracts: Iterable[Extract]) -> Iterator[tuple[Extract, Tune]]:
    """Those whose text is not too long to be read again, with their tunes."""
    for extract in extracts:
        with suppress(NotationError):
            yield extract, extract.tune()


def extract_of(tune: Tune, *, chord_symbols: bool = False) -> Extract:
    """What training needs of a tune.

    Args:
        tune: The tune.
        chord_symbols: Whether the chords above the notes are learnt too.
    """
    intervals = intervals_of(tune)
    return Extract(
        tune.title,
        encode_tune(tune, chord_symbols=chord_symbols),
        fingerprint(tune, intervals),
        intervals,
        line_of(tune).symbols,
    )


def extract_corpus(
    paths: Sequence[Path],
    readers: Mapping[str, Reader],
    cache: TextCache,
    *,
    chord_symbols: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Extracts:
    """Read what training needs of every tune in files and folders.

    Args:
        paths: Files and folders.
        readers: What reads files, by suffix.
        cache: What was read before.
        chord_symbols: Whether the chords above the notes are learnt too.
        on_progress: Called with the bytes read so far and in all.

    Raises:
        InputError: if a path does not exist, or not a single tune could be read.
    """
    files: dict[Path, int] = {}
    tunes: list[Extract] = []
    losses: list[Loss] = []
    kind = kind_of_extracts(chord_symbols=chord_symbols)
    found = find_files(paths, readers)
    for batch in read_files(found, readers, kind, cache, on_progress=on_progress):
        fresh = [entry for entry in batch.entries if isinstance(entry, Extract)]
        losses += [Loss(batch.path, one) for one in batch.entries if isinstance(one, LeftOut)]
        files[batch.path] = files.get(batch.path, 0) + len(fresh)
        tunes += fresh
    if not tunes:
        raise nothing_read(losses)
    return Extracts(files, tuple(tunes), tuple(losses))


def kind_of_extracts(*, chord_symbols: bool) -> Kind[Extract]:
    """Extracts, as they are kept."""
    make = partial(_extract, chord_symbols=chord_symbols)
    return Kind(
        "extracts with chord symbols" if chord_symbols else "extracts", make, _extract_fields, _read
    )


def _extract(reading: Reading, _name: str, *, chord_symbols: bool) -> Extract:
    return extract_of(reading.tune, chord_symbols=chord_symbols)


def _extract_fields(extract: Extract) -> list[object]:
    text = extract.text
    melody = (base64.b64encode(own).decode() for own in (extract.intervals, extract.symbols))
    return [extract.title, text.text, text.unscored, text.notes, extract.fingerprint, *melody]


_TYPES = [str, str, int, int, str, str, str]


def _read(fields: list[object], _before: int) -> Extract:
    title, text, given, notes, own, *melody = checked(fields, _TYPES)
    intervals, symbols = (base64.b64decode(part, validate=True) for part in melody)
    return Extract(title, Example(text, given, notes), own, intervals, symbols)
