"""Presets: settings of network and training that go together."""

from __future__ import annotations

from dataclasses import dataclass

from abcgen.config import NetworkConfig, SplitConfig, TrainConfig


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings that go together, and their purpose."""

    network: NetworkConfig
    training: TrainConfig
    purpose: str


PRESETS = {
    "small": Preset(
        NetworkConfig(dropout=0.15, positions=True, form=True, relative_pitch=True),
        TrainConfig(),
        "trains on a CPU in minutes",
    ),
    "base": Preset(
        NetworkConfig(
            layers=2,
            units=256,
            dropout=0.3,
            ffn=512,
            blocks=True,
            positions=True,
            form=True,
            relative_pitch=True,
        ),
        TrainConfig(epochs=40, weight_decay=0.2),
        "trains on a CPU in an hour or more, on a GPU in minutes",
    ),
    "large": Preset(
        NetworkConfig(
            layers=3,
            units=512,
            embedding=128,
            dropout=0.3,
            heads=8,
            positions=True,
            form=True,
            relative_pitch=True,
        ),
        TrainConfig(
            epochs=40, batch_size=64, optimizer="adamw", learning_rate=2e-3, weight_decay=0.05
        ),
        "trains on a GPU in half an hour or more",
    ),
    # Joshi et al., "Music Generation Using Recurrent Neural Networks", IJRASET 10(XII), 2022,
    # fig. 6. The paper does not name optimizer, rate, dropout and the dense layers' activation.
    "paper": Preset(
        NetworkConfig(
            kind="window",
            layers=2,
            units=512,
            embedding=0,
            dropout=0.3,
            attention=False,
            sequence_length=100,
        ),
        TrainConfig(
            epochs=200,
            batch_size=64,
            optimizer="adam",
            learning_rate=1e-3,
            warm_up=0.0,
            final_rate=1.0,
            weight_decay=0.0,
        ),
        "for comparison with the published network",
    ),
}


# For fine-tuning, perhaps on a small corpus: gentle enough that the network does not forget what
# it learned before. benchmarks/finetuning compares other settings.
FINE_TUNING = TrainConfig(
    epochs=30,
    patience=5,
    batch_size=8,
    optimizer="adamw",
    learning_rate=1e-3,
    warm_up=0.1,
    weight_decay=0.0,
)
# The usual twentieth of a small corpus might not be a single tune.
FINE_TUNING_SPLIT = SplitConfig(validation=0.1, test=0.1, least=3)
