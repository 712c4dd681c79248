"""What is drawn of a run: the figures behind the pictures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch

from abcgen.config import NetworkConfig, TrainConfig
from abcgen.errors import InputError
from abcgen.model.architecture import weight_shapes
from abcgen.model.checkpoint import Checkpoint, write_description, write_weights
from abcgen.model.metrics import Histogram, Measurement, write_metrics
from abcgen.model.vocabulary import Vocabulary
from abcgen.pipeline import plotting
from abcgen.pipeline.plotting import bars_of, plot_run, plot_runs
from abcgen.plots.canvas import plot_style, write_figure
from abcgen.plots.run import (
    BOX_HEIGHT,
    Box,
    Curve,
    draw_attention,
    draw_curves,
    draw_diagram,
    draw_weights,
    overlay_curves,
)
from tests.pipeline.checkpoints import untrained

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "R:reel\nM:4/4\nK:Cmaj\n|:G|cded cBAG|c4[1c4:|[2c4z2:|\n".replace(" ", "")


def test_bars_joined_give_the_text() -> None:
    bars = bars_of(TEXT)
    assert "".join(bars) == TEXT
    assert bars[0].endswith("|:")
    assert bars[1:3] == ["G|", "cdedcBAG|"]


def test_a_text_without_a_key_has_no_bars() -> None:
    with pytest.raises(InputError, match="K:"):
        bars_of("abc|")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a run without measurements, of a network without attention."""
    network, vocabulary = NetworkConfig(units=8, embedding=4, attention=False), Vocabulary("abc|")
    shapes = weight_shapes(network, vocabulary.size)
    checkpoint = Checkpoint(network, TrainConfig(), vocabulary, {})
    write_description(checkpoint, tmp_path / "run")
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    write_weights(weights, tmp_path / "run")
    return tmp_path / "run"


def test_pictures_that_cannot_be_drawn_have_a_reason(run: Path, tmp_path: Path) -> None:
    pictures = plot_run(run, tmp_path / "out", on_picture=lambda: None)
    assert [path.name for path in pictures.files] == ["network.png", "network.svg"]
    assert len(pictures.left_out) >= 2
    assert all(pictures.left_out)
    assert any("attention" in reason for reason in pictures.left_out)


def test_a_network_that_learnt_nothing_is_drawn_as_far_as_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = untrained(tmp_path / "run")
    pictures = plot_run(network, tmp_path / "out", on_picture=lambda: None)
    assert [path.name for path in pictures.files] == ["network.png", "network.svg"]
    assert any("attention" in reason for reason in pictures.left_out)
    # The next seed is tried, and said.
    texts = {5: "abc|", 6: "M:4/4\nK:Cmaj\nabcd|\n", 7: "M:4/4\nK:Cmaj\na8|b8|c8|\n"}
    monkeypatch.setattr(plotting, "sample_text", lambda _network, _config, seed: texts[seed])
    pictures = plot_run(network, tmp_path / "out", seed=5, on_picture=lambda: None)
    assert {path.stem for path in pictures.files} == {"network", "attention"}
    assert "seed 7" in (tmp_path / "out" / "attention.svg").read_text(encoding="utf-8")


def measured(epochs: int) -> Measurement:
    return Measurement(
        epochs=epochs,
        steps=epochs,
        seconds=1.0,
        training_bits=3.0 / epochs,
        bits_per_character=None,
        bits_per_note=None,
        characters_per_second=9.0,
        learning_rate=0.1,
        training_accuracy=0.1 * epochs,
        weights={"$x_1$<b>": Histogram(low=-1.0, high=1.0, counts=(1, 5, 1))},
    )


def test_a_run_without_held_out_tunes_is_drawn(run: Path, tmp_path: Path) -> None:
    write_metrics([measured(epochs) for epochs in range(1, 9)], run)
    pictures = plot_run(run, tmp_path / "out", on_picture=lambda: None)
    assert len(pictures.files) == 6
    # A stranger's names are drawn as they are, no formula and no markup.
    assert "$x_1$&lt;b&gt;" in (tmp_path / "out" / "weights.svg").read_text(encoding="utf-8")


def test_curves_of_several_runs_share_panels() -> None:
    loss = Curve("loss", "bits", [3.0, 2.0], [3.5, None])
    notes = Curve("notes", "bits per note", [None, None], [9.0, 8.0])
    picture = overlay_curves({"run-1": ([1, 2], [loss]), "run-2": ([2, 4], [loss, notes])})
    first, second = picture.axes
    assert [line.get_label() for line in first.lines] == [
        f"{name}, {kind}" for name in ("run-1", "run-2") for kind in ("training", "held-out")
    ]
    assert [line.get_label() for line in second.lines] == ["run-2, held-out"]
    assert len({line.get_color() for line in first.lines}) == 2
    assert np.asarray(first.lines[2].get_xdata()).tolist() == [2, 4]


