"""Read ABC: a file's text to tunes (``read_tunebook``), or a single tune (``read_abc``).

A tune is either read exactly or refused, with the line and the reason. What people wrote around the
notes is kept; what is ignored is reported.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from abcgen.errors import NotationError
from abcgen.notation.draft import Repair
from abcgen.notation.fields import default_unit
from abcgen.notation.parser import HEADER_FIELD, TuneParser
from abcgen.notation.tunebook import LINE_END, split_tunebook, text_block_end
from abcgen.notation.walk import keys_and_metres
from abcgen.notation.words import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from abcgen.notation.tune import Tune
    from abcgen.notation.tunebook import TuneBlock

# How full bars may be with a unit note length that is not meant.
_UNIT_FACTORS = frozenset({Fraction(1, 4), Fraction(1, 2), Fraction(2)})


@dataclass(frozen=True, slots=True)
class Reading:
    """A tune that was read."""

    tune: Tune
    # Line of the file where it begins.
    line: int
    # Corrections made in reading it.
    repairs: tuple[Repair, ...] = ()
    # What the file leaves open and its notes decide, such as ``metre 6/8: the file names none``.
    inferences: tuple[str, ...] = ()
    # Whether of several voices the first is known to be the tune.
    tune_first: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A tune that could not be read faithfully."""

    # Line of the file where reading stopped; 0 if it is the whole file.
    line: int
    # The tune's ``X:`` and ``T:`` as written.
    number: str
    title: str
    reason: str


def read_tunebook(text: str) -> Iterator[Tune | LeftOut]:
    """Read every tune of a tunebook; yield a ``LeftOut`` for each that is refused."""
    for block in split_tunebook(text):
        result = read_block(block)
        yield result.tune if isinstance(result, Reading) else result


def read_block(block: TuneBlock) -> Reading | LeftOut:
    """Read one tune of a tunebook, or return why it cannot be read."""
    try:
        tune, repairs = _read(block.lines, block.line, block.book_lines)
        return Reading(tune, block.line, tuple(repairs))
    except NotationError as error:
        # The number and title as written, whatever else is wrong.
        names = {"X": "", "T": ""}
        for line in block.lines:
            match = HEADER_FIELD.match(line)
            if match and names.get(match[1]) == "":
                names[match[1]] = plain_text(match[2])
        reason = f"{error.reason}: {error.text!r}" if error.text else error.reason
        return LeftOut(error.line or block.line, names["X"], names["T"], reason)


def read_abc(text: str, *, line: int = 1) -> Tune:
    """Read one tune, header and body, whose first line has the given number in its file.

    Raises:
        NotationError: if anything in it cannot be read.
    """
    return _read(LINE_END.split(text), line)[0]


def _read(
    lines: Sequence[str], first_number: int, book_lines: Sequence[str] = ()
) -> tuple[Tune, list[Repair]]:
    parser = _parse(lines, first_number, book_lines)
    tune = parser.finish()
    unit = None if parser.names_unit else _fitting_unit(tune)
    if unit is None:
        return tune, parser.repairs
    again = _parse(lines, first_number, (*book_lines, f"L:{unit}"))
    tune = again.finish()
    what = f"no L: by the standard 1/8 or 1/16, with L:{unit} the bars add up"
    return tune, [Repair(parser.metre_line, what), *again.repairs]


def _fitting_unit(tune: Tune) -> Fraction | None:
    """Return the unit note length with which the bars of a tune without L: add up.

    None means that they do with the standard's, or with no other.
    """
    in_force = keys_and_metres(tune.bars, tune.key, tune.metre)
    if not tune.metre.bar_duration:
        return None
    shares = Counter(
        bar.duration / metre.bar_duration
        for bar, (_, metre) in zip(tune.bars, in_force, strict=True)
        if not metre.is_free
    )
    share, bars = shares.most_common(1)[0]
    if share not in _UNIT_FACTORS or bars < 2 or 4 * shares[Fraction(1)] > bars:
        return None
    # Short bars at the edges of sections fit with any length.
    longer = sum(number for other, number in shares.items() if other > share)
    fits = not longer and 4 * bars >= 3 * shares.total() - 4
    return default_unit(tune.metre) / share if fits else None


@lru_cache(maxsize=4)
def _with_book_lines(book_lines: tuple[str, ...]) -> TuneParser:
    """Return a parser that has read the fields of a book, for copies of it to read its tunes."""
    parser = TuneParser()
    for line in book_lines:
        parser.add_book_line(line)
    return parser


def _parse(lines: Sequence[str], first_number: int, book_lines: Sequence[str] = ()) -> TuneParser:
    parser = _with_book_lines(tuple(book_lines)).copy()
    block_end = -1
    for index, line in enumerate(lines):
        if index > block_end:
            parser.add_line(line, first_number + index)
            if line.startswith("%%"):
                block_end = text_block_end(lines, index)
    return parser
