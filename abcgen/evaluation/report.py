"""What came of judging a network.

An evaluation as a page that needs nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.evaluation.measures import GROUPS, MEASURES, SURPRISE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from abcgen.evaluation.measures import Figures, TuneVerdict
    from abcgen.evaluation.statistics import Estimate


NETWORK = "network"
REAL, FREE, BOUND, NGRAMS_DRAWN = "real", "free", "grammar", "ngrams"
COLUMNS = {
    NETWORK: "network",
    "ngrams_order_5": "n-grams, order 5",
    "lzma": "lzma",
    REAL: "real tunes",
    FREE: "drawn freely",
    BOUND: "with grammar",
    NGRAMS_DRAWN: "n-grams",
}
"""Who predicts tunes and where tunes come from, by the names they have for machines."""
FIRST = (NETWORK, FREE, BOUND)  # the column whose figure stands for the network


@dataclass(frozen=True, slots=True)
class Table:
    """The figures of one group.

    Attributes:
        title: The group.
        note: What its figures mean.
        columns: Their names for people.
        rows: For every measure its name and a figure, or none, for each column.
    """

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All figures, and what they are of.

    Attributes:
        facts: What was judged, and how.
        surprise: Bits of the test tunes by who predicts them.
        figures: Everything else by where the tunes come from.
        judged: What was said of each tune, by where it comes from.
        notes: What a reader should know.
    """

    facts: Mapping[str, Any]
    surprise: Mapping[str, Figures]
    figures: Mapping[str, Figures]
    judged: Mapping[str, Sequence[TuneVerdict]]
    notes: tuple[str, ...] = ()

    def estimate(self, name: str, column: str) -> Estimate | None:
        """One figure; None if there is none."""
        return (self.surprise.get(column) or self.figures.get(column) or {}).get(name)

    def to_json(self) -> dict[str, Any]:
        """All of it, by measure; the network's own figure first, then those of every column."""
        data: dict[str, Any] = {**self.facts, "notes": list(self.notes)}
        for name, measure in MEASURES.items():
            columns = self.surprise if measure.group == SURPRISE else self.figures
            found = {column: one for column in columns if (one := self.estimate(name, column))}
            own = next((found[column] for column in FIRST if column in found), None)
            if own:
                data[name] = own.to_json() | {
                    "columns": {column: one.to_json() for column, one in found.items()}
                }
        return data

    def tables(self) -> Iterator[Table]:
        """The figures group by group, for people."""
        for group, note in GROUPS.items():
            found = self.surprise if group == SURPRISE else self.figures
            columns = [name for name in COLUMNS if name in found]
            rows = [
                (measure.words, tuple(self._cell(name, column) for column in columns))
                for name, measure in MEASURES.items()
                if measure.group == group and any(self.estimate(name, one) for one in columns)
            ]
            if rows:
                titles = tuple(COLUMNS[column] for column in columns)
                yield Table(group, note, titles, tuple(rows))

    def _cell(self, name: str, column: str) -> str:
        found = self.estimate(name, column)
        return written(found, is_share=MEASURES[name].is_share) if found else ""


def written(estimate: Estimate, *, is_share: bool) -> str:
    """A figure with its interval, such as ``90.6% (88.7 to 92.3)``."""
    scale, digits = (100, 1) if is_share else (1, 2)
    value, low, high = (
        f"{scale * part:.{digits}f}" for part in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value}{'%' if is_share else ''} ({low} to {high})"


SHOWN = 6


class Illustration(NamedTuple):
    """A picture for the page.

    Attributes:
        label: What it shows, for those who cannot see it.
        svg: The picture, as an element.
    """

    label: str
    svg: str


def report_page(
    evaluation: Evaluation, pictures: Mapping[str, Sequence[Illustration]], version: str
) -> str:
    """The page.

    Args:
        evaluation: What to show.
        pictures: By the group that they belong to; markup that is trusted.
        version: Of the program.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - for a page only

    environment = Environment(
        loader=PackageLoader("abcgen.evaluation", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("report.html").render(
        facts=evaluation.facts,
        notes=evaluation.notes,
        tables=list(evaluation.tables()),
        pictures=pictures,
        firsts=[one.text.strip() for one in evaluation.judged[FREE][:SHOWN]],
        version=version,
    )
