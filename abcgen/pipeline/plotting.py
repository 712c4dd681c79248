"""Plot a checkpoint and its training run (``plot_run``)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.config import MAX_SEED, SampleConfig
from abcgen.errors import InputError
from abcgen.model.architecture import architecture
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.expectations import shares_between
from abcgen.model.metrics import read_metrics
from abcgen.model.vocabulary import BEGIN
from abcgen.pipeline.checkpoints import sample_text, step_network
from abcgen.pipeline.networks import name_of
from abcgen.plots.canvas import plot_style, write_figure
from abcgen.plots.run import (
    Box,
    Curve,
    Outline,
    draw_attention,
    draw_curves,
    draw_diagram,
    draw_weights,
    overlay_curves,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from abcgen.model.checkpoint import Checkpoint
    from abcgen.model.metrics import Measurement
    from abcgen.plots.canvas import Picture

NO_MEASUREMENTS = "the run has no measurements yet"
MAX_STAGES = 6  # stages of training whose weights are drawn
SEEDS = 8  # seeds that are tried for a tune with bars
MAX_LABEL = 24  # characters of a bar's label
# A bar up to its bar line, and the number of an ending after that.
BAR = re.compile(r"[^|]*\|[|\]:]*(?:\[?[1-9][0-9,-]*)?")


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of a run."""

    files: tuple[Path, ...]
    # Names of those that could not be drawn, each with the reason.
    left_out: tuple[str, ...]


class _NothingToDrawError(Exception):
    """The reason why a picture of a run cannot be drawn."""


