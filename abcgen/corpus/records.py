"""Records of tunes: `TuneRecord` for canonical ABC and reports, `Extract` for training."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from math import lcm
from typing import TYPE_CHECKING, NamedTuple

from abcgen.corpus.families import fingerprint, intervals_of
from abcgen.corpus.overlap import melody_sequence
from abcgen.corpus.reading import RecordFormat, moved, nothing_read, read_files
from abcgen.corpus.tune_files import find_files
from abcgen.errors import NotationError
from abcgen.example import Example  # noqa: TC001 - pydantic reads the annotation
from abcgen.notation.ensemble import chosen_voices, in_step, melody_of, without_percussion
from abcgen.notation.model_text import decode_tune, encode_tune
from abcgen.notation.transpose import pitches_of
from abcgen.notation.tune import Note
from abcgen.notation.validation import bar_problems, repeat_problems
from abcgen.notation.writer import MusicWriter, best_unit, write_abc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.reading import SkippedTune
    from abcgen.corpus.tune_files import Reader
    from abcgen.notation.reader import Reading
    from abcgen.notation.tune import Tune, Voice


class RepairNote(NamedTuple):
    """A repair that was made in reading a tune."""

    line: int  # of the file; 0 if it concerns no single line
    what: str  # what was done, and why
    text: str  # the text that was repaired, as written


class WrongBar(NamedTuple):
    """A bar that does not add up."""

    bar: int  # counted from 1 as written
    found: str  # its duration, such as 7/8
    expected: str  # the metre's, such as 8/8
    music: str  # in canonical ABC


@dataclass(frozen=True, slots=True)
class TuneRecord:
    """The data of a tune that reports and canonical ABC need."""

    line: int  # of the file, where the tune begins
    number: int  # its X:
    title: str
    abc: str  # canonical, without its first line (X:)
    key: str  # at its opening, as ABC writes it
    metre: str  # at its opening, as ABC writes it
    rhythm: str  # as written in its source
    bars: int
    notes: int
    fingerprint: str  # see `families.fingerprint`
    intervals: bytes  # see `families.intervals_of`
    repairs: tuple[RepairNote, ...]
    inferences: tuple[str, ...]  # what the file left open, and how it was read
    wrong_bars: tuple[WrongBar, ...]


def record_of(reading: Reading, name: str, *, keep_lines: bool = False) -> TuneRecord:
    """Return the record of a tune; if it names no source and no book, that is the file's name."""
    tune = reading.tune
    if not tune.source and not tune.words.named("B"):
        tune = replace(tune, source=name)
    intervals = intervals_of(tune)
    return TuneRecord(
        line=reading.line,
        number=tune.number,
        title=tune.title,
        abc=write_abc(tune, keep_lines=keep_lines).partition("\n")[2],
        key=str(tune.key),
        metre=str(tune.metre),
        rhythm=tune.rhythm,
        bars=len(tune.bars),
        notes=len(pitches_of(tune)),
        fingerprint=fingerprint(tune, intervals),
        intervals=intervals,
        repairs=tuple(
            RepairNote(repair.line, repair.what, repair.text) for repair in reading.repairs
        ),
        inferences=reading.inferences,
        wrong_bars=tuple(_wrong_bars(tune)),
    )


def _wrong_bars(tune: Tune) -> Iterator[WrongBar]:
    problems = bar_problems(tune)
    if not problems:
        return
    music = MusicWriter(tune.key, tune.metre, best_unit(tune))
    written = [" ".join(music.beams(bar)) for bar in tune.bars]
    for problem in problems:
        # Write both durations with a common denominator, the metre's if possible.
        denominator = lcm(
            problem.duration.denominator, problem.expected.denominator, tune.metre.unit
        )
        found, expected = (
            f"{int(duration * denominator)}/{denominator}"
            for duration in (problem.duration, problem.expected)
        )
        yield WrongBar(problem.bar, found, expected, written[problem.bar - 1])


def _move_record(record: TuneRecord, before: int) -> TuneRecord:
    repairs = (repair._replace(line=moved(repair.line, before)) for repair in record.repairs)
    return replace(record, line=moved(record.line, before), repairs=tuple(repairs))


def record_format(*, keep_lines: bool = False) -> RecordFormat[TuneRecord]:
    """Return the format of records, whose ABC has four bars a line or the lines of the source."""
    name = "records with their lines" if keep_lines else "records"
    return RecordFormat(name, partial(record_of, keep_lines=keep_lines), TuneRecord, _move_record)


TUNE_RECORDS = record_format()


class VoiceRange(NamedTuple):
    """The range of a voice of a tune, or of several, in its own key."""

    name: str
    lowest: int  # MIDI key number
    highest: int


