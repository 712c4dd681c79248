"""``abcgen sample`` at a terminal: a growing tune, Ctrl-C, and other output."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from typer.main import get_command
from typer.testing import CliRunner

from abcgen.cli import app
from abcgen.cli.display import Display, _GrowingText
from abcgen.config import Request, SampleConfig
from abcgen.notation.reader import read_tunebook
from abcgen.notation.tune import Tune
from abcgen.pipeline.formats import FORMATS
from abcgen.pipeline.recipes import SETTINGS, read_recipes
from abcgen.score import pages
from abcgen.score.pages import Fonts
from tests.pipeline.checkpoints import untrained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pty = pytest.importorskip("pty", reason="there are no such terminals here")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SHORT = ["--bars", "4", "--metre", "4/4", "--seed", "1", "--to", "none"]
PATIENCE = 60


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory.mktemp("checkpoints") / "net")


@dataclass
class Seen:
    """A command whose messages go to a terminal and whose results into a pipe."""

    process: subprocess.Popen[str]
    terminal: int
    chunks: list[str] = field(default_factory=list)

    def read(self, until: Callable[[str], bool] = lambda _: False) -> str:
        """Return what the terminal was sent, until it is enough or the command has ended."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not until("".join(self.chunks)):
            try:
                self.chunks.append(os.read(self.terminal, 65536).decode())
            except OSError:
                # Linux raises where others return nothing: the other end is closed.
                break
            if not self.chunks[-1]:
                break
        return "".join(self.chunks)


@contextmanager
def at_a_terminal(checkpoint: Path, *arguments: str, columns: int = 80) -> Iterator[Seen]:
    """Run ``abcgen sample`` at a terminal."""
    ours, theirs = pty.openpty()
    size = {"COLUMNS": str(columns), "LINES": "24", "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [sys.executable, "-m", "abcgen", "sample", "--checkpoint", str(checkpoint), *arguments],
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        cwd=checkpoint.parent,
        env={**os.environ, **size},
    )
    os.close(theirs)
    try:
        yield Seen(process, ours)
    finally:
        process.kill()
        process.communicate()
        os.close(ours)


def frames(sent: str) -> list[str]:
    """Return the texts that were on the terminal one after the other, without colours."""
    return [ESCAPE.sub("", frame).replace("\r", "") for frame in re.split(r"\x1b\[2K", sent)]


@pytest.mark.parametrize("columns", [80, 40])
def test_a_single_tune_appears_while_it_is_sampled_and_disappears(
    columns: int, checkpoint: Path, tmp_path: Path
) -> None:
    out = str(tmp_path / "out")
    with at_a_terminal(checkpoint, *SHORT, "--count", "1", "--out", out, columns=columns) as seen:
        sent = seen.read()
        printed = seen.process.communicate(timeout=PATIENCE)[0]
    assert seen.process.returncode == 0, sent
    growing = [frame for frame in frames(sent) if frame.startswith("M:4/4")]
    assert max(map(len, growing)) > 20
    assert max(len(line) for frame in growing for line in frame.splitlines()) <= columns
    assert sent.rindex("\x1b[?25h") > sent.rindex("\x1b[?25l")  # the cursor is back
    after = ESCAPE.sub("", sent[sent.rindex("\x1b[?25h") :])
    assert "1 tune sampled" in after or "tunes sampled" in after
    assert "|" not in after
    assert "\x1b" not in printed
    (tune,) = read_tunebook(printed.split("wrote")[0])
    assert isinstance(tune, Tune)


def test_json_at_a_terminal_is_nothing_but_json(checkpoint: Path, tmp_path: Path) -> None:
    arguments = [*SHORT, "--count", "1", "--json", "--out", str(tmp_path / "out")]
    with at_a_terminal(checkpoint, *arguments) as seen:
        seen.read()
        printed = seen.process.communicate(timeout=PATIENCE)[0]
    assert [json.loads(line)["type"] for line in printed.splitlines()] == ["tune", "result"]


def test_ctrl_c_keeps_finished_tunes(checkpoint: Path, tmp_path: Path) -> None:
    book = tmp_path / "out" / "tunes.abc"
    arguments = [*SHORT, "--count", "2000", "--out", str(book.parent)]
    with at_a_terminal(checkpoint, *arguments) as seen:
        seen.read(until=lambda _: book.exists() and book.stat().st_size > 0)
        seen.process.send_signal(signal.SIGINT)
        sent = seen.read()
        seen.process.wait(PATIENCE)
    assert seen.process.returncode == 130, sent
    assert "Traceback" not in sent
    assert sent.rindex("\x1b[?25h") > sent.rindex("\x1b[?25l")
    kept = re.search(r"(\d+) tunes? kept in", sent)
    assert kept
    tunes = list(read_tunebook(book.read_text(encoding="utf-8")))
    assert len(tunes) == int(kept[1])
    assert all(isinstance(tune, Tune) for tune in tunes)


