"""The published network, row by row, and what the presets are."""

from __future__ import annotations

import pytest

from abcgen.errors import InputError
from abcgen.model.architecture import architecture
from abcgen.pipeline.training import check_settings, plan_new_run
from abcgen.presets import PRESETS

# Joshi et al., "Music Generation Using Recurrent Neural Networks", IJRASET 10(XII), 2022, fig. 6.
PUBLISHED = [
    ("LSTM", (None, 100, 512), 1_052_672),
    ("Dropout", (None, 100, 512), 0),
    ("LSTM", (None, 512), 2_099_200),
    ("Dense", (None, 512), 262_656),
    ("Dropout", (None, 512), 0),
    ("Dense", (None, 256), 131_328),
    ("Dropout", (None, 256), 0),
    ("Dense (softmax)", (None, 359), 92_263),
]


def test_the_published_network_is_built_row_by_row() -> None:
    layers = architecture(PRESETS["paper"].network, 359)
    assert layers[0].kind == "InputLayer"
    assert [(layer.kind, layer.shape, layer.parameters) for layer in layers[1:]] == PUBLISHED
    assert sum(layer.parameters for layer in layers) == 3_638_119


def test_the_published_training_is_the_presets() -> None:
    network, training = PRESETS["paper"].network, PRESETS["paper"].training
    assert (network.kind, network.sequence_length) == ("window", 100)
    assert (training.epochs, training.batch_size) == (200, 64)


@pytest.mark.parametrize(
    ("device", "minutes", "preset"),
    [
        ("cpu", None, "small"),
        ("cpu", 6.0, "small"),
        ("cpu", 20.0, "small"),
        ("cpu", 60.0, "base"),
        ("cpu", 120.0, "base"),
        ("gpu", None, "base"),
        ("gpu", 5.0, "base"),
        ("gpu", 60.0, "large"),
    ],
)
def test_the_automatic_preset_fits_device_and_time(
    device: str, minutes: float | None, preset: str
) -> None:
    plan = plan_new_run("auto", {"minutes": minutes} if minutes else {}, device)
    assert plan.network == PRESETS[preset].network
    assert plan.reason.startswith(f"preset {preset}, ")
    assert ("GPU" if device == "gpu" else "CPU") in plan.reason
    assert (f"{minutes:g} minutes" if minutes else "no time limit") in plan.reason


def test_only_the_given_settings_differ_from_the_preset() -> None:
    plan = plan_new_run("large", {"units": 64, "patience": 3}, "cpu")
    assert (plan.network.units, plan.config.patience) == (64, 3)
    assert plan.network.layers == PRESETS["large"].network.layers


@pytest.mark.parametrize(
    ("preset", "changes", "complaint"),
    [
        ("huge", {}, "huge"),
        ("auto", {"units": 0}, "units"),
        ("auto", {"dropout": 1.0}, "dropout"),
        ("small", {"heads": 5}, r"\b5\b.*\b192\b"),
        ("small", {"heads": 0}, "heads"),
        ("small", {"units": 129, "attention": False, "bidirectional": True}, r"\b129\b"),
        ("paper", {"kind": "stream"}, "embedding"),
        ("auto", {"kind": "transformer"}, "kind.*stream.*window"),
        ("auto", {"optimizer": "lbfgs"}, "optimizer.*adamw"),
        ("auto", {"sequence_length": 1}, "sequence_length"),
        ("auto", {"patience": 0}, "patience"),
        ("auto", {"stride": 0}, "stride"),
    ],
)
def test_an_impossible_setting_is_named(
    preset: str, changes: dict[str, object], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        check_settings(preset, changes)


def test_a_window_network_does_not_inherit_positions_from_a_preset() -> None:
    assert not plan_new_run("small", {"kind": "window"}, "cpu").network.positions
    assert plan_new_run("small", {}, "cpu").network.positions
    with pytest.raises(InputError, match="--positions"):
        check_settings("small", {"kind": "window", "positions": True})
