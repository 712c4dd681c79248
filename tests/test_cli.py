"""The command line as a person meets it."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.main import get_command

import abcgen
from abcgen import __version__
from abcgen.cli import app, main
from abcgen.config import Request, SplitConfig
from abcgen.corpus.cache import TextCache
from abcgen.corpus.records import extract_corpus
from abcgen.corpus.tune_files import READERS
from abcgen.errors import InputError
from abcgen.model.checkpoint import FORMAT_VERSION
from abcgen.model.events import TrainResult
from abcgen.notation.reader import read_tunebook
from abcgen.notation.tune import Tune
from abcgen.pipeline import critics, training
from abcgen.pipeline.checkpoints import checkpoint_hash
from tests.pipeline.checkpoints import untrained
from tests.small_corpus import write_small_corpus

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.corpus.families import Split

GOOD = "X:1\nT:Good\nM:4/4\nL:1/8\nK:C\nCDEF GABc|c8|]\n"
SHORT = "X:2\nT:Short\nM:4/4\nL:1/8\nK:C\nCDEF|GABc cBAG|C8|D6|E8|]\n"
BROKEN = "X:3\nT:Broken\nM:4/4\nL:1/8\nK:C\nCD@F|\n"
TRAINING = ["--layers", "1", "--units", "96", "--epochs", "30", "--batch-size", "8"]
TRAINING += ["--learning-rate", "0.01", "--dropout", "0"]


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines of JSON."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def json(self) -> dict[str, object]:
        facts: dict[str, object] = json.loads(self.out)
        return facts


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """Return a function that runs a command in a new folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run_it(*arguments: str | Path) -> Answer:
        monkeypatch.setattr(sys, "argv", ["abcgen", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        return Answer(code if isinstance(code, int) else int(code is not None), *captured)

    return run_it


def fails(answer: Answer, *words: str) -> None:
    """Check that a command ended with exit code 1 and one line, which holds these words."""
    lines = [line for line in answer.err.splitlines() if line.startswith("error:")]
    assert answer.code == 1, answer
    assert len(lines) == 1, answer.err
    assert "Traceback" not in answer.err
    for word in words:
        assert word in lines[0], lines[0]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# What every command has in common.


def commands() -> list[list[str]]:
    """Return the words of every command, those of groups too."""
    words: list[list[str]] = []
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        words += [[name, sub] for sub in inner] if inner else [[name]]
    return words


def options_of(name: str) -> list[Any]:
    """Return the parameters of a command."""
    options: list[Any] = get_command(app).commands[name].params  # type: ignore[attr-defined]
    return options


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_has_an_example_in_its_help(
    command: list[str], run: Callable[..., Answer]
) -> None:
    answer = run(*command, "--help")
    assert answer.code == 0
    assert f"Example: abcgen {' '.join(command)}" in answer.out
    assert "--json" in answer.out


def test_every_command_is_in_the_readme() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    for command in commands():
        assert f"abcgen {' '.join(command)}" in readme


def test_the_version(run: Callable[..., Answer]) -> None:
    assert run("--version").out == f"abcgen {__version__}\n"


def test_an_impossible_command_line_exits_with_2(run: Callable[..., Answer]) -> None:
    assert run("sing").code == 2
    assert run("check").code == 2
    assert run("sample", "--count", "many").code == 2


def test_the_package_can_be_run_as_a_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "abcgen", "check", "nowhere.abc"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 1
    assert "nowhere.abc" in result.stderr


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("-n", "--count"),
        ("-t", "--temperature"),
        ("-m", "--metre"),
        ("-k", "--key"),
        ("-o", "--out"),
    ],
)
def test_common_options_of_sample_have_short_forms(short: str, long: str) -> None:
    (option,) = [option for option in options_of("sample") if long in option.opts]
    assert short in option.opts


def test_metre_can_be_spelled_meter() -> None:
    (option,) = [option for option in options_of("sample") if "--metre" in option.opts]
    assert "--meter" in option.opts


