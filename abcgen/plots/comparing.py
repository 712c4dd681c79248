"""How tunes of one source differ from those of another: figures with intervals, distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.plots.canvas import BLUE, GREEN, GREY, ORANGE, figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SERIES = (GREY, ORANGE, BLUE, GREEN)
MARKS = ("s", "o", "D", "^")  # that colours are not needed to tell them apart
COLUMNS = 3
ROW = 0.42  # inches to a row of figures


@dataclass(frozen=True, slots=True)
class Distribution:
    """How something is distributed among tunes of several sources.

    Attributes:
        title: What it is.
        places: Names of its categories, or edges of its bins from the first to the last.
        shares: By source the share of each.
    """

    title: str
    places: Sequence[str]
    shares: Mapping[str, Sequence[float]]


def draw_distributions(distributions: Sequence[Distribution]) -> Figure:
    """Draw one panel for each, the first source as a filled outline, the others as lines."""
    rows = -(-len(distributions) // COLUMNS)
    picture = figure(10.5, 2.5 * rows)
    panels = picture.subplots(rows, COLUMNS, squeeze=False).flatten()
    for panel in panels[len(distributions) :]:
        panel.set_axis_off()
    for panel, one in zip(panels, distributions, strict=False):
        _draw(panel, one)
    handles, labels = panels[0].get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return picture


def draw_figures(
    title: str, rows: Sequence[tuple[str, Mapping[str, tuple[float, float, float]]]]
) -> Figure:
    """Draw figures with their intervals, a row for each and a mark for each source.

    Args:
        title: What they are counted in.
        rows: Name of each, and by source its value and both ends of its interval.
    """
    picture = figure(9, ROW * len(rows) + 1.2)
    axes = picture.subplots()
    sources = list(dict.fromkeys(source for _, values in rows for source in values))
    for number, source in enumerate(sources):
        found = [(row, own[source]) for row, (_, own) in enumerate(rows) if source in own]
        heights = [row + 0.16 * (number - (len(sources) - 1) / 2) for row, _ in found]
        values = [value for _, (value, _, _) in found]
        errors = [
            [max(0.0, value - low) for _, (value, low, _) in found],
            [max(0.0, high - value) for _, (value, _, high) in found],
        ]
        axes.errorbar(
            values,
            heights,
            xerr=errors,
            fmt=MARKS[number % len(MARKS)],
            color=SERIES[number % len(SERIES)],
            label=source,
            markersize=4,
            capsize=2,
        )
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.invert_yaxis()
    axes.set(xlabel=title)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return picture


def _draw(panel: Axes, one: Distribution) -> None:
    places = range(len(one.places))
    for number, (source, shares) in enumerate(one.shares.items()):
        colour = SERIES[number % len(SERIES)]
        if number == 0:
            panel.bar(places, shares, color=colour, alpha=0.35, label=source, width=0.9)
        else:
            mark = MARKS[number % len(MARKS)]
            panel.plot(
                places, shares, color=colour, marker=mark, markersize=3, linewidth=1, label=source
            )
    every = -(-len(one.places) // 14)
    panel.set_xticks(list(places)[::every], list(one.places)[::every], fontsize=7)
    panel.tick_params(axis="y", labelsize=7)
    panel.set_title(one.title, fontsize=9)
