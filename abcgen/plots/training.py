"""Pictures of a training run: learning curves, distributions of weights, a map of attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from matplotlib import colormaps

from abcgen.plots.canvas import BLUE, ORANGE, figure, panel_grid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

# Edges of the bins, and the density in each.
Outline = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Curve:
    """A metric on training and on held-out tunes, over the same epochs."""

    title: str
    unit: str
    # Its values on training tunes; None where unknown
    training: Sequence[float | None]
    # Its values on held-out tunes; None where unknown
    held_out: Sequence[float | None]
    # Whether its best value is the least one
    least_is_best: bool = True


def draw_curves(epochs: Sequence[float], curves: Sequence[Curve]) -> Figure:
    """Draw curves next to one another; the best held-out value of each is circled."""
    picture, panels = panel_grid(len(curves), columns=len(curves), width=5.2, height=4)
    for panel, curve in zip(panels, curves, strict=True):
        held_out = [(x, y) for x, y in zip(epochs, curve.held_out, strict=True) if y is not None]
        training = [(x, y) for x, y in zip(epochs, curve.training, strict=True) if y is not None]
        for name, points, colour in (
            ("training", training, ORANGE),
            ("held-out", held_out, BLUE),
        ):
            if points:
                xs, ys = zip(*points, strict=True)
                panel.plot(xs, ys, color=colour, marker="o", markersize=3, label=name)
        if held_out:
            best, epoch = (min if curve.least_is_best else max)((y, x) for x, y in held_out)
            panel.plot([epoch], [best], "o", markersize=9, markerfacecolor="none", color=BLUE)
            panel.annotate(
                f"{best:.3g}", (epoch, best), (0, 10), textcoords="offset points", ha="center"
            )
        panel.set(title=curve.title, xlabel="epochs", ylabel=curve.unit)
        panel.margins(y=0.12)
        panel.legend()
    return picture


def draw_weights(distributions: Mapping[str, Sequence[tuple[str, Outline]]]) -> Figure:
    """Draw one panel for every array of weights, with its stages one behind the other.

    Args:
        distributions: By the array's name, the label and the outline of every stage.
    """
    count = len(distributions)
    picture, panels = panel_grid(count, columns=min(3, count), width=4.2, height=3.4)
    for panel, (name, stages) in zip(panels, distributions.items(), strict=True):
        tallest = max((max(density) for _, (_, density) in stages), default=1.0) or 1.0
        for number, (label, (edges, density)) in enumerate(stages):
            # The first stage is at the back, raised most.
            floor = (len(stages) - 1 - number) * 0.55 * tallest
            colour = colormaps["viridis_r"](0.1 + 0.8 * number / max(1, len(stages) - 1))
            xs = [x for pair in pairwise(edges) for x in pair]
            ys = [floor + y for y in density for _ in range(2)]
            order = number + 2
            panel.fill_between(xs, ys, floor, color=colour, alpha=0.75, zorder=order, linewidth=0)
            panel.plot(xs, ys, color="white", linewidth=0.7, zorder=order)
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
    return picture


def draw_attention(
    title: str, bars: Sequence[str], attention_weights: Sequence[Sequence[float]]
) -> Figure:
    """Draw how much each bar attends to each earlier bar.

    Args:
        title: The title.
        bars: The bars as text, in order.
        attention_weights: For every bar the share of its attention that each bar gets, shape
            (bars, bars); the rest is on the head.
    """
    size = max(5.0, 0.28 * len(bars))
    picture = figure(size + 3.5, size + 2.2)
    axes = picture.subplots()
    image = axes.imshow(attention_weights, cmap="magma_r", vmin=0)
    axes.set(title=title, xlabel="bar that is looked at", ylabel="bar that is being written")
    numbers = range(1, len(bars) + 1)
    axes.set_xticks(range(len(bars)), [str(number) for number in numbers], fontsize=7)
    axes.set_yticks(
        range(len(bars)),
        [f"{bar}  {number}" for number, bar in zip(numbers, bars, strict=True)],
        fontsize=7,
        family="monospace",
    )
    axes.tick_params(length=0)
    axes.grid(visible=False)
    picture.colorbar(image, ax=axes, shrink=0.6, label="share of attention (the rest: the head)")
    return picture
