"""The results of an evaluation (``Evaluation``) as JSON, as tables and as a self-contained page."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.evaluation.baselines import LZMA, NGRAMS
from abcgen.evaluation.measures import GROUPS, MEASURES, SURPRISE
from abcgen.evaluation.voice_measures import AGREEMENT

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping, Sequence

    from abcgen.evaluation.measures import Figures, Measure, TuneVerdict
    from abcgen.evaluation.statistics import Estimate
    from abcgen.evaluation.voice_measures import VoiceMeasure
    from abcgen.notation.tune import Tune

# Predictors of the test tunes, then sources of tunes, by their names in JSON.
NETWORK = "network"
REAL, FREE, CONSTRAINED = "real", "free", "grammar"
VALID, CHOSEN = "valid", "chosen"
NGRAM_SAMPLES = "ngrams"
PREDICTED = (SURPRISE, AGREEMENT)  # groups whose columns are predictors
PREDICTORS = {NETWORK: "network", NGRAMS: "n-grams, order 5", LZMA: "lzma"}
SOURCES = {
    REAL: "real tunes",
    FREE: "drawn freely",
    CONSTRAINED: "with grammar",
    VALID: "valid, not chosen",
    CHOSEN: "chosen by critic",
    NGRAM_SAMPLES: "n-grams",
}


@dataclass(frozen=True, slots=True)
class Table:
    """The table of one group of measures."""

    title: str
    note: str
    columns: tuple[str, ...]
    # For every measure its label and a cell, possibly empty, for each column.
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The results of an evaluation."""

    # The checkpoint and the settings.
    facts: Mapping[str, Any]
    # All figures by predictor or source.
    figures: Mapping[str, Figures]
    # The verdict on each tune by source; none of pieces in several voices.
    verdicts: Mapping[str, Sequence[TuneVerdict]]
    # Remarks for the reader.
    notes: tuple[str, ...] = ()
    # The page's heading, and what was drawn and judged.
    title: str = ""
    introduction: str = ""
    # Predictors and sources with their labels, in the order they are shown.
    predictors: Mapping[str, str] = field(default_factory=lambda: PREDICTORS)
    sources: Mapping[str, str] = field(default_factory=lambda: SOURCES)
    # The sources whose first tunes can be heard on the page.
    heard: tuple[str, ...] = ()
    # The rows of the tables, by name, and their groups, each with its note.
    measures: Mapping[str, Measure | VoiceMeasure] = field(default_factory=lambda: MEASURES)
    groups: Mapping[str, str] = field(default_factory=lambda: GROUPS)
    # Instead of verdicts: pieces by source, and what is counted in all of them by title and source.
    pieces: Mapping[str, Sequence[Tune]] = field(default_factory=dict)
    counts: Mapping[str, Mapping[str, Counter[str]]] = field(default_factory=dict)

    def tunes_of(self, source: str) -> list[Tune]:
        """Return the tunes of a source that can be read."""
        tunes = [verdict.tune for verdict in self.verdicts.get(source, ()) if verdict.tune]
        return tunes or [*self.pieces.get(source, ())]

    def estimate(self, measure: str, column: str) -> Estimate | None:
        """Return one figure; None if there is none."""
        return self.figures.get(column, {}).get(measure)

    def to_json(self) -> dict[str, Any]:
        """Return everything by measure: the network's own figure first, then every column's."""
        data: dict[str, Any] = {**self.facts, "notes": list(self.notes)}
        for name in self.measures:
            columns = {
                column: figure for column in self.figures if (figure := self.estimate(name, column))
            }
            others = [source for source in self.sources if source != REAL]
            for own in (NETWORK, FREE, CONSTRAINED, *others):
                if own in columns:
                    data[name] = columns[own].to_json() | {
                        "columns": {column: figure.to_json() for column, figure in columns.items()}
                    }
                    break
        return data

    def tables(self) -> Iterator[Table]:
        """Yield the figures group by group, for people."""
        for group, note in self.groups.items():
            labels = self.predictors if group in PREDICTED else self.sources
            columns = [column for column in labels if column in self.figures]
            rows = []
            for name, measure in self.measures.items():
                estimates = [self.estimate(name, column) for column in columns]
                if measure.group == group and any(estimates):
                    cells = tuple(format_estimate(estimate, measure) for estimate in estimates)
                    rows.append((measure.label, cells))
            if rows:
                yield Table(group, note, tuple(labels[name] for name in columns), tuple(rows))


def format_estimate(estimate: Estimate | None, measure: Measure | VoiceMeasure) -> str:
    """Format a figure with its interval, such as ``90.6% (88.7 to 92.3)``."""
    if estimate is None:
        return ""
    scale, digits, unit = (100, 1, "%") if measure.is_share else (1, 2, "")
    value, low, high = (
        f"{scale * part:.{digits}f}" for part in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value}{unit} ({low} to {high})"


class Illustration(NamedTuple):
    """A picture on the page."""

    # Its description for readers who cannot see it.
    label: str
    svg: str


class Report(NamedTuple):
    """The parts of the page around the tunes that can be heard, and their style sheet."""

    before: str
    after: str
    style: str


def report_of(
    evaluation: Evaluation, pictures: Mapping[str, Sequence[Illustration]], version: str
) -> Report:
    """Return the results as parts of an HTML page.

    Args:
        evaluation: The results.
        pictures: Pictures by group of measures. Their markup is trusted.
        version: Version of abcgen.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - only for the page

    environment = Environment(
        loader=PackageLoader("abcgen.evaluation", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    before = environment.get_template("report.html").render(
        introduction=evaluation.introduction,
        notes=evaluation.notes,
        tables=list(evaluation.tables()),
        pictures=pictures,
        heard=[evaluation.sources[source] for source in evaluation.heard],
    )
    after = environment.get_template("method.html").render(version=version)
    style = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
    return Report(before, after, style)
