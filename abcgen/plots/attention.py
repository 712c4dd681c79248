"""Where attention looks: a map of bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abcgen.plots.canvas import figure

if TYPE_CHECKING:
    from collections.abc import Sequence

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
