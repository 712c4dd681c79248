from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from abcgen import files
from abcgen.config import (
    NetworkConfig,
    TrainConfig,
)
from abcgen.errors import CheckpointError
from abcgen.model.architecture import weight_shapes
from abcgen.model.checkpoint import (
    CONFIG,
    FORMAT_VERSION,
    VOCABULARY,
    WEIGHTS,
    Checkpoint,
    load_checkpoint,
    load_description,
    newest_checkpoint,
    write_description,
    write_weights,
)
from abcgen.model.metrics import METRICS, read_metrics
from abcgen.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.model.checkpoint import Weights

NETWORK = NetworkConfig(layers=2, units=8, embedding=4, dropout=0.1, heads=2)


@pytest.fixture
def checkpoint(random_weights: Callable[[NetworkConfig, int], Weights]) -> Checkpoint:
    vocabulary = Vocabulary("abc♯")
    return Checkpoint(
        network=NETWORK,
        training=TrainConfig(minutes=2.5, seed=9),
        vocabulary=vocabulary,
        weights=random_weights(NETWORK, vocabulary.size),
        about={"split": "4f"},
        created="2020-01-01T00:00:00+00:00",
        written_by="0.1.0",
    )


@pytest.fixture
def folder(checkpoint: Checkpoint, tmp_path: Path) -> Path:
    write_description(checkpoint, tmp_path)
    write_weights(checkpoint.weights, tmp_path)
    return tmp_path


def _change(path: Path, *keys: str, value: object) -> None:
    data = json.loads(path.read_text())
    part: Any = data
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    path.write_text(json.dumps(data))


def test_a_checkpoint_reads_back(folder: Path, checkpoint: Checkpoint) -> None:
    found = load_checkpoint(folder)
    assert found.network == checkpoint.network
    assert found.training == checkpoint.training
    assert found.vocabulary == checkpoint.vocabulary
    assert found.about == checkpoint.about
    assert (found.created, found.written_by) == (checkpoint.created, checkpoint.written_by)
    for name, array in checkpoint.weights.items():
        assert np.array_equal(found.weights[name], array)


def test_the_weights_are_plain_safetensors_and_the_rest_plain_json(folder: Path) -> None:
    vocabulary = Vocabulary.from_json(json.loads((folder / VOCABULARY).read_text()))
    shapes = {name: array.shape for name, array in load_file(folder / WEIGHTS).items()}
    assert shapes == weight_shapes(NETWORK, vocabulary.size)
    assert json.loads((folder / CONFIG).read_text())["format_version"] == FORMAT_VERSION
    assert "♯" in (folder / VOCABULARY).read_text("utf-8")


@pytest.mark.parametrize("name", [CONFIG, VOCABULARY, WEIGHTS])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        load_checkpoint(folder)


@pytest.mark.parametrize("name", [CONFIG, VOCABULARY, WEIGHTS])
@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 40, b"{", b"[" * 100_000, b"\xff\xfe", b"[]", b"3", b"null"]
)
def test_a_damaged_file_is_named(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=name):
        load_checkpoint(folder)


def test_a_cut_off_file_of_weights_is_refused(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[:-1])
    with pytest.raises(CheckpointError, match=WEIGHTS):
        load_checkpoint(folder)


def test_a_folder_in_place_of_a_file_is_refused(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).mkdir()
    with pytest.raises(CheckpointError, match=WEIGHTS):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("network", "layers"), 17),
        (("network", "layers"), 0),
        (("network", "layers"), True),
        (("network", "layers"), "2"),
        (("network", "layers"), 2.0),
        (("network", "layers"), None),
        (("network", "units"), 10**9),
        (("network", "units"), [8]),
        (("network", "dropout"), float("nan")),
        (("network", "dropout"), 1.5),
        (("network", "heads"), 3),
        (("network", "kind"), "transformer"),
        (("network", "kind"), ["stream"]),
        (("network", "attention"), 1),
        (("network", "bidirectional"), "yes"),
        (("network", "sequence_length"), 1),
        (("network", "what"), 4),
        (("training", "optimizer"), "pickle"),
        (("network",), 4),
        (("network",), None),
        (("training", "minutes"), -1),
        (("training", "seed"), None),
        (("training", "seed"), 2**31),
        (("training", "final_rate"), 2),
        (("training", "epochs"), 10**400),
        (("training", "learning_rate"), 10**400),
        (("about",), []),
        (("format_version",), "1"),
        (("format_version",), 0),
        (("format_version",), True),
    ],
)
def test_an_invalid_setting_is_refused(folder: Path, keys: tuple[str, ...], value: object) -> None:
    _change(folder / CONFIG, *keys, value=value)
    with pytest.raises(CheckpointError, match=CONFIG):
        load_checkpoint(folder)