def test_every_wish_is_an_option_of_sample() -> None:
    derived = {"in_range", "beginning", "first_pitch", "after"}
    names = {(option.name or "").removeprefix("pitch_") for option in options_of("sample")}
    assert Request.model_fields.keys() - names == derived


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("abcgen sample --rhythm sli", ["slide", "slip jig"]),
        ("abcgen sample --instrument ha", ["harp"]),
        ("abcgen render --paper ", ["a4", "us-letter"]),
        ("abcgen render --to pdf,m", ["pdf,midi", "pdf,musicxml"]),
        ("abcgen train --optimizer ad", ["adamw", "adam"]),
    ],
)
def test_the_shell_completes_choices(
    words: str,
    completed: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("_ABCGEN_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    with pytest.raises(SystemExit):
        app(prog_name="abcgen")
    assert capsys.readouterr().out.split("\n")[:-1] == completed


# corpus


def test_collections_are_listed_with_their_rights(run: Callable[..., Answer]) -> None:
    assert "non-commercial" in run("corpus", "list").out
    names = [row["name"] for row in run("corpus", "list", "--json").json["collections"]]  # type: ignore[attr-defined]
    assert names[:5] == ["oneills", "ryans", "airds", "misc", "essen"]
    books = {"dances", "manuscripts", "litten", "festin", "polskas"}
    assert {*books, "chorales"} == set(names[5:])


def test_a_collection_is_installed_and_read(run: Callable[..., Answer]) -> None:
    assert run("corpus", "install", "misc").code == 0
    answer = run("normalise", "corpora", "--json", "--out", "clean.abc")
    assert answer.json["tunes"] + len(answer.json["left_out"]) == 185  # type: ignore[operator, arg-type]


def test_collections_are_credited(run: Callable[..., Answer], tmp_path: Path) -> None:
    fails(run("corpus", "credits"), "corpora")
    assert run("corpus", "install", "misc").code == 0
    assert run("corpus", "credits").out == run("corpus", "credits", "misc").out
    both = run("corpus", "credits", "dances", "festin", "--json").json["credits"]
    assert str(both).count("\n- ") == 1
    assert "Eric Conrad" in str(both)
    fails(run("corpus", "credits", "nobody"), "nobody")
    fails(run("corpus", "install", "festin", "--from", str(tmp_path)), "festin-joyeux-1738.abc")


def test_an_unknown_collection_is_refused(run: Callable[..., Answer]) -> None:
    fails(run("corpus", "install", "nobody"), "nobody", "oneills")


# normalise


def test_tunes_are_normalised_into_a_new_folder(run: Callable[..., Answer], tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.abc", GOOD)
    write(tmp_path / "in" / "deep" / "a.abc", f"{GOOD}\n{BROKEN}")
    answer = run("normalise", "in")
    assert answer.code == 0
    assert "1 tune left out" in answer.err
    assert "deep/a.abc:13: X:3 'Broken': " in answer.err
    for name in ("a.abc", "deep/a.abc"):
        written = (tmp_path / "output" / "normalised-1" / name).read_text(encoding="utf-8")
        expected = GOOD.replace("T:Good", "T:Good\nS:a.abc").replace("GABc|c8|]", "GABc | c8 |]")
        assert written == expected
    run("normalise", "in")
    assert (tmp_path / "output" / "normalised-2" / "a.abc").exists()


def test_nothing_is_overwritten_without_force(run: Callable[..., Answer], tmp_path: Path) -> None:
    write(tmp_path / "a.abc", GOOD)
    write(tmp_path / "b.abc", "precious")
    fails(run("normalise", "a.abc", "--out", "b.abc"), "b.abc", "--force")
    assert (tmp_path / "b.abc").read_text(encoding="utf-8") == "precious"
    assert run("normalise", "a.abc", "--out", "b.abc", "--force").code == 0


@pytest.mark.parametrize("command", ["normalise", "check", "render", "train"])
def test_a_path_that_does_not_exist_is_named(command: str, run: Callable[..., Answer]) -> None:
    fails(run(command, "nowhere"), "nowhere")


@pytest.mark.parametrize("command", ["normalise", "check", "render", "train"])
def test_an_empty_folder_is_named_with_a_remedy(
    command: str, run: Callable[..., Answer], tmp_path: Path
) -> None:
    (tmp_path / "corpora").mkdir()
    fails(run(command, "corpora"), "corpora", "corpus install")


@pytest.mark.parametrize("command", ["normalise", "check", "render", "train"])
def test_a_folder_without_tunes_is_refused(
    command: str, run: Callable[..., Answer], tmp_path: Path
) -> None:
    (tmp_path / "cat.png").write_bytes(b"\x89PNG\r\n")
    fails(run(command, "."), ".abc", ".mid")


@pytest.mark.parametrize("command", ["normalise", "check", "render", "train"])
def test_a_broken_tune_is_named_by_file_line_and_title(
    command: str, run: Callable[..., Answer], tmp_path: Path
) -> None:
    write(tmp_path / "a.abc", BROKEN)
    fails(run(command, "a.abc"), "a.abc:6", "Broken", "@F|")


def test_a_picture_named_abc_is_refused(run: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "cat.abc").write_bytes(b"\x89PNG\r\n\0\0")
    fails(run("check", "cat.abc"), "cat.abc")


def test_a_result_that_cannot_be_written_is_named(
    run: Callable[..., Answer], tmp_path: Path
) -> None:
    # A file is where a folder is needed: an obstacle to every user, root too.
    write(tmp_path / "a.abc", GOOD)
    write(tmp_path / "file", "no folder")
    fails(run("normalise", "a.abc", "--out", "file/out"), "file/out")
    fails(run("render", "a.abc", "--out", "file/out"), "file/out")
    fails(run("corpus", "install", "misc", "--out", "file/out"), "file/out")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere"
)
def test_a_read_only_folder_is_named(run: Callable[..., Answer], tmp_path: Path) -> None:
    write(tmp_path / "a.abc", GOOD)
    (tmp_path / "locked").mkdir(mode=0o555)
    fails(run("normalise", "a.abc", "--out", "locked/out"), "locked")


# check and render


def test_valid_tunes_pass_the_check(run: Callable[..., Answer], tmp_path: Path) -> None:
    write(tmp_path / "a.abc", GOOD)
    answer = run("check", "a.abc")
    assert (answer.code, answer.out) == (0, "1 of 1 tune correct\n")


def test_bars_that_do_not_add_up_are_named(run: Callable[..., Answer], tmp_path: Path) -> None:
    write(tmp_path / "a.abc", f"{GOOD}\n{SHORT}")
    answer = run("check", "a.abc")
    assert answer.code == 1
    assert "X:2 'Short': bar 4 lasts 3/4 instead of 1" in answer.out
    assert run("check", "a.abc", "--json").json["right"] == 1


def test_what_would_be_rejected_when_sampled_is_warned_of(
    run: Callable[..., Answer], tmp_path: Path
) -> None:
    circle = "X:3\nT:Round\nM:4/4\nL:1/8\nK:C\nc8|" + "CDEFGABc|cBAGFEDC|" * 4 + "c8|]\n"
    write(tmp_path / "a.abc", f"{GOOD}\n{circle}")
    said = run("check", "a.abc")
    assert said.code == 0
    assert "bars 2 to 9" in said.out
    warnings: Any = run("check", "a.abc", "--json").json["warnings"]
    found = [(one["number"], one["fault"], one["bars"]) for one in warnings]
    assert found == [(3, "circle", [2, 9])]
    fails(run("check", "a.abc", "--checkpoint", "."), "not a checkpoint")


def test_a_tune_is_rendered_in_every_format(run: Callable[..., Answer], tmp_path: Path) -> None:
    write(tmp_path / "a.abc", GOOD)
    answer = run("render", "a.abc", "--to", "pdf,svg,png,midi,musicxml", "--json")
    files = [Path(name) for name in answer.json["files"]]  # type: ignore[attr-defined]
    begins = {
        ".pdf": b"%PDF", ".svg": b"<", ".png": b"\x89PNG", ".mid": b"MThd", ".musicxml": b"<?xml",
    }  # fmt: skip
    assert {file.suffix for file in files} == set(begins)
    assert {file.parent.name for file in files} == {"rendered-1"}
    for file in files:
        assert file.read_bytes().startswith(begins[file.suffix])


def test_one_format_may_go_to_one_file(run: Callable[..., Answer], tmp_path: Path) -> None:
    write(tmp_path / "a.abc", f"{GOOD}\n{GOOD}")
    assert run("render", "a.abc", "--out", "book.pdf").code == 0
    assert (tmp_path / "book.pdf").read_bytes().startswith(b"%PDF")
    fails(run("render", "a.abc", "--to", "midi", "--out", "tune.pdf"), "tune.pdf", "midi")


def test_files_of_the_same_name_do_not_overwrite_each_other(
    run: Callable[..., Answer], tmp_path: Path
) -> None:
    for folder in ("x", "y"):
        write(tmp_path / folder / "a.abc", GOOD)
    answer = run("render", "x", "y", "--to", "musicxml", "--json")
    assert len(set(answer.json["files"])) == 2  # type: ignore[call-overload]


def test_unknown_formats_papers_and_instruments_are_named_with_the_known(
    run: Callable[..., Answer], tmp_path: Path
) -> None:
    write(tmp_path / "a.abc", GOOD)
    fails(run("render", "a.abc", "--to", "pdf,docx"), "docx", "musicxml")
    fails(run("render", "a.abc", "--paper", "papyrus"), "papyrus", "a4")
    fails(run("render", "a.abc", "--instrument", "kazoo"), "kazoo", "fiddle")


@pytest.mark.parametrize(
    ("options", "key", "first"),
    [
        (["--transpose", "2"], "D", "D"),
        (["--transpose", "-10"], "D", "D,"),
        (["--key", "g"], "G", "G,"),
        (["--key", "Bb"], "Bb", "B,"),
        ([], "C", "C"),
    ],
)
def test_a_tune_is_rendered_in_another_key(
    run: Callable[..., Answer], tmp_path: Path, options: list[str], key: str, first: str
) -> None:
    write(tmp_path / "a.abc", GOOD)
    assert run("render", "a.abc", "--to", "abc", "--out", "b.abc", *options).code == 0
    lines = (tmp_path / "b.abc").read_text(encoding="utf-8").splitlines()
    assert f"K:{key}" in lines
    assert re.match("[A-G],*", lines[-1])[0] == first  # type: ignore[index]


def test_keys_that_cannot_be_are_refused(run: Callable[..., Answer], tmp_path: Path) -> None:
    write(tmp_path / "a.abc", GOOD)
    fails(run("render", "a.abc", "--key", "X"), "X", "Bb")
    fails(run("render", "a.abc", "--key", "G", "--transpose", "2"), "--key", "--transpose")


@pytest.mark.parametrize("command", [["render", "--to", "abc"], ["normalise"]])
def test_lines_are_kept_on_request(
    run: Callable[..., Answer], tmp_path: Path, command: list[str]
) -> None:
    write(tmp_path / "a.abc", GOOD.replace("|c8", "|\nc8"))
    for options, lines in (([], 1), (["--keep-lines"], 2)):
        out = f"{len(options)}.abc"
        assert run(*command, "a.abc", "--out", out, *options).code == 0
        text = (tmp_path / out).read_text(encoding="utf-8")
        assert len(text.partition("K:C\n")[2].splitlines()) == lines


def test_a_path_that_is_too_long_is_refused(run: Callable[..., Answer]) -> None:
    fails(run("check", "a" * 300), "aaa")


def test_file_names_cannot_control_the_terminal(run: Callable[..., Answer], tmp_path: Path) -> None:
    write(tmp_path / "red\x1b[31m :boat:\n.abc", BROKEN)
    answer = run("check", ".")
    fails(answer, "red", ":boat:")
    assert "\x1b[31m" not in answer.err


# train and sample


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--epochs", "2", "--minutes", "2"],
        ["train", "--classes", "359"],
        ["train", "--resume", "--preset", "large"],
        ["train", "--resume", "--units", "64"],
        ["train", "--resume", "--from", "run-1"],
        ["train", "--from", "run-1", "--units", "64"],
        ["train", "--from", "run-1", "--preset", "large"],
        ["train", "--from", "run-1", "--network", "window"],
        ["train", "--seed", "9223372036854775807"],
        ["sample", "--count", "0"],
        ["sample", "--count", "100000000"],
        ["sample", "--seed", "-1"],
    ],
    ids=" ".join,
)
def test_impossible_options_exit_with_2(arguments: list[str], run: Callable[..., Answer]) -> None:
    answer = run(*arguments)
    assert answer.code == 2
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--units", "0"],
        ["train", "--minutes", "0"],
        ["train", "--dropout", "1"],
        ["train", "--batch-size", "0"],
        ["train", "--learning-rate", "nan"],
        ["train", "--heads", "7"],
        ["train", "--no-attention", "--bidirectional", "--units", "9"],
        ["train", "--network", "window", "--positions"],
        ["train", "--network", "window", "--form"],
        ["train", "--network", "window", "--relative-pitch"],
        ["train", "--network", "window", "--blocks"],
        ["train", "--bidirectional", "--blocks"],
        ["train", "--network", "transformer"],
        ["train", "--optimizer", "lbfgs"],
        ["train", "--preset", "huge"],
        ["train", "--sequence-length", "1"],
        ["train", "--patience", "0"],
        ["train", "--epochs", "0"],
        ["train", "--resume", "--out", "nowhere"],
        ["sample", "--temperature", "nan"],
        ["sample", "--temperature", "-1"],
    ],
    ids=" ".join,
)
def test_impossible_values_are_named_and_leave_nothing(
    arguments: list[str], run: Callable[..., Answer], tmp_path: Path
) -> None:
    fails(run(*arguments), arguments[-1])
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small corpus and a run overfitted to it."""
    folder = tmp_path_factory.mktemp("trained")
    write_small_corpus(folder / "corpora")
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["abcgen", "train", *TRAINING])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code, said.getvalue()
    (folder / "said.txt").write_text(said.getvalue(), encoding="utf-8")
    return folder


def test_a_dry_run_shows_the_network_and_leaves_nothing(
    run: Callable[..., Answer], tmp_path: Path
) -> None:
    write_small_corpus(tmp_path / "corpora")
    settings = ["--preset", "paper", "--sequence-length", "90", "--classes", "359"]
    settings += ["--batch-size", "4"]
    answer = run("train", *settings, "--dry-run", "--json")
    layers: list[dict[str, object]] = answer.json["layers"]  # type: ignore[assignment]
    shown = [(row["layer"], row["shape"], row["parameters"]) for row in layers]
    assert shown[0] == ("LSTM", "(None, 90, 512)", 1_052_672)
    assert shown[-1] == ("Dense (softmax)", "(None, 359)", 92_263)
    assert answer.json["parameters"] == 3_638_119
    assert "preset paper" in answer.err
    assert float(str(answer.json["seconds"])) > 0
    assert [path.name for path in tmp_path.iterdir()] == ["corpora"]


def test_training_says_which_preset_it_chose_and_why(trained: Path) -> None:
    said = (trained / "said.txt").read_text(encoding="utf-8")
    assert re.search(r"preset \w+, chosen for .+: 1 LSTM layer of 96 units over whole tunes", said)


def test_plot_draws_a_run(here: Path, run: Callable[..., Answer]) -> None:
    answer = run("plot", "--out", "pictures")
    assert answer.code == 0
    names = ("curves", "weights", "network", "attention")
    for name in names:
        assert (here / "pictures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (here / "pictures" / f"{name}.svg").read_text(encoding="utf-8")
    assert "96" in (here / "pictures" / "network.svg").read_text(encoding="utf-8")
    fails(run("plot", "--out", "pictures"), "pictures", "--force")
    fails(run("plot", "nowhere"), "nowhere")


def test_training_reports_its_progress(trained: Path) -> None:
    said = (trained / "said.txt").read_text(encoding="utf-8")
    assert "checkpoint: checkpoints/run-1" in said
    assert re.search(r"[\d,]+ weights on \d+ tunes \([\d,]+ characters\)", said)
    assert re.search(r"held-out [\d.]+ bits/character, [\d.]+ bits/note", said)
    assert "M:6/8" in said
    assert "abcgen sample --checkpoint" in said


def test_a_checkpoint_can_be_read_by_people(trained: Path) -> None:
    run_folder = trained / "checkpoints" / "run-1"
    config = json.loads((run_folder / "config.json").read_text(encoding="utf-8"))
    assert config["format_version"] == FORMAT_VERSION
    assert len(config["about"]["split"]["fingerprint"]) == 64
    metrics = (run_folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(metrics[0])["bits_per_note"] > json.loads(metrics[-1])["training_bits"]
    assert {path.suffix for path in run_folder.iterdir() if path.is_file()} == {
        ".json", ".jsonl", ".safetensors",
    }  # fmt: skip


@pytest.fixture
def here(trained: Path, tmp_path: Path) -> Path:
    """A copy of that folder, in which ``run`` runs."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_sampling_prints_and_writes_tunes(run: Callable[..., Answer], here: Path) -> None:
    answer = run("sample", "-c", "run-1", "--count", "3", "--seed", "1")
    assert answer.code == 0, answer
    assert "network run-1 (" in answer.err
    assert re.search(r"\d+ tunes sampled, 3 valid, \d+ rejected", answer.err)
    folder = here / "output" / "tunes-1"
    book = (folder / "tunes.abc").read_text(encoding="utf-8")
    tunes = [tune for tune in read_tunebook(book) if isinstance(tune, Tune)]
    assert len(tunes) == len({tune.title for tune in tunes}) == 3
    assert all("checkpoint run-1, seed 1" in tune.source for tune in tunes)
    assert book.splitlines()[0] in answer.out
    assert "%abcgen" in book
    assert "%abcgen" not in answer.out
    endings = sorted(path.suffix for path in folder.iterdir())
    assert endings == sorted([".abc", ".html", ".pdf", *[".mid"] * 3, *[".musicxml"] * 3])
    assert run("check", folder / "tunes.abc").code == 0


