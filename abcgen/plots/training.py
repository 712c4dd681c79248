"""Where attention looks: a map of bars.

Loss and accuracy over a run.

How the weights of the LSTMs are distributed at stages of training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from matplotlib import colormaps

from abcgen.plots.canvas import BLUE, ORANGE, figure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


BAR = 0.28  # of a bar's row in inches


def draw_attention(title: str, bars: Sequence[str], looks: Sequence[Sequence[float]]) -> Figure:
    """Draw which earlier bar each bar looks at.

    Args:
        title: What to say of it.
        bars: The bars as text, in order.
        looks: For every bar the share of attention that each bar gets; the rest goes to the head.
    """
    size = max(5.0, BAR * len(bars))
    picture = figure(size + 3.5, size + 2.2)
    axes = picture.subplots()
    image = axes.imshow(looks, cmap="magma_r", vmin=0)
    axes.set(title=title, xlabel="bar that is looked at", ylabel="bar that is being written")
    axes.set_xticks(
        range(len(bars)), [str(number) for number in range(1, len(bars) + 1)], fontsize=7
    )
    axes.set_yticks(
        range(len(bars)),
        [f"{bar}  {number}" for number, bar in enumerate(bars, 1)],
        fontsize=7,
        family="monospace",
    )
    axes.tick_params(length=0)
    axes.grid(visible=False)
    picture.colorbar(image, ax=axes, shrink=0.6, label="share of attention (the rest: the head)")
    return picture


@dataclass(frozen=True, slots=True)
class Curve:
    """A quantity in training and held out, at the same moments.

    Attributes:
        title: What it is.
        unit: What it is measured in.
        training: Its values in training; None where it is not known.
        held_out: Its values on held-out tunes, likewise.
        least_is_best: Whether the best value is the least one.
    """

    title: str
    unit: str
    training: Sequence[float | None]
    held_out: Sequence[float | None]
    least_is_best: bool = True


def draw_curves(epochs: Sequence[float], curves: Sequence[Curve]) -> Figure:
    """Draw curves side by side over the passes made.

    Args:
        epochs: Passes over the tunes at every moment.
        curves: What to draw.
    """
    picture = figure(5.2 * len(curves), 4)
    axes = picture.subplots(1, len(curves), squeeze=False)[0]
    for place, curve in zip(axes, curves, strict=True):
        _draw_curve(place, epochs, curve)
    return picture


def _draw_curve(axes: Axes, epochs: Sequence[float], curve: Curve) -> None:
    for name, values, colour in (
        ("training", curve.training, ORANGE),
        ("held-out", curve.held_out, BLUE),
    ):
        known = [(x, y) for x, y in zip(epochs, values, strict=True) if y is not None]
        if known:
            axes.plot(*zip(*known, strict=True), color=colour, marker="o", markersize=3, label=name)
    held_out = [(y, x) for x, y in zip(epochs, curve.held_out, strict=True) if y is not None]
    if held_out:
        best, when = (min if curve.least_is_best else max)(held_out)
        axes.plot([when], [best], "o", markersize=9, markerfacecolor="none", color=BLUE)
        axes.annotate(f"{best:.3g}", (when, best), (0, 10), textcoords="offset points", ha="center")
    axes.set(title=curve.title, xlabel="epochs", ylabel=curve.unit)
    axes.margins(y=0.12)
    axes.legend()


Outline = tuple[Sequence[float], Sequence[float]]
COLUMNS = 3
RAISED = 0.55  # how far one stage stands above the one before, as a share of the tallest


def draw_weights(distributions: Mapping[str, Sequence[tuple[str, Outline]]]) -> Figure:
    """Draw one panel for every array of weights, its stages one behind the other.

    Args:
        distributions: By the array's name, for every stage its label and its outline: edges of
            the bins, and the density in each.
    """
    rows = -(-len(distributions) // COLUMNS)
    picture = figure(4.2 * min(COLUMNS, len(distributions)), 3.4 * rows)
    panels = picture.subplots(rows, min(COLUMNS, len(distributions)), squeeze=False).flatten()
    for panel in panels[len(distributions) :]:
        panel.set_axis_off()
    for panel, (name, stages) in zip(panels, distributions.items(), strict=False):
        _draw_outlines(panel, name, stages)
    return picture


def _draw_outlines(panel: Axes, name: str, stages: Sequence[tuple[str, Outline]]) -> None:
    tallest = max((max(density) for _, (_, density) in stages), default=1.0) or 1.0
    colours = colormaps["viridis_r"]
    for number, (label, (edges, density)) in enumerate(stages):
        # The first stage stands at the back, highest.
        floor = (len(stages) - 1 - number) * RAISED * tallest
        colour = colours(0.1 + 0.8 * number / max(1, len(stages) - 1))
        xs = [x for pair in pairwise(edges) for x in pair]
        ys = [floor + y for y in density for _ in range(2)]
        panel.fill_between(xs, ys, floor, color=colour, alpha=0.75, zorder=number + 2, linewidth=0)
        panel.plot(xs, ys, color="white", linewidth=0.7, zorder=number + 2)
        panel.annotate(
            label,
            (0.0, floor),
            (2, 3),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            fontsize=8,
            zorder=99,
        )
    panel.set(title=name, xlabel="weight")
    panel.set_yticks([])
