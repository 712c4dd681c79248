"""What training needs of tunes: a fifteenth of what they weigh, and kept in the cache.

A network learns a tune's text, the split goes by its melody, and what new tunes borrow is found by
its passages; nothing else of it is looked at again.
"""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from abcgen.corpus.borrowing import line_of
from abcgen.corpus.entries import Kind, checked
from abcgen.corpus.families import fingerprint, intervals_of
from abcgen.corpus.loading import Loss, find_files, nothing_read
from abcgen.corpus.reading import read_files
from abcgen.errors import NotationError
from abcgen.notation.model_text import ModelText, decode_tune, encode_tune
from abcgen.notation.reader import LeftOut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.readers import Reader
    from abcgen.notation.reader import Reading
    from abcgen.notation.tune import Tune


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
    text: ModelText
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
        "extracts with chord symbols" if chord_symbols else "extracts", make, _fields, _read
    )


def _extract(reading: Reading, _name: str, *, chord_symbols: bool) -> Extract:
    return extract_of(reading.tune, chord_symbols=chord_symbols)


def _fields(extract: Extract) -> list[object]:
    text = extract.text
    melody = (base64.b64encode(own).decode() for own in (extract.intervals, extract.symbols))
    return [extract.title, text.text, text.given, text.notes, extract.fingerprint, *melody]


_TYPES = [str, str, int, int, str, str, str]


def _read(fields: list[object], _before: int) -> Extract:
    title, text, given, notes, own, *melody = checked(fields, _TYPES)
    intervals, symbols = (base64.b64decode(part, validate=True) for part in melody)
    return Extract(title, ModelText(text, given, notes), own, intervals, symbols)
