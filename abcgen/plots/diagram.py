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
WIDE, HIGH, GAP = 3.4, 0.62, 0.4  # of a box and between boxes, in inches


@dataclass(frozen=True, slots=True)
class Box:
    """A layer.

    Attributes:
        name: Its own name.
        kind: What it is.
        note: Its output's shape and its number of weights.
        inputs: Names of the layers it reads.
    """

    name: str
    kind: str
    note: str
    inputs: tuple[str, ...]


def draw_diagram(title: str, boxes: Sequence[Box]) -> Figure:
    """Draw layers from top to bottom, side by side where neither reads the other."""
    places = _places(boxes)
    columns = 1 + max(column for column, _ in places.values())
    rows = 1 + max(row for _, row in places.values())
    picture = figure(columns * (WIDE + GAP) + GAP, rows * (HIGH + GAP) + 2 * GAP)
    axes = picture.subplots()
    axes.set_axis_off()
    axes.set(xlim=(-GAP, columns * (WIDE + GAP)), ylim=(rows * (HIGH + GAP), -GAP))
    axes.set_title(title)
    for box in boxes:
        _draw(axes, box, *places[box.name])
        for number, source in enumerate(box.inputs):
            if source in places:
                _arrow(axes, places[source], places[box.name], number)
    return picture


def _places(boxes: Sequence[Box]) -> dict[str, tuple[int, int]]:
    """Column and row of every box: below all it reads, in the first column that is free."""
    places: dict[str, tuple[int, int]] = {}
    for box in boxes:
        above = [places[name] for name in box.inputs if name in places]
        row = 1 + max((row for _, row in above), default=-1)
        column = max((place for place in above), key=lambda place: place[1], default=(0, 0))[0]
        while (column, row) in places.values():
            column += 1
        places[box.name] = (column, row)
    return places


def _draw(axes: Axes, box: Box, column: int, row: int) -> None:
    left, top = column * (WIDE + GAP), row * (HIGH + GAP)
    colour = COLOURS.get(box.kind, GREY)
    shape = "round,pad=0,rounding_size=0.08"
    axes.add_patch(
        FancyBboxPatch(
            (left, top), WIDE, HIGH, boxstyle=shape, facecolor=f"{colour}22", edgecolor=colour
        )
    )
    middle = left + WIDE / 2
    axes.text(middle, top + 0.22, f"{box.kind}   {box.name}", ha="center", va="center", fontsize=9)
    axes.text(middle, top + 0.44, box.note, ha="center", va="center", fontsize=8, color=GREY)


def _arrow(axes: Axes, start: tuple[int, int], end: tuple[int, int], number: int) -> None:
    """From the lower edge of a box to the upper edge of another, round what is between."""
    middles = [column * (WIDE + GAP) + WIDE / 2 for column, _ in (start, end)]
    tail = middles[0], start[1] * (HIGH + GAP) + HIGH
    head = middles[1] + 0.25 * number, end[1] * (HIGH + GAP)
    if start[0] == end[0] and end[1] - start[1] > 1:
        side, level = start[0] * (WIDE + GAP) - GAP / 2, GAP / 4
        way = [tail, (tail[0], tail[1] + level), (side, tail[1] + level), (side, head[1] - level)]
        axes.plot(*zip(*way, strict=True), color=GREY, linewidth=1)
        axes.plot([side, head[0]], [head[1] - level] * 2, color=GREY, linewidth=1)
        tail = head[0], head[1] - level
    axes.add_patch(FancyArrowPatch(tail, head, arrowstyle="-|>", mutation_scale=9, color=GREY))
