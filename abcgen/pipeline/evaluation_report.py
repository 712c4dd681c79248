"""An evaluation as files: a page with pictures, and JSON."""

from __future__ import annotations

import io
import json
import math
from collections import Counter
from typing import TYPE_CHECKING

from abcgen import __version__
from abcgen.evaluation.features import KINDS, QUANTITIES
from abcgen.evaluation.measures import FORM, LIKENESS, MEASURES, ORIGINALITY, RIGHT
from abcgen.evaluation.report import (
    BOUND,
    COLUMNS,
    FREE,
    NGRAMS_DRAWN,
    REAL,
    Illustration,
    report_page,
)
from abcgen.files import write_atomically
from abcgen.plots.canvas import looks
from abcgen.plots.comparing import Distribution, draw_distributions, draw_figures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from abcgen.evaluation.features import TuneFeatures
    from abcgen.evaluation.measures import TuneVerdict
    from abcgen.evaluation.report import Evaluation
    from abcgen.plots.canvas import Picture

SOURCES = (REAL, FREE, BOUND, NGRAMS_DRAWN)
COUNTED = ("pitch_class", "interval", "duration", "metre", "mode")
MEASURED = ("bars", "repeats", "pitch_range", "notes_per_bar", "recurring_bars")
MOST_CATEGORIES = 25
BINS = 12
PAGE, FACTS = "evaluation.html", "evaluation.json"


def write_evaluation(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write an evaluation as a page and as JSON.

    Returns:
        The files.

    Raises:
        OutputError: if one cannot be written.
    """
    page = report_page(evaluation, _pictures(evaluation), __version__)
    write_atomically(folder / PAGE, page.encode())
    facts = json.dumps(evaluation.to_json(), indent=1) + "\n"
    write_atomically(folder / FACTS, facts.encode())
    return [folder / PAGE, folder / FACTS]


def _pictures(evaluation: Evaluation) -> dict[str, list[Illustration]]:
    pictures = {
        group: [_svg(f"{group}: shares with intervals", _figures(evaluation, group))]
        for group in (RIGHT, FORM)
    }
    pictures[LIKENESS] = [
        _svg(
            "How notes, bars and tunes are distributed",
            lambda: draw_distributions(_distributions(evaluation)),
        )
    ]
    shared = _shared(evaluation)
    if shared:
        pictures[ORIGINALITY] = [
            _svg("How long the longest shared passages are", lambda: draw_distributions([shared]))
        ]
    return pictures


def _svg(label: str, draw: Callable[[], Picture]) -> Illustration:
    content = io.StringIO()
    with looks():
        draw().savefig(content, format="svg", metadata={"Date": None})
    text = content.getvalue()
    return Illustration(label, text[text.index("<svg") :])


def _figures(evaluation: Evaluation, group: str) -> Callable[[], Picture]:
    rows = []
    for name, measure in MEASURES.items():
        if measure.group == group and measure.is_share:
            found = {source: evaluation.estimate(name, source) for source in SOURCES}
            own = {
                COLUMNS[source]: (100 * one.value, 100 * one.low, 100 * one.high)
                for source, one in found.items()
                if one
            }
            rows.append((measure.words, own))
    return lambda: draw_figures("percent", [row for row in rows if row[1]])


def _distributions(evaluation: Evaluation) -> list[Distribution]:
    tunes = {
        COLUMNS[source]: [one.traits for one in evaluation.judged[source] if one.traits]
        for source in SOURCES
        if evaluation.judged.get(source)
    }
    return [
        *(_of_counts(kind, tunes) for kind in COUNTED),
        *(_of_values(QUANTITIES[name], _quantities(name, tunes)) for name in MEASURED),
    ]


def _quantities(name: str, tunes: dict[str, list[TuneFeatures]]) -> dict[str, list[float]]:
    return {source: [traits.quantities[name] for traits in own] for source, own in tunes.items()}


def _of_counts(kind: str, tunes: dict[str, list[TuneFeatures]]) -> Distribution:
    sums = {
        source: sum((traits.counts[kind] for traits in own), Counter())
        for source, own in tunes.items()
    }
    commonest = sum(sums.values(), Counter()).most_common(MOST_CATEGORIES)
    names = sorted((name for name, _ in commonest), key=_in_order)
    shares = {
        source: [own[name] / max(1, own.total()) for name in names] for source, own in sums.items()
    }
    return Distribution(KINDS[kind], names, shares)


def _in_order(name: str) -> tuple[float, str]:
    """Numbers and fractions by their size, then names."""
    above, _, below = name.partition("/")
    try:
        return int(above) / int(below or 1), name
    except (ValueError, ZeroDivisionError):
        return float("inf"), name


def _of_values(title: str, values: dict[str, list[float]]) -> Distribution:
    every = sorted(value for own in values.values() for value in own)
    low, high = every[0], every[int(0.99 * (len(every) - 1))]  # a few giants hide the rest
    width = (high - low) / BINS or 1.0
    if all(value.is_integer() for value in every):
        width = float(math.ceil(width))
    shares = {
        source: [
            sum(n == min(BINS, int((value - low) / width)) for value in own) / max(1, len(own))
            for n in range(BINS + 1)
        ]
        for source, own in values.items()
    }
    places = [f"{low + width * n:.3g}" for n in range(BINS + 1)]
    places[-1] += "+"
    return Distribution(title, places, shares)


def _shared(evaluation: Evaluation) -> Distribution | None:
    values = {
        COLUMNS[source]: _known(evaluation.judged[source])
        for source in SOURCES
        if source in evaluation.judged
    }
    values = {source: own for source, own in values.items() if own}
    return _of_values("longest shared passage, bars", values) if values else None


def _known(opinions: Sequence[TuneVerdict]) -> list[float]:
    return [one.shared_bars for one in opinions if one.shared_bars is not None]