@pytest.mark.parametrize(("given", "kept"), [("file", 2), ("text", 1)])
def test_a_continued_tune_keeps_its_beginning_and_can_be_replayed(
    checkpoint: Path, tmp_path: Path, given: str, kept: int
) -> None:
    music = "X:1\nT:Begun\nM:6/8\nL:1/8\nK:D\nd2f a2f|gfe d3|efg a3|\n"
    source = tmp_path / "begun.abc"
    source.write_text(music, encoding="utf-8")
    prime = {
        "file": [str(source), "--keep-bars", "2"],
        "text": ["M:6/8\nL:1/8\nK:D\nd2f a2f|gf"],
    }[given]
    options = ["--checkpoint", str(checkpoint), "--seed", "4", "--count", "2", "--to", "none"]
    options += ["--prime", *prime]
    out = tmp_path / "new"
    answer = CliRunner().invoke(app, ["sample", *options, "--out", str(out)])
    assert answer.exit_code == 0, answer.output
    book = out / "tunes.abc"
    made = [tune for tune in read_tunebook(book.read_text("utf-8")) if isinstance(tune, Tune)]
    (begun,) = (tune for tune in read_tunebook(music) if isinstance(tune, Tune))
    assert len(made) == 2
    notes, *written = ([bar.items for bar in tune.bars] for tune in (begun, *made))
    assert all(own[:kept] == notes[:kept] for own in written)
    named = ("after Begun",) if given == "file" else ()
    assert [tune.words.named("C") for tune in made] == [named] * 2
    assert written[0] != written[1]
    source.unlink()  # the recipe is enough
    again = CliRunner().invoke(app, ["replay", str(book), "--checkpoint", str(checkpoint)])
    assert again.exit_code == 0, again.output


def test_without_a_terminal_there_is_no_progress_bar(checkpoint: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "abcgen", "sample", "--checkpoint", str(checkpoint)]
    command += [*SHORT, "--count", "1", "--to", "midi", "--out", str(tmp_path / "out")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert "\x1b" not in ended.stdout + ended.stderr
    assert "" not in ended.stderr.splitlines()
    assert "|" not in ended.stderr


def lines_of(text: _GrowingText, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, file=StringIO())
    console.print(text)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def test_the_end_of_a_long_text_is_shown() -> None:
    text = _GrowingText()
    for number in range(100):
        text.add(0, chr(ord("A") + number % 26))
    lines = lines_of(text, 10, 4)
    assert [len(line) for line in lines] == [10, 10, 10]
    assert lines[-1].endswith("V")


def test_another_text_replaces_the_one_before() -> None:
    text = _GrowingText()
    for number, character in [(0, "A"), (0, "\n"), (0, "\x1b"), (1, "B"), (1, "c")]:
        text.add(number, character)
    assert lines_of(text, 20, 10) == ["Bc"]


def test_a_growing_text_is_not_written_to_files_or_json() -> None:
    for display in (Display(as_json=True), Display()):
        with display.writing() as watch:
            assert watch is None


def sampled(checkpoint: Path, *arguments: str) -> str:
    """Return all output of a command."""
    options = ["sample", "--checkpoint", str(checkpoint), *SHORT, "--count", "1", *arguments]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, result.output
    return result.output


def test_missing_glyphs_are_reported(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "fonts_for", lambda _: Fonts(missing="名"))
    said = sampled(checkpoint, "--to", "pdf", "--out", str(tmp_path / "out"))
    assert said.count("名") == 1


def test_every_option_reaches_the_recipe(checkpoint: Path, tmp_path: Path) -> None:
    options = ["--checkpoint", str(checkpoint), "-n", "1", "--seed", "1", "-t", "1.5"]
    options += ["--header-temperature", "1.2"]
    options += ["--top-k", "20", "--top-p", "0.9", "-m", "6/8", "-k", "Dmix", "--rhythm", "jig"]
    options += ["--bars", "8", "--parts", "AB", "--instrument", "whistle"]
    options += ["--range", "D4-B5", "--scale", "hexatonic", "--max-leap", "6", "--level", "5"]
    options += ["--rhythms", "1.5,1,1/2", "--no-accidentals", "--sargam"]
    options += ["--chord-symbols"]
    options += ["--valence", "0.3", "--arousal", "-0.1"]
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["sample", *options, "--to", "none", "-o", str(out)])
    assert result.exit_code == 0, result.output
    ((recipe, _),) = read_recipes(out / "tunes.abc")
    settings, request = dict(recipe.settings), dict(recipe.request)
    # Not an option; derived from --prime; excluded by --bars and --parts, by --scale, and by
    # --valence.
    del settings["max_characters"], request["beginning"], request["first_pitch"], request["free"]
    del request["after"], request["raga"], request["mood"]
    assert not request.pop("voices")  # of one voice
    assert settings.pop("parallels")  # the same
    assert settings.pop("keep_endings")  # not an option
    for name in SETTINGS & settings.keys():
        assert settings[name] != getattr(SampleConfig(), name), f"give --{name} in this test"
    for name, value in request.items():
        assert value != getattr(Request(), name), name


def test_the_help_names_every_format() -> None:
    command = get_command(app).commands["sample"]  # type: ignore[attr-defined]
    (text,) = [option.help for option in command.params if option.name == "to"]
    assert [name for name in FORMATS if name not in text] == []