def test_sampled_tunes_can_be_replayed(run: Callable[..., Answer], here: Path) -> None:
    wishes = ["--count", "2", "--metre", "6/8", "--key", "E", "--seed", "1", "--to", "none"]
    assert run("sample", "-c", "run-1", *wishes).code == 0
    book = here / "output" / "tunes-1" / "tunes.abc"
    answer = run("replay", book)
    assert answer.code == 0
    assert "2 of 2 tunes identical" in answer.out
    book.write_text(book.read_text(encoding="utf-8").replace("K:E", "K:D"), encoding="utf-8")
    assert run("replay", book).code == 1
    fails(run("replay", "nowhere.abc"), "nowhere.abc")


@pytest.mark.parametrize(
    ("options", "value"),
    [
        (["--temperature", "-1"], "temperature"),
        (["--top-p", "1.5"], "top_p"),
        (["--top-k", "-2"], "top_k"),
        (["--metre", "5/3"], "5/3"),
        (["--prime", "hello?"], "hello?"),
        (["--parts", "ABA"], "ABA"),
        (["--rhythm", "tango"], "tango"),
        (["--instrument", "kazoo"], "kazoo"),
        (["--paper", "papyrus"], "papyrus"),
        (["--layout", "scroll"], "scroll"),
        (["--to", "docx"], "docx"),
    ],
    ids=str,
)
def test_an_impossible_wish_is_named_in_one_line_before_a_tune_is_drawn(
    run: Callable[..., Answer], options: list[str], value: str, tmp_path: Path
) -> None:
    answer = run("sample", *options)
    fails(answer, value)
    assert "sampled" not in answer.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "code", "names"),
    [
        ("check nowhere.abc --json", 1, "nowhere.abc"),
        ("sample --metre 5/3 --json", 1, "5/3"),
        ("sample --count many --json", 2, "--count"),
        ("render --json", 2, "paths"),
        ("networks --fast --json", 2, "--fast"),
    ],
)
def test_an_error_is_json_where_the_result_would_be(
    line: str, code: int, names: str, run: Callable[..., Answer]
) -> None:
    answer = run(*line.split())
    assert answer.code == answer.json["exit_code"] == code
    assert names in str(answer.json["error"])
    assert answer.json.keys() == {"error", "hint", "exit_code"}


