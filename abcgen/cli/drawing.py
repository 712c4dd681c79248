"""What the commands that draw tunes share: write them one by one, show, render and report them."""

from __future__ import annotations

import random
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from abcgen.cli.common import INTERRUPTED, format_list, option
from abcgen.cli.display import counted
from abcgen.config import MAX_SEED, SampleConfig, SoundConfig
from abcgen.critic.config import CANDIDATES
from abcgen.errors import InputError
from abcgen.notation.transpose import instrument_named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from abcgen.cli.display import Display
    from abcgen.config import PageConfig
    from abcgen.notation.tune import Tune
    from abcgen.pipeline.choosing import Chooser, SampledTune
    from abcgen.pipeline.networks import Choice
    from abcgen.pipeline.rendering import Rendering

MAX_SHOWN = 50  # tunes that are printed, and rendered without --to
DEFAULT_FORMATS = "pdf,html,midi,musicxml"

Candidates = Annotated[
    int | None,
    option(
        SampleConfig,
        "candidates",
        bounded=True,
        show_default=f"{CANDIDATES} if the network has a critic, else 1",
        rich_help_panel="Sampling",
    ),
]
Parallels = Annotated[
    bool,
    option(SampleConfig, "parallels", "--parallels/--no-parallels", rich_help_panel="Sampling"),
]
Formats = Annotated[
    str | None,
    format_list(show_default=f"{DEFAULT_FORMATS}; none for more than {MAX_SHOWN} tunes"),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Print the recipe under each tune too, which its file has in any case.",
        rich_help_panel="Output",
    ),
]


@dataclass(frozen=True, slots=True)
class Output:
    """Where drawn tunes go, and how."""

    folder: Path
    # Beside ABC.
    formats: list[str]
    page: PageConfig
    # Whether files may be overwritten, and whether recipes are printed.
    force: bool
    verbose: bool
    # Whether results are lines of JSON.
    as_json: bool
    # Of the book; empty for none.
    title: str = ""
    instrument: str = SoundConfig().instrument
    # Of a tanpura, as in ``RenderOptions``.
    drone: int = 0
    # At the foot of every page; by default the source of the first tune.
    footer: str = ""
    # Makes of a tune what is printed; by default it gets the usual heading of new tunes.
    printed: Callable[[Tune], Tune] | None = None

    @property
    def book(self) -> Path:
        """The file of ABC."""
        return self.folder / "tunes.abc"


def seed_or_random(seed: int | None) -> int:
    """Return a seed, or a random one if there is none."""
    return random.randrange(MAX_SEED) if seed is None else seed  # noqa: S311 - no secret


def as_it_is(tune: Tune) -> Tune:
    """Return a tune to print as it is."""
    return tune


def numbered(tune: Tune) -> Tune:
    """Return one of several versions of a tune, with its number in the title."""
    return replace(tune, title=f"{tune.title}, version {tune.number}")


def formats_to_write(to: str | None, count: int) -> list[str]:
    """Return the formats of ``--to``, or those that a number of tunes has by default."""
    from abcgen.pipeline.formats import formats_named

    to = to if to is not None else DEFAULT_FORMATS if count <= MAX_SHOWN else "none"
    return [] if to == "none" else [name for name in formats_named(to) if name != "abc"]


def draw_tunes(
    chooser: Chooser,
    network: Choice,
    config: SampleConfig,
    seed: int,
    output: Output,
    display: Display,
    *,
    max_copy: float | None = None,
    free: bool = False,
) -> None:
    """Draw tunes, write each to the file as soon as it is done, render and report them.

    Args:
        chooser: Draws them.
        network: Its network.
        config: The settings of sampling.
        seed: The random seed.
        output: Where they go.
        display: Shows them.
        max_copy: Most bars that a tune may share with a training tune.
        free: Whether no grammar is used.

    Raises:
        InputError: if no tune is valid.
        Exit: if the user interrupts.
    """
    # 1) Draw.
    count, tally = config.count, chooser.tally
    with chooser:
        drawn = chooser.candidates
        chosen = (
            f"the {chooser.judge}'s choice of {drawn} each"
            if drawn > 1
            else "no choice among several"
        )
        display.say(
            f"network {network.description}; temperature {config.temperature:g}, seed {seed}; "
            f"{chosen}"
        )
        for warning in (*network.warnings, *chooser.warnings):
            display.warn(warning)
        # Tunes that are neither printed nor rendered need not stay in memory.
        keep = bool(output.formats) or count <= MAX_SHOWN
        tunes, interrupted = _write(chooser, output, display, count, max_copy, keep=keep)
    _show_tally(chooser, display)
    if interrupted:
        if tally.valid:
            display.say(f"{counted(tally.valid, 'tune')} kept in {output.book}")
        raise typer.Exit(INTERRUPTED)
    if not tally.valid:
        raise InputError(
            f"none of {tally.sampled} tunes sampled from {network.folder} was valid",
            hint="train it longer, or try another --temperature",
        )
    if tally.valid < count:
        display.warn(f"gave up after composing {tally.valid} of {count} tunes")

    # 2) Render, and report.
    rendering = render([tune.tune for tune in tunes], output, display)
    files = [output.book, *rendering.files]
    display.files(files)
    display.line(
        {
            "type": "result",
            "checkpoint": str(network.folder),
            "seed": seed,
            "temperature": config.temperature,
            **_tally_facts(chooser, counts_forced=chooser.counts_forced and not free),
            "not_rendered": rendering.left_out,
            "notes": rendering.notes,
            "files": [str(path) for path in files],
        }
    )


