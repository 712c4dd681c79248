"""What abcgen does, computed: nothing of it may change where only the code is put in order.

``test_unchanged.py`` compares it with ``recorded.json``. It can also be recorded anew, or written
out as files, so that ``diff -r`` of what two versions wrote shows what a hash does not:

    python -m tests.unchanged.promises --record
    python -m tests.unchanged.promises --keep FOLDER [SECTION...]

Nothing here knows how abcgen is made inside, but for a few imports and ``open_network``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import chdir, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer.main
from typer.testing import CliRunner

import abcgen

# ---- Names of abcgen's inside: a renaming touches these lines and open_network below. ----
from abcgen.cli import app as COMMAND_LINE  # noqa: N812
from abcgen.grammar.positions import with_form_line
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.vocabulary import BEGIN, Vocabulary
from abcgen.notation.model_text import decode_tune, encode_tune
from abcgen.pipeline.checkpoints import step_network
from tests.unchanged import items as all_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from abcgen.model.inference import StepNetwork

    Parts = dict[str, object]
    """Texts, bytes, or what JSON can hold, by name."""
    Products = dict[str, Parts]
    """What was made of every item."""
    Make = Callable[[Path, Sequence[str]], Products]

HERE = Path(__file__).parent
CHECKOUT = Path(abcgen.__file__).parents[1]
PRETRAINED = CHECKOUT / "checkpoints" / "pretrained"
GIVEN = HERE / "given"
RECORDED = HERE / "recorded.json"
DIGITS = 16  # of a hash: enough to see a change
READ = 200  # characters that the network reads of a tune
KEPT = 16  # logits kept of these
SIDE = 40  # tunes that the tiny networks learn


def open_network(folder: Path) -> tuple[StepNetwork, Vocabulary]:
    """The network of a checkpoint, to be read character by character, and its characters."""
    checkpoint = load_checkpoint(folder)
    return step_network(checkpoint), checkpoint.vocabulary


# The command line.


@dataclass(frozen=True)
class Answer:
    """How a command ended, and what it said."""

    code: int
    out: str
    error: str

    @property
    def facts(self) -> Any:
        """What it printed as JSON, as a list if that is a line for each object; None if none."""
        if not self.out.startswith("{"):
            return None
        with suppress(json.JSONDecodeError):
            return json.loads(self.out)
        return [json.loads(line) for line in self.out.splitlines()]


def abcgen_run(words: Sequence[str | Path], folder: Path, cache: str = "off") -> Answer:
    """Run abcgen as a program of its own, from this checkout, in a folder."""
    changed = {"PYTHONPATH": str(CHECKOUT), "ABCGEN_CACHE": cache, "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-m", "abcgen", *map(str, words)],
        cwd=folder,
        env=_without_keras(os.environ) | changed,
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    error = "\n".join(line.removeprefix("error: ") for line in errors)
    return Answer(done.returncode, done.stdout, error)


def abcgen_run_inside(words: Sequence[str], folder: Path) -> Answer:
    """Run abcgen in this process, which is faster."""
    with chdir(folder):
        result = CliRunner(env={"ABCGEN_CACHE": "off", "COLUMNS": "200"}).invoke(
            COMMAND_LINE, list(words)
        )
    if result.exception and not isinstance(result.exception, SystemExit | abcgen.AbcgenError):
        raise result.exception
    error = str(result.exception) if isinstance(result.exception, abcgen.AbcgenError) else ""
    return Answer(result.exit_code, result.stdout, error)


def _done(words: Sequence[str | Path], folder: Path, cache: str = "off") -> Answer:
    """Run abcgen where it must not fail."""
    answer = abcgen_run(words, folder, cache)
    if answer.code:
        raise RuntimeError(f"abcgen {shlex.join(map(str, words))}: {answer}")
    return answer


def _without_keras(environment: os._Environ[str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name != "KERAS_BACKEND"}


# Tunes.


def _tune_texts(tunes: Iterable[str], folder: Path) -> Iterator[tuple[str, str]]:
    """Every tune with its text as it stands in its collection."""
    books: dict[str, list[str]] = {"marked": _blocks(HERE / "marked.abc")}
    for name in _install(folder, {tune.partition("-")[0] for tune in tunes} - {"marked"}):
        books[name] = _blocks(folder / f"{name}.abc")
    for tune in tunes:
        name, _, place = tune.partition("-")
        yield tune, books[name][int(place)]


def _tune_files(tunes: Iterable[str], folder: Path) -> Path:
    """A folder with a file to each tune."""
    found = _fresh(folder / "tunes")
    for tune, text in _tune_texts(tunes, folder):
        (found / f"{tune}.abc").write_text(text, encoding="utf-8")
    return found


def _install(folder: Path, names: Iterable[str]) -> list[str]:
    wanted = sorted(names)
    if wanted:
        _done(["corpus", "install", *wanted, "--out", ".", "--force"], folder)
    return wanted


def _blocks(book: Path) -> list[str]:
    return re.split(r"(?m)^(?=X:)", book.read_text(encoding="utf-8"))[1:]


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _given(folder: Path) -> Path:
    """A folder of its own with all that commands are given."""
    found = folder / "said"
    shutil.rmtree(found, ignore_errors=True)
    shutil.copytree(GIVEN, found)
    shutil.copy(HERE / "marked.abc", found)
    return found


# The promises.


def collections(folder: Path, names: Sequence[str]) -> Products:
    """Canonical ABC, model text and reports of whole collections, read twice: anew and kept."""
    _install(folder, all_of.COLLECTIONS if all_of.SOME in names else names)
    if all_of.SOME in names:
        books = [_blocks(folder / f"{name}.abc")[:: all_of.EVERY] for name in all_of.COLLECTIONS]
        text = "".join(text for book in [_blocks(HERE / "marked.abc"), *books] for text in book)
        (folder / f"{all_of.SOME}.abc").write_text(text, encoding="utf-8")
    return {name: _reading(name, folder) | _model_texts(name, folder) for name in names}


def _reading(name: str, folder: Path) -> Parts:
    source, cache = f"{name}.abc", str(_fresh(folder / "cache"))
    parts: Parts = {}
    for kind in ("json", "html"):
        report = f"{name}-report.{kind}"
        words = ["normalise", source, "--out", f"{name}-{kind}.abc", "--report", report, "--force"]
        _done(words, folder, cache)
        parts[f"report.{kind}"] = (folder / report).read_bytes()
        parts["canonical.abc" if kind == "json" else "canonical, from the cache.abc"] = (
            folder / f"{name}-{kind}.abc"
        ).read_bytes()
    return parts


def _model_texts(name: str, folder: Path) -> Parts:
    entries = abcgen.read_tunebook((folder / f"{name}.abc").read_text(encoding="utf-8"))
    tunes = [entry for entry in entries if isinstance(entry, abcgen.Tune)]
    plain = [encode_tune(tune).text for tune in tunes]
    full = [encode_tune(tune, chord_symbols=True).text for tune in tunes]
    return {
        "model.txt": "\n".join(plain),
        "model with chord symbols.txt": "\n".join(full),
        "model text read back.abc": "\n".join(abcgen.write_abc(decode_tune(one)) for one in plain),
    }


def logits(folder: Path, tunes: Sequence[str]) -> Products:
    """What the network that comes with abcgen expects in some tunes, one character at a time."""
    texts = _tune_texts(tunes, folder)
    return {tune: _expected(PRETRAINED, _model_text(text)) for tune, text in texts}


def old_checkpoints(_folder: Path, names: Sequence[str]) -> Products:
    """What networks expect that are kept in formats which are written no more."""
    return {name: _expected(HERE / "old" / name, all_of.READ_BY_OLD_NETWORKS) for name in names}


def _expected(checkpoint: Path, text: str) -> Parts:
    """What a network takes for likeliest after every character, and some of its logits."""
    found = _step_logits(checkpoint, text)
    steps = np.linspace(0, len(found) - 1, KEPT).astype(int)
    # Another class at every step, so that all of the last layer is seen.
    some = [float(found[step, 7 * place % found.shape[1]]) for place, step in enumerate(steps)]
    return {
        "likeliest.json": json.dumps(found.argmax(axis=1).tolist()),
        "logits": [round(number, 4) for number in some],
    }


def _model_text(text: str) -> str:
    (tune,) = (one for one in abcgen.read_tunebook(text) if isinstance(one, abcgen.Tune))
    return with_form_line(encode_tune(tune).text)[:READ]


def _step_logits(folder: Path, text: str) -> Any:
    network, vocabulary = open_network(folder)
    state, rows = network.start(1), []
    for number in (BEGIN, *vocabulary.encode(text)):
        row, state = network.step(np.array([number], np.int32), state)
        rows.append(row[0])
    return np.stack(rows)


def sampled(folder: Path, wishes: Sequence[str]) -> Products:
    """The tunes that are composed, by the options of ``sample``."""
    return {wish: {"tunes.abc": _sampled(wish, _given(folder))} for wish in wishes}


def _sampled(wish: str, folder: Path) -> bytes:
    _done(["sample", *shlex.split(wish), "--to", "none", "--out", "made"], folder)
    return (folder / "made" / "tunes.abc").read_bytes()


def pages(folder: Path, tunes: Sequence[str]) -> Products:
    """Tunes as MusicXML, MIDI, SVG and a web page, and what is told of them."""
    return _rendered(folder, tunes, "musicxml,midi,svg,html")


def prints(folder: Path, tunes: Sequence[str]) -> Products:
    """The words of tunes in print, and where they stand."""
    made = _rendered(folder, tunes, "pdf")
    for tune, parts in made.items():
        parts.pop("pdf")
        parts["pdf.txt"] = _words_of(folder / "rendered" / f"{tune}.pdf")
    return made


def _rendered(folder: Path, tunes: Sequence[str], formats: str) -> Products:
    out = folder / "rendered"
    shutil.rmtree(out, ignore_errors=True)
    source = _tune_files(tunes, folder)
    told = _done(["render", source, "--to", formats, "--out", out, "--json"], folder).facts
    lines = [*told["not_rendered"], *told["notes"]]
    return {tune: _parts(out, tune) | {"told": _about(tune, lines)} for tune in tunes}


def _parts(folder: Path, stem: str) -> Parts:
    return {path.suffix[1:]: path.read_bytes() for path in sorted(folder.glob(f"{stem}.*"))}


def _about(tune: str, lines: Sequence[str]) -> list[str]:
    name = f"{tune}.abc"
    return [line[line.index(name) :] for line in lines if name in line]


def _words_of(pdf: Path) -> str:
    program = shutil.which("pdftotext")
    if program is None:
        raise RuntimeError("pdftotext (Debian package poppler-utils) is not installed")
    words = [program, "-bbox", str(pdf), "-"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def looks(folder: Path, options: Sequence[str]) -> Products:
    """Tunes printed and played in other ways than the usual, by the options of ``render``."""
    made: Products = {}
    for option in options:
        here = _given(folder)
        _done(["render", *shlex.split(option), "--out", "made"], here)
        made[option] = _files(here / "made")
    return made


def _files(folder: Path) -> Parts:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def read_back(folder: Path, tunes: Sequence[str]) -> Products:
    """Canonical ABC of tunes read from MIDI, in several textures, and from MusicXML."""
    made: Products = {tune: {} for tune in tunes}
    source, files = _tune_files(tunes, folder), folder / "files"
    shutil.rmtree(files, ignore_errors=True)
    _done(["render", source, "--to", "midi,musicxml", "--out", files], folder)
    for texture in ("auto", "chords", "voices"):
        kinds = ("mid", "musicxml") if texture == "auto" else ("mid",)
        paths = [path for kind in kinds for path in sorted(files.glob(f"*.{kind}"))]
        out = _fresh(folder / "back")
        _done(["normalise", *paths, "--texture", texture, "--out", out, "--force"], folder)
        for tune in tunes:
            for path in sorted(out.glob(f"{tune}.*")):
                made[tune][f"{texture}, {path.name.removeprefix(tune)}"] = path.read_bytes()
    return made


def commands(folder: Path, lines: Sequence[str]) -> Products:
    """How command lines end when abcgen runs as a program of its own."""
    return {line: _end(abcgen_run(shlex.split(line), _given(folder))) for line in lines}


def commands_inside(folder: Path, lines: Sequence[str]) -> Products:
    """How command lines end when abcgen runs in this process."""
    return {line: _end(abcgen_run_inside(shlex.split(line), _given(folder))) for line in lines}


def _end(answer: Answer) -> Parts:
    """The exit code, the keys of what was printed as JSON, and whether a mistake is told."""
    parts: Parts = {"code": answer.code}
    if answer.facts is not None:
        parts["keys"] = sorted(set(_keys(answer.facts)))
    return parts | ({"says_what_is_wrong": True} if answer.error else {})


def _keys(facts: object, before: str = "") -> Iterator[str]:
    if isinstance(facts, dict):
        for name, value in facts.items():
            yield from _keys(value, f"{before}.{name}" if before else name)
    elif isinstance(facts, list) and facts:
        for value in facts:
            yield from _keys(value, f"{before}[]")
    else:
        yield before


def options(_folder: Path, names: Sequence[str]) -> Products:
    """The defaults of every command's arguments and options, by their long names."""
    found = dict(_commands(typer.main.get_command(COMMAND_LINE), ""))
    return {name: found[name] for name in names}


