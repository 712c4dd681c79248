"""A network's weights as named arrays in a safetensors file, without Keras.

Format: https://huggingface.co/docs/safetensors (a JSON header, then the numbers; nothing that
could run when it is opened).
"""

from __future__ import annotations

import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from abcgen.config import LIMITS
from abcgen.errors import CheckpointError, reason_of
from abcgen.model.ruler import POSITIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from abcgen.config import NetworkConfig

    Weights = dict[str, NDArray[np.float32]]
    Shapes = dict[str, tuple[int, ...]]


HEADER_BYTES = 8  # the length of the JSON header comes first
MAX_HEADER = 4_000_000  # some hundred arrays and what was measured last are far less


def weight_shapes(config: NetworkConfig, vocabulary_size: int) -> Shapes:
    """Name and shape of every weight of a network.

    The four quarters of an LSTM's last axis are its input gate, forget gate, candidate and
    output gate, in this order. Where an LSTM reads both ways, each half has half of the units.
    """
    units = config.units
    features = width = config.embedding or 1
    shapes: Shapes = {}
    if config.embedding:
        shapes["embedding/embeddings"] = (vocabulary_size, config.embedding)
    windowed = config.kind == "window"
    if config.positions:
        shapes |= {f"position/{mark}": shape for mark, shape in POSITIONS.items()}
        width += sum(columns for _, columns in POSITIONS.values())
    if config.bidirectional and not windowed:
        shapes |= _lstms("encoder", width, config, both_ways=True)
        width += units
    shapes |= _lstms("lstm", width, config, both_ways=config.bidirectional and windowed)
    if config.attention:
        rows = {"query": units, "key": units, "value": units + features, "output": units}
        shapes |= {f"attention/{name}": (height, units) for name, height in rows.items()}
    width = units
    if windowed:
        shapes |= _dense("dense_1", width, units)
        width = max(1, units // 2)
        shapes |= _dense("dense_2", units, width)
    return shapes | _dense("logits", width, vocabulary_size)


def dump(arrays: Mapping[str, NDArray[Any]], metadata: dict[str, str] | None = None) -> bytes:
    """Arrays as the content of a safetensors file."""
    return save({name: np.asarray(array, order="C") for name, array in arrays.items()}, metadata)


def read_weights(path: Path, shapes: Shapes) -> Weights:
    """Read exactly the weights that are expected, from an untrusted file.

    Names, shapes and types are compared from the header, before any array is made.

    Raises:
        CheckpointError: if the file is missing, too large, damaged or of another network.
    """
    with open_arrays(path) as file:
        found = {name: _description(file.get_slice(name)) for name in sorted(file.keys())}
        _compare(path, found, shapes)
        weights = {name: file.get_tensor(name) for name in shapes}
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise damaged(path, f"{name} holds numbers that are not finite")
    return weights


@contextmanager
def open_arrays(path: Path) -> Iterator[Any]:
    """An untrusted safetensors file, of which no array is read yet.

    Raises:
        CheckpointError: if the file is missing, too large or damaged.
    """
    size = bounded_size(path)
    try:
        with path.open("rb") as start:
            header = int.from_bytes(start.read(HEADER_BYTES), "little")
        if header > min(MAX_HEADER, size - HEADER_BYTES):
            raise damaged(path, f"says that {header:,} bytes describe its arrays")
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError, ValueError) as error:
        raise damaged(path, str(error)[:200]) from error


def shapes_in(file: Any) -> Shapes:
    """The shapes of a safetensors file's arrays by their names."""
    return {name: tuple(file.get_slice(name).get_shape()) for name in sorted(file.keys())}


def bounded_size(path: Path) -> int:
    """Size of a checkpoint's file in bytes.

    Raises:
        CheckpointError: if it is not there, larger than the limit, or a link, which might lead
            out of the checkpoint.
    """
    try:
        found = path.lstat()
    except OSError as error:
        raise unreadable(path, error) from error
    if stat.S_ISLNK(found.st_mode):
        raise CheckpointError(f"{path} is a link", way_out="put the file itself there")
    if found.st_size > LIMITS.checkpoint_bytes or not stat.S_ISREG(found.st_mode):
        raise CheckpointError(
            f"{path} is no file of at most {LIMITS.checkpoint_bytes:,} bytes",
            way_out="train again, or take the checkpoint from where it was made",
        )
    return found.st_size


def read_bounded(path: Path, limit: int) -> bytes:
    """Content of a checkpoint's file that should be small.

    Raises:
        CheckpointError: if it cannot be read or is larger than ``limit`` bytes.
    """
    bounded_size(path)
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(content) > limit:
        raise damaged(path, f"larger than {limit:,} bytes")
    return content


def unreadable(path: Path, error: OSError) -> CheckpointError:
    """The error for a checkpoint's file or folder that the system does not let us read."""
    return CheckpointError(
        f"{error.filename or path} cannot be read: {reason_of(error)}",
        way_out="name the folder of a finished training run",
    )


def damaged(path: Path, reason: str) -> CheckpointError:
    """The error for a checkpoint's file whose content cannot be used."""
    return CheckpointError(
        f"{path}: {reason}",
        way_out="train again, or take the checkpoint from where it was made",
    )


def _lstms(name: str, width: int, config: NetworkConfig, *, both_ways: bool) -> Shapes:
    shapes: Shapes = {}
    units = config.units // 2 if both_ways else config.units
    for layer in range(1, config.layers + 1):
        for half in ("forward/", "backward/") if both_ways else ("",):
            shapes[f"{name}_{layer}/{half}kernel"] = (width, 4 * units)
            shapes[f"{name}_{layer}/{half}recurrent_kernel"] = (units, 4 * units)
            shapes[f"{name}_{layer}/{half}bias"] = (4 * units,)
        width = config.units
    return shapes


def _dense(name: str, width: int, units: int) -> Shapes:
    return {f"{name}/kernel": (width, units), f"{name}/bias": (units,)}


def _description(part: Any) -> tuple[str, tuple[int, ...]]:
    return part.get_dtype(), tuple(part.get_shape())


def _compare(path: Path, found: dict[str, tuple[str, tuple[int, ...]]], shapes: Shapes) -> None:
    for name in sorted(found.keys() ^ shapes.keys()):
        raise damaged(path, f"weight {name[:80]!r} is {'missing' if name in shapes else 'unknown'}")
    for name, shape in shapes.items():
        if found[name] != ("F32", shape):
            kind, size = found[name]
            raise damaged(path, f"{name} is {kind} {size}, but config.json wants F32 {shape}")
