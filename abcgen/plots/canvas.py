"""What the pictures have in common: their look, and how they are written."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING

from matplotlib import rc_context
from matplotlib.figure import Figure

from abcgen.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Picture = Figure
LOOK = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titleweight": "bold",
    "font.size": 10,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "abcgen",  # the same picture is the same file
    # Names from a stranger's checkpoint are drawn as they are.
    "text.parse_math": False,
}
DOTS_PER_INCH = 150
# Colours that people who see few colours can tell apart (Okabe & Ito, 2008).
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#666666"


@contextmanager
def plot_style() -> Iterator[None]:
    """The look of all pictures, wherever they are drawn."""
    with rc_context(LOOK):  # type: ignore[arg-type]
        yield


def figure(width: float, height: float) -> Figure:
    """An empty picture; sizes in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def write_figure(picture: Figure, stem: Path) -> list[Path]:
    """Write a picture as PNG and SVG.

    Args:
        picture: What to write.
        stem: Path without an extension.

    Returns:
        The files.

    Raises:
        OutputError: if one cannot be written.
    """
    paths = []
    for kind, metadata in (("png", {"Software": ""}), ("svg", {"Date": None})):
        content = io.BytesIO()
        picture.savefig(content, format=kind, dpi=DOTS_PER_INCH, metadata=metadata)
        paths.append(stem.with_name(f"{stem.name}.{kind}"))
        write_atomically(paths[-1], content.getvalue())
    return paths
