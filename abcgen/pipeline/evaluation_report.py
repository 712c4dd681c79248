"""Write an evaluation as JSON and as a page with pictures (``write_evaluation``)."""

from __future__ import annotations

import io
import json
import math
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from abcgen import __version__
from abcgen.errors import InputError
from abcgen.evaluation.features import CATEGORIES, QUANTITIES
from abcgen.evaluation.measures import FORM, LIKENESS, ORIGINALITY, RIGHT
from abcgen.evaluation.report import Illustration, report_of
from abcgen.files import write_atomically
from abcgen.pipeline.formats import RenderOptions
from abcgen.plots.canvas import plot_style
from abcgen.plots.comparing import Distribution, draw_distributions, draw_estimates
from abcgen.score.web import page_around, web_tune_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from abcgen.evaluation.report import Evaluation
    from abcgen.plots.canvas import Picture
    from abcgen.score.web import WebTune

# Features whose distributions are drawn.
DRAWN_CATEGORIES = ("pitch_class", "interval", "duration", "metre", "mode")
DRAWN_QUANTITIES = ("bars", "repeats", "pitch_range", "notes_per_bar", "recurring_bars")
MAX_CATEGORIES = 25
TUNES_HEARD = 6  # on the page, of all sources together
BINS = 12
PAGE, FACTS = "evaluation.html", "evaluation.json"


def write_evaluation(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write an evaluation and return the files.

    Raises:
        OutputError: if one cannot be written.
    """
    report = report_of(evaluation, _pictures(evaluation), __version__)
    page = page_around(_heard(evaluation), title=evaluation.title, **report._asdict())
    write_atomically(folder / PAGE, page)
    facts = json.dumps(evaluation.to_json(), indent=1) + "\n"
    write_atomically(folder / FACTS, facts.encode())
    return [folder / PAGE, folder / FACTS]


def _heard(evaluation: Evaluation) -> Iterator[WebTune]:
    """Yield the first tunes of the sources that can be heard on the page."""
    options = RenderOptions().playback
    for source in evaluation.heard:
        label, number = evaluation.sources[source], 0
        for tune in evaluation.tunes_of(source):
            if number == -(-TUNES_HEARD // len(evaluation.heard)):
                break
            # What cannot be engraved is left out: the tables tell how many are wrong.
            with suppress(InputError):
                title = f"{label}, tune {number + 1}"
                yield web_tune_of(replace(tune, title=title), options)
                number += 1


def _pictures(evaluation: Evaluation) -> dict[str, list[Illustration]]:
    """Return the pictures of each group of measures."""
    if evaluation.counts:
        return _pictures_of_pieces(evaluation)
    # 1) Verdicts, features and shared bars by the label of their source, if it has tunes.
    verdicts = {
        label: evaluation.verdicts[source]
        for source, label in evaluation.sources.items()
        if evaluation.verdicts.get(source)
    }
    features = {
        label: [v.features for v in tunes if v.features] for label, tunes in verdicts.items()
    }
    shared_bars = {
        label: [v.shared_bars for v in tunes if v.shared_bars is not None]
        for label, tunes in verdicts.items()
    }

    # 2) Shares with their intervals.
    pictures = {}
    for group in (RIGHT, FORM):
        draw = partial(draw_estimates, "percent", _shares(evaluation, group))
        pictures[group] = [_illustration(f"{group}: shares with intervals", draw)]

    # 3) Distributions of features and of shared passages.
    distributions = [
        count_distribution(
            CATEGORIES[name].label,
            {
                label: sum((tune.counts[name] for tune in tunes), Counter())
                for label, tunes in features.items()
            },
        )
        for name in DRAWN_CATEGORIES
    ]
    distributions += [
        value_distribution(
            QUANTITIES[name].label,
            {label: [tune.quantities[name] for tune in tunes] for label, tunes in features.items()},
        )
        for name in DRAWN_QUANTITIES
    ]
    draw = partial(draw_distributions, distributions)
    pictures[LIKENESS] = [_illustration("How notes, bars and tunes are distributed", draw)]
    if any(shared_bars.values()):
        shared = value_distribution(
            "longest shared passage, bars",
            {label: values for label, values in shared_bars.items() if values},
        )
        draw = partial(draw_distributions, [shared])
        pictures[ORIGINALITY] = [_illustration("How long the longest shared passages are", draw)]
    return pictures


def _pictures_of_pieces(evaluation: Evaluation) -> dict[str, list[Illustration]]:
    """Return the pictures of an evaluation of several voices."""
    distributions = [
        count_distribution(title, by_source) for title, by_source in evaluation.counts.items()
    ]
    draw = partial(draw_distributions, distributions)
    return {LIKENESS: [_illustration("How chords are distributed", draw)]}


def _illustration(label: str, draw: Callable[[], Picture]) -> Illustration:
    content = io.StringIO()
    with plot_style():
        draw().savefig(content, format="svg", metadata={"Date": None})
    text = content.getvalue()
    return Illustration(label, text[text.index("<svg") :])


def _shares(
    evaluation: Evaluation, group: str
) -> list[tuple[str, dict[str, tuple[float, float, float]]]]:
    """Return the shares of a group in percent, with their intervals, by source."""
    rows = []
    for name, measure in evaluation.measures.items():
        if measure.group == group and measure.is_share:
            values = {
                label: (100 * estimate.value, 100 * estimate.low, 100 * estimate.high)
                for source, label in evaluation.sources.items()
                if (estimate := evaluation.estimate(name, source))
            }
            if values:
                rows.append((measure.label, values))
    return rows


def count_distribution(title: str, counts: Mapping[str, Counter[str]]) -> Distribution:
    """Return the shares of the commonest categories by source.

    Args:
        title: The title of the panel.
        counts: How often each category occurs, by source.
    """

    def by_size(name: str) -> tuple[float, str]:
        # Numbers and fractions by size, then other names.
        numerator, _, denominator = name.partition("/")
        try:
            return int(numerator) / int(denominator or 1), name
        except (ValueError, ZeroDivisionError):
            return math.inf, name

    commonest = sum(counts.values(), Counter()).most_common(MAX_CATEGORIES)
    names = sorted((name for name, _ in commonest), key=by_size)
    shares = {
        source: [source_counts[name] / max(1, source_counts.total()) for name in names]
        for source, source_counts in counts.items()
    }
    return Distribution(title, names, shares)


def value_distribution(title: str, values: Mapping[str, Sequence[float]]) -> Distribution:
    """Return histograms by source; the last bin holds everything above it.

    Args:
        title: The title of the panel.
        values: A value for each tune, by source.
    """
    all_values = sorted(value for source_values in values.values() for value in source_values)
    # A few extreme values would make the bins too wide.
    low, high = all_values[0], all_values[int(0.99 * (len(all_values) - 1))]
    width = (high - low) / BINS or 1.0
    if all(value.is_integer() for value in all_values):
        width = float(math.ceil(width))
    shares = {}
    for source, source_values in values.items():
        bins = Counter(min(BINS, int((value - low) / width)) for value in source_values)
        shares[source] = [bins[n] / max(1, len(source_values)) for n in range(BINS + 1)]
    edges = [f"{low + width * n:.3g}" for n in range(BINS + 1)]
    edges[-1] += "+"
    return Distribution(title, edges, shares)