def test_a_newer_format_asks_for_an_upgrade(folder: Path) -> None:
    for version in (FORMAT_VERSION + 1, 10**400):
        _change(folder / CONFIG, "format_version", value=version)
        with pytest.raises(CheckpointError, match=CONFIG) as caught:
            load_checkpoint(folder)
        assert "upgrade" in caught.value.hint
        assert len(str(caught.value)) < len(str(folder)) + 200


def test_a_checkpoint_of_format_1_has_the_network_it_was_written_with(
    tmp_path: Path, random_weights: Callable[[NetworkConfig, int], Weights]
) -> None:
    old = NETWORK.replace(attention=False, heads=NetworkConfig().heads)
    weights = random_weights(old, Vocabulary("abc").size)
    write_description(Checkpoint(old, TrainConfig(), Vocabulary("abc"), {}), tmp_path)
    write_weights(weights, tmp_path)
    config = json.loads((tmp_path / CONFIG).read_text())
    names = ("layers", "units", "embedding", "dropout")
    config |= {"format_version": 1, "network": {name: config["network"][name] for name in names}}
    (tmp_path / CONFIG).write_text(json.dumps(config))
    found = load_checkpoint(tmp_path)
    assert found.network == old
    assert found.weights.keys() == weights.keys()
    config["network"].pop("layers")
    assert load_description(tmp_path).network.layers == 2


def test_a_setting_that_is_missing_has_its_default(folder: Path) -> None:
    _change(folder / CONFIG, "training", value={"seed": 4})
    assert load_checkpoint(folder).training == TrainConfig(seed=4)


def test_weights_of_another_shape_are_refused_before_they_are_read(folder: Path) -> None:
    _change(folder / CONFIG, "network", "units", value=8192)
    with pytest.raises(CheckpointError, match="lstm_1/kernel"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("lstm_9/bias", np.zeros(3, np.float32)),  # of no layer
        ("logits/bias", np.zeros(7, np.float64)),  # of another type and shape
        ("logits/bias", np.full(8, np.nan, np.float32)),
        ("logits/bias", None),  # missing
    ],
)
def test_invalid_weights_are_refused_and_named(folder: Path, name: str, array: Any) -> None:
    weights = load_file(folder / WEIGHTS) | {name: array}
    present = {name: array for name, array in weights.items() if array is not None}
    save_file(present, folder / WEIGHTS)
    with pytest.raises(CheckpointError, match=name):
        load_checkpoint(folder)


def test_the_newest_checkpoint_is_the_one_written_last(tmp_path: Path) -> None:
    for age, name in enumerate(["b", "c", "a"]):
        write_weights({"x": np.zeros(1, np.float32)}, tmp_path / name)
        os.utime(tmp_path / name / WEIGHTS, (100 - age, 100 - age))
    (tmp_path / "unfinished").mkdir()
    assert newest_checkpoint(tmp_path) == tmp_path / "b"


def test_without_runs_there_is_no_newest_checkpoint(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) is None
    assert newest_checkpoint(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    "load", [load_checkpoint, load_description, newest_checkpoint, read_metrics]
)
def test_a_folder_that_cannot_be_read_is_reported_in_one_line(
    load: Callable[[Path], object], tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match="x" * 300) as caught:
        load(tmp_path / ("x" * 300))
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


def _forbidden(path: Path) -> None:
    raise PermissionError(13, "Permission denied", str(path))


@pytest.mark.parametrize("probe", ["iterdir", "is_file"])
def test_a_run_that_cannot_be_read_is_named(
    probe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_weights({"x": np.zeros(1, np.float32)}, tmp_path / "run")
    monkeypatch.setattr(Path, probe, _forbidden)
    with pytest.raises(CheckpointError) as caught:
        newest_checkpoint(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert isinstance(caught.value.__cause__, PermissionError)


@pytest.mark.parametrize("load", [load_description, read_metrics])
def test_a_file_that_cannot_be_read_is_named(
    load: Callable[[Path], object], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / METRICS).touch()
    monkeypatch.setattr(files, "open_regular", lambda path, **_: _forbidden(path))
    with pytest.raises(CheckpointError, match=rf"{CONFIG}|{METRICS}") as caught:
        load(folder)
    assert isinstance(caught.value.__cause__, PermissionError)
