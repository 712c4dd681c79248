"""The folder that a trained network lives in; read and written without Keras.

::

    weights.safetensors   the weights to sample from, readable by anything that reads safetensors
    config.json           format version, network, training options, and what the caller adds
    vocabulary.json       the characters and their ids
    metrics.jsonl         one line for every measurement of the held-out texts
    training/             what only resuming needs

Opening a stranger's checkpoint runs no code: safetensors are a JSON header and numbers
(https://huggingface.co/docs/safetensors), and nothing in the folder is a pickle. Functions that
read raise CheckpointError, naming the file that is missing, too large, damaged or from a newer
version; functions that write raise OutputError.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ConfigDict, Field, field_validator
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from abcgen.config import LIMITS, NetworkConfig, Schema, TrainConfig
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


FORMAT_VERSION = 3
WEIGHTS = "weights.safetensors"
CONFIG = "config.json"
VOCABULARY = "vocabulary.json"
# Network and vocabulary take a few kilobytes; the titles of very many held-out tunes take more.
MAX_JSON_BYTES = 64_000_000
LENGTH_BYTES = 8  # a safetensors file begins with the length of its header
MAX_HEADER = 4_000_000  # bytes; some hundred arrays and the last measurements take far less


@dataclass(frozen=True)
class Checkpoint:
    """A trained network and all that is needed to use it."""

    network: NetworkConfig
    training: TrainConfig
    vocabulary: Vocabulary
    # Arrays by the names in ``abcgen.model.architecture.weight_shapes``; none in a description.
    weights: Weights
    # What the caller of the training added, such as how the data was split.
    about: Mapping[str, object] = field(default_factory=dict)
    # When training began, ISO 8601.
    created: str = ""
    # Version of abcgen that trained it.
    written_by: str = ""


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read an untrusted checkpoint folder."""
    checkpoint = load_description(folder)
    shapes = weight_shapes(checkpoint.network, checkpoint.vocabulary.size)
    return replace(checkpoint, weights=read_weights(folder / WEIGHTS, shapes))


def load_description(folder: Path) -> Checkpoint:
    """Read everything but the weights of an untrusted checkpoint folder."""
    data = read_json(folder / CONFIG)
    # The version comes first, so that a newer format is not reported as damage.
    if isinstance(data, dict):
        _check_version(folder / CONFIG, data.get("format_version"))
        _patch_old_formats(data)
    config = _parse(folder / CONFIG, _ConfigFile.model_validate, data)
    vocabulary = _parse(folder / VOCABULARY, Vocabulary.from_json, read_json(folder / VOCABULARY))
    return Checkpoint(
        network=config.network,
        training=config.training,
        vocabulary=vocabulary,
        weights={},
        about=config.about,
        created=config.created,
        written_by=config.written_by,
    )


class _ConfigFile(Schema):
    """The content of ``config.json``; further keys are ignored."""

    model_config = ConfigDict(extra="ignore")

    format_version: int
    network: NetworkConfig
    training: TrainConfig
    about: dict[str, Any] = Field(default_factory=dict)
    created: str = ""
    written_by: str = ""

    @field_validator("created", "written_by", mode="before")
    @classmethod
    def _shorten(cls, text: object) -> str:
        """Read any value: these two are only shown."""
        return text[:40] if isinstance(text, str) else ""


def _check_version(path: Path, number: object) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise damaged(path, f"format_version is {shown(number)}, not a whole number from 1")
    if number > FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: checkpoint format {shown(number)} is newer than this abcgen, which reads "
            f"format {FORMAT_VERSION}",
            hint="upgrade abcgen",
        )


def _patch_old_formats(config: dict[str, Any]) -> None:
    """Add what older formats took for granted."""
    network = config.get("network")
    # Format 1 networks had no attention, which is the default today.
    if config["format_version"] == 1 and isinstance(network, dict):
        network.setdefault("attention", False)
    # Formats 2 and 3 differ in the folder ``training`` only. Options of the network that are newer
    # than a checkpoint have defaults that leave it as it was.


def _parse(path: Path, parse: Callable[[object], T], data: object) -> T:
    try:
        return parse(data)
    except InputError as error:
        raise damaged(path, error.message) from error


def read_weights(path: Path, shapes: Shapes) -> Weights:
    """Read exactly the expected weights from an untrusted file.

    Those of another network count as damaged.
    """
    # Names, shapes and types are compared with the header before any array is read.
    with open_arrays(path) as file:
        found = shapes_in(file)
        for name in sorted(found.keys() ^ shapes.keys()):
            problem = "missing" if name in shapes else "unknown"
            raise damaged(path, f"weight {name[:80]!r} is {problem}")
        for name, shape in shapes.items():
            dtype = file.get_slice(name).get_dtype()
            if (dtype, found[name]) != ("F32", shape):
                actual = f"{dtype} {found[name]}"
                raise damaged(path, f"{name} is {actual}, but config.json wants F32 {shape}")
        weights = {name: file.get_tensor(name) for name in shapes}
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise damaged(path, f"{name} holds numbers that are not finite")
    return weights


@contextmanager
def open_arrays(path: Path) -> Iterator[Any]:
    """Open an untrusted safetensors file without reading its arrays."""
    size = bounded_size(path, LIMITS.checkpoint_bytes)
    try:
        # The library reads a header of up to 100 MB.
        with path.open("rb") as start:
            header = int.from_bytes(start.read(LENGTH_BYTES), "little")
        if header > min(MAX_HEADER, size - LENGTH_BYTES):
            raise damaged(path, f"says that {header:,} bytes describe its arrays")
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError, ValueError) as error:
        raise damaged(path, str(error)[:200]) from error


def shapes_in(file: Any) -> Shapes:
    """Return the shapes of a safetensors file's arrays by their names."""
    return {name: tuple(file.get_slice(name).get_shape()) for name in sorted(file.keys())}


def newest_checkpoint(folder: Path, *, ignore: str = "", part: str = WEIGHTS) -> Path | None:
    """Return the run in a folder whose weights, or another ``part``, were written last, if any.

    The run named ``ignore`` is skipped.
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
    """Write everything but the weights."""
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
    """Write the weights to sample from, in place of earlier ones."""
    write_atomically(folder / WEIGHTS, dump(weights), durable=True)


def dump(arrays: Mapping[str, NDArray[Any]], metadata: dict[str, str] | None = None) -> bytes:
    """Return arrays as the content of a safetensors file."""
    return save({name: np.asarray(array, order="C") for name, array in arrays.items()}, metadata)


def write_json(path: Path, data: object) -> None:
    """Write JSON for people to read."""
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, text.encode(), durable=True)


def read_json(path: Path) -> object:
    """Read an untrusted JSON file of at most ``MAX_JSON_BYTES``."""
    content = read_bounded(path, MAX_JSON_BYTES)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"not JSON: {str(error)[:200]}") from error


def package_version() -> str:
    """Return the version of the installed abcgen."""
    try:
        return version("abcgen")
    except PackageNotFoundError:
        return "unknown"
