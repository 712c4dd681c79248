"""``abcgen sample``: compose new tunes."""

from __future__ import annotations

import random
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from abcgen.cli.common import (
    INTERRUPTED,
    BookTitle,
    CheckpointOption,
    Force,
    JsonLines,
    LargePrint,
    NewFolder,
    Paper,
    Temperature,
    completion,
    format_list,
    option,
    page_config,
    target_for,
)
from abcgen.cli.display import Display, counted
from abcgen.config import MAX_SEED, PageConfig, Request, SampleConfig, SoundConfig
from abcgen.critic.config import CANDIDATES
from abcgen.errors import InputError
from abcgen.notation.fields import RHYTHMS
from abcgen.notation.transpose import INSTRUMENTS, instrument_named

if TYPE_CHECKING:
    from abcgen.pipeline.rendering import Rendering
    from abcgen.pipeline.sampling import Composer, SampledTune

DEFAULTS, INSTRUMENT = SampleConfig(), SoundConfig().instrument
MAX_SHOWN = 50  # tunes that are printed, and rendered without --to
DEFAULT_FORMATS = "pdf,html,midi,musicxml"
PAGE = PageConfig()


def request_option(field: str, *flags: str, show_default: str = "any", **changes: Any) -> Any:
    """Return the option for a field of ``Request``."""
    changes |= {"show_default": show_default, "rich_help_panel": "What to compose"}
    return option(Request, field, *flags, **changes)


def sampling_option(field: str, *flags: str, **changes: Any) -> Any:
    """Return the option for a field of ``SampleConfig``."""
    return option(SampleConfig, field, *flags, rich_help_panel="Sampling", **changes)