def test_at_temperature_0_there_is_one_tune(run: Callable[..., Answer], here: Path) -> None:
    assert here.exists()
    answer = run("sample", "-c", "run-1", "--temperature", "0", "--count", "3")
    assert "1 tune sampled" in answer.err


def test_the_same_seed_gives_the_same_tunes(run: Callable[..., Answer], here: Path) -> None:
    first, again, other = (
        run("sample", "-c", "run-1", "--count", "2", "--seed", seed, "--json").lines[:-1]
        for seed in ("1", "1", "2")
    )
    assert first == again
    assert first != other
    for name in ("tunes.abc", "tunes.pdf"):
        folders = here / "output"
        one, two = (folders / f"tunes-{number}" / name for number in (1, 2))
        assert one.read_bytes() == two.read_bytes()


def test_a_random_seed_is_reported(run: Callable[..., Answer], here: Path) -> None:
    assert here.exists()
    assert re.search(r"seed \d+", run("sample", "-c", "run-1", "--count", "1").err)


def test_invalid_tunes_are_counted(run: Callable[..., Answer], here: Path) -> None:
    assert here.exists()
    answer = run("sample", "-c", "run-1", "--temperature", "30", "--count", "1", "--free")
    fails(answer, "40", "--temperature")
    assert "40 rejected" in answer.err


