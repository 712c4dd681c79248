"""The command line: reads the options, calls the pipeline, shows the results.

Exit codes: 0 done (with a warning if some inputs were left out), 1 an error in one clear line,
2 a command line that makes no sense, 130 interrupted.
"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from abcgen import __version__
from abcgen.cli import (
    blindtest,
    check,
    corpus,
    evaluate,
    normalise,
    plot,
    render,
    replay,
    sample,
    train,
)
from abcgen.cli.common import INTERRUPTED
from abcgen.cli.display import Display
from abcgen.errors import AbcgenError, reason_of
from abcgen.system import collect_garbage_rarely, limit_blas_threads

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["app", "main"]


app = typer.Typer(
    name="abcgen",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Commands by the panels of --help, each with its example.
COMMANDS: dict[str, dict[Callable[..., None], str]] = {
    "Compose": {
        sample.sample: "abcgen sample -m 6/8 -k Dmix --rhythm jig --bars 16 --parts AABB",
        replay.replay: "abcgen replay output/tunes-1/tunes.abc",
        render.render: "abcgen render my-tunes.abc --to pdf,midi",
    },
    "Train": {
        train.train: "abcgen train corpora/ --minutes 6",
        plot.plot: "abcgen plot checkpoints/run-1",
        evaluate.evaluate: "abcgen evaluate checkpoints/run-1",
    },
    "Tunes": {
        normalise.normalise: "abcgen normalise corpora/ -o clean.abc",
        check.check: "abcgen check my-tunes.abc",
    },
}
for _panel, _commands in COMMANDS.items():
    for _command, _example in _commands.items():
        app.command(epilog=f"Example: {_example}", rich_help_panel=_panel)(_command)
app.add_typer(blindtest.app, name="blindtest", rich_help_panel="Train")
app.add_typer(corpus.app, name="corpus", rich_help_panel="Tunes")


def main() -> NoReturn:
    """Run the command line; the one place where errors become a line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Names of files may hold what cannot be printed.
            stream.reconfigure(errors="backslashreplace")
    limit_blas_threads()
    collect_garbage_rarely()
    try:
        app()
    except AbcgenError as error:
        Display().fail(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        # A path that cannot be looked at, a full disk.
        name = f"{error.filename}: " if error.filename else ""
        Display().fail(f"{name}{reason_of(error)}")
        sys.exit(AbcgenError.exit_code)
    except SystemExit as exit_:
        if exit_.code == INTERRUPTED:
            Display().say("interrupted")
        raise
    sys.exit(0)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"abcgen {__version__}")  # noqa: T201 - the answer to --version
        raise typer.Exit


@app.callback()
def abcgen(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Learn from a folder of folk tunes and compose new ones, as ABC, MIDI and sheet music.

    Start with: abcgen sample, or abcgen corpus install oneills and abcgen train
    """