def command_names() -> list[str]:
    """The words of every command, the program's own being "abcgen"."""
    return [name for name, _ in _commands(typer.main.get_command(COMMAND_LINE), "")]


def _commands(command: Any, before: str) -> Iterator[tuple[str, Parts]]:
    name = f"{before} {command.name}".strip()
    defaults: Parts = {}
    for parameter in command.params:
        default = parameter.default
        shown = str(getattr(default, "value", default))
        names = (*parameter.opts, *parameter.secondary_opts)
        defaults |= {long: {"default": shown} for long in names}
    yield name, {long: shown for long, shown in defaults.items() if not is_short(long)}
    for inner in getattr(command, "commands", {}).values():
        yield from _commands(inner, name)


def is_short(option: str) -> bool:
    """Whether an option is one letter after one dash."""
    return option.startswith("-") and not option.startswith("--")


def training(folder: Path, runs: Sequence[str]) -> Products:
    """What tiny networks learn in one pass over a few tunes on the CPU."""
    return {run: _trained(run, folder) for run in runs}


def _trained(run: str, folder: Path) -> Parts:
    here = _fresh(folder / "trained")
    _install(here, ["ryans"])
    (here / "tiny.abc").write_text("".join(_blocks(here / "ryans.abc")[:SIDE]), encoding="utf-8")
    words = [str(PRETRAINED) if word == "PRETRAINED" else word for word in shlex.split(run)]
    facts = _done(["train", "tiny.abc", *words, "--out", "run", "--json"], here).facts
    made = here / "run"
    kept = ("vocabulary.json", "held-out.json", "tunes.json")
    return {
        "bits": {name: _rounded(facts[name]) for name in facts if "bits" in name},
        "metrics": _metrics(made / "metrics.jsonl"),
        "config.json": json.dumps(_timeless(json.loads((made / "config.json").read_text()))),
        "files": sorted(str(path.relative_to(made)) for path in made.rglob("*")),
        **{name: (made / name).read_bytes() for name in kept if (made / name).exists()},
    }


