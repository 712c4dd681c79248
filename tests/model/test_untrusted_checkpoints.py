"""Damaged and malicious checkpoints; see also ``tests.fuzz.checkpoints``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abcgen.config import NetworkConfig
from abcgen.errors import CheckpointError, InputError
from abcgen.model.architecture import weight_shapes
from abcgen.model.checkpoint import (
    CONFIG,
    MAX_HEADER,
    VOCABULARY,
    WEIGHTS,
    load_checkpoint,
    load_description,
)
from abcgen.model.metrics import METRICS, read_metrics
from abcgen.model.resume import STATE, check_state, restore_state
from abcgen.pipeline.checkpoints import FACTS, INDEX, checkpoint_hash, read_training_tunes
from abcgen.pipeline.training import plan_resuming
from tests.untrusted_checkpoints import (
    FILES,
    complete_checkpoint,
    model_of,
    use_checkpoint,
    variables_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NESTED = "[" * 900 + "]" * 900
ODD: st.SearchStrategy[object] = st.sampled_from(
    [None, True, -1, 0, 10**9, 10**400, 1e308, "", "x" * 99, [], {}, [[]], "\x1b["]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return complete_checkpoint(tmp_path_factory.mktemp("untrusted"))


@pytest.fixture(scope="module")
def variables(folder: Path) -> dict[str, Any]:
    return variables_of(folder)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return complete_checkpoint(tmp_path / "run")


def test_an_intact_checkpoint_is_read(folder: Path) -> None:
    assert load_checkpoint(folder).weights
    assert len(read_metrics(folder)) == 2
    assert read_training_tunes(folder)
    assert plan_resuming(folder, {}).resume


def test_a_state_of_another_backend_is_taken_if_its_numbers_fit(copy: Path) -> None:
    """TensorFlow's random state is int64, that of JAX uint32."""
    variables = variables_of(copy)
    variables["random/1"].dtype = "uint32"
    restore_state(model_of(variables), copy)
    assert variables["random/1"].value.dtype == np.uint32
    assert variables["random/1"].value.tolist() == [1, 2]
    variables["random/1"].dtype = "float32"
    with pytest.raises(CheckpointError, match=r"random/1.*int64.*float32"):
        restore_state(model_of(variables), copy)


def test_a_checkpoint_is_not_hashed_through_links(copy: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (copy / CONFIG).rename(elsewhere)
    (copy / CONFIG).symlink_to(elsewhere)
    with pytest.raises(CheckpointError, match=CONFIG):
        checkpoint_hash(copy)


@given(st.sampled_from(FILES), st.data())
def test_a_file_with_other_bytes_is_used_or_refused_in_one_line(
    folder: Path, variables: dict[str, Any], name: str, data: st.DataObject
) -> None:
    original = (folder / name).read_bytes()
    start = data.draw(st.integers(0, len(original)))
    stop = data.draw(st.integers(start, min(len(original), start + 20)))
    other = original[:start] + data.draw(st.binary(max_size=20)) + original[stop:]
    _use_with(folder, name, other, variables)


@given(st.sampled_from([CONFIG, VOCABULARY, FACTS]), st.data())
def test_a_file_with_other_values_is_used_or_refused_in_one_line(
    folder: Path, variables: dict[str, Any], name: str, data: st.DataObject
) -> None:
    contents = json.loads((folder / name).read_bytes())
    part = contents
    while isinstance(part, dict) and part:
        key = data.draw(st.sampled_from(sorted(part)))
        if not isinstance(part[key], dict) or data.draw(st.booleans()):
            part[key] = data.draw(ODD)
            break
        part = part[key]
    _use_with(folder, name, json.dumps(contents).encode(), variables)


def _use_with(folder: Path, name: str, content: bytes, variables: dict[str, Any]) -> None:
    original = (folder / name).read_bytes()
    try:
        (folder / name).write_bytes(content)
        use_checkpoint(folder, variables)
    finally:
        (folder / name).write_bytes(original)


@pytest.mark.parametrize("key", ["created", "written_by", "format_version", "network", "about"])
def test_nesting_is_not_followed(key: str, copy: Path) -> None:
    contents = json.loads((copy / CONFIG).read_text()) | {key: 0}
    (copy / CONFIG).write_text(json.dumps(contents).replace(f'"{key}": 0', f'"{key}": {NESTED}'))
    try:
        load_description(copy)
    except CheckpointError as error:
        assert len(str(error)) < len(str(copy)) + 250
    else:
        assert key in {"created", "written_by"}


READERS: dict[str, Callable[[Path], object]] = {
    CONFIG: load_checkpoint,
    VOCABULARY: load_checkpoint,
    WEIGHTS: load_checkpoint,
    METRICS: read_metrics,
    FACTS: read_training_tunes,
    INDEX: read_training_tunes,
    STATE: lambda run: check_state({}, run),
}


@pytest.mark.parametrize("name", FILES)
def test_a_link_in_place_of_a_file_is_not_followed(name: str, copy: Path, tmp_path: Path) -> None:
    (copy / name).rename(tmp_path / "elsewhere")
    (copy / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match=name):
        READERS[name](copy)


def test_a_link_in_place_of_the_folder_for_training_is_not_followed(
    copy: Path, tmp_path: Path
) -> None:
    (copy / "training").rename(tmp_path / "elsewhere")
    (copy / "training").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match="training"):
        check_state({}, copy)


@pytest.mark.parametrize("length", [0, 2**63 - 1, MAX_HEADER + 1, 10**5])
@pytest.mark.parametrize("name", [WEIGHTS, STATE, INDEX])
def test_a_header_that_lies_about_its_length_is_refused(length: int, name: str, copy: Path) -> None:
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(length.to_bytes(8, "little") + content[8:])
    with pytest.raises(CheckpointError, match=name):
        READERS[name](copy)


def test_a_run_of_an_enormous_network_is_refused_before_one_is_built(copy: Path) -> None:
    shapes = weight_shapes(NetworkConfig(layers=16, units=8192), 60)
    with pytest.raises(CheckpointError, match=STATE):
        check_state(shapes, copy)


@pytest.mark.parametrize("shape", [{"bidirectional": True}, {"kind": "window"}])
def test_reading_too_much_at_once_is_refused(shape: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"100,?000"):
        NetworkConfig.model_validate(shape | {"sequence_length": 100_000})


def test_a_run_without_a_state_is_refused_with_a_hint(copy: Path) -> None:
    (copy / STATE).unlink()
    with pytest.raises(CheckpointError) as caught:
        check_state({}, copy)
    assert "--from" in caught.value.hint


@pytest.mark.parametrize("split", [{"least": 1e9}, {"validation": 2}, {"test": "all"}])
def test_an_impossible_split_is_refused(split: dict[str, object], copy: Path) -> None:
    contents = json.loads((copy / CONFIG).read_text()) | {"about": {"split": split}}
    (copy / CONFIG).write_text(json.dumps(contents))
    with pytest.raises(CheckpointError, match="split"):
        plan_resuming(copy, {})
