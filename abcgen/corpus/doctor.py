"""The tunebook doctor: collect, as tunes are read, what a musician may want to correct."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from pydantic import TypeAdapter

from abcgen.corpus.cache import key_of
from abcgen.corpus.families import containment, families_by_intervals, grams_of
from abcgen.files import printable
from abcgen.notation.fields import rhythm_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.reading import ChunkRecords
    from abcgen.corpus.records import TuneRecord


class Location(NamedTuple):
    """The file and line of a tune."""

    file: str
    line: int  # 0 for the whole file
    number: str  # the tune's X:; empty if it has none
    title: str


# Findings. Their fields, with those of `location`, are the keys of the report's JSON.


class UnreadTune(NamedTuple):
    """A tune, or file, that could not be read."""

    location: Location
    reason: str


class RepairedTune(NamedTuple):
    """A repair made in reading a tune."""

    location: Location  # at the line of the repair
    what: str  # what was done, and why
    text: str  # the text that was repaired, as written


class InferredTune(NamedTuple):
    """Something that a file leaves open and that was inferred from the notes."""

    location: Location
    what: str  # what was inferred, and why


class MisfitBar(NamedTuple):
    """A bar that is too long or too short."""

    location: Location  # at the line where the tune begins
    bar: int  # counted from 1 as written
    found: str  # its duration, such as 7/8
    expected: str  # by the metre
    music: str  # in canonical ABC


class FamilyMember(NamedTuple):
    """A tune of a family."""

    location: Location
    key: str
    alike: float  # similarity (0 to 1) to the most similar tune of the family


@dataclass(slots=True)
class FileCounts:
    """Numbers of findings in one file, or in all."""

    file: str
    tunes: int = 0  # tunes read
    repaired: int = 0  # tunes repaired
    inferred: int = 0  # tunes of which something was inferred
    left_out: int = 0  # tunes that could not be read
    wrong_bars: int = 0  # bars that do not add up
    wrong_tunes: int = 0  # tunes with such bars
    duplicates: int = 0  # tunes with the same notes as an earlier tune, in any key
    relatives: int = 0  # tunes in families

    def add(self, other: FileCounts) -> None:
        """Add another file's numbers."""
        self.tunes += other.tunes
        self.repaired += other.repaired
        self.inferred += other.inferred
        self.left_out += other.left_out
        self.wrong_bars += other.wrong_bars
        self.wrong_tunes += other.wrong_tunes
        self.duplicates += other.duplicates
        self.relatives += other.relatives


@dataclass(frozen=True, slots=True)
class Report:
    """All findings."""

    files: list[FileCounts]
    left_out: list[UnreadTune]
    repaired: list[RepairedTune]
    inferred: list[InferredTune]
    wrong_bars: list[MisfitBar]
    duplicates: list[list[FamilyMember]]  # groups of tunes with the same notes, in any key
    families: list[list[FamilyMember]]  # groups of versions, including duplicates
    # For each of metre, key, rhythm, bars and notes, the number of tunes by value.
    distributions: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def total(self) -> FileCounts:
        """The numbers of all files together."""
        total = FileCounts("all")
        for file in self.files:
            total.add(file)
        return total


# Histograms of lengths: width of a bin in bars and in notes. The last bin has no upper limit.
_BIN_WIDTHS = {"bars": 8, "notes": 50}
LAST_BIN = 10
NO_RHYTHM = "not said"
MAX_ALL_PAIRS = 24  # largest family in which all pairs of tunes are compared
REFERENCES = 3  # in a larger family, the tunes that all others are compared with


