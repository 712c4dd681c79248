"""Which settings a run has: a preset, chosen to fit the device, and what was asked for instead."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from abcgen.config import PRESETS, NetworkConfig, TrainConfig
from abcgen.errors import InputError
from abcgen.machine import cores
from abcgen.model.settings import checked

if TYPE_CHECKING:
    from collections.abc import Mapping

AUTO = "auto"
# Minutes from which a larger network learns more than a smaller one, by device.
LONG = {"cpu": 15.0, "gpu": 20.0}
NETWORK_SETTINGS = tuple(item.name for item in fields(NetworkConfig))
TRAINING_SETTINGS = tuple(item.name for item in fields(TrainConfig))


@dataclass(frozen=True)
class Wish:
    """What was asked for.

    Attributes:
        preset: A name from ``PRESETS``, or ``auto``.
        changes: Settings by name that are to be other than the preset's.
    """

    preset: str = AUTO
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """Settings that make sense.

    Attributes:
        network: Shape of the network.
        options: How to train it.
        preset: The preset they began as.
        why: Why that one.
    """

    network: NetworkConfig
    options: TrainConfig
    preset: str
    why: str


def check_wish(wish: Wish) -> None:
    """See whether a wish can be fulfilled, before anything heavy is loaded.

    Raises:
        InputError: naming the first setting that is impossible.
    """
    if wish.preset not in {AUTO, *PRESETS}:
        raise InputError(
            f"there is no preset {wish.preset!r}", way_out=f"choose {AUTO}, {', '.join(PRESETS)}"
        )
    for device in LONG if wish.preset == AUTO else ("cpu",):
        choose(wish, device)


def choose(wish: Wish, device: str) -> Choice:
    """Settings for a device.

    Args:
        wish: What was asked for.
        device: ``cpu`` or ``gpu``; decides only where the preset is ``auto``.

    Raises:
        InputError: naming the first setting that is impossible.
    """
    preset, why = wish.preset, "as asked for"
    if preset == AUTO:
        preset, why = _fitting(device, wish.changes.get("minutes"))
    begin = PRESETS[preset]
    network = replace(begin.network, **_among(wish.changes, NETWORK_SETTINGS))
    if network.kind == "window" and "positions" not in wish.changes:
        network = replace(network, positions=False)  # the preset's are for a stream network
    options = replace(begin.training, **_among(wish.changes, TRAINING_SETTINGS))
    return Choice(checked(network), checked(options), preset, why)


def _fitting(device: str, minutes: float | None) -> tuple[str, str]:
    """A preset and why."""
    much = minutes is not None and minutes >= LONG[device]
    what = f"{cores()} CPU cores" if device == "cpu" else "a GPU"
    time = f"{minutes:g} minutes" if minutes is not None else "no time limit given"
    names = ("small", "base") if device == "cpu" else ("base", "large")
    name = names[much]
    return name, f"for {what} and {time}: {PRESETS[name].fits}"


def _among(changes: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if name in names}
