"""Which settings a network and its training may have, whoever wrote them down."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, TypeVar

from abcgen.config import NetworkConfig, TrainConfig
from abcgen.errors import InputError

Settings = TypeVar("Settings", NetworkConfig, TrainConfig)

# Kind, least and greatest value of every setting. The bounds keep a stranger's file from asking
# for absurd amounts of memory; they are far beyond what trains in a lifetime.
RANGES: dict[str, tuple[type, float, float]] = {
    "layers": (int, 1, 16),
    "units": (int, 1, 8192),
    "embedding": (int, 1, 8192),
    "dropout": (float, 0.0, 0.95),
    "epochs": (int, 1, 1_000_000),
    "minutes": (float, 1e-3, 1e6),
    "batch_size": (int, 1, 65_536),
    "learning_rate": (float, 1e-9, 10.0),
    "warm_up": (float, 0.0, 1.0),
    "weight_decay": (float, 0.0, 10.0),
    "clip_norm": (float, 1e-6, 1e6),
    "seed": (int, 0, 2**63 - 1),
}
MAY_BE_MISSING = {"minutes"}


def checked(settings: Settings) -> Settings:
    """Give settings back if all of them are within their ranges.

    Raises:
        InputError: naming the first that is not.
    """
    for name, value in asdict(settings).items():
        _check(name, value)
    return settings


def settings_from_json(kind: type[Settings], data: object) -> Settings:
    """Read settings from untrusted JSON; what is missing has its default.

    Raises:
        InputError: if one is unknown, of another type or out of range.
    """
    if not isinstance(data, dict):
        raise InputError(f"settings must be an object, not {str(data)[:40]!r}")
    unknown = set(data) - {field.name for field in fields(kind)}
    if unknown:
        raise InputError(f"unknown setting {min(map(str, unknown))[:40]!r}")
    return checked(kind(**data))


def _check(name: str, value: Any) -> None:
    kind, least, greatest = RANGES[name]
    if value is None and name in MAY_BE_MISSING:
        return
    kinds = (int, float) if kind is float else (int,)
    if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= greatest:
        raise InputError(
            f"{name} must be {_article(kind)} from {least:g} to {greatest:g}, not {str(value)[:40]}"
        )


def _article(kind: type) -> str:
    return "a whole number" if kind is int else "a number"