class Doctor:
    """Collects findings from the records of tunes, and reports on all of them.

    To save memory it keeps only what the report needs of a tune, in parallel lists.
    """

    def __init__(self) -> None:
        self._files: list[FileCounts] = []
        self._left_out: list[UnreadTune] = []
        self._repaired: list[RepairedTune] = []
        self._inferred: list[InferredTune] = []
        self._wrong_bars: list[MisfitBar] = []
        self._values = {name: Counter[str]() for name in ("metre", "key", "rhythm")}
        self._bins = {name: Counter[int]() for name in _BIN_WIDTHS}
        self._origins: list[tuple[int, int, int]] = []  # index of the file, line, number
        self._titles: list[str] = []
        self._keys: list[str] = []
        self._intervals: list[bytes] = []
        self._fingerprints: list[str] = []
        self._chunks: list[str] = []  # keys of the chunks in the cache

    @property
    def tunes(self) -> int:
        """The number of tunes added."""
        return len(self._origins)

    def add(self, chunk: ChunkRecords[TuneRecord]) -> None:
        """Add the tunes of a chunk; all chunks of one file must come in succession."""
        file = printable(chunk.path)
        if not self._files or self._files[-1].file != file:
            self._files.append(FileCounts(file))
        self._chunks.append(chunk.key)
        counts = self._files[-1]
        for cause in (tune.cause for tune in chunk.skipped):
            counts.left_out += 1
            location = Location(file, cause.line, cause.number, cause.title)
            self._left_out.append(UnreadTune(location, cause.reason))
        for tune in chunk.records:
            # Findings.
            counts.tunes += 1
            counts.repaired += bool(tune.repairs)
            counts.inferred += bool(tune.inferences)
            counts.wrong_tunes += bool(tune.wrong_bars)
            counts.wrong_bars += len(tune.wrong_bars)
            location = Location(file, tune.line, str(tune.number), tune.title)
            for repair in tune.repairs:
                at_line = location._replace(line=repair.line or tune.line)
                self._repaired.append(RepairedTune(at_line, repair.what, repair.text))
            self._inferred += [InferredTune(location, what) for what in tune.inferences]
            self._wrong_bars += [MisfitBar(location, *bar) for bar in tune.wrong_bars]
            # Distributions.
            self._values["metre"][tune.metre] += 1
            self._values["key"][tune.key] += 1
            self._values["rhythm"][rhythm_named(tune.rhythm) or NO_RHYTHM] += 1
            for name, length in (("bars", tune.bars), ("notes", tune.notes)):
                self._bins[name][min(LAST_BIN, max(0, length - 1) // _BIN_WIDTHS[name])] += 1
            # For duplicates and families, which are known only at the end.
            self._origins.append((len(self._files) - 1, tune.line, tune.number))
            self._titles.append(tune.title)
            self._keys.append(tune.key)
            self._intervals.append(tune.intervals)
            self._fingerprints.append(tune.fingerprint[:24])

    def report(
        self,
        similarity: float,
        cache: TextCache,
        *,
        on_progress: Callable[[float], None] = lambda _share: None,
    ) -> Report:
        """Return the findings in all tunes added.

        Args:
            similarity: The share of 8-grams that makes two tunes versions of one another.
            cache: Holds families found before.
            on_progress: Called now and then with the share of the work done.
        """
        duplicates = _groups(self._fingerprints)
        for group in duplicates:
            for tune in group[1:]:
                self._file_of(tune).duplicates += 1
        families = _groups(self._family_roots(similarity, cache, on_progress))
        for group in families:
            for tune in group:
                self._file_of(tune).relatives += 1
        return Report(
            files=self._files,
            left_out=self._left_out,
            repaired=self._repaired,
            inferred=self._inferred,
            wrong_bars=self._wrong_bars,
            duplicates=[[self._member(tune, 1.0) for tune in group] for group in duplicates],
            families=[
                [self._member(tune, alike) for tune, alike in self._similarities(group)]
                for group in families
            ],
            distributions=self._distributions(),
        )

    def _family_roots(
        self, similarity: float, cache: TextCache, on_progress: Callable[[float], None]
    ) -> list[int]:
        """Return the first tune of every tune's family."""

        def parse(data: object) -> list[int]:
            roots = TypeAdapter(list[int]).validate_python(data, strict=True)
            # The hash of a cache entry says nothing about what wrote it.
            if len(roots) != self.tunes or not all(0 <= root < self.tunes for root in roots):
                raise ValueError("families of other tunes")
            return roots

        return cache.get_or_compute(
            key_of("families", str(similarity), *self._chunks),
            parse,
            lambda: families_by_intervals(self._intervals, similarity, on_progress=on_progress),
        )

    def _similarities(self, family: Sequence[int]) -> list[tuple[int, float]]:
        """Return each tune of a family with its similarity to the most similar other tune."""
        highest = dict.fromkeys(family, 0.0)
        grams = {tune: grams_of(self._intervals[tune]) for tune in family}
        # Comparing all pairs of a large family would take long.
        references = family if len(family) <= MAX_ALL_PAIRS else family[:REFERENCES]
        for first in references:
            for second in family:
                if first < second:
                    alike = containment(grams[first], grams[second])
                    highest[first] = max(highest[first], alike)
                    highest[second] = max(highest[second], alike)
        return list(highest.items())

    def _member(self, tune: int, alike: float) -> FamilyMember:
        _, line, number = self._origins[tune]
        location = Location(self._file_of(tune).file, line, str(number), self._titles[tune])
        return FamilyMember(location, self._keys[tune], round(alike, 2))

    def _file_of(self, tune: int) -> FileCounts:
        return self._files[self._origins[tune][0]]

    def _distributions(self) -> dict[str, dict[str, int]]:
        """Return counts of tunes: values from common to rare, lengths from short to long."""
        distributions = {
            name: dict(counter.most_common()) for name, counter in self._values.items()
        }
        for name, counter in self._bins.items():
            width = _BIN_WIDTHS[name]
            distributions[name] = {
                f"{index * width + 1} to {(index + 1) * width}"
                if index < LAST_BIN
                else f"over {index * width}": counter[index]
                for index in sorted(counter)
            }
        return distributions


def _groups(names: Iterable[object]) -> list[list[int]]:
    """Return, for every name that occurs more than once, the indices at which it occurs."""
    indices: dict[object, list[int]] = defaultdict(list)
    for index, name in enumerate(names):
        indices[name].append(index)
    return [group for group in indices.values() if len(group) > 1]
