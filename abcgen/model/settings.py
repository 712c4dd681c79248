"""Which settings a network, its training and sampling may have, whoever wrote them down."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, TypeVar

from abcgen.config import NETWORKS, OPTIMIZERS, NetworkConfig, SampleConfig, TrainConfig
from abcgen.errors import InputError, shown

Settings = TypeVar("Settings", NetworkConfig, TrainConfig, SampleConfig)

Range = tuple[type, float, float]

# Kind, least and greatest value of every setting. The bounds keep a stranger's file from asking
# for absurd amounts of memory; they are far beyond what trains in a lifetime.
RANGES: dict[str, Range] = {
    "layers": (int, 1, 16),
    "units": (int, 1, 8192),
    "embedding": (int, 0, 8192),
    "dropout": (float, 0.0, 0.95),
    "heads": (int, 1, 256),
    "sequence_length": (int, 2, 100_000),
    "epochs": (int, 1, 1_000_000),
    "minutes": (float, 1e-3, 1e6),
    "patience": (int, 1, 1_000_000),
    "batch_size": (int, 1, 65_536),
    "stride": (int, 1, 1_000_000),
    "learning_rate": (float, 1e-9, 10.0),
    "warm_up": (float, 0.0, 1.0),
    "final_rate": (float, 0.0, 1.0),
    "weight_decay": (float, 0.0, 10.0),
    "clip_norm": (float, 1e-6, 1e6),
    "save_minutes": (float, 0.0, 1e6),
    "seed": (int, 0, 2**31 - 1),  # TensorFlow refuses some that are larger
    "temperature": (float, 0.0, 1e6),
    "top_k": (int, 0, 4096),
    "top_p": (float, 1e-6, 1.0),
    "count": (int, 1, 100_000),
    "max_characters": (int, 1, 100_000),
    "max_attempts": (int, 1, 1_000_000),
}
CHOICES: dict[str, tuple[object, ...]] = {
    "kind": NETWORKS,
    "optimizer": OPTIMIZERS,
    "attention": (False, True),
    "bidirectional": (False, True),
    "positions": (False, True),
    "chord_symbols": (False, True),
}
# Sampling keeps so many numbers for each text where it reads windows or blocks.
MOST_READ = 2**23
MAY_BE_MISSING = {"minutes", "patience", "sequence_length"}
# Characters that are read at once where nothing else is said.
WINDOW, BLOCK = 100, 64
# Likewise for what a stranger's file says of a run: what a float counts exactly, and 30 years.
COUNT: Range = (int, 0, 2**53 - 1)
AMOUNT: Range = (float, 0.0, 2.0**53)
SECONDS: Range = (float, 0.0, 1e9)
SHARE: Range = (float, 0.0, 1.0)


def checked(settings: Settings) -> Settings:
    """Give settings back if all of them are within their ranges.

    Raises:
        InputError: naming the first that is not.
    """
    for name, value in asdict(settings).items():
        _check(name, value)
    if isinstance(settings, NetworkConfig):
        _check_shape(settings)
    return settings


def reading_length(network: NetworkConfig) -> int | None:
    """Characters of a window or block, or the most learnt in one piece, where there is a most."""
    usual = WINDOW if network.kind == "window" else BLOCK if network.bidirectional else None
    return network.sequence_length or usual


def settings_from_json(kind: type[Settings], data: object) -> Settings:
    """Read settings from untrusted JSON; what is missing has its default.

    Raises:
        InputError: if one is unknown, of another type or out of range.
    """
    if not isinstance(data, dict):
        raise InputError(f"settings must be an object, not {shown(data)}")
    unknown = set(data) - {field.name for field in fields(kind)}
    if unknown:
        raise InputError(f"unknown setting {min(map(str, unknown))[:40]!r}")
    return checked(kind(**data))


def fits(value: object, allowed: Range) -> bool:
    """Whether a value is a number of that kind between those bounds; a bool is no number."""
    kind, least, greatest = allowed
    kinds = (int, float) if kind is float else (int,)
    if isinstance(value, bool) or not isinstance(value, kinds):
        return False
    return least <= value <= greatest


def _check_shape(network: NetworkConfig) -> None:
    """Settings that are possible each for itself but not together."""
    units, heads = network.units, network.heads
    if network.attention and units % heads:
        raise InputError(
            f"{heads} attention heads do not divide {units} units",
            hint="choose --heads and --units so that they do",
        )
    if network.bidirectional and units % 2:
        raise InputError(
            f"{units} units cannot be divided between two directions",
            hint="choose an even number of --units",
        )
    reads_again = network.kind == "window" or network.bidirectional
    if reads_again and (reading_length(network) or 0) * units > MOST_READ:
        raise InputError(
            f"{network.sequence_length} characters are too many to read at once by {units} units",
            hint="choose a smaller --sequence-length",
        )
    if network.kind == "window" and network.positions:
        raise InputError(
            "a window network cannot be told positions, which lie before its window too",
            hint="leave out --positions",
        )
    if network.kind == "stream" and not network.embedding:
        raise InputError("embedding must be a whole number from 1 to 8192, not 0")


def _check(name: str, value: Any) -> None:
    if name in CHOICES:
        if type(value) not in {str, bool} or value not in CHOICES[name]:
            names = ", ".join(map(str, CHOICES[name]))
            raise InputError(f"{name} must be one of {names}, not {shown(value)}")
        return
    kind, least, greatest = RANGES[name]
    if value is None and name in MAY_BE_MISSING:
        return
    if not fits(value, RANGES[name]):
        raise InputError(
            f"{name} must be {_article(kind)} from {least:.10g} to {greatest:.10g}, "
            f"not {shown(value)}"
        )


def _article(kind: type) -> str:
    return "a whole number" if kind is int else "a number"
