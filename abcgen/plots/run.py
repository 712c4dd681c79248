"""Pictures of a training run and its network: curves, weights, attention, a diagram of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from matplotlib import colormaps
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from abcgen.plots.canvas import BLUE, GREEN, GREY, ORANGE, SERIES, figure, panel_grid, visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Edges of the bins, and the density in each.
Outline = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Curve:
    """A metric on training and on held-out tunes, over the same epochs."""

    title: str
    unit: str
    # Its values on training tunes; None where unknown.
    training: Sequence[float | None]
    # Its values on held-out tunes; None where unknown.
    held_out: Sequence[float | None]
    # Whether lower values are better.
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
        if panel.get_legend_handles_labels()[0]:
            panel.legend()
    return picture


def overlay_curves(runs: Mapping[str, tuple[Sequence[float], Sequence[Curve]]]) -> Figure:
    """Draw the curves of several runs over one another, held-out solid and training dashed.

    Args:
        runs: The epochs and the curves of every run by its name. Curves with one title share a
            panel.
    """
    titles = list(dict.fromkeys(curve.title for _, curves in runs.values() for curve in curves))
    picture, panels = panel_grid(len(titles), columns=len(titles), width=5.2, height=4)
    for number, (name, (epochs, curves)) in enumerate(runs.items()):
        colour, marker = SERIES[number % len(SERIES)]
        for curve in curves:
            panel = panels[titles.index(curve.title)]
            for values, style, label in (
                (curve.training, "--", f"{name}, training"),
                (curve.held_out, "-", f"{name}, held-out"),
            ):
                points = [(x, y) for x, y in zip(epochs, values, strict=True) if y is not None]
                if points:
                    xs, ys = zip(*points, strict=True)
                    panel.plot(
                        xs, ys, style, color=colour, marker=marker, markersize=3, label=label
                    )
            panel.set(title=curve.title, xlabel="epochs", ylabel=curve.unit)
    for panel in panels:
        panel.margins(y=0.12)
    handles = {str(line.get_label()): line for panel in panels for line in panel.lines}
    picture.legend(handles.values(), handles, loc="outside lower center", ncols=2)
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
            (bars, bars); the rest is on the header.
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
        [f"{visible(bar)}  {number}" for number, bar in zip(numbers, bars, strict=True)],
        fontsize=7,
        family="monospace",
    )
    axes.tick_params(length=0)
    axes.grid(visible=False)
    picture.colorbar(image, ax=axes, shrink=0.6, label="share of attention (the rest: the head)")
    return picture


BOX_COLOURS = {
    "LSTM": BLUE,
    "Bidirectional": BLUE,
    "CausalAttention": ORANGE,
    "Dense": GREEN,
    "Dense (softmax)": GREEN,
    "Embedding": GREEN,
}
BOX_WIDTH, BOX_HEIGHT = 3.4, 0.62  # inches
BOX_GAP = 0.4  # between boxes, in inches
LANE = 0.12  # between lines beside the boxes
COLUMN, ROW = BOX_WIDTH + BOX_GAP, BOX_HEIGHT + BOX_GAP  # from one box to the next


@dataclass(frozen=True, slots=True)
class Box:
    """A layer in the diagram."""

    # Name of the layer.
    name: str
    # Kind of layer; decides the colour.
    kind: str
    # Shape of its output and number of its weights.
    note: str
    # Names of the layers that it reads.
    inputs: tuple[str, ...]


def draw_diagram(title: str, boxes: Sequence[Box]) -> Figure:
    """Draw a network's layers from top to bottom, side by side if neither reads the other."""
    cells = _arrange(boxes)
    lanes = _lanes(boxes, cells)
    columns = 1 + max(column for column, _ in cells.values())
    rows = 1 + max(row for _, row in cells.values())
    margin = BOX_GAP + LANE * max(lanes.values(), default=0)
    picture = figure(columns * COLUMN + margin, rows * ROW + 2 * BOX_GAP)
    axes = picture.subplots()
    axes.set_axis_off()
    axes.set(
        xlim=(-margin, columns * COLUMN),
        ylim=(rows * ROW, -BOX_GAP),
    )
    axes.set_title(title)
    for box in boxes:
        _draw_box(axes, box, *cells[box.name])
        for number, source in enumerate(box.inputs):
            if source in cells:
                _draw_arrow(axes, cells[source], cells[box.name], number, lanes.get(source, 0))
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


