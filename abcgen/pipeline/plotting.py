"""From a checkpoint to pictures of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.config import SampleConfig
from abcgen.errors import InputError
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.metrics import read_metrics
from abcgen.model.preview import layers_of
from abcgen.model.vocabulary import BEGIN
from abcgen.pipeline.checkpoints import step_network
from abcgen.pipeline.sampling import sample_text
from abcgen.plots.canvas import plot_style, write_figure
from abcgen.plots.diagram import Box, draw_diagram
from abcgen.plots.training import Curve, draw_attention, draw_curves, draw_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from abcgen.model.checkpoint import Checkpoint
    from abcgen.model.metrics import Histogram, Measurement
    from abcgen.plots.canvas import Picture

STAGES = 6  # of training that distributions are drawn at
LONGEST_LABEL = 24
FEWEST_BARS = 3  # with the head, that there is something to look at
BAR = re.compile(r"[^|]*\|[|\]:]*(?:\[?[1-9][0-9,-]*)?")


@dataclass(frozen=True, slots=True)
class Pictures:
    """What was drawn.

    Attributes:
        files: The pictures.
        left_out: Names of pictures that could not be drawn, each with why.
    """

    files: tuple[Path, ...]
    left_out: tuple[str, ...]


def plot_run(
    folder: Path,
    out: Path,
    seed: int = 0,
    text: str | None = None,
    *,
    on_picture: Callable[[], None],
) -> Pictures:
    """Draw a run's curves, its weights, its network, and where its attention looks.

    Args:
        folder: The checkpoint.
        out: The folder for the pictures.
        seed: Of the tune that is drawn to look at attention.
        text: Model text to look at instead.
        on_picture: Called after each picture.

    Raises:
        CheckpointError: if the checkpoint cannot be read.
        InputError: if ``text`` holds a character that the network does not know.
        OutputError: if a picture cannot be written.
    """
    checkpoint, measurements = load_checkpoint(folder), read_metrics(folder)
    pictures: dict[str, Callable[[], Picture]] = {
        "curves": lambda: _curves(measurements),
        "weights": lambda: _weights(measurements),
        "network": lambda: _diagram(checkpoint),
        "attention": lambda: _attention(checkpoint, seed, text),
    }
    files: list[Path] = []
    left_out: list[str] = []
    for name, draw in pictures.items():
        try:
            with plot_style():
                files += write_figure(draw(), out / name)
        except _NothingToDrawError as reason:
            left_out.append(f"{name}: {reason}")
        on_picture()
    return Pictures(tuple(files), tuple(left_out))


class _NothingToDrawError(Exception):
    """Why there is no such picture of this run."""


def _curves(measurements: Sequence[Measurement]) -> Picture:
    if not measurements:
        raise _NothingToDrawError("nothing was measured yet")
    curves = [
        Curve(
            "loss",
            "bits per character",
            [item.training_bits for item in measurements],
            [item.bits_per_character for item in measurements],
        ),
        Curve(
            "accuracy",
            "share of characters thought the likeliest",
            [item.training_accuracy for item in measurements],
            [item.accuracy for item in measurements],
            least_is_best=False,
        ),
    ]
    notes = [item.bits_per_note for item in measurements]
    if any(value is not None for value in notes):
        unknown = [None] * len(notes)
        curves.append(Curve("held-out tunes", "bits per note", unknown, notes))
    return draw_curves([item.epochs for item in measurements], curves)


def _weights(measurements: Sequence[Measurement]) -> Picture:
    known = [item for item in measurements if item.weights]
    if not known:
        raise _NothingToDrawError("the run kept no distributions of weights")
    count = min(STAGES, len(known))
    steps = (len(known) - 1) / max(1, count - 1)
    stages = [known[round(number * steps)] for number in range(count)]
    names = [name for name in stages[0].weights if all(name in item.weights for item in stages)]
    if not names:
        raise _NothingToDrawError("the run kept distributions of other weights at every stage")
    return draw_weights(
        {
            name: [(f"epoch {item.epochs:.3g}", _density(item.weights[name])) for item in stages]
            for name in names
        }
    )


def _density(histogram: Histogram) -> tuple[Sequence[float], Sequence[float]]:
    width = max((histogram.high - histogram.low) / len(histogram.counts), 1e-9)
    total = max(1, sum(histogram.counts))
    return histogram.edges, [count / total / width for count in histogram.counts]


def _diagram(checkpoint: Checkpoint) -> Picture:
    layers = layers_of(checkpoint.network, checkpoint.vocabulary.size)
    boxes = [
        Box(
            layer.name,
            layer.kind,
            "("
            + ", ".join("any" if n is None else str(n) for n in layer.shape)
            + ")"
            + (f"   {layer.parameters:,} weights" if layer.parameters else ""),
            layer.inputs,
        )
        for layer in layers
    ]
    total = sum(layer.parameters for layer in layers)
    return draw_diagram(f"{checkpoint.network.kind} network, {total:,} weights", boxes)


def _attention(checkpoint: Checkpoint, seed: int, text: str | None) -> Picture:
    network = checkpoint.network
    if not network.attention:
        raise _NothingToDrawError("the network has no attention")
    if network.kind != "stream":
        raise _NothingToDrawError("a window network looks at its window only")
    whose = "a given tune" if text else f"a tune drawn with seed {seed}"
    text = text or sample_text(checkpoint, SampleConfig(temperature=0.7), seed)
    ids = [BEGIN, *checkpoint.vocabulary.encode(text).tolist()]
    bars = bars_of(text)
    if len(bars) < FEWEST_BARS:
        raise _NothingToDrawError(f"{whose} has no bars")
    weights = step_network(checkpoint).looks(ids)
    # The begin mark belongs to what comes before the first bar.
    owners = [0, *(number for number, bar in enumerate(bars) for _ in bar)]
    shares = [[0.0] * len(bars) for _ in bars]
    for place, owner in enumerate(owners):
        for other, weight in zip(owners, weights[place].tolist(), strict=True):
            shares[owner][other] += weight / owners.count(owner)
    # The head gets most of it, as a place to look at where nothing is to be found.
    labels = [bar.strip()[:LONGEST_LABEL] for bar in bars[1:]]
    title = f"which earlier bar each bar of {whose} looks at"
    return draw_attention(title, labels, [row[1:] for row in shares[1:]])


def bars_of(text: str) -> list[str]:
    """A model text cut up, nothing lost: what stands before the body, then every bar."""
    head, mark, rest = text.partition("\nK:")
    key, end, body = rest.partition("\n")
    if not mark:
        raise InputError("a tune without a key (K:) has no bars")
    found = BAR.findall(body)
    last = body[len("".join(found)) :]
    bars = [head + mark + key + end, *found]
    bars[-1] += last
    if found and not any(sign.isalpha() for sign in found[0]):  # a bar line to begin with
        bars[:2] = ["".join(bars[:2])]
    return bars