def plot_run(folder: Path, out: Path, seed: int = 0, *, on_picture: Callable[[], None]) -> Pictures:
    """Draw a run's learning curves, weights, network, and attention over a sampled tune.

    Args:
        folder: The checkpoint.
        out: The folder for the pictures.
        seed: Seed of the sampled tune.
        on_picture: Called after each picture.

    Raises:
        CheckpointError: if the checkpoint cannot be read.
        OutputError: if a picture cannot be written.
    """
    checkpoint, measurements = load_checkpoint(folder), read_metrics(folder)
    pictures: dict[str, Callable[[], Picture]] = {
        "curves": lambda: _curves(measurements),
        "weights": lambda: _weights(measurements),
        "network": lambda: _diagram(checkpoint),
        "attention": lambda: _attention(checkpoint, seed),
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


def plot_runs(folders: Sequence[Path], out: Path) -> Pictures:
    """Draw the learning curves of several runs over one another.

    Args:
        folders: The checkpoints.
        out: The folder for the picture.

    Raises:
        CheckpointError: if a checkpoint cannot be read.
        InputError: if no run has measurements.
        OutputError: if the picture cannot be written.
    """
    runs, left_out = {}, []
    for folder in folders:
        if measurements := read_metrics(folder):
            epochs = [item.epochs for item in measurements]
            runs[name_of(folder)] = epochs, _curves_of(measurements)
        else:
            left_out.append(f"{name_of(folder)}: {NO_MEASUREMENTS}")
    if not runs:
        raise InputError("none of these runs has measurements to draw")
    with plot_style():
        files = write_figure(overlay_curves(runs), out / "curves")
    return Pictures(tuple(files), tuple(left_out))


def _curves(measurements: Sequence[Measurement]) -> Picture:
    if not measurements:
        raise _NothingToDrawError(NO_MEASUREMENTS)
    return draw_curves([item.epochs for item in measurements], _curves_of(measurements))


def _curves_of(measurements: Sequence[Measurement]) -> list[Curve]:
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
    bits_per_note = [item.bits_per_note for item in measurements]
    if any(value is not None for value in bits_per_note):
        unknown = [None] * len(bits_per_note)
        curves.append(Curve("held-out tunes", "bits per note", unknown, bits_per_note))
    return curves


def _weights(measurements: Sequence[Measurement]) -> Picture:
    with_weights = [item for item in measurements if item.weights]
    if not with_weights:
        raise _NothingToDrawError("the run recorded no distributions of weights")
    # Evenly spaced stages, including the first and the last.
    count = min(MAX_STAGES, len(with_weights))
    step = (len(with_weights) - 1) / max(1, count - 1)
    stages = [with_weights[round(number * step)] for number in range(count)]
    names = [name for name in stages[0].weights if all(name in item.weights for item in stages)]
    if not names:
        raise _NothingToDrawError("no weight has a distribution recorded at every stage")
    distributions: dict[str, list[tuple[str, Outline]]] = {name: [] for name in names}
    for item in stages:
        for name in names:
            histogram = item.weights[name]
            width = max((histogram.high - histogram.low) / len(histogram.counts), 1e-9)
            total = max(1, sum(histogram.counts))
            density = [count / total / width for count in histogram.counts]
            distributions[name].append((f"epoch {item.epochs:.3g}", (histogram.edges, density)))
    return draw_weights(distributions)


def _diagram(checkpoint: Checkpoint) -> Picture:
    layers = architecture(checkpoint.network, checkpoint.vocabulary.size)
    boxes = []
    for layer in layers:
        sizes = ", ".join("any" if size is None else str(size) for size in layer.shape)
        weights = f"   {layer.parameters:,} weights" if layer.parameters else ""
        boxes.append(Box(layer.name, layer.kind, f"({sizes}){weights}", layer.sources))
    total = sum(layer.parameters for layer in layers)
    return draw_diagram(f"{checkpoint.network.kind} network, {total:,} weights", boxes)


def _attention(checkpoint: Checkpoint, seed: int) -> Picture:
    network = checkpoint.network
    if not network.attention:
        raise _NothingToDrawError("the network has no attention")
    if network.kind != "stream":
        raise _NothingToDrawError("a window network attends only to its window")
    seed, text = _tune_with_bars(checkpoint, seed)
    bars, shares = attention_between_bars(checkpoint, text)
    labels = [bar.strip()[:MAX_LABEL] for bar in bars]
    title = f"which earlier bar each bar of a tune drawn with seed {seed} looks at"
    return draw_attention(title, labels, shares)


def attention_between_bars(
    checkpoint: Checkpoint, text: str
) -> tuple[list[str], list[list[float]]]:
    """Return the bars of a model text, and how much of its attention each pays to each.

    It is the mean, over the characters of one bar, of their attention to all characters of the
    other. The header is omitted, because characters that need no attention attend to it.

    Raises:
        InputError: if the text has no key.
    """
    # Bar 0 is the header, with the begin token.
    bars = bars_of(text)
    ids = [BEGIN, *checkpoint.vocabulary.encode(text).tolist()]
    weights = step_network(checkpoint).attention_weights(ids)  # (characters, characters)
    bar_of = [0, *(number for number, bar in enumerate(bars) for _ in bar)]
    shares = shares_between(weights, bar_of)
    return bars[1:], [row[1:] for row in shares[1:]]


def _tune_with_bars(checkpoint: Checkpoint, seed: int) -> tuple[int, str]:
    """Sample a tune with two bars or more, if not with this seed then with one of the next.

    Returns:
        The seed, and the tune's model text.
    """
    seeds = range(seed, min(seed + SEEDS, MAX_SEED + 1))
    for number in seeds:
        text = sample_text(checkpoint, SampleConfig(temperature=0.7), number)
        try:
            bars = bars_of(text)
        except InputError:
            continue
        if len(bars) > 2:
            return number, text
    raise _NothingToDrawError(
        f"no tune sampled with seeds {seeds[0]} to {seeds[-1]} has two bars: train it longer"
    )


def bars_of(text: str) -> list[str]:
    """Split a model text into its header and its bars, which joined give the text again.

    Raises:
        InputError: if there is no key, which ends a header.
    """
    before, key_field, after = text.partition("\nK:")
    key, newline, body = after.partition("\n")
    if not key_field:
        raise InputError("a tune without a key (K:) has no bars")
    matches = BAR.findall(body)
    after_last_bar_line = body[len("".join(matches)) :]
    bars = [before + key_field + key + newline, *matches]
    bars[-1] += after_last_bar_line
    # A bar line before the first note belongs to the header.
    if matches and not any(character.isalpha() for character in matches[0]):
        bars[:2] = ["".join(bars[:2])]
    return bars