def _lanes(boxes: Sequence[Box], cells: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    """Return the lane of every box whose output passes others by, 0 beside the boxes.

    Lines that would run side by side are in different lanes, the longest outside.
    """
    lowest: dict[str, int] = {}  # the last row that a box's output passes others by to
    for box in boxes:
        for source in box.inputs:
            if source in cells and _passes_by(cells[source], cells[box.name]):
                lowest[source] = max(lowest.get(source, 0), cells[box.name][1])
    lanes: dict[str, int] = {}
    for source in sorted(lowest, key=lambda name: lowest[name] - cells[name][1]):
        column, row = cells[source]
        taken = {
            lane
            for other, lane in lanes.items()
            if cells[other][0] == column
            and cells[other][1] < lowest[source]
            and row < lowest[other]
        }
        lanes[source] = next(lane for lane in range(len(taken) + 1) if lane not in taken)
    return lanes


def _passes_by(start: tuple[int, int], end: tuple[int, int]) -> bool:
    """Return whether a line between two cells has to pass by boxes in between."""
    return start[0] == end[0] and end[1] - start[1] > 1


def _draw_box(axes: Axes, box: Box, column: int, row: int) -> None:
    left, top = column * COLUMN, row * ROW
    middle = left + BOX_WIDTH / 2
    colour = BOX_COLOURS.get(box.kind, GREY)
    patch = FancyBboxPatch(
        (left, top),
        BOX_WIDTH,
        BOX_HEIGHT,
        boxstyle="round,pad=0,rounding_size=0.08",
        facecolor=f"{colour}22",
        edgecolor=colour,
    )
    axes.add_patch(patch)
    axes.text(middle, top + 0.22, f"{box.kind}   {box.name}", ha="center", va="center", fontsize=9)
    axes.text(middle, top + 0.44, box.note, ha="center", va="center", fontsize=8, color=GREY)


def _draw_arrow(
    axes: Axes, start: tuple[int, int], end: tuple[int, int], number: int, lane: int
) -> None:
    """Draw an arrow between two cells, the ``number``-th that ends there."""
    (start_column, start_row), (end_column, end_row) = start, end
    # 1) The ends: the lower edge of one box and the upper edge of the other.
    tail = (
        start_column * COLUMN + BOX_WIDTH / 2,
        start_row * ROW + BOX_HEIGHT,
    )
    head = (
        end_column * COLUMN + BOX_WIDTH / 2 + 0.25 * number,
        end_row * ROW,
    )
    if _passes_by(start, end):
        # 2) A detour to the left of any boxes in between.
        side, level = start_column * COLUMN - BOX_GAP / 2 - lane * LANE, BOX_GAP / 4
        path = [tail, (tail[0], tail[1] + level), (side, tail[1] + level), (side, head[1] - level)]
        axes.plot(*zip(*path, strict=True), color=GREY, linewidth=1)
        axes.plot([side, head[0]], [head[1] - level] * 2, color=GREY, linewidth=1)
        tail = head[0], head[1] - level
    elif start_column != end_column and end_row - start_row > 1:
        # 2) Down its own column, and across between the rows.
        across = head[1] - BOX_GAP / 2
        axes.plot([tail[0], tail[0], head[0]], [tail[1], across, across], color=GREY, linewidth=1)
        tail = head[0], across
    axes.add_patch(FancyArrowPatch(tail, head, arrowstyle="-|>", mutation_scale=9, color=GREY))
