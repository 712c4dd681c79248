"""How the weights of the LSTMs are distributed at stages of training."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from matplotlib import colormaps

from abcgen.plots.canvas import figure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
        _draw(panel, name, stages)
    return picture


def _draw(panel: Axes, name: str, stages: Sequence[tuple[str, Outline]]) -> None:
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