@dataclass(frozen=True, slots=True)
class Extract:
    """The data of a tune that training needs, a fifteenth of the tune's size in memory."""

    title: str
    example: Example  # for the network
    fingerprint: str  # see `families.fingerprint`
    intervals: bytes  # for families and the split
    symbols: bytes  # for finding shared passages; see `melody_sequence`
    is_wrong: bool  # a bar does not add up, or a repeat does not pair
    voices: int  # of the tune
    # How they were chosen (``ensemble.ChosenVoices``), and the ranges of several.
    chosen: str
    ranges: tuple[VoiceRange, ...]

    def tune(self) -> Tune:
        """Return the tune in C, reduced to what the network sees.

        Raises:
            NotationError: if the text is too long for the reader, even if its source was not.
        """
        return decode_tune(self.example.text)


@dataclass(frozen=True, slots=True)
class Extracts:
    """The extracts of files and folders, in the order of the files and within them."""

    files: Mapping[Path, int]  # number of tunes in each
    tunes: tuple[Extract, ...]
    skipped: tuple[SkippedTune, ...]


def read_again(extracts: Iterable[Extract]) -> Iterator[tuple[Extract, Tune]]:
    """Yield extracts with their tunes, except those whose text is too long to read again."""
    for extract in extracts:
        with suppress(NotationError):
            yield extract, extract.tune()


def extract_of(
    tune: Tune, *, chord_symbols: bool = False, voices: int = 1, tune_first: bool = False
) -> Extract:
    """Return the extract of a tune.

    Args:
        tune: The tune.
        chord_symbols: Whether the text includes chord symbols.
        voices: How many voices the text has. One alone is that which is most like a tune.
        tune_first: Whether that is known to be the first.

    Raises:
        NotationError: if the tune has fewer, or they are not in step.
    """
    tune, chosen = without_percussion(tune), ""
    count = len(tune.voices)
    if voices > 1:
        tune, chosen = chosen_voices(tune, voices)
        tune = in_step(tune)
    else:
        tune, chosen = melody_of(tune, tune_first=tune_first)
    intervals = intervals_of(tune)
    return Extract(
        tune.title,
        encode_tune(tune, chord_symbols=chord_symbols, voices=voices),
        fingerprint(tune, intervals),
        intervals,
        melody_sequence(tune).symbols,
        bool(bar_problems(tune) or repeat_problems(tune)),
        count,
        chosen,
        tuple(map(_range_of, tune.voices)) if voices > 1 else (),
    )


def _range_of(voice: Voice) -> VoiceRange:
    notes = [note for note in voice.notes if isinstance(note, Note)]
    keys = [pitch.midi for note in notes for pitch in note.pitches]
    return VoiceRange(voice.name, min(keys), max(keys))


def _extract_from(reading: Reading, _name: str, *, chord_symbols: bool, voices: int) -> Extract:
    return extract_of(
        reading.tune,
        chord_symbols=chord_symbols,
        voices=voices,
        tune_first=reading.tune_first,
    )


def extract_format(*, chord_symbols: bool, voices: int = 1) -> RecordFormat[Extract]:
    """Return the format of extracts."""
    name = "extracts with chord symbols" if chord_symbols else "extracts"
    if voices > 1:
        name += f" of {voices} voices"
    make = partial(_extract_from, chord_symbols=chord_symbols, voices=voices)
    return RecordFormat(name, make, Extract)


def extract_corpus(
    paths: Sequence[Path],
    readers: Mapping[str, Reader],
    cache: TextCache,
    *,
    chord_symbols: bool = False,
    voices: int = 1,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Extracts:
    """Read the extract of every tune in files and folders.

    Args:
        paths: Files and folders.
        readers: Readers by suffix.
        cache: Holds earlier results and receives new ones.
        chord_symbols: Whether the text includes chord symbols.
        voices: How many voices the text has; tunes of fewer are skipped.
        on_progress: Called with the bytes read so far and the total.

    Raises:
        InputError: if a path does not exist, or not a single tune could be read.
    """
    files = dict.fromkeys(find_files(paths, readers), 0)
    tunes: list[Extract] = []
    skipped: list[SkippedTune] = []
    record_format = extract_format(chord_symbols=chord_symbols, voices=voices)
    for chunk in read_files(list(files), readers, record_format, cache, on_progress=on_progress):
        files[chunk.path] += len(chunk.records)
        tunes += chunk.records
        skipped += chunk.skipped
    if not tunes:
        raise nothing_read(skipped)
    return Extracts(files, tuple(tunes), tuple(skipped))