def _metrics(path: Path) -> list[object]:
    """What was measured, without the time it took and the weights, which rounding reaches."""
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    measured = ("epochs", "steps", "bits", "accuracy", "learning_rate")
    return [
        {name: _rounded(line[name]) for name in line if any(word in name for word in measured)}
        for line in lines
    ]


def figures(folder: Path, lines: Sequence[str]) -> Products:
    """Pictures and figures of the network that comes with abcgen."""
    made: Products = {}
    for line in lines:
        here = _given(folder)
        words = [str(PRETRAINED) if word == "PRETRAINED" else word for word in shlex.split(line)]
        _done(words, here)
        made[line] = _evaluated(here / "made") if "evaluate" in line else _files(here / "made")
    return made


def _evaluated(folder: Path) -> Parts:
    """Every figure of an evaluation by its name, but for the page, which tells the times too.

    What music21 says is left out: on a busy machine it may not answer in the time it is given.
    """
    found = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    facts = {name: found[name] for name in _timeless(found) if not name.startswith("music21_")}
    return {f"{name}.json": json.dumps(_rounded(value), indent=1) for name, value in facts.items()}


def _timeless(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts without the times and places in them."""
    return {name: facts[name] for name in facts if name not in {"seconds", "created", "checkpoint"}}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 3) if isinstance(value, float) else value


# What is compared.


@dataclass(frozen=True)
class Section:
    """A kind of promise: who computes it, of what, and which libraries have a say in it."""

    make: Make
    items: Sequence[str]
    libraries: Sequence[str] = ()


PRINTING = ("music21", "verovio", "typst", "mido")
SECTIONS = {
    "collections": Section(collections, all_of.READ, ["music21", "jinja2"]),
    "logits": Section(logits, all_of.READ_BY_NETWORK, ["music21"]),
    "old_checkpoints": Section(old_checkpoints, all_of.OLD_FORMATS),
    "sampled": Section(sampled, all_of.SAMPLED),
    "pages": Section(pages, all_of.TUNES, PRINTING),
    "prints": Section(prints, all_of.TUNES, [*PRINTING, "pdftotext"]),
    "looks": Section(looks, all_of.LOOKS, PRINTING),
    "read_back": Section(read_back, all_of.TUNES, PRINTING),
    "commands": Section(commands, (*all_of.COMMANDS, *all_of.LONG_COMMANDS)),
    "options": Section(options, command_names(), ["typer"]),
    "training": Section(training, all_of.TRAINING, ["music21", "keras", "tensorflow"]),
    "figures": Section(
        figures,
        all_of.FIGURES,
        [*PRINTING, "matplotlib", "scikit-learn", "numpy", "abc2midi"],
    ),
}


def sealed(products: Products) -> Products:
    """Products with a hash in place of every text; what JSON can hold stays as it is."""
    return {
        item: {name: _seal(content) for name, content in parts.items()}
        for item, parts in products.items()
    }


def _seal(content: object) -> object:
    if isinstance(content, str | bytes):
        data = content.encode() if isinstance(content, str) else content
        return hashlib.sha256(data).hexdigest()[:DIGITS]
    return content


@cache
def library_versions() -> dict[str, str]:
    """The versions of all that has a say in what is made."""
    names = {name for section in SECTIONS.values() for name in section.libraries}
    return {name: _version(name) for name in sorted(names)}


def _version(name: str) -> str:
    if name == "pdftotext":
        return _first_line(name, "-v")
    if name == "abc2midi":
        return _first_line(name, "-ver")
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _first_line(program: str, option: str) -> str:
    path = shutil.which(program)
    if path is None:
        return "none"
    done = subprocess.run([path, option], capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().splitlines()[0]


def record(names: Sequence[str]) -> None:
    """Compute sections and write their hashes to ``recorded.json``."""
    found = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    found["libraries"] = library_versions()
    for name, products in _computed(names):
        found[name] = sealed(products)
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    RECORDED.write_text(text, encoding="utf-8")


def keep(target: Path, names: Sequence[str]) -> None:
    """Compute sections and write all of it to files, for ``diff -r``."""
    for name, products in _computed(names):
        for item, parts in products.items():
            folder = target / name / re.sub(r"[^\w.=-]+", "_", item)
            folder.mkdir(parents=True, exist_ok=True)
            for part, content in parts.items():
                (folder / part).write_bytes(_as_file(content))


def _computed(names: Sequence[str]) -> Iterator[tuple[str, Products]]:
    for name in names or SECTIONS:
        with tempfile.TemporaryDirectory() as folder:
            sys.stderr.write(f"{name}\n")
            yield name, SECTIONS[name].make(Path(folder), SECTIONS[name].items)


def _as_file(content: object) -> bytes:
    if isinstance(content, bytes):
        return content
    return (content if isinstance(content, str) else json.dumps(content, indent=1)).encode()


def main() -> None:
    """Record what is computed, or keep it."""
    parser = argparse.ArgumentParser(description="Compute what abcgen promises to do unchanged.")
    wish = parser.add_mutually_exclusive_group(required=True)
    wish.add_argument("--record", action="store_true", help="write recorded.json anew")
    wish.add_argument("--keep", type=Path, metavar="FOLDER", help="write all of it to files")
    parser.add_argument("sections", nargs="*", help=f"some of {', '.join(SECTIONS)}; all")
    given = parser.parse_args()
    sys.stderr.write(f"abcgen is {abcgen.__file__}\n")
    if given.record:
        record(given.sections)
    else:
        keep(given.keep, given.sections)


if __name__ == "__main__":
    main()
