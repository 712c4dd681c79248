"""Loss and accuracy over a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.plots.canvas import BLUE, ORANGE, figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
        _draw(place, epochs, curve)
    return picture


def _draw(axes: Axes, epochs: Sequence[float], curve: Curve) -> None:
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
