"""Pictures that compare sources of tunes: estimates with intervals, and distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.plots.canvas import SERIES, figure, panel_grid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

MAX_TICKS = 14


@dataclass(frozen=True, slots=True)
class Distribution:
    """The distribution of one feature of tunes."""

    # The feature.
    title: str
    # Names of its categories, or lower edges of its bins.
    categories: Sequence[str]
    # By source the share of each category.
    shares: Mapping[str, Sequence[float]]


def draw_distributions(distributions: Sequence[Distribution]) -> Figure:
    """Draw a panel for each distribution, with the first source as bars, the others as lines."""
    picture, panels = panel_grid(len(distributions), columns=3, width=3.5, height=2.5)
    for panel, distribution in zip(panels, distributions, strict=True):
        xs = range(len(distribution.categories))
        for number, (source, shares) in enumerate(distribution.shares.items()):
            colour, marker = SERIES[number % len(SERIES)]
            if number == 0:
                panel.bar(xs, shares, color=colour, alpha=0.35, label=source, width=0.9)
            else:
                panel.plot(
                    xs, shares, color=colour, marker=marker, markersize=3, linewidth=1, label=source
                )
        step = -(-len(xs) // MAX_TICKS)
        panel.set_xticks(xs[::step], list(distribution.categories)[::step], fontsize=7)
        panel.tick_params(axis="y", labelsize=7)
        panel.set_title(distribution.title, fontsize=9)
    handles, labels = panels[0].get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return picture


def draw_estimates(
    unit: str, rows: Sequence[tuple[str, Mapping[str, tuple[float, float, float]]]]
) -> Figure:
    """Draw estimates with their intervals, a row for each name and a marker for each source.

    Args:
        unit: The unit of all estimates.
        rows: The names, each with its value and both ends of its interval by source.
    """
    picture = figure(9, 0.42 * len(rows) + 1.2)
    axes = picture.subplots()
    sources = list(dict.fromkeys(source for _, estimates in rows for source in estimates))
    for number, source in enumerate(sources):
        points = [
            (row, *estimates[source])
            for row, (_, estimates) in enumerate(rows)
            if source in estimates
        ]
        # Sources are set apart within their row.
        offset = 0.16 * (number - (len(sources) - 1) / 2)
        colour, marker = SERIES[number % len(SERIES)]
        axes.errorbar(
            [value for _, value, _, _ in points],
            [row + offset for row, _, _, _ in points],
            xerr=[
                [max(0.0, value - low) for _, value, low, _ in points],
                [max(0.0, high - value) for _, value, _, high in points],
            ],
            fmt=marker,
            color=colour,
            label=source,
            markersize=4,
            capsize=2,
        )
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.invert_yaxis()
    axes.set(xlabel=unit)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return picture
