"""The diagram of a network: a box for every layer, an arrow for what it reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from abcgen.plots.canvas import BLUE, GREEN, GREY, ORANGE, figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    "LSTM": BLUE,
    "Bidirectional": BLUE,
    "CausalAttention": ORANGE,
    "Dense": GREEN,
    "Dense (softmax)": GREEN,
    "Embedding": GREEN,
}
WIDTH, HEIGHT = 3.4, 0.62  # of a box, in inches
GAP = 0.4  # between boxes, in inches


@dataclass(frozen=True, slots=True)
class Box:
    """A layer in the diagram.

    Attributes:
        name: Name of the layer.
        kind: Kind of layer; decides the colour.
        note: Shape of its output and number of its weights.
        inputs: Names of the layers that it reads.
    """

    name: str
    kind: str
    note: str
    inputs: tuple[str, ...]


def draw_diagram(title: str, boxes: Sequence[Box]) -> Figure:
    """Draw layers from top to bottom, side by side where neither reads the other."""
    cells = _arrange(boxes)
    columns = 1 + max(column for column, _ in cells.values())
    rows = 1 + max(row for _, row in cells.values())
    picture = figure(columns * (WIDTH + GAP) + GAP, rows * (HEIGHT + GAP) + 2 * GAP)
    axes = picture.subplots()
    axes.set_axis_off()
    axes.set(xlim=(-GAP, columns * (WIDTH + GAP)), ylim=(rows * (HEIGHT + GAP), -GAP))
    axes.set_title(title)
    for box in boxes:
        _draw_box(axes, box, *cells[box.name])
        for number, source in enumerate(box.inputs):
            if source in cells:
                _draw_arrow(axes, cells[source], cells[box.name], number)
    return picture


def _arrange(boxes: Sequence[Box]) -> dict[str, tuple[int, int]]:
    """Return column and row of every box: below all that it reads, in the first free column."""
    cells: dict[str, tuple[int, int]] = {}
    for box in boxes:
        above = [cells[name] for name in box.inputs if name in cells]
        row = 1 + max((row for _, row in above), default=-1)
        # Start below the lowest of its inputs.
        column, _ = max(above, key=lambda cell: cell[1], default=(0, 0))
        while (column, row) in cells.values():
            column += 1
        cells[box.name] = (column, row)
    return cells


def _draw_box(axes: Axes, box: Box, column: int, row: int) -> None:
    left, top = column * (WIDTH + GAP), row * (HEIGHT + GAP)
    middle = left + WIDTH / 2
    colour = COLOURS.get(box.kind, GREY)
    patch = FancyBboxPatch(
        (left, top),
        WIDTH,
        HEIGHT,
        boxstyle="round,pad=0,rounding_size=0.08",
        facecolor=f"{colour}22",
        edgecolor=colour,
    )
    axes.add_patch(patch)
    axes.text(middle, top + 0.22, f"{box.kind}   {box.name}", ha="center", va="center", fontsize=9)
    axes.text(middle, top + 0.44, box.note, ha="center", va="center", fontsize=8, color=GREY)


def _draw_arrow(axes: Axes, start: tuple[int, int], end: tuple[int, int], number: int) -> None:
    """Draw an arrow between two cells, the ``number``-th that ends there."""
    (start_column, start_row), (end_column, end_row) = start, end
    # From the lower edge of one box to the upper edge of the other.
    tail = start_column * (WIDTH + GAP) + WIDTH / 2, start_row * (HEIGHT + GAP) + HEIGHT
    head = end_column * (WIDTH + GAP) + WIDTH / 2 + 0.25 * number, end_row * (HEIGHT + GAP)
    if start_column == end_column and end_row - start_row > 1:
        # There are boxes between them: pass these on the left.
        side, level = start_column * (WIDTH + GAP) - GAP / 2, GAP / 4
        path = [tail, (tail[0], tail[1] + level), (side, tail[1] + level), (side, head[1] - level)]
        axes.plot(*zip(*path, strict=True), color=GREY, linewidth=1)
        axes.plot([side, head[0]], [head[1] - level] * 2, color=GREY, linewidth=1)
        tail = head[0], head[1] - level
    axes.add_patch(FancyArrowPatch(tail, head, arrowstyle="-|>", mutation_scale=9, color=GREY))
