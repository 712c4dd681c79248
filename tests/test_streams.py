"""Standard input and output as files of the commands: ``-``."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from abcgen.cli import main
from abcgen.notation.reader import read_abc, read_tunebook
from abcgen.notation.writer import write_abc
from abcgen.pipeline.formats import RenderOptions
from abcgen.score.midi import midi_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TUNE = "X:1\nT:Good\nM:4/4\nL:1/8\nK:C\nCDEF GABc|c8|]\n"
BROKEN = "X:3\nT:Broken\nM:4/4\nL:1/8\nK:C\nCD@F|\n"


@dataclass(frozen=True)
class Answer:
    code: int
    out: bytes
    err: str


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Callable[..., Answer]:
    """Return a function that runs a command in a new folder, with text on standard input."""
    monkeypatch.chdir(tmp_path)

    def run_it(given: str | bytes, *arguments: str) -> Answer:
        data = given.encode() if isinstance(given, str) else given
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        monkeypatch.setattr(sys, "argv", ["abcgen", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capfdbinary.readouterr()
        code = ended.value.code
        return Answer(int(code or 0), captured.out, captured.err.decode())

    return run_it


def test_normalise_reads_and_writes_the_standard_streams(run: Callable[..., Answer]) -> None:
    answer = run(TUNE, "normalise", "-", "--out", "-")
    assert answer.code == 0
    assert answer.out.decode() == write_abc(read_abc(TUNE))


def test_what_is_written_can_be_read_again(run: Callable[..., Answer]) -> None:
    first = run(TUNE + "\n" + TUNE.replace("X:1", "X:2"), "normalise", "-", "--out", "-")
    again = run(first.out, "normalise", "-", "--out", "-")
    assert len(list(read_tunebook(first.out.decode()))) == 2
    assert again.out == first.out


def test_other_formats_are_told_by_their_beginning(run: Callable[..., Answer]) -> None:
    answer = run(midi_of(read_abc(TUNE), RenderOptions().playback), "normalise", "-", "--out", "-")
    (read,) = read_tunebook(answer.out.decode())
    assert write_abc(read_abc(answer.out.decode())).splitlines()[-1] == "CDEF GABc | c8 |]"
    assert read


def test_check_reads_standard_input(run: Callable[..., Answer]) -> None:
    answer = run(BROKEN, "check", "-", "--json")
    assert answer.code == 1
    assert b"@F" in answer.out or "@F" in answer.err


def test_render_writes_one_format_to_standard_output(run: Callable[..., Answer]) -> None:
    answer = run(TUNE, "render", "-", "--to", "midi", "--out", "-")
    assert answer.out == midi_of(read_abc(TUNE), RenderOptions().playback)


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (TUNE, ["render", "-", "--to", "midi,wav", "--out", "-"]),
        (TUNE + "\n" + TUNE, ["render", "-", "--to", "midi", "--out", "-"]),
        (TUNE, ["render", "-", "--to", "midi", "--out", "-", "--json"]),
        (TUNE, ["normalise", "-", "--out", "-", "--json"]),
        ("", ["normalise", "-", "--out", "-"]),
    ],
)
def test_what_cannot_go_through_a_stream_is_one_line(
    run: Callable[..., Answer], text: str, arguments: list[str]
) -> None:
    answer = run(text, *arguments)
    assert answer.code == 1
    if "--json" in arguments:
        assert json.loads(answer.out)["exit_code"] == 1
    else:
        assert answer.out == b""
    assert len([line for line in answer.err.splitlines() if line.startswith("error:")]) == 1


@pytest.mark.parametrize("suffix", ["json", "html"])
def test_the_report_is_written_if_nothing_could_be_read(
    run: Callable[..., Answer], tmp_path: Path, suffix: str
) -> None:
    report = tmp_path / f"report.{suffix}"
    answer = run(BROKEN, "normalise", "-", "--report", str(report))
    assert answer.code == 1
    if suffix == "json":
        (finding,) = json.loads(report.read_text(encoding="utf-8"))["left_out"]
        assert (finding["file"], finding["line"], finding["number"]) == ("-", 6, "3")
    else:
        assert "Broken" in report.read_text(encoding="utf-8")


def test_what_is_put_right_is_said_by_check(run: Callable[..., Answer]) -> None:
    text = TUNE.replace("GABc|", "!wobble!GABc|")
    answer = run(text, "check", "-", "--json")
    (repair,) = json.loads(answer.out)["repaired"]
    assert (repair["line"], repair["text"]) == (6, "!wobble!")
    assert ":6:" in run(text, "check", "-").err
