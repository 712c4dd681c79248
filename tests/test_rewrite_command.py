"""``abcgen rewrite`` and ``vary`` draw bars of a tune in a file anew, or say in a line why not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from abcgen.cli import app
from abcgen.notation.reader import read_tunebook
from abcgen.notation.tune import Tune
from abcgen.notation.writer import write_tunebook
from abcgen.pipeline.formats import FORMATS, RenderOptions
from abcgen.score.shading import SHADE
from tests.pipeline.checkpoints import untrained
from tests.tunes import JIG, REEL, tune

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("without_music21")


TUNE = tune("A4 B4 | cdef g4 | A4 B4 | e8 |]", title="The Kesh")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory.mktemp("checkpoints") / "net", "0")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "kesh.abc"
    path.write_text(write_tunebook([TUNE]), encoding="utf-8")
    return path


def run(command: str, file: Path | str, checkpoint: Path, out: Path, *options: str) -> Any:
    line = [command, str(file), "-c", str(checkpoint), "--seed", "3", "-o", str(out), *options]
    return CliRunner().invoke(app, line)


def tunes_in(path: Path) -> list[Tune]:
    found = read_tunebook(path.read_text("utf-8"))
    return [each for each in found if isinstance(each, Tune)]


def test_rewrite_writes_versions_that_can_be_replayed(
    file: Path, checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    answer = run(
        "rewrite", file, checkpoint, out, "--bars", "2-3", "--count", "2", "--to", "html,midi"
    )
    assert answer.exit_code == 0, answer.output
    first, second = tunes_in(out / "tunes.abc")
    for each in (first, second):
        assert each.title == TUNE.title
        assert [each.bars[0], each.bars[3]] == [TUNE.bars[0], TUNE.bars[3]]
        assert each.bars != TUNE.bars
    assert (first.number, second.number) == (1, 2)
    assert SHADE in (out / "tunes.html").read_text("utf-8")
    assert len(list(out.glob("*.mid"))) == 2
    again = CliRunner().invoke(app, ["replay", str(out / "tunes.abc"), "-c", str(checkpoint)])
    assert again.exit_code == 0, again.output


def test_vary_writes_numbered_settings(file: Path, checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    answer = run("vary", file, checkpoint, out, "--amount", "1", "-n", "2", "--to", "none")
    assert answer.exit_code == 0, answer.output
    settings = tunes_in(out / "tunes.abc")
    assert [each.title for each in settings] == ["The Kesh, setting 2", "The Kesh, setting 3"]
    assert all(each.bars[0] == TUNE.bars[0] for each in settings)


def test_json_has_every_version(file: Path, checkpoint: Path, tmp_path: Path) -> None:
    options = ["--ending", "-n", "2", "--to", "none", "--json"]
    answer = run("rewrite", file, checkpoint, tmp_path / "out", *options)
    assert answer.exit_code == 0, answer.output
    *versions, result = map(json.loads, answer.stdout.splitlines())
    assert [version["title"] for version in versions] == [TUNE.title] * 2
    assert all(version["log_probability"] < 0 for version in versions)
    assert result["seed"] == 3


@pytest.mark.parametrize("name", ["midi", "musicxml"])
def test_other_files_are_rewritten_too(name: str, checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / f"tune.{FORMATS[name].suffix}"
    path.write_bytes(FORMATS[name].render(TUNE, RenderOptions()))
    out = tmp_path / "out"
    answer = run("rewrite", path, checkpoint, out, "--bars", "2", "-n", "1", "--to", "none")
    assert answer.exit_code == 0, answer.output
    [after] = tunes_in(out / "tunes.abc")
    assert [bar.duration for bar in after.bars] == [bar.duration for bar in TUNE.bars]


def test_standard_input_is_rewritten(checkpoint: Path, tmp_path: Path) -> None:
    line = ["rewrite", "-", "-c", str(checkpoint), "--bars", "2", "-n", "1", "--to", "none"]
    line += ["-o", str(tmp_path / "out")]
    answer = CliRunner().invoke(app, line, input=write_tunebook([TUNE]))
    assert answer.exit_code == 0, answer.output


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("rewrite", []),
        ("rewrite", ["--tune", "1"]),
        ("rewrite", ["--tune", "1", "--bars", "99"]),
        ("rewrite", ["--tune", "1", "--bars", "5-2"]),
        ("rewrite", ["--tune", "1", "--part", "Q"]),
        ("rewrite", ["--tune", "7", "--bars", "1"]),
        ("vary", []),
    ],
    ids=str,
)
def test_what_is_not_there_is_told(
    command: str, options: list[str], checkpoint: Path, tmp_path: Path
) -> None:
    path = tmp_path / "two.abc"
    path.write_text(write_tunebook([JIG, REEL]), encoding="utf-8")
    answer = run(command, path, checkpoint, tmp_path / "out", *options)
    assert answer.exit_code == 1
    assert not (tmp_path / "out").exists()
