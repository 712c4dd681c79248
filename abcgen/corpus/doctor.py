"""What a tunebook doctor has to say: the findings, each with the place to go to.

The tunebook doctor: gathers, as tunes come, what a musician may want to put right.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from abcgen.corpus.cache import key_of
from abcgen.corpus.families import alikeness, families_by_intervals, grams_of
from abcgen.corpus.records import TuneRecord
from abcgen.files import printable
from abcgen.notation.rhythm import rhythm_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.reading import Batch
    from abcgen.notation.reader import LeftOut


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


# Lengths are counted in classes: how many bars or notes wide each is, and the last without an end.
_CLASSES = {"bars": 8, "notes": 50}
LAST_CLASS = 10
NO_RHYTHM = "not said"
MOST_COMPARED = 24  # tunes of one family that are compared each with each
FEW_COMPARED = 3  # of a larger one, those that all others are compared with


class Doctor:
    """Takes batches of tunes and reports on them all.

    Only what the report needs is kept of them.
    """

    def __init__(self) -> None:
        self._files: list[FileCounts] = []
        self._left_out: list[LeftOutTune] = []
        self._repaired: list[Repaired] = []
        self._wrong_bars: list[DoesNotAddUp] = []
        self._kinds = {name: Counter[str]() for name in ("metre", "key", "rhythm")}
        self._lengths = {name: Counter[int]() for name in _CLASSES}
        self._places: list[tuple[int, int, int]] = []  # file, line and number of every tune
        self._titles: list[str] = []
        self._keys: list[str] = []
        self._intervals: list[bytes] = []
        self._fingerprints: list[str] = []
        self._batches: list[str] = []

    @property
    def tunes(self) -> int:
        """How many tunes were taken."""
        return len(self._places)

    def take(self, batch: Batch[TuneRecord]) -> None:
        """Look at some tunes of a file; files come one after another."""
        file = printable(batch.path)
        if not self._files or self._files[-1].file != file:
            self._files.append(FileCounts(file))
        self._batches.append(batch.key)
        for entry in batch.entries:
            if isinstance(entry, TuneRecord):
                self._take_tune(entry)
            else:
                self._take_loss(entry)

    def _take_loss(self, loss: LeftOut) -> None:
        counts = self._files[-1]
        counts.left_out += 1
        place = Place(counts.file, loss.line, loss.number, loss.title)
        self._left_out.append(LeftOutTune(place, loss.reason))

    def _take_tune(self, tune: TuneRecord) -> None:
        counts = self._files[-1]
        counts.tunes += 1
        counts.repaired += bool(tune.repairs)
        counts.wrong_tunes += bool(tune.wrong_bars)
        counts.wrong_bars += len(tune.wrong_bars)
        place = Place(counts.file, tune.line, str(tune.number), tune.title)
        for note in tune.repairs:
            at = place._replace(line=note.line or tune.line)
            self._repaired.append(Repaired(at, note.what, note.text))
        self._wrong_bars += [DoesNotAddUp(place, *bar) for bar in tune.wrong_bars]
        self._count(tune)
        self._places.append((len(self._files) - 1, tune.line, tune.number))
        self._titles.append(tune.title)
        self._keys.append(tune.key)
        self._intervals.append(tune.intervals)
        self._fingerprints.append(tune.fingerprint[:24])

    def _count(self, tune: TuneRecord) -> None:
        self._kinds["metre"][tune.metre] += 1
        self._kinds["key"][tune.key] += 1
        self._kinds["rhythm"][rhythm_named(tune.rhythm) or NO_RHYTHM] += 1
        for name, size in (("bars", tune.bars), ("notes", tune.notes)):
            self._lengths[name][min(LAST_CLASS, max(0, size - 1) // _CLASSES[name])] += 1

    def _distributions(self) -> dict[str, dict[str, int]]:
        """Kinds from many to few, lengths from short to long."""
        kinds = {name: dict(counter.most_common()) for name, counter in self._kinds.items()}
        lengths = {
            name: {_class_name(place, _CLASSES[name]): counter[place] for place in sorted(counter)}
            for name, counter in self._lengths.items()
        }
        return kinds | lengths

    def report(
        self,
        similarity: float,
        cache: TextCache,
        *,
        on_progress: Callable[[float], None] = lambda _share: None,
    ) -> Report:
        """What was found in all tunes taken.

        Args:
            similarity: What makes a family.
            cache: Where the families of these very tunes may be known already.
            on_progress: Called now and then with the share of the work that is done.
        """
        return Report(
            files=self._files,
            left_out=self._left_out,
            repaired=self._repaired,
            wrong_bars=self._wrong_bars,
            duplicates=self._duplicates(),
            families=self._families(self._roots(similarity, cache, on_progress)),
            distributions=self._distributions(),
        )

    def _duplicates(self) -> list[list[Relative]]:
        groups = _groups(self._fingerprints)
        for group in groups:
            for place in group[1:]:
                self._files[self._places[place][0]].duplicates += 1
        return [[self._relative(place, 1.0) for place in group] for group in groups]

    def _families(self, roots: Sequence[int]) -> list[list[Relative]]:
        groups = _groups(roots)
        for group in groups:
            for place in group:
                self._files[self._places[place][0]].relatives += 1
        return [
            [self._relative(place, alike) for place, alike in self._likeness(group)]
            for group in groups
        ]

    def _roots(
        self, similarity: float, cache: TextCache, on_progress: Callable[[float], None]
    ) -> list[int]:
        """The first tune of every tune's family."""
        key = key_of("families", str(similarity), *self._batches)
        known = cache.get(key)
        if known is not None:
            roots = _numbers(known)
            if len(roots) == self.tunes and all(0 <= root < self.tunes for root in roots):
                return roots
        roots = families_by_intervals(self._intervals, similarity, on_progress=on_progress)
        cache.put(key, json.dumps(roots))
        return roots

    def _likeness(self, group: Sequence[int]) -> list[tuple[int, float]]:
        """How much each tune of a family is like the one it is most like.

        In a family of very many only the first are compared with all the others.
        """
        best = dict.fromkeys(group, 0.0)
        grams = {place: grams_of(self._intervals[place]) for place in group}
        among = group if len(group) <= MOST_COMPARED else group[:FEW_COMPARED]
        for first in among:
            for second in group:
                if first < second:
                    alike = alikeness(grams[first], grams[second])
                    best[first] = max(best[first], alike)
                    best[second] = max(best[second], alike)
        return list(best.items())

    def _relative(self, place: int, alike: float) -> Relative:
        file, line, number = self._places[place]
        where = Place(self._files[file].file, line, str(number), self._titles[place])
        return Relative(where, self._keys[place], round(alike, 2))


def _numbers(text: str) -> list[int]:
    """A list of whole numbers from the cache; empty if it is anything else."""
    try:
        found = json.loads(text)
    except ValueError:
        return []
    is_list = isinstance(found, list) and all(type(number) is int for number in found)
    return found if is_list else []


def _groups(names: Iterable[object]) -> list[list[int]]:
    """The places of what has a name in common with others."""
    found: dict[object, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        found[name].append(place)
    return [places for places in found.values() if len(places) > 1]


def _class_name(place: int, width: int) -> str:
    if place == LAST_CLASS:
        return f"over {LAST_CLASS * width}"
    return f"{place * width + 1} to {(place + 1) * width}"