def sample(
    # Network
    checkpoint: CheckpointOption = None,
    # What to compose
    count: Annotated[
        int,
        option(
            SampleConfig, "count", "--count", "-n", bounded=True, rich_help_panel="What to compose"
        ),
    ] = DEFAULTS.count,
    metre: Annotated[str, request_option("metre", "--metre", "--meter", "-m")] = "",
    key: Annotated[
        str, request_option("key", "--key", "-k", show_default="one that suits the instrument")
    ] = "",
    rhythm: Annotated[
        str,
        request_option(
            "rhythm",
            help=f"Rhythm; some imply the metre: {', '.join(RHYTHMS)}.",
            **completion(RHYTHMS),
        ),
    ] = "",
    bars: Annotated[int | None, request_option("bars", min=1)] = None,
    parts: Annotated[str, request_option("parts")] = "",
    instrument: Annotated[
        str | None,
        request_option(
            "instrument",
            help=f"Instrument: sets sound, key and range. {', '.join(INSTRUMENTS)}.",
            show_default=f"{INSTRUMENT}, any range",
            **completion(INSTRUMENTS),
        ),
    ] = None,
    prime: Annotated[
        str,
        typer.Option(
            help="A tune to continue: ABC, or the name of an .abc, .mid or .musicxml file.",
            show_default="none",
            rich_help_panel="What to compose",
        ),
    ] = "",
    keep_bars: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Keep only this many bars of --prime.",
            show_default="all",
            rich_help_panel="What to compose",
        ),
    ] = None,
    max_copy: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Reject tunes that share more than this many bars with a training tune.",
            show_default="no limit",
            rich_help_panel="What to compose",
        ),
    ] = None,
    # Sampling
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MAX_SEED,
            help="Random seed; the same seed gives the same tunes.",
            show_default="random",
            rich_help_panel="Sampling",
        ),
    ] = None,
    temperature: Temperature = DEFAULTS.temperature,
    top_k: Annotated[int, sampling_option("top_k")] = DEFAULTS.top_k,
    top_p: Annotated[float, sampling_option("top_p")] = DEFAULTS.top_p,
    candidates: Annotated[
        int | None,
        sampling_option(
            "candidates",
            bounded=True,
            show_default=f"{CANDIDATES} if the network has a critic, else 1",
        ),
    ] = None,
    free: Annotated[bool, option(Request, "free", "--free", rich_help_panel="Sampling")] = False,
    # Sheet music
    title: BookTitle = "",
    paper: Paper = PAGE.paper,
    large_print: LargePrint = False,
    # Output
    to: Annotated[
        str | None,
        format_list(show_default=f"{DEFAULT_FORMATS}; none for more than {MAX_SHOWN} tunes"),
    ] = None,
    out: NewFolder = None,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            help="Print the recipe under each tune too, which its file has in any case.",
            rich_help_panel="Output",
        ),
    ] = False,
    force: Force = False,
    as_json: JsonLines = False,
) -> None:
    """Compose new tunes, print them, and write them as ABC and in other formats.

    With --to none, only the ABC is written.
    """
    from abcgen.pipeline.formats import formats_named
    from abcgen.pipeline.networks import choose_network
    from abcgen.pipeline.requests import make_request
    from abcgen.pipeline.sampling import Composer

    # 1) Check the request, before anything is written.
    display = Display(as_json=as_json)
    if keep_bars is not None and not prime:
        raise typer.BadParameter("--keep-bars needs --prime")
    request = make_request(
        metre=metre,
        key=key,
        rhythm=rhythm,
        bars=bars or 0,
        parts=parts,
        instrument=instrument,
        free=free,
        prime=prime,
        keep_bars=keep_bars,
    )
    to = to if to is not None else DEFAULT_FORMATS if count <= MAX_SHOWN else "none"
    formats = [] if to == "none" else [name for name in formats_named(to) if name != "abc"]
    config = SampleConfig(
        temperature=temperature, top_k=top_k, top_p=top_p, count=count, candidates=candidates
    )
    seed = random.randrange(MAX_SEED) if seed is None else seed  # noqa: S311 - no secret
    network = choose_network(checkpoint)
    source = network.folder
    folder = target_for(out, "tunes", force=force)
    book = folder / "tunes.abc"

    # 2) Compose, and write each tune to the file as soon as it is done.
    with Composer(source, config, seed, request) as composer:
        drawn = composer.candidates
        chosen = f"the critic's choice of {drawn} each" if drawn > 1 else "no choice by a critic"
        display.say(
            f"network {network.description}; temperature {temperature:g}, seed {seed}; {chosen}"
        )
        for warning in (*network.warnings, *composer.warnings):
            display.warn(warning)
        # Tunes that are neither printed nor rendered need not stay in memory.
        keep = bool(formats) or count <= MAX_SHOWN
        tunes, interrupted = _compose(
            composer, book, display, count, max_copy, keep, force, verbose, as_json
        )
    tally = composer.tally
    _show_tally(composer, display)
    if interrupted:
        if tally.valid:
            display.say(f"{counted(tally.valid, 'tune')} kept in {book}")
        raise typer.Exit(INTERRUPTED)
    if not tally.valid:
        raise InputError(
            f"none of {tally.sampled} tunes sampled from {source} was valid",
            hint="train it longer, or try another --temperature",
        )
    if tally.valid < count:
        display.warn(f"gave up after composing {tally.valid} of {count} tunes")

    # 3) Render, and report.
    page = page_config(paper, large_print=large_print)
    rendering = _render(tunes, formats, folder, request, page, title, display, force)
    files = [book, *rendering.files]
    display.files(files)
    display.line(
        {
            "type": "result",
            "checkpoint": str(source),
            "seed": seed,
            "temperature": temperature,
            **_tally_facts(composer, free=free),
            "not_rendered": rendering.left_out,
            "notes": rendering.notes,
            "files": [str(path) for path in files],
        }
    )