@pytest.mark.filterwarnings("error")
def test_a_curve_without_points_has_no_legend() -> None:
    points = Curve("loss", "bits", [3.0, 2.0], [None, None])
    picture = draw_curves([1, 2], [points, Curve("notes", "bits", [None, None], [None, None])])
    first, second = picture.axes
    assert first.get_legend()
    assert not second.get_legend()


def test_runs_are_compared_as_far_as_they_were_measured(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "measured")
    write_metrics([measured(1), measured(2)], tmp_path / "measured")
    pictures = plot_runs([run, tmp_path / "measured"], tmp_path / "out")
    assert [path.name for path in pictures.files] == ["curves.png", "curves.svg"]
    assert len(pictures.left_out) == 1
    with pytest.raises(InputError):
        plot_runs([run, run], tmp_path / "none")


def test_the_best_held_out_figure_is_marked() -> None:
    curve = Curve("loss", "bits", [3.0, 2.0, 1.0], [3.0, 1.23, 2.0])
    (axes,) = draw_curves([1, 2, 3], [curve]).axes
    assert [text.get_text() for text in axes.texts] == ["1.23"]
    assert [line.get_label() for line in axes.lines[:2]] == ["training", "held-out"]


def test_every_stage_of_every_array_is_drawn() -> None:
    outline = [0.0, 1.0, 2.0], [0.5, 0.5]
    stages = [("epoch 1", outline), ("epoch 2", outline)]
    panels = draw_weights({"a": stages, "b": stages}).axes
    assert [panel.get_title() for panel in panels] == ["a", "b"]
    assert [text.get_text() for text in panels[0].texts] == ["epoch 1", "epoch 2"]


def test_layers_with_the_same_input_share_a_row() -> None:
    boxes = [
        Box("in", "InputLayer", "", ()),
        Box("one", "LSTM", "", ("in",)),
        Box("two", "LSTM", "", ("in",)),
        Box("sum", "Add", "", ("one", "two")),
    ]
    picture = draw_diagram("title", boxes)
    texts = {
        text.get_text().split()[-1]: text.get_position()
        for text in picture.axes[0].texts
        if text.get_text()
    }
    assert texts["one"][1] == texts["two"][1]
    assert texts["one"][0] != texts["two"][0]
    assert texts["sum"][1] > texts["one"][1]


def test_no_arrow_crosses_a_layer() -> None:
    boxes = [
        Box("in", "InputLayer", "", ()),
        Box("one", "LSTM", "", ("in",)),
        Box("aside", "LSTM", "", ("in",)),
        Box("two", "LSTM", "", ("one",)),
        Box("sum", "Add", "", ("two", "aside", "in")),
    ]
    (axes,) = draw_diagram("title", boxes).axes
    arrows = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    heights = [patch.get_path().get_extents().height for patch in arrows]
    # Between rows there is room for an arrow, but for no box.
    assert len(arrows) == 6
    assert max(heights) < BOX_HEIGHT


def test_lines_beside_the_layers_do_not_run_into_each_other() -> None:
    chain = [Box("0", "InputLayer", "", ())]
    # Two short detours, one around both, one around all.
    reads = {1: (), 2: (0,), 3: (), 4: (2, 0), 5: (), 6: (0,), 7: (1,)}
    for number, others in reads.items():
        sources = (number - 1, *others)
        chain.append(Box(str(number), "LSTM", "", tuple(map(str, sources))))
    lines = draw_diagram("title", chain).axes[0].lines
    corners = [np.asarray(line.get_path().vertices, float) for line in lines]
    # Where each line runs down: x, and from which y to which.
    runs = [(line[2][0], line[2][1], line[3][1]) for line in corners if len(line) == 4]
    assert len(runs) == 5
    for number, (x, top, bottom) in enumerate(runs):
        for other_x, other_top, other_bottom in runs[number + 1 :]:
            is_one_source = top == other_top
            apart = x != other_x or bottom < other_top or other_bottom < top
            assert apart or is_one_source


def test_the_same_picture_is_the_same_file(tmp_path: Path) -> None:
    contents = []
    for name in "ab":
        with plot_style():
            picture = draw_diagram("title", [Box("in", "InputLayer", "", ())])
            files = write_figure(picture, tmp_path / name)
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]


def test_control_characters_in_labels_are_replaced(tmp_path: Path) -> None:
    names = ["\x00|", "\ud800\x1b|"]
    picture = draw_attention("\x01", names, [[0.5, 0.5], [0.5, 0.5]])
    png, svg = write_figure(picture, tmp_path / "attention")
    assert png.stat().st_size
    ElementTree.parse(svg)  # noqa: S314 - our own


def test_an_unknown_backend_of_matplotlib_does_not_matter() -> None:
    code = "import abcgen.plots.canvas as c; print(c.figure(1, 1) is not None)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "MPLBACKEND": "nonsense"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "True\n"
