"""One checkpoint on every backend of Keras, on one device and several."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from abcgen.config import NetworkConfig
from abcgen.errors import InputError
from abcgen.example import Example
from abcgen.model import backend as backends
from abcgen.model.architecture import weight_shapes
from abcgen.model.backend import describe_backend, use_precision
from abcgen.model.dataset import Batch, TextDataset
from abcgen.model.distribution import compute_on, devices, divisible, own_folder, use_devices
from abcgen.model.metrics import METRICS
from benchmarks.devices.run import Setup, curve, largest_difference
from tests.small_corpus import write_small_corpus

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.model.vocabulary import Vocabulary

NETWORK = NetworkConfig(layers=2, units=8, embedding=6, dropout=0.0, heads=2, bidirectional=True)
CLASSES = 12

# Weights from a file, a batch that two devices do not divide evenly, and a few steps.
STEPS = """
    import json, sys
    from abcgen.config import NetworkConfig, TrainConfig
    from abcgen.model.distribution import compute_on
    count, weights = int(sys.argv[1]), sys.argv[2]
    network = NetworkConfig(**json.loads(sys.argv[3]))
    compute_on("cpu", count, sys.argv[4])
    import numpy as np
    from safetensors.numpy import load_file
    from abcgen.model.dataset import Batch
    from abcgen.model.compiled import CompiledNetwork
    from abcgen.model.network import weight_name
    compiled = CompiledNetwork(network, 12, TrainConfig(clip_norm=0.5))
    given = load_file(weights)
    for variable in compiled.model.trainable_variables:
        variable.assign(given[weight_name(variable.path)])
    random = np.random.default_rng(0)
    losses = []
    for _ in range(4):
        ids = random.integers(3, 12, (5, 129)).astype(np.int32)
        present = (np.arange(128) < random.integers(1, 129, (5, 1))).astype(np.float32)
        batch = Batch(ids[:, :-1].copy(), ids[:, 1:].copy(), present, present)
        losses.append(compiled.train_step(batch, 0.02))
    totals = {name: float(np.abs(array).sum()) for name, array in compiled.weights.items()}
    print(json.dumps({"learnt": losses, "weights": totals, "steps": compiled.steps}))