def _compose(
    composer: Composer,
    book: Path,
    display: Display,
    count: int,
    max_copy: float | None,
    keep: bool,
    force: bool,
    verbose: bool,
    as_json: bool,
) -> tuple[list[SampledTune], bool]:
    """Write tunes to a file as they are composed, and print the first of them at the end.

    Returns:
        The tunes, or none unless ``keep``, and whether the user interrupted.
    """
    from abcgen.pipeline.recipes import without_recipe
    from abcgen.pipeline.sampling import TuneStream

    tunes: list[SampledTune] = []
    try:
        with TuneStream(book, force=force) as stream:
            with ExitStack() as progress:
                # A single text appears character by character; several tunes are counted.
                watch = count_one = None
                if count == composer.candidates == 1:
                    watch = progress.enter_context(display.writing())
                else:
                    count_one = progress.enter_context(display.counting("composing", count))
                for tune in composer.compose(max_copy=max_copy, watch=watch):
                    stream.write(tune.abc)
                    if as_json:
                        display.line(_tune_facts(tune, composer))
                    if count_one:
                        count_one()
                    if keep:
                        tunes.append(tune)
            for tune in tunes[:MAX_SHOWN]:
                display.text(f"{tune.abc if verbose else without_recipe(tune.abc)}\n")
    except KeyboardInterrupt:
        return tunes, True
    return tunes, False


def _show_tally(composer: Composer, display: Display) -> None:
    """Show how many tunes were rejected, for what reasons, and how often the grammar was needed."""
    tally = composer.tally
    rejected = tally.rejected.total()
    chosen = "chosen" if composer.candidates > 1 else "valid"
    passed_over = f", {tally.passed_over} passed over by the critic" * (tally.passed_over > 0)
    display.say(
        f"{counted(tally.sampled, 'tune')} sampled, {tally.valid} {chosen}{passed_over}, "
        f"{rejected} rejected"
    )
    for reason, number in tally.rejected.most_common():
        display.say(f"  {number:4} {reason}")
    if tally.sampled and tally.forced:
        display.say(
            f"the grammar stepped in at {tally.forced:,} of {tally.characters:,} characters; "
            f"{tally.unforced} of {counted(tally.sampled, 'tune')} did not need it"
        )


def _render(
    sampled: list[SampledTune],
    formats: list[str],
    folder: Path,
    request: Request,
    page: PageConfig,
    title: str,
    display: Display,
    force: bool,
) -> Rendering:
    from abcgen.pipeline.formats import RenderOptions
    from abcgen.pipeline.rendering import Rendering, render_tunes, with_usual_heading

    if not formats:
        return Rendering([], [])
    tunes = [with_usual_heading(tune.tune) for tune in sampled]
    options = RenderOptions(
        page=page,
        footer=tunes[0].source,
        title=title,
        instrument=instrument_named(request.instrument),
    )
    with display.progress("engraving") as on_progress:
        rendering = render_tunes(
            tunes, formats, folder, "tunes", options, force=force, on_progress=on_progress
        )
    display.left_out(rendering.left_out, "rendering")
    for note in rendering.notes:
        display.warn(note)
    return rendering


def _tally_facts(composer: Composer, *, free: bool) -> dict[str, object]:
    tally = composer.tally
    return {
        "drawn": tally.sampled,
        "candidates": composer.candidates,
        "passed_over": tally.passed_over,
        "thrown_away": dict(tally.rejected),
        "valid": tally.valid,
        "untouched_by_grammar": None if free else tally.unforced,
        "characters": tally.characters,
        "forced": tally.forced,
    }


def _tune_facts(tune: SampledTune, composer: Composer) -> dict[str, object]:
    overlap = tune.overlap
    return {
        "type": "tune",
        "title": tune.tune.title,
        "abc": tune.abc,
        "forced": tune.sampled.forced,
        "characters": tune.sampled.drawn,
        "log_probability": composer.log_probability(tune.sampled),
        "shared_bars": overlap.bars if overlap else None,
        "nearest": overlap.title if overlap else None,
    }
