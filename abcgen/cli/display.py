"""What the command line shows: results on standard output, the way there on standard error."""

from __future__ import annotations

import json
from contextlib import contextmanager
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

    from abcgen.model.events import EpochEnd, Event, Started, Step


MOST_SHOWN = 10
REFRESHES = 20  # a second, of a text that grows


class Display:
    """Shows things to a person or, asked for JSON, results to a machine.

    Args:
        as_json: Whether standard output is to hold one JSON object and nothing else.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json = as_json
        self._notes = Console(stderr=True, highlight=False, emoji=False)
        self._results = Console(highlight=False, emoji=False, quiet=as_json)

    def say(self, text: str) -> None:
        """A line on what is being done; on standard error."""
        self._notes.print(_plain(text), markup=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        """A line on what went less than well; on standard error."""
        self._notes.print(f"[yellow]warning:[/] {escape(_plain(text))}", soft_wrap=True)

    def fail(self, text: str) -> None:
        """The one line that says what went wrong; on standard error."""
        self._notes.print(f"[bold red]error:[/] {escape(_plain(text))}", soft_wrap=True)

    def text(self, text: str) -> None:
        """A result for people, line by line."""
        for line in text.splitlines():
            self._results.print(_plain(line), markup=False, soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A result for people, as a table."""
        table = Table(*map(escape, columns), title=title, title_justify="left")
        for row in rows:
            table.add_row(*map(escape, row))
        self._results.print(table)

    def result(self, data: dict[str, Any]) -> None:
        """The result for machines."""
        if self._as_json:
            print(json.dumps(data, indent=2))  # noqa: T201 - what --json is for

    def files(self, paths: Sequence[Path]) -> None:
        """Where the results went."""
        if len(paths) <= MOST_SHOWN:
            for path in paths:
                self.text(f"wrote {path}")
        else:
            self.text(f"wrote {len(paths)} files to {paths[0].parent}")

    def left_out(self, losses: Sequence[object], what: str = "tune") -> None:
        """What was left out: the first few with their reasons, and how many."""
        for loss in losses[:MOST_SHOWN]:
            self._notes.print(f"[dim]left out[/] {escape(_plain(str(loss)))}", soft_wrap=True)
        if losses:
            more = f", {MOST_SHOWN} of them shown" if len(losses) > MOST_SHOWN else ""
            self.warn(f"{counted(len(losses), what)} left out{more}")

    def _progress(self, *columns: ProgressColumn) -> Progress:
        """Bars that are gone when all is done; none where nobody watches."""
        unwatched = not self._notes.is_terminal
        return Progress(*columns, console=self._notes, transient=True, disable=unwatched)

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """A bar with how far and how long still; gives the callback that moves it."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
        )
        with self._progress(*columns) as progress:
            task = progress.add_task(what, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)

    @contextmanager
    def counting(self, what: str, total: int) -> Iterator[Callable[[], None]]:
        """A bar that counts things; gives the callback that counts one."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with self._progress(*columns) as progress:
            task = progress.add_task(what, total=total)
            yield lambda: progress.advance(task)

    @contextmanager
    def writing(self) -> Iterator[Callable[[int, str], None] | None]:
        """Texts as they are written, one at a time and gone when all are done.

        Gives the callback that is told a text's number and its next sign; None where nobody
        watches.
        """
        if self._as_json or not self._notes.is_terminal:
            yield None
            return
        text = _TextSoFar()
        with Live(text, console=self._notes, transient=True, refresh_per_second=REFRESHES):
            yield text.add

    @contextmanager
    def training(self) -> Iterator[Callable[[Event], None]]:
        """A training run as it goes; gives the callback that is told of its events."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TextColumn("{task.fields[figures]}"),
        )
        with self._progress(*columns) as progress:
            yield _TrainingView(self, progress)


class _TextSoFar:
    """The end of a text that grows, as many lines as the terminal has room for."""

    def __init__(self) -> None:
        self._number = 0
        self._text = ""

    def add(self, number: int, sign: str) -> None:
        """Put a sign to the text of that number; another number begins another text."""
        before = self._text if number == self._number else ""
        self._number, self._text = number, before + (sign if sign == "\n" else _plain(sign))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text = Text(self._text, style="dim", overflow="fold")
        yield from text.wrap(console, options.max_width)[-(console.height - 1) :]


class _TrainingView:
    """Turns the events of a training run into lines and a moving bar."""

    def __init__(self, display: Display, progress: Progress) -> None:
        self._display = display
        self._progress = progress
        self._task = progress.add_task("starting", total=1.0, figures="")

    def __call__(self, event: Event) -> None:
        from abcgen.model.events import BaseMeasured, EpochEnd, Interrupted, Started, Step

        match event:
            case Started():
                self._start(event)
            case Step():
                self._step(event)
            case BaseMeasured():
                bits = event.bits_per_note
                if bits is not None:
                    self._display.say(f"as taken over: held-out {bits:.2f} bits/note")
            case EpochEnd():
                self._epoch_end(event)
            case Interrupted():
                self._display.say("interrupted: everything so far is saved")

    def _start(self, event: Started) -> None:
        again = f", going on after {event.epochs:.1f} epochs" if event.epochs else ""
        self._display.say(
            f"{event.parameters:,} weights learn {event.tunes:,} tunes, "
            f"{event.characters:,} characters, on {event.backend}{again}"
        )

    def _step(self, event: Step) -> None:
        self._progress.update(
            self._task,
            completed=event.fraction,
            description=f"epoch {event.epoch}" + (f"/{event.epochs}" if event.epochs else ""),
            figures=f"{event.characters_per_second / 1000:.1f}k characters/s  "
            f"{event.bits_per_character:.3f} bits/character  "
            f"{clock(event.seconds_left)} left",
        )

    def _epoch_end(self, event: EpochEnd) -> None:
        if event.sampled:
            self._display.text(f"\n{event.sampled.rstrip()}\n")
        self._display.say(
            f"epoch {event.epoch}: training {event.training_bits:.3f}"
            + _held_out(event)
            + f", {event.characters_per_second / 1000:.1f}k characters/s, {clock(event.seconds)}"
        )


def _held_out(event: EpochEnd) -> str:
    if event.bits_per_character is None or event.bits_per_note is None:
        return " bits/character, nothing held out"
    best = " (best so far)" if event.best else ""
    return (
        f", held-out {event.bits_per_character:.3f} bits/character, "
        f"{event.bits_per_note:.2f} bits/note{best}"
    )


def clock(seconds: float) -> str:
    """A time span as minutes and seconds."""
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    return f"{minutes}:{rest:02}"


def counted(number: int, name: str) -> str:
    """A number of things: ``1 tune``, ``2,009 tunes``."""
    return f"{number:,} {name}" + ("" if number == 1 else "s")


def _plain(text: str) -> str:
    """A text on one line; names of files may hold anything, terminal codes too."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
