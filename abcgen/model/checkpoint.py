"""A network's weights as named arrays in a safetensors file, without Keras.

Format: https://huggingface.co/docs/safetensors (a JSON header, then the numbers; nothing that
could run when it is opened).

The folder that a trained network lives in; read and written without Keras.

::

    weights.safetensors   the weights to sample from, readable by anything that reads safetensors
    config.json           format version, network, training options, and what the caller adds
    vocabulary.json       the characters and their ids
    metrics.jsonl         one line for every time the held-out texts were measured
    training/             what only going on with training needs

Nothing in it is a pickle, so opening a stranger's checkpoint runs no code.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from abcgen.config import LIMITS, NetworkConfig, TrainConfig
from abcgen.errors import CheckpointError, InputError, shown
from abcgen.files import bounded_size, damaged, read_bounded, unreadable, write_atomically
from abcgen.model.architecture import weight_shapes
from abcgen.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import TypeVar

    from numpy.typing import NDArray

    from abcgen.model.architecture import Shapes

    Weights = dict[str, NDArray[np.float32]]
    T = TypeVar("T")


HEADER_BYTES = 8  # the length of the JSON header comes first
MAX_HEADER = 4_000_000  # some hundred arrays and what was measured last are far less


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
    size = bounded_size(path, LIMITS.checkpoint_bytes)
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


def _description(part: Any) -> tuple[str, tuple[int, ...]]:
    return part.get_dtype(), tuple(part.get_shape())


def _compare(path: Path, found: dict[str, tuple[str, tuple[int, ...]]], shapes: Shapes) -> None:
    for name in sorted(found.keys() ^ shapes.keys()):
        raise damaged(path, f"weight {name[:80]!r} is {'missing' if name in shapes else 'unknown'}")
    for name, shape in shapes.items():
        if found[name] != ("F32", shape):
            kind, size = found[name]
            raise damaged(path, f"{name} is {kind} {size}, but config.json wants F32 {shape}")


FORMAT_VERSION = 3
# What a network of an older format was where its file does not say.
OLDER: dict[int, dict[str, object]] = {1: {"attention": False}}
WEIGHTS = "weights.safetensors"
CONFIG = "config.json"
VOCABULARY = "vocabulary.json"
# Network and vocabulary take a few kilobytes; held-out tunes and titles of very many take more.
MAX_JSON_BYTES = 64_000_000
SHORT = 40  # characters of a date or a version


@dataclass(frozen=True)
class Checkpoint:
    """A trained network and all that is needed to use it.

    Attributes:
        network: Its shape.
        training: How it was trained.
        vocabulary: What it reads and writes.
        weights: Arrays by name; ``abcgen.model.checkpoint.weight_shapes`` lists them.
        about: What the caller of the training had to say, such as how the data was split.
        created: When training began, ISO 8601.
        written_by: Version of abcgen that trained it.
    """

    network: NetworkConfig
    training: TrainConfig
    vocabulary: Vocabulary
    weights: Weights
    about: Mapping[str, object] = field(default_factory=dict)
    created: str = ""
    written_by: str = ""


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint folder, trusting nothing in it.

    Raises:
        CheckpointError: naming the file that is missing, damaged, or from a newer version.
    """
    described = load_description(folder)
    shapes = weight_shapes(described.network, described.vocabulary.size)
    return replace(described, weights=read_weights(folder / WEIGHTS, shapes))


def load_description(folder: Path) -> Checkpoint:
    """Read everything but the weights, trusting nothing.

    Raises:
        CheckpointError: naming the file that is missing, damaged, or from a newer version.
    """
    config = read_json(folder / CONFIG)
    if not isinstance(config, dict):
        raise damaged(folder / CONFIG, "not an object")
    _check_version(folder / CONFIG, config.get("format_version"))
    characters = read_json(folder / VOCABULARY)
    network = config.get("network")
    if isinstance(network, dict):
        network = OLDER.get(config["format_version"], {}) | network
    return Checkpoint(
        network=_parse(folder / CONFIG, NetworkConfig.model_validate, network),
        training=_parse(folder / CONFIG, TrainConfig.model_validate, config.get("training")),
        vocabulary=_parse(folder / VOCABULARY, Vocabulary.from_json, characters),
        weights={},
        about=_object(folder / CONFIG, config, "about"),
        created=_short(config.get("created")),
        written_by=_short(config.get("written_by")),
    )


def newest_checkpoint(folder: Path, *, ignore: str = "", part: str = WEIGHTS) -> Path | None:
    """The run in ``folder`` whose weights were written last, or None if there is none.

    Args:
        folder: A folder of runs.
        ignore: Name of one to pass over.
        part: Another file of a run to go by.

    Raises:
        CheckpointError: if the folder or a run in it cannot be looked at.
    """
    try:
        if not folder.is_dir():
            return None
        runs = [run for run in folder.iterdir() if (run / part).is_file() and run.name != ignore]
        written = [((run / part).stat().st_mtime_ns, run) for run in runs]
    except OSError as error:
        raise unreadable(folder, error) from error
    return max(written)[1] if written else None


def write_description(checkpoint: Checkpoint, folder: Path) -> None:
    """Write everything but the weights.

    Raises:
        OutputError: if the folder cannot be written to.
    """
    config = {
        "format_version": FORMAT_VERSION,
        "written_by": checkpoint.written_by,
        "created": checkpoint.created,
        "network": checkpoint.network.model_dump(),
        "training": checkpoint.training.model_dump(),
        "about": dict(checkpoint.about),
    }
    write_json(folder / CONFIG, config)
    write_json(folder / VOCABULARY, checkpoint.vocabulary.to_json())


def write_weights(weights: Weights, folder: Path) -> None:
    """Replace the weights to sample from.

    Raises:
        OutputError: if the folder cannot be written to.
    """
    write_atomically(folder / WEIGHTS, dump(weights), durable=True)


def write_json(path: Path, data: object) -> None:
    """Write JSON for people to read.

    Raises:
        OutputError: if the file cannot be written.
    """
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, text.encode(), durable=True)


def read_json(path: Path) -> object:
    """Read an untrusted JSON file of bounded size.

    Raises:
        CheckpointError: if it is missing, too large or no JSON.
    """
    content = read_bounded(path, MAX_JSON_BYTES)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"not JSON: {str(error)[:200]}") from error


def package_version() -> str:
    """Version of the installed abcgen."""
    try:
        return version("abcgen")
    except PackageNotFoundError:
        return "unknown"


def _check_version(path: Path, found: object) -> None:
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise damaged(path, f"format_version is {shown(found)}, not a whole number from 1")
    if found > FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: checkpoint format {shown(found)} is newer than this abcgen, which reads "
            f"format {FORMAT_VERSION}",
            hint="upgrade abcgen",
        )


def _short(text: object) -> str:
    return text[:SHORT] if isinstance(text, str) else ""


def _parse(path: Path, parse: Callable[..., T], *arguments: object) -> T:
    try:
        return parse(*arguments)
    except InputError as error:
        raise damaged(path, error.message) from error


def _object(path: Path, config: dict[str, Any], name: str) -> dict[str, object]:
    value = config.get(name, {})
    if not isinstance(value, dict):
        raise damaged(path, f"{name!r} is not an object")
    return value