"""


def _steps(
    backend: str, weights: Path, count: int = 1, precision: str = "float32"
) -> dict[str, Any]:
    """Run the steps above in a process on a backend, and return its results."""
    environment = os.environ | {"KERAS_BACKEND": backend}
    command = [sys.executable, "-c", textwrap.dedent(STEPS), str(count), str(weights)]
    result = subprocess.run(
        [*command, NETWORK.model_dump_json(), precision],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(7)
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    shapes = weight_shapes(NETWORK, CLASSES)
    save_file(
        {name: random.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()},
        path,
    )
    return path


@pytest.fixture(scope="module")
def alone(weights: Path) -> dict[str, Any]:
    return _steps("tensorflow", weights)


def _same(one: dict[str, Any], other: dict[str, Any]) -> None:
    # Only the loss: TensorFlow tells the accuracy as the mean of its devices'.
    ours, theirs = ([step[0] for step in run["learnt"]] for run in (one, other))
    assert np.allclose(ours, theirs, atol=1e-4)
    assert one["weights"] == pytest.approx(other["weights"], rel=1e-3)
    assert one["steps"] == other["steps"] == 4


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_every_backend_learns_the_same_from_a_checkpoint(
    backend: str, weights: Path, alone: dict[str, Any]
) -> None:
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    _same(_steps(backend, weights), alone)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_learn_what_one_does(
    backend: str, weights: Path, alone: dict[str, Any]
) -> None:
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    _same(_steps(backend, weights, count=2), alone)


@pytest.mark.slow
def test_bfloat16_learns_nearly_the_same_as_float32(weights: Path, alone: dict[str, Any]) -> None:
    """bfloat16 keeps eight bits of a number; its losses are those of float32 to a hundredth."""
    rough = _steps("tensorflow", weights, precision="bfloat16")
    ours, theirs = ([step[0] for step in run["learnt"]] for run in (rough, alone))
    assert ours != theirs
    assert np.allclose(ours, theirs, rtol=0.01)
    assert rough["weights"] == pytest.approx(alone["weights"], rel=0.02)


@pytest.mark.slow
def test_two_processes_on_the_loopback_follow_the_curve_of_one(tmp_path: Path) -> None:
    if find_spec("jax") is None:
        pytest.skip("jax is not installed")
    tunes = write_small_corpus(tmp_path)
    alone, together = (
        curve(Setup("", "jax", processes=processes), [tunes], epochs=2) for processes in (1, 2)
    )
    assert largest_difference(alone, together) < 1e-3


def _train(backend: str, tunes: Path, out: Path, epochs: int, *options: str) -> dict[str, Any]:
    """Train on the command line, and return the last figures."""
    command = [sys.executable, "-m", "abcgen", "train", str(tunes), "--out", str(out), *options]
    subprocess.run(
        [*command, "--epochs", str(epochs), "--device", "cpu", "--no-critic"],
        env=os.environ | {"KERAS_BACKEND": backend},
        capture_output=True,
        check=True,
        timeout=900,
    )
    line: dict[str, Any] = json.loads((out / METRICS).read_text(encoding="utf-8").splitlines()[-1])
    return line


@pytest.mark.slow
def test_a_run_resumed_on_another_backend_goes_on_to_the_same_figures(tmp_path: Path) -> None:
    others = [name for name in ("jax", "torch") if find_spec(name)]
    if not others:
        pytest.skip("only TensorFlow is installed")
    tunes = write_small_corpus(tmp_path)
    small = "--units", "8", "--embedding", "8", "--dropout", "0", "--packed"
    _train("tensorflow", tunes, tmp_path / "begun", 1, "--preset", "small", *small)
    figures = []
    for backend in ("tensorflow", *others):
        folder = tmp_path / backend
        shutil.copytree(tmp_path / "begun", folder)
        figures.append(_train(backend, tunes, folder, 2, "--resume"))
    first, *rest = figures
    for found in rest:
        assert found["steps"] == first["steps"]
        for name in ("training_bits", "bits_per_note", "accuracy"):
            assert found[name] == pytest.approx(first[name], abs=2e-3)


def test_padding_rows_make_a_batch_divisible(vocabulary: Vocabulary) -> None:
    batch = TextDataset([Example("ab"), Example("abc"), Example("a")], vocabulary, 3).batch(
        np.arange(3)
    )
    longer = divisible(batch, 2)
    assert longer.inputs.shape == longer.targets.shape == (4, batch.inputs.shape[1])
    assert longer.characters == batch.characters
    assert not longer.scored[3].any()
    assert np.array_equal(longer.inputs[:3], batch.inputs)
    assert divisible(batch, 3) is batch


def test_padding_rows_make_a_batch_of_windows_divisible() -> None:
    ids, ones = np.ones((3, 5), np.int32), np.ones(3, np.float32)
    longer = divisible(Batch(ids, ids[:, 0], ones, ones), 4)
    assert (longer.inputs.shape, longer.targets.shape, longer.characters) == ((4, 5), (4,), 3)


@pytest.mark.parametrize("count", [0, 100_000])
def test_an_impossible_number_of_devices_is_refused(count: int) -> None:
    with pytest.raises(InputError, match=str(count)):
        use_devices(count)


def test_several_devices_on_a_backend_that_cannot_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("abcgen.model.distribution.backend_name", lambda: "torch")
    with pytest.raises(InputError, match="PyTorch"):
        use_devices(2)


def test_several_hosts_on_tensorflow_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "2")
    with pytest.raises(InputError) as caught:
        use_devices(1)
    assert "KERAS_BACKEND=jax" in caught.value.hint


def test_one_device_is_the_default(tmp_path: Path) -> None:
    compute_on("auto")
    assert (devices().count, devices().hosts, devices().host) == (1, 1, 0)
    with own_folder(tmp_path) as folder:
        assert folder == tmp_path


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(InputError, match="float8"):
        use_precision("float8")


@pytest.mark.parametrize(
    ("seeing", "named", "driver", "chosen"),
    [
        ({"torch"}, "", True, "torch"),
        ({"jax"}, "", True, "jax"),
        ({"tensorflow", "torch"}, "", True, ""),
        (set(), "", True, ""),
        ({"torch"}, "tensorflow", True, "tensorflow"),
        ({"torch"}, "", False, ""),
    ],
)
def test_a_backend_that_sees_the_gpu_is_chosen(
    seeing: set[str],
    named: str,
    driver: bool,
    chosen: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", named)
    monkeypatch.setattr(backends, "NVIDIA", tmp_path if driver else tmp_path / "none")
    monkeypatch.setattr(backends, "find_spec", lambda _name: True)
    monkeypatch.setattr(backends, "_sees_gpu", seeing.__contains__)
    monkeypatch.setattr(backends, "_chosen", "")
    backends.choose_backend()
    assert os.environ["KERAS_BACKEND"] == chosen
    assert (f"KERAS_BACKEND={chosen}" in backends._chosen) == (chosen != named)


def test_the_backend_is_described_in_a_line() -> None:
    description = describe_backend(2)
    assert "\n" not in description
    assert all(part in description for part in ("TensorFlow", "2 x cpu", "float32", "own LSTM"))
