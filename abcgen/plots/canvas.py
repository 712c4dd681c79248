"""The common style of all pictures, their canvas, and how they are written."""

from __future__ import annotations

import io
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from abcgen.files import write_atomically

# matplotlib refuses to be imported where this names no backend that it knows. Pictures here are
# drawn without one.
_backend = os.environ.pop("MPLBACKEND", "")
import matplotlib  # noqa: E402
from matplotlib import rc_context  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.text import Text  # noqa: E402

if _backend:
    os.environ["MPLBACKEND"] = _backend
    with suppress(ValueError):
        matplotlib.rcParams["backend"] = _backend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.axes import Axes

# For annotations in other packages, which may not import matplotlib.
Picture = Figure

STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titleweight": "bold",
    "font.size": 10,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "abcgen",  # the same picture is the same file
    # Names from an untrusted checkpoint must not be read as formulas.
    "text.parse_math": False,
}
DOTS_PER_INCH = 150
# Colours that the colour-blind can distinguish (Okabe & Ito, 2008).
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#666666"
PURPLE = "#cc79a7"
# A colour and a marker for each source or run, so that colours are not needed to distinguish them.
SERIES = ((GREY, "s"), (ORANGE, "o"), (BLUE, "D"), (PURPLE, "v"), (GREEN, "^"))


@contextmanager
def plot_style() -> Iterator[None]:
    """Apply the common style to all pictures drawn within the context."""
    with rc_context(STYLE):  # type: ignore[arg-type]
        yield


def figure(width: float, height: float) -> Figure:
    """Return an empty figure; sizes in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def panel_grid(count: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with a number of panels in rows; sizes of a panel in inches."""
    rows = -(-count // columns)
    picture = figure(width * columns, height * rows)
    panels = picture.subplots(rows, columns, squeeze=False).flatten().tolist()
    for panel in panels[count:]:
        panel.set_axis_off()
    return picture, panels[:count]


def _show_all_characters(picture: Figure) -> None:
    """Replace control characters, which no font has and SVG forbids.

    Names from an untrusted checkpoint may hold some. The labels of ticks are only set when drawn.
    """
    for text in picture.findobj(Text):
        if isinstance(text, Text):
            text.set_text(visible(text.get_text()))


def visible(text: str) -> str:
    """Return a text with a sign instead of each control character."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text)


def write_figure(picture: Figure, stem: Path) -> list[Path]:
    """Write a picture as PNG and SVG, and return the files.

    Args:
        picture: The picture.
        stem: Path without an extension.

    Raises:
        OutputError: if one cannot be written.
    """
    _show_all_characters(picture)
    paths = []
    # Without dates and program versions, so that the same picture is the same file.
    for kind, metadata in (("png", {"Software": ""}), ("svg", {"Date": None})):
        content = io.BytesIO()
        picture.savefig(content, format=kind, dpi=DOTS_PER_INCH, metadata=metadata)
        paths.append(stem.with_name(f"{stem.name}.{kind}"))
        write_atomically(paths[-1], content.getvalue())
    return paths