def _write(
    chooser: Chooser,
    output: Output,
    display: Display,
    count: int,
    max_copy: float | None,
    *,
    keep: bool,
) -> tuple[list[SampledTune], bool]:
    """Write tunes to a file as they are drawn, and print the first of them at the end.

    Returns:
        The tunes, or none unless ``keep``, and whether the user interrupted.
    """
    from abcgen.pipeline.recipes import without_recipe
    from abcgen.pipeline.sampling import TuneStream

    tunes: list[SampledTune] = []
    try:
        with TuneStream(output.book, force=output.force) as stream:
            with ExitStack() as progress:
                # A single text appears character by character; several tunes are counted.
                watch = count_one = None
                if count == chooser.candidates == 1:
                    watch = progress.enter_context(display.writing())
                else:
                    count_one = progress.enter_context(display.counting("composing", count))
                for tune in chooser.compose(max_copy=max_copy, watch=watch):
                    stream.write(tune.abc)
                    if output.as_json:
                        display.line(_tune_facts(tune, chooser))
                    if count_one:
                        count_one()
                    if keep:
                        tunes.append(tune)
            for tune in tunes[:MAX_SHOWN]:
                display.text(f"{tune.abc if output.verbose else without_recipe(tune.abc)}\n")
    except KeyboardInterrupt:
        return tunes, True
    return tunes, False


def _show_tally(chooser: Chooser, display: Display) -> None:
    """Show how many tunes were rejected, for what reasons, and how often the grammar was needed."""
    tally = chooser.tally
    rejected = tally.rejected.total()
    chosen = "chosen" if chooser.candidates > 1 else "valid"
    passed_over = f", {tally.passed_over} not chosen by the {chooser.judge}" * (
        tally.passed_over > 0
    )
    display.say(
        f"{counted(tally.sampled, 'tune')} sampled, {tally.valid} {chosen}{passed_over}, "
        f"{rejected} rejected"
    )
    for reason, number in tally.rejected.most_common():
        display.say(f"  {number:4} {reason}")
    if tally.sampled and tally.forced and chooser.counts_forced:
        display.say(
            f"the grammar stepped in at {tally.forced:,} of {tally.characters:,} characters; "
            f"{tally.unforced} of {counted(tally.sampled, 'tune')} did not need it"
        )


def render(tunes: Sequence[Tune], output: Output, display: Display) -> Rendering:
    """Render tunes in the formats wanted, and show what could not be."""
    from abcgen.pipeline.formats import RenderOptions
    from abcgen.pipeline.rendering import Rendering, render_tunes, with_usual_heading

    if not output.formats:
        return Rendering([], [])
    printed = output.printed or with_usual_heading
    tunes = [printed(tune) for tune in tunes]
    options = RenderOptions(
        page=output.page,
        footer=output.footer or tunes[0].source,
        title=output.title,
        instrument=instrument_named(output.instrument),
        drone=output.drone,
    )
    with display.progress("engraving") as on_progress:
        rendering = render_tunes(
            tunes,
            output.formats,
            output.folder,
            "tunes",
            options,
            force=output.force,
            on_progress=on_progress,
        )
    display.left_out(rendering.left_out, "rendering")
    for note in rendering.notes:
        display.warn(note)
    return rendering


def _tally_facts(chooser: Chooser, *, counts_forced: bool) -> dict[str, object]:
    tally = chooser.tally
    return {
        "drawn": tally.sampled,
        "candidates": chooser.candidates,
        "passed_over": tally.passed_over,
        "thrown_away": dict(tally.rejected),
        "valid": tally.valid,
        "untouched_by_grammar": tally.unforced if counts_forced else None,
        "characters": tally.characters,
        "forced": tally.forced,
    }


def _tune_facts(tune: SampledTune, chooser: Chooser) -> dict[str, object]:
    overlap = tune.overlap
    return {
        "type": "tune",
        "title": tune.tune.title,
        "abc": tune.abc,
        "forced": tune.sampled.forced,
        "characters": tune.sampled.drawn,
        "log_probability": chooser.log_probability(tune.sampled),
        "shared_bars": overlap.bars if overlap else None,
        "nearest": overlap.title if overlap else None,
    }
