"""What the commands share: options that several have, and reading tunes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from abcgen.config import SampleConfig, Schema, bounds_of, choices_of
from abcgen.files import check_writable, refuse_to_overwrite, unused_folder
from abcgen.pipeline.formats import FORMATS, all_readers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from abcgen.cli.display import Display
    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.reading import Corpus, SkippedTune

OUTPUT = Path("output")
CORPORA = Path("corpora")
MOST_TUNES = 100_000  # of one command
INTERRUPTED = 130


def option(
    schema: type[Schema], field: str, *flags: str, bounded: bool = False, **changes: Any
) -> Any:
    """Return the command-line option of a setting, with its field's help and choices.

    The setting itself refuses a value out of bounds when it is made, with exit code 1.

    Args:
        schema: The settings, such as ``TrainConfig``.
        field: Name of one of them.
        flags: Such as ``--batch-size`` and ``-b``; by default derived from the parameter's name.
        bounded: Show the bounds in the help and refuse other values as a usage error, exit code 2.
        changes: Other arguments of ``typer.Option``.
    """
    info = schema.model_fields[field]
    arguments: dict[str, Any] = {"help": info.description}
    if values := choices_of(info):
        arguments |= choices(*values)
    if bounded:
        arguments["min"], arguments["max"] = bounds_of(info)
    return typer.Option(*flags, **arguments | changes)


def choices(*values: str) -> dict[str, Any]:
    """Return arguments of ``typer.Option`` that show a text's values in help and completion.

    Other values are refused where the option is used, with exit code 1.
    """
    return {"metavar": "|".join(values), **completion(values)}


def completion(values: Iterable[str]) -> dict[str, Any]:
    """Return the argument of ``typer.Option`` that lets the shell complete these values."""
    return {
        "autocompletion": lambda incomplete: [
            value for value in values if value.startswith(incomplete.lower())
        ]
    }


def format_list(**changes: Any) -> Any:
    """Return the option of output formats, with their descriptions from ``FORMATS``."""

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
Force = Annotated[
    bool, typer.Option("--force", help="Overwrite existing files.", rich_help_panel="Output")
]
NewFolder = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        readable=False,
        help="The folder to write to.",
        show_default="a new one under output/",
        rich_help_panel="Output",
    ),
]
_CHECKPOINT: dict[str, Any] = {
    "readable": False,
    "help": "A folder that train wrote, or pretrained for the one that comes with abcgen.",
    "show_default": "the newest under checkpoints/, else pretrained",
}
CheckpointOption = Annotated[
    Path | None, typer.Option("--checkpoint", "-c", rich_help_panel="Network", **_CHECKPOINT)
]
CheckpointArgument = Annotated[Path | None, typer.Argument(**_CHECKPOINT)]
Temperature = Annotated[
    float,
    option(SampleConfig, "temperature", "--temperature", "-t", rich_help_panel="Sampling"),
]
Paths = Annotated[
    list[Path],
    typer.Argument(readable=False, help=".abc, .mid and .musicxml files, or folders of them."),
]
Texture = Annotated[
    str,
    typer.Option(
        help="Of MIDI files: write the melody, chords in one voice, voices, or what fits.",
        rich_help_panel="Data",
        **choices("auto", "melody", "chords", "voices"),
    ),
]
Track = Annotated[
    str,
    typer.Option(
        help="Of MIDI files: write this track only, by number or name.", rich_help_panel="Data"
    ),
]
FoldRange = Annotated[
    str,
    typer.Option(
        help="Of MIDI files: move notes by octaves into this instrument's range.",
        rich_help_panel="Data",
    ),
]
Cache = Annotated[
    bool,
    typer.Option(
        help="Keep results of reading in the user's cache folder, or in ABCGEN_CACHE (off = none).",
        rich_help_panel="Data",
    ),
]


def text_cache(*, use: bool) -> TextCache:
    """Return the cache of earlier readings, or one that remembers nothing."""
    from abcgen.corpus.cache import TextCache, default_folder

    return TextCache(default_folder() if use else None)


def target_for(out: Path | None, stem: str, *, force: bool) -> Path:
    """Return the place for results, ``out`` or a new folder, checked before any long work.

    Raises:
        OutputError: if something is there already, or it cannot be written to.
    """
    target = out or unused_folder(OUTPUT, stem)
    refuse_to_overwrite(target, force=force)
    check_writable(target)
    return target


def load(paths: list[Path], display: Display) -> Corpus:
    """Read tunes; show progress and the tunes skipped."""
    from abcgen.corpus.reading import load_corpus

    with display.progress("reading tunes") as on_progress:
        corpus = load_corpus(paths, readers=all_readers(), on_progress=on_progress)
    display.left_out(corpus.skipped)
    return corpus


def skipped_facts(skipped_tune: SkippedTune) -> dict[str, str | int]:
    """Return a skipped tune for the JSON result."""
    return {
        "file": str(skipped_tune.path),
        "line": skipped_tune.cause.line,
        "number": skipped_tune.cause.number,
        "title": skipped_tune.cause.title,
        "reason": skipped_tune.cause.reason,
    }
