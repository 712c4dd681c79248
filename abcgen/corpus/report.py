"""What a tunebook doctor has to say: the findings, each with the place to go to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Place(NamedTuple):
    """Where a tune is.

    Attributes:
        file: Its file.
        line: A line of it; 0 for the whole file.
        number: The tune's ``X:``; empty if it has none.
        title: Its title.
    """

    file: str
    line: int
    number: str
    title: str


class LeftOutTune(NamedTuple):
    """A tune, or file, that could not be read."""

    place: Place
    reason: str


class Repaired(NamedTuple):
    """Something put right in reading a tune.

    Attributes:
        place: The tune, at the line where it was done.
        what: What was done and why.
        text: What it was done to, as written.
    """

    place: Place
    what: str
    text: str


class DoesNotAddUp(NamedTuple):
    """A bar that is too long or too short.

    Attributes:
        place: Its tune, at the line where that begins.
        bar: Its number, counted from 1 as written.
        found: How long it is, as ``7/8``.
        expected: How long the metre wants it.
        music: The bar in canonical ABC.
    """

    place: Place
    bar: int
    found: str
    expected: str
    music: str


class Relative(NamedTuple):
    """A tune of a family.

    Attributes:
        place: The tune.
        key: Its key.
        alike: How much of it (or of the other, if that is shorter) is in the tune of the family
            that it is most like: 0 to 1.
    """

    place: Place
    key: str
    alike: float


@dataclass(slots=True)
class FileCounts:
    """How much of what was found in one file, or in all.

    Attributes:
        file: Its name.
        tunes: Tunes read.
        repaired: Of them, those that something was put right in.
        left_out: Tunes not read.
        wrong_bars: Bars that do not add up.
        wrong_tunes: Tunes with such bars.
        duplicates: Tunes that another before them is the same as, note for note, in any key.
        relatives: Tunes that are of one family with others.
    """

    file: str
    tunes: int = 0
    repaired: int = 0
    left_out: int = 0
    wrong_bars: int = 0
    wrong_tunes: int = 0
    duplicates: int = 0
    relatives: int = 0

    def add(self, other: FileCounts) -> None:
        """Count another's in."""
        self.tunes += other.tunes
        self.repaired += other.repaired
        self.left_out += other.left_out
        self.wrong_bars += other.wrong_bars
        self.wrong_tunes += other.wrong_tunes
        self.duplicates += other.duplicates
        self.relatives += other.relatives


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found.

    Attributes:
        files: What each file holds.
        left_out: What was not read.
        repaired: What was put right.
        wrong_bars: Which bars do not add up.
        duplicates: Groups of tunes that are the same note for note, in whatever key.
        families: Groups of tunes that are versions of one another, those groups among them.
        distributions: For each of metre, key, rhythm, bars and notes, how many tunes have what.
    """

    files: list[FileCounts]
    left_out: list[LeftOutTune]
    repaired: list[Repaired]
    wrong_bars: list[DoesNotAddUp]
    duplicates: list[list[Relative]]
    families: list[list[Relative]]
    distributions: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def total(self) -> FileCounts:
        """The counts of all files together."""
        total = FileCounts("all")
        for file in self.files:
            total.add(file)
        return total