def test_a_missing_checkpoint_is_named(run: Callable[..., Answer]) -> None:
    fails(run("sample", "--checkpoint", "nowhere"), "nowhere")


def test_a_folder_that_is_no_checkpoint_is_named(
    run: Callable[..., Answer], tmp_path: Path
) -> None:
    write(tmp_path / "other" / "a.abc", GOOD)
    fails(run("sample", "--checkpoint", "other"), "other", "weights.safetensors")


def test_a_damaged_checkpoint_is_named_by_its_file(run: Callable[..., Answer], here: Path) -> None:
    (here / "checkpoints" / "run-1" / "weights.safetensors").write_bytes(b"\0" * 100)
    fails(run("sample", "-c", "run-1"), "weights.safetensors")


def test_resuming_needs_the_same_tunes(run: Callable[..., Answer], here: Path) -> None:
    corpus = here / "corpora" / "small.abc"
    corpus.write_text(corpus.read_text(encoding="utf-8") + f"\n{GOOD}" * 3, encoding="utf-8")
    fails(run("train", "--resume", "--epochs", "60"), "run-1")


def test_fine_tuning_leaves_the_base_network_as_it_is(
    run: Callable[..., Answer], here: Path
) -> None:
    base = here / "checkpoints" / "run-1"
    before = {path: path.read_bytes() for path in base.rglob("*") if path.is_file()}
    mine = "\n".join(
        f"X:{number}\nT:Mine {number}\nR:zortziko\nM:5/8\nL:1/8\nK:C\n|:{bars}:|\n"
        for number, bars in enumerate(["edcde|c3B2", "gfedc|B3c2", "cBAGF|E3D2"], 1)
    )
    (here / "mine.abc").write_text(mine, encoding="utf-8")
    command = ["train", "mine.abc", "--from", "checkpoints/run-1", "--epochs", "1"]
    done = run(*command)
    assert done.code == 0, done.err
    assert "from checkpoints/run-1" in done.err
    assert {path: path.read_bytes() for path in base.rglob("*") if path.is_file()} == before
    tuned = here / "checkpoints" / "run-2"
    told = json.loads((tuned / "config.json").read_text(encoding="utf-8"))["about"]["from"]
    assert told == {"checkpoint": "run-1", "hash": checkpoint_hash(base)}
    known = json.loads((tuned / "vocabulary.json").read_text(encoding="utf-8"))["characters"]
    old = json.loads((base / "vocabulary.json").read_text(encoding="utf-8"))["characters"]
    assert known[: len(old)] == old
    assert "F" in known[len(old) :]
    names = json.loads((tuned / "tunes.json").read_text(encoding="utf-8"))["names"]
    assert {"Tune 1", "Mine 1"} <= set(names)
    fails(run("train", "--from", "checkpoints/run-1", "--out", str(base), "--force"), str(base))
    fails(run("train", "--from", "nowhere"), "nowhere")


