"""The command line: parse the options, call the pipeline, show the results.

There is a module for each command. ``common`` has the options that several of them share, and
``display`` prints results, messages and progress. Commands import the pipeline inside their
functions, so that ``--help`` and completion are fast.

An error under ``--json`` is a JSON object too: ``error``, ``hint`` and ``exit_code``.

Exit codes: 0 success (with a warning if some inputs were skipped), 1 an error, printed on one
line, 2 wrong usage, 130 interrupted, 143 ended by SIGTERM, 129 by SIGHUP.
"""

from __future__ import annotations

import io
import sys
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from abcgen import __version__
from abcgen.cli import (
    blindtest,
    check,
    corpus,
    critic,
    evaluate,
    harmonise,
    networks,
    normalise,
    plot,
    refine,
    render,
    replay,
    rewrite,
    sample,
    studio,
    train,
)
from abcgen.cli.common import INTERRUPTED
from abcgen.cli.display import Display
from abcgen.errors import AbcgenError, reason_of
from abcgen.files import release_folders
from abcgen.system import (
    collect_garbage_rarely,
    end_at_once,
    interrupt_on_termination,
    limit_blas_threads,
    termination_signal,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["app", "main"]

# The common base of wrong usage, which Typer does not export.
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="abcgen",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Commands by panel of --help, each with an example.
COMMANDS: dict[str, dict[Callable[..., None], str]] = {
    "Compose": {
        sample.sample: "abcgen sample -m 6/8 -k Dmix --rhythm jig --bars 16 --parts AABB",
        rewrite.rewrite: "abcgen rewrite my-tune.abc --bars 5-8",
        rewrite.vary: "abcgen vary my-tune.abc --amount 0.3",
        harmonise.harmonise: "abcgen harmonise my-tune.abc --voices alto,tenor,bass",
        studio.studio: "abcgen studio",
        replay.replay: "abcgen replay output/tunes-1/tunes.abc",
        render.render: "abcgen render my-tunes.abc --to pdf,midi",
    },
    "Train": {
        train.train: "abcgen train corpora/ --minutes 6",
        critic.critic: "abcgen critic run-1 corpora/",
        refine.refine: "abcgen refine run-1 corpora/ --minutes 25",
        plot.plot: "abcgen plot run-1",
        evaluate.evaluate: "abcgen evaluate run-1",
        networks.networks: "abcgen networks",
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
    """Run the command line. Only here do errors become a message and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # File names may contain characters that the terminal's encoding lacks.
            stream.reconfigure(errors="backslashreplace")
    interrupt_on_termination()
    limit_blas_threads()
    collect_garbage_rarely()
    try:
        code = _run()
    finally:
        release_folders()
    if number := termination_signal():
        end_at_once(128 + number)
    sys.exit(code)


def _run() -> int:
    """Run the command, say what went wrong, and return the exit code."""
    try:
        # Typer shows a usage error by itself, but not as JSON.
        if _is_json():
            sys.exit(app(standalone_mode=False))
        app()
    except AbcgenError as error:
        return _fail(error.message, error.hint, error.exit_code)
    except USAGE_ERROR as error:
        return _fail(error.format_message(), code=error.exit_code)  # type: ignore[attr-defined]
    except OSError as error:
        # For example an unreadable path or a full disk.
        name = f"{error.filename}: " if error.filename else ""
        return _fail(f"{name}{reason_of(error)}")
    except KeyboardInterrupt:
        return INTERRUPTED
    except MemoryError:
        return _fail("not enough memory")
    except BrokenExecutor:
        return _fail("a worker process was ended from outside, perhaps for want of memory")
    except ImportError as error:
        return _fail(f"a library cannot be loaded: {' '.join(str(error).split())[:200]}")
    except RuntimeError as error:
        if "thread" not in str(error):
            raise
        return _fail("the system allows no more threads")
    except SystemExit as exit_:
        if exit_.code == INTERRUPTED:
            with suppress(OSError):
                Display().say("interrupted")
        if isinstance(exit_.code, str):
            raise
        return exit_.code or 0
    return 0


def _is_json() -> bool:
    """Return whether the command line asks for JSON."""
    return "--json" in sys.argv[1:]


def _fail(message: str, hint: str = "", code: int = AbcgenError.exit_code) -> int:
    """Say what went wrong, and return the exit code."""
    # The terminal may be closed.
    with suppress(OSError):
        display = Display(as_json=_is_json())
        display.fail(f"{message} ({hint})" if hint else message)
        display.line({"error": message, "hint": hint or None, "exit_code": code})
    return code


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

    To try it, run abcgen sample. To train a network of your own, run abcgen corpus install oneills,
    then abcgen train.
    """
