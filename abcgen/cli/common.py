"""Options that several commands share, and what they do with them."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from abcgen.config import (
    LARGE_PRINT,
    SHEET_PRINT,
    PageConfig,
    SampleConfig,
    Schema,
    bounds_of,
    choices_of,
)
from abcgen.errors import InputError
from abcgen.files import (
    check_writable,
    hold_folder,
    new_folder,
    refuse_to_overwrite,
    scratch_folder,
)
from abcgen.pipeline.formats import FORMATS, all_readers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from abcgen.cli.display import Display
    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.reading import Corpus, RepairedTune, SkippedTune

OUTPUT = Path("output")
# Standard output, as the place of a result.
STDOUT = Path("-")
CORPORA = Path("corpora")
MOST_TUNES = 100_000  # of one command
INTERRUPTED = 130


def option(
    schema: type[Schema], field: str, *flags: str, bounded: bool = False, **changes: Any
) -> Any:
    """Return the command-line option for a field of a schema, with its description and choices.

    The schema itself refuses a value out of bounds, with exit code 1.

    Args:
        schema: Settings, such as ``TrainConfig``.
        field: The name of one of them.
        flags: Such as ``--batch-size`` and ``-b``; by default derived from the parameter's name.
        bounded: Show the bounds in the help, and treat other values as wrong usage, exit code 2.
        changes: Arguments of ``typer.Option`` to add or replace.
    """
    info = schema.model_fields[field]
    arguments: dict[str, Any] = {"help": info.description}
    if values := choices_of(info):
        arguments |= choices(*values)
    if bounded:
        arguments["min"], arguments["max"] = bounds_of(info)
    return typer.Option(*flags, **arguments | changes)


def choices(*values: str) -> dict[str, Any]:
    """Return arguments of ``typer.Option`` that list an option's values in help and completion.

    Other values are refused only when the option is used, with exit code 1.
    """
    return {"metavar": "|".join(values), **completion(values)}


def completion(values: Iterable[str]) -> dict[str, Any]:
    """Return the argument of ``typer.Option`` by which the shell completes these values."""
    return {
        "autocompletion": lambda incomplete: [
            value for value in values if value.startswith(incomplete.lower())
        ]
    }


def format_list(**changes: Any) -> Any:
    """Return the option for output formats, which ``FORMATS`` describes."""

    # Completes the last format of the list, and keeps those before it.
    def complete(incomplete: str) -> list[tuple[str, str]]:
        before, comma, last = incomplete.rpartition(",")
        return [
            (f"{before}{comma}{name}", form.description)
            for name, form in FORMATS.items()
            if name.startswith(last.lower())
        ]

    described = "; ".join(f"{name}: {form.description}" for name, form in FORMATS.items())
    arguments: dict[str, Any] = {
        "metavar": "FORMAT,…",
        "help": f"Formats, separated by commas. {described}.",
        "autocompletion": complete,
        "rich_help_panel": "Output",
    }
    return typer.Option("--to", **arguments | changes)


Json = Annotated[
    bool,
    typer.Option("--json", help="Print the result as one JSON object.", rich_help_panel="Output"),
]
JsonLines = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print each tune as a JSON object on a line as soon as it is composed, and the result "
        "on the last line.",
        rich_help_panel="Output",
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Overwrite existing files.", rich_help_panel="Output")
]
NewFolder = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        readable=False,
        help="Output folder.",
        show_default="a new one under output/",
        rich_help_panel="Output",
    ),
]
CHECKPOINT: dict[str, Any] = {
    "readable": False,
    "help": "A network by its name in abcgen networks, such as pretrained or run-1, or its folder.",
    "show_default": "the best of those measured on the same tunes as pretrained",
}
CheckpointOption = Annotated[
    Path | None, typer.Option("--checkpoint", "-c", rich_help_panel="Network", **CHECKPOINT)
]
CheckpointArgument = Annotated[Path | None, typer.Argument(**CHECKPOINT)]
Temperature = Annotated[
    float,
    option(SampleConfig, "temperature", "--temperature", "-t", rich_help_panel="Sampling"),
]
Paths = Annotated[
    list[Path],
    typer.Argument(
        readable=False,
        allow_dash=True,
        help=".abc, .mid and .musicxml files, or folders of them; - for standard input.",
    ),
]
KeepLines = Annotated[
    bool,
    typer.Option(
        "--keep-lines",
        help="Break lines where the files do.",
        rich_help_panel="Output",
    ),
]
Texture = Annotated[
    str,
    typer.Option(
        help="Write MIDI as the melody only, as chords in one voice, as several voices, or as "
        "suits the file.",
        rich_help_panel="Data",
        **choices("auto", "melody", "chords", "voices"),
    ),
]
Track = Annotated[
    str,
    typer.Option(
        help="The only MIDI track to read, by number or name, or a channel of it: 1:4.",
        show_default="all",
        rich_help_panel="Data",
    ),
]
FoldRange = Annotated[
    str,
    typer.Option(
        help="Move MIDI notes by octaves into the range of this instrument.",
        show_default="off",
        rich_help_panel="Data",
    ),
]
Cache = Annotated[
    bool,
    typer.Option(
        help="Cache what was read, in the user's cache folder or ABCGEN_CACHE.",
        rich_help_panel="Data",
    ),
]


BookTitle = Annotated[
    str,
    typer.Option(
        help="Title of the book, on a page of its own if there are four pages or more.",
        show_default="none",
        rich_help_panel="Sheet music",
    ),
]
Paper = Annotated[
    str,
    typer.Option(help="Paper size.", rich_help_panel="Sheet music", **choices("a4", "us-letter")),
]
LargePrint = Annotated[
    bool, typer.Option("--large-print", help="Larger notes.", rich_help_panel="Sheet music")
]


LayoutOption = Annotated[
    str,
    typer.Option(
        "--layout",
        help="A book of tunes, or a sheet of numbered exercises, eight to a page, with a line for "
        "name and date.",
        rich_help_panel="Sheet music",
        **choices("book", "sheet"),
    ),
]


def page_config(
    paper: str, *, large_print: bool, keep_lines: bool = False, layout: str = "book"
) -> PageConfig:
    """Return the printed page that the options describe.

    Raises:
        InputError: if there is no such paper or layout.
    """
    from abcgen.score.pages import check_page, paper_named

    usual = SHEET_PRINT if layout == "sheet" else PageConfig().staff_height
    height = LARGE_PRINT if large_print else usual
    page = PageConfig(
        paper=paper_named(paper), staff_height=height, keep_lines=keep_lines, layout=layout
    )
    check_page(page)
    return page


def text_cache(*, use: bool) -> TextCache:
    """Return the cache of what was read before, or one that stores nothing."""
    from abcgen.corpus.cache import TextCache, default_folder

    return TextCache(default_folder() if use else None)


def target_for(out: Path | None, stem: str, *, force: bool, may_be_file: bool = False) -> Path:
    """Return the folder for results, ``out`` or a new one, which no other process may write to.

    With ``may_be_file`` a name with a suffix is that of a single file.

    Raises:
        OutputError: if it exists already or cannot be written to.
    """
    target = out or new_folder(OUTPUT, stem)
    refuse_to_overwrite(target, force=force)
    is_file = may_be_file and target.suffix and not target.is_dir()
    (check_writable if is_file else hold_folder)(target)
    return target


def load(paths: list[Path], display: Display) -> Corpus:
    """Read tunes; show progress and the tunes skipped."""
    from abcgen.corpus.reading import load_corpus

    with display.progress("reading tunes") as on_progress:
        corpus = load_corpus(paths, readers=all_readers(), on_progress=on_progress)
    display.left_out(corpus.skipped)
    display.repaired(corpus.repaired)
    return corpus


def display_for(out: Path | None, *, as_json: bool) -> Display:
    """Return a display that leaves standard output to a result, if ``out`` is ``-``.

    Raises:
        InputError: if JSON would be written there too.
    """
    from abcgen.cli.display import Display

    if out == STDOUT and as_json:
        raise InputError(
            "--json and --out - both write to standard output", hint="leave one of them out"
        )
    return Display(as_json=as_json, results_aside=out == STDOUT)


@contextmanager
def to_stdout(suffix: str) -> Iterator[Path]:
    """Yield the path of a temporary file, whose content is then written to standard output.

    Raises:
        InputError: if the result was more than one file.
    """
    with scratch_folder() as scratch:
        folder = scratch / "output"
        folder.mkdir()
        path = folder / f"standard-output.{suffix}"
        yield path
        others = [other for other in folder.iterdir() if other != path]
        if others or not path.exists():
            raise InputError(
                "standard output can hold one file only", hint="name a folder with --out"
            )
        sys.stdout.flush()
        sys.stdout.buffer.write(path.read_bytes())
        sys.stdout.buffer.flush()


def repair_facts(repaired: RepairedTune) -> dict[str, str | int]:
    """Return what was repaired or ignored for the JSON result."""
    return {
        "file": str(repaired.path),
        "line": repaired.repair.line,
        "number": str(repaired.tune.number),
        "title": repaired.tune.title,
        "what": repaired.repair.what,
        "text": repaired.repair.text,
    }


def skipped_facts(skipped_tune: SkippedTune) -> dict[str, str | int]:
    """Return a skipped tune for the JSON result."""
    return {
        "file": str(skipped_tune.path),
        "line": skipped_tune.cause.line,
        "number": skipped_tune.cause.number,
        "title": skipped_tune.cause.title,
        "reason": skipped_tune.cause.reason,
    }