def test_the_printed_command_resumes_with_the_same_tunes(
    run: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(
        _data: object, _split: object, _plan: object, folder: Path, *_: object
    ) -> TrainResult:
        return TrainResult(folder, 0.5, 1.0, None, None, interrupted=True)

    monkeypatch.setattr(training, "train_network", interrupted)
    write_small_corpus(tmp_path / "my tunes")
    said = run("train", "my tunes", "--units", "8", "--texture", "melody", "--out", "net")
    words = "abcgen train 'my tunes' --resume --out net --texture melody"
    assert f"resume with: {words}\n" in said.out


def test_what_is_not_learnt_is_said_and_chosen_alike_by_the_command_and_in_python(
    run: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits: list[Split] = []

    def trained(
        _data: object, split: Split, _plan: object, folder: Path, *_: object
    ) -> TrainResult:
        splits.append(split)
        untrained(folder)
        return TrainResult(folder, 0.5, 1.0, None, None, interrupted=False)

    monkeypatch.setattr(training, "train_network", trained)
    tunes = write_small_corpus(tmp_path / "tunes")
    wrong = "X:99\nT:Wrong\nM:4/4\nL:1/8\nK:D\nABcd edcB A|d2fd gfed|\n"
    tunes.write_text(f"{tunes.read_text(encoding='utf-8')}\n{wrong}", encoding="utf-8")
    choices: list[dict[str, Any]] = [{}, {"wrong_bars": True}, {"held_out": "pretrained"}]
    for number, options in enumerate(choices):
        words = [f"--{name.replace('_', '-')}" for name in options]
        words += [str(value) for value in options.values() if value is not True]
        answer = run("train", "tunes", "--units", "8", "--out", f"command-{number}", *words)
        assert answer.code == 0, answer.err
        abcgen.train("tunes", units=8, out=f"python-{number}", **options)
        ours, theirs = splits[-2:]
        assert ours == theirs
        assert ("1 tune with wrong bars" in answer.err) == ("wrong_bars" not in options)
        assert [tune.title for tune in ours.wrong] == ["Wrong"] * ("wrong_bars" not in options)
        assert ("221" in answer.err) == (len(ours.test) == 221) == ("held_out" in options)
    fails(run("train", "tunes", "--held-out", "nowhere"), "nowhere")
    again = run("train", "tunes", "--held-out", "pretrained", "--resume")
    assert again.code == 2
    assert "--held-out" in again.err


def test_many_tunes_left_out_are_one_line_with_a_file_to_read(
    run: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise InputError("not in this test")

    monkeypatch.setattr(training, "train_network", stopped)
    monkeypatch.setattr(critics, "add_critic", stopped)
    tunes = write_small_corpus(tmp_path / "tunes")
    broken = [BROKEN.replace("Broken", f"Broken {number}") for number in range(12)]
    tunes.write_text("\n".join([tunes.read_text(encoding="utf-8"), *broken]), encoding="utf-8")
    said = {
        command: run(*command.split()).err.splitlines()
        for command in ("train tunes --units 8 --out net", "critic pretrained tunes")
    }
    lines = [[line for line in all_lines if "left out" in line] for all_lines in said.values()]
    assert [len(found) for found in lines] == [1, 1]
    assert "12 tunes left out" in lines[0][0]
    assert "net/left-out.txt" in lines[0][0]
    assert "normalise --report" in lines[1][0]
    listed = (tmp_path / "net" / "left-out.txt").read_text(encoding="utf-8").splitlines()
    assert [f"Broken {number}" in one for number, one in enumerate(listed)] == [True] * 12


def test_a_file_name_that_is_not_utf8_is_recorded_with_replacement_characters(
    tmp_path: Path,
) -> None:
    path = Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.abc"))
    write_small_corpus(tmp_path / "corpora").rename(path)
    data, _ = training.prepare_data(extract_corpus([path], READERS, TextCache(None)), SplitConfig())
    assert json.dumps(data.about, ensure_ascii=False).encode()
    assert "caf\ufffd.abc" in str(data.about["corpora"])


@pytest.mark.parametrize("name", ["nonsense", "jax"])
def test_what_keras_cannot_compute_with_is_fails(name: str, tmp_path: Path) -> None:
    if find_spec(name):
        pytest.skip(f"{name} is installed")
    write_small_corpus(tmp_path / "corpora")
    done = subprocess.run(
        [sys.executable, "-m", "abcgen", "train", "--dry-run"], cwd=tmp_path,
        env=os.environ | {"KERAS_BACKEND": name}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "KERAS_BACKEND" in done.stderr.splitlines()[-1]


def test_resuming_needs_a_run(run: Callable[..., Answer], tmp_path: Path) -> None:
    write_small_corpus(tmp_path / "corpora")
    fails(run("train", "--resume"), "no run")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_training_can_be_sampled_and_resumed(
    number: int, code: int, run: Callable[..., Answer], tmp_path: Path
) -> None:
    write_small_corpus(tmp_path / "corpora")
    small = ["--units", "16", "--no-attention", "--no-positions", "--epochs", "100000"]
    small += ["--dropout", "0.1"]
    command = [sys.executable, "-m", "abcgen", "train", *TRAINING, *small]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    metrics = tmp_path / "checkpoints" / "run-1" / "metrics.jsonl"
    until = time.monotonic() + 90
    while not metrics.exists() and time.monotonic() < until:
        time.sleep(0.2)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "interrupted" in said
    assert "train --resume" in said
    assert "Traceback" not in said
    before = len(metrics.read_text(encoding="utf-8").splitlines())
    sampled = run("sample", "-c", "run-1", "--count", "1", "--temperature", "30", "--free")
    fails(sampled, "40")
    resumed = run("train", "--resume", "--epochs", str(before + 2), "--dropout", "0.3")
    assert resumed.code == 0, resumed.err
    network = json.loads((metrics.parent / "config.json").read_text(encoding="utf-8"))["network"]
    assert network["dropout"] == 0.3
    assert "resuming after" in resumed.err
    assert len(metrics.read_text(encoding="utf-8").splitlines()) > before
