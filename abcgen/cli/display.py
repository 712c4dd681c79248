"""The output of the command line: results on standard output, messages on standard error."""

from __future__ import annotations

import json
from contextlib import contextmanager
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from rich.console import ConsoleOptions, RenderResult

    from abcgen.corpus.doctor import InferredTune
    from abcgen.model.events import Event


MOST_SHOWN = 10  # skipped tunes, or files written, that are listed one by one
REFRESHES = 20  # per second, of a text that grows as it is sampled


class Display:
    """Shows results to people or, as JSON, to programs.

    Args:
        as_json: Whether to print one JSON object to standard output and nothing else.
        results_aside: Whether standard output is for a file, and results go to standard error.
    """

    def __init__(self, *, as_json: bool = False, results_aside: bool = False) -> None:
        self._as_json = as_json
        self._messages = Console(stderr=True, highlight=False, emoji=False)
        self._results = Console(stderr=results_aside, highlight=False, emoji=False, quiet=as_json)

    # Messages, on standard error.

    def say(self, text: str) -> None:
        """Print a message."""
        self._messages.print(_printable(text), markup=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        """Print a warning."""
        self._messages.print(f"[yellow]warning:[/] {escape(_printable(text))}", soft_wrap=True)

    def fail(self, text: str) -> None:
        """Print an error in one line."""
        self._messages.print(f"[bold red]error:[/] {escape(_printable(text))}", soft_wrap=True)

    def left_out(self, skipped: Sequence[object], name: str = "tune") -> None:
        """Print the first skipped tunes, each with its reason, and the number of all."""
        for skipped_tune in skipped[:MOST_SHOWN]:
            text = escape(_printable(str(skipped_tune)))
            self._messages.print(f"[dim]left out[/] {text}", soft_wrap=True)
        if skipped:
            more = f", {MOST_SHOWN} of them shown" if len(skipped) > MOST_SHOWN else ""
            self.warn(f"{counted(len(skipped), name)} left out{more}")

    def repaired(self, repaired: Sequence[object]) -> None:
        """Print what was repaired or ignored in the first tunes, and the number of all."""
        for repair in repaired[:MOST_SHOWN]:
            text = escape(_printable(str(repair)))
            self._messages.print(f"[dim]corrected[/] {text}", soft_wrap=True)
        if len(repaired) > MOST_SHOWN:
            self.say(f"corrected or ignored: {len(repaired):,} things, {MOST_SHOWN} shown")

    def inferred(self, findings: Iterable[InferredTune]) -> None:
        """Print what was inferred of the first tunes, one line for each tune."""
        tunes = groupby(findings, lambda finding: finding.location)
        for location, of_tune in islice(tunes, MOST_SHOWN):
            place = f"{location.file}:{location.line}" if location.line else location.file
            text = f"{place}: {'; '.join(finding.what for finding in of_tune)}"
            self._messages.print(f"[dim]inferred[/] {escape(_printable(text))}", soft_wrap=True)

    # Results, on standard output.

    def text(self, text: str) -> None:
        """Print lines of a result, unless output is JSON."""
        for line in text.splitlines():
            self._results.print(_printable(line), markup=False, soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table of results, unless output is JSON."""
        table = Table(*map(escape, columns), title=title, title_justify="left")
        for row in rows:
            table.add_row(*map(escape, row))
        self._results.print(table)

    def files(self, paths: Sequence[Path]) -> None:
        """Print the paths of files that were written, or of very many only their folder."""
        if len(paths) <= MOST_SHOWN:
            for path in paths:
                self.text(f"wrote {path}")
        else:
            self.text(f"wrote {len(paths)} files to {paths[0].parent}")

    def result(self, data: dict[str, Any]) -> None:
        """Print the result as JSON, if output is JSON."""
        if self._as_json:
            print(json.dumps(data, indent=2))  # noqa: T201 - the purpose of --json

    def line(self, data: dict[str, Any]) -> None:
        """Print a part of the result as a line of JSON at once, if output is JSON."""
        if self._as_json:
            print(json.dumps(data), flush=True)  # noqa: T201 - the purpose of --json

    # Progress, on standard error and only at a terminal.

    @contextmanager
    def progress(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """Show a progress bar with the time left; yield its callback ``(done, total)``."""
        with self._progress(TaskProgressColumn(), TimeRemainingColumn()) as progress:
            task = progress.add_task(name, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)

    @contextmanager
    def counting(self, name: str, total: int) -> Iterator[Callable[[], None]]:
        """Show a progress bar that counts to ``total``; yield the callback that adds one."""
        with self._progress(MofNCompleteColumn(), TimeRemainingColumn()) as progress:
            task = progress.add_task(name, total=total)
            yield lambda: progress.advance(task)

    @contextmanager
    def writing(self) -> Iterator[Callable[[int, str], None] | None]:
        """Show the current text as it grows, and remove it in the end.

        Yield the callback for a text's number and its next character; None if not at a terminal.
        """
        if self._as_json or not self._messages.is_terminal:
            yield None
            return
        text = _GrowingText()
        with Live(text, console=self._messages, transient=True, refresh_per_second=REFRESHES):
            yield text.add

    @contextmanager
    def training(self) -> Iterator[Callable[[Event], None]]:
        """Show a training run; yield the callback for its events."""
        columns = (TaskProgressColumn(), TextColumn("{task.fields[figures]}"))
        with self._progress(*columns, bar_width=20) as progress:
            yield _TrainingView(self, progress)

    def _progress(self, *columns: ProgressColumn, bar_width: int = 40) -> Progress:
        """Return a progress bar that disappears when done; invisible unless at a terminal."""
        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=bar_width),
            *columns,
            console=self._messages,
            transient=True,
            disable=not self._messages.is_terminal,
        )


class _GrowingText:
    """The end of a growing text: the last lines that fit into the terminal."""

    def __init__(self) -> None:
        self._number = 0
        self._text = ""

    def add(self, number: int, character: str) -> None:
        """Append a character to the text of that number; another number starts a new text."""
        before = self._text if number == self._number else ""
        after = character if character == "\n" else _printable(character)
        self._number, self._text = number, before + after

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text = Text(self._text, style="dim", overflow="fold")
        yield from text.wrap(console, options.max_width)[-(console.height - 1) :]


class _TrainingView:
    """Shows the events of a training run as messages and a progress bar."""

    def __init__(self, display: Display, progress: Progress) -> None:
        self._display = display
        self._progress = progress
        self._task = progress.add_task("starting", total=1.0, figures="")

    def __call__(self, event: Event) -> None:
        from abcgen.model.events import (
            BaseMeasured,
            EpochEnd,
            Interrupted,
            OutOfMemory,
            Started,
            Step,
        )

        match event:
            case Started():
                resumed = f", resuming after {event.epochs:.1f} epochs" if event.epochs else ""
                self._display.say(
                    f"training {event.parameters:,} weights on {event.tunes:,} tunes "
                    f"({event.characters:,} characters) with {event.backend}{resumed}"
                )
            case Step():
                # The bar shows epochs, or the share of the time.
                epoch = f"epoch {event.epoch}"
                description = (
                    f"{epoch}/{event.epochs}" if event.epochs else f"time used, in {epoch}"
                )
                self._progress.update(
                    self._task,
                    completed=event.fraction,
                    description=description,
                    figures=f"{event.characters_per_second / 1000:.1f}k characters/s  "
                    f"{event.bits_per_character:.3f} bits/character  "
                    f"{clock(event.seconds_left)} left",
                )
            case BaseMeasured():
                if event.bits_per_note is not None:
                    self._display.say(
                        f"before fine-tuning: held-out {event.bits_per_note:.2f} bits/note"
                    )
            case EpochEnd():
                # The preview, a tune sampled from the unfinished network, then the figures.
                if event.sampled:
                    self._display.text(f"\n{event.sampled.rstrip()}\n")
                if event.bits_per_character is None or event.bits_per_note is None:
                    held_out = " bits/character, nothing held out"
                else:
                    best = " (best so far)" if event.best else ""
                    held_out = (
                        f", held-out {event.bits_per_character:.3f} bits/character, "
                        f"{event.bits_per_note:.2f} bits/note{best}"
                    )
                self._display.say(
                    f"epoch {event.epoch}: training {event.training_bits:.3f}{held_out}, "
                    f"{event.characters_per_second / 1000:.1f}k characters/s, "
                    f"{clock(event.seconds)}"
                )
            case OutOfMemory():
                self._display.warn(
                    "the device is out of memory: the epoch begins anew with batches of "
                    f"{event.batch_size}"
                )
            case Interrupted():
                self._display.say("interrupted; all progress is saved")


def clock(seconds: float) -> str:
    """Return a time span as minutes and seconds, such as ``12:05``."""
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    return f"{minutes}:{rest:02}"


def counted(number: int, name: str) -> str:
    """Return a count with its noun: ``1 tune``, ``2,009 tunes``."""
    return f"{number:,} {name}" + ("" if number == 1 else "s")


def _printable(text: str) -> str:
    # File names and titles may contain anything, even line ends and terminal codes.
    return "".join(character if character.isprintable() else " " for character in text)
