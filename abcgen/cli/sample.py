"""``abcgen sample``: new tunes from a network."""

from __future__ import annotations

import random
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abcgen.cli.common import (
    INTERRUPTED,
    MOST_TUNES,
    CheckpointOption,
    Force,
    Json,
    NewFolder,
    Temperature,
    target_for,
)
from abcgen.cli.display import Display, counted
from abcgen.config import MAX_SEED, SampleConfig, SoundConfig
from abcgen.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from abcgen.model.sampling import Watcher
    from abcgen.pipeline.rendering import Rendering
    from abcgen.pipeline.sampling import Composer, Made, Tally

_SAMPLE, _SOUND = SampleConfig(), SoundConfig()
SHOWN = 50  # so many tunes are printed, and rendered in every format; more only if asked for
RENDERED = "pdf,midi,musicxml"


def sample(
    checkpoint: CheckpointOption = None,
    count: Annotated[
        int, typer.Option(min=1, max=MOST_TUNES, help="Tunes wanted.")
    ] = _SAMPLE.count,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=MAX_SEED, help="For the same tunes again.", show_default="drawn"),
    ] = None,
    temperature: Temperature = _SAMPLE.temperature,
    top_k: Annotated[
        int, typer.Option(help="Draw from the likeliest so many characters; 0: all.")
    ] = _SAMPLE.top_k,
    top_p: Annotated[
        float, typer.Option(help="Draw from the likeliest that are together so likely; 1: all.")
    ] = _SAMPLE.top_p,
    metre: Annotated[str, typer.Option(help="Such as 6/8.", show_default="any")] = "",
    key: Annotated[str, typer.Option(help="Such as Dmix.", show_default="one that suits")] = "",
    rhythm: Annotated[str, typer.Option(help="Such as jig.", show_default="any")] = "",
    bars: Annotated[
        int | None, typer.Option(min=1, help="Bars in all, without pickups.", show_default="any")
    ] = None,
    parts: Annotated[
        str, typer.Option(help="Such as AABB: two parts, each repeated.", show_default="any")
    ] = "",
    instrument: Annotated[
        str | None,
        typer.Option(
            help="Who plays: sets sound, key and range.",
            show_default=f"{_SOUND.instrument}, range not bounded",
        ),
    ] = None,
    prime: Annotated[
        str, typer.Option(help="ABC, or a file of it, to go on from.", show_default="nothing")
    ] = "",
    keep_bars: Annotated[
        int | None, typer.Option(min=1, help="Bars of --prime to keep.", show_default="all")
    ] = None,
    max_copy: Annotated[
        float | None,
        typer.Option(min=0, help="Most bars in common with a training tune.", show_default="any"),
    ] = None,
    free: Annotated[
        bool, typer.Option("--free", help="Do without the grammar that keeps bars right.")
    ] = False,
    to: Annotated[
        str | None,
        typer.Option(
            help="Any of pdf, png, svg, html, midi, wav, musicxml besides abc; or none.",
            show_default=f"{RENDERED}; none for more than {SHOWN} tunes",
        ),
    ] = None,
    out: NewFolder = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Writes new tunes: prints them, and writes .abc, .mid, .musicxml and a .pdf to play from."""
    from abcgen.model.sampling import check_seed
    from abcgen.pipeline.checkpoints import find_checkpoint
    from abcgen.pipeline.formats import formats_named
    from abcgen.pipeline.requests import Request, checked_request, primed
    from abcgen.pipeline.sampling import Composer

    display = Display(as_json=as_json)
    if keep_bars is not None and not prime:
        raise typer.BadParameter("--keep-bars needs --prime")
    player = instrument or _SOUND.instrument
    request = Request(
        metre=metre,
        key=key,
        rhythm=rhythm,
        bars=bars or 0,
        parts=parts,
        instrument=player,
        in_range=instrument is not None and not free,
        free=free,
    )
    request = checked_request(request)
    if prime:
        request = primed(request, prime, keep_bars)
    wanted = to if to is not None else RENDERED if count <= SHOWN else "none"
    formats = [] if wanted == "none" else [f for f in formats_named(wanted) if f != "abc"]
    config = SampleConfig(temperature=temperature, top_k=top_k, top_p=top_p, count=count)
    chosen = seed if seed is not None else random.randrange(MAX_SEED)  # noqa: S311 - no secret
    check_seed(chosen)
    source = find_checkpoint(checkpoint)
    folder = target_for(out, "tunes", force=force)
    book = folder / "tunes.abc"
    with Composer(source, config, chosen, request) as composer:
        display.say(f"checkpoint {source}, temperature {temperature:g}, seed {chosen}")
        for warning in composer.warnings:
            display.warn(warning)
        kept, interrupted = _compose(
            composer, book, display, count, max_copy, keep=bool(formats), force=force
        )
    _show_tally(display, composer.tally)
    if interrupted:
        if composer.tally.valid:
            display.say(f"{counted(composer.tally.valid, 'tune')} kept in {book}")
        raise typer.Exit(INTERRUPTED)
    if not composer.tally.valid:
        raise InputError(
            f"none of {composer.tally.drawn} tunes drawn from {source} was valid",
            hint="train it longer, or try another --temperature",
        )
    if composer.tally.valid < count:
        display.warn(f"only {composer.tally.valid} of {count} tunes, then given up")
    rendering = _render(kept, formats, folder, player, display, force=force)
    files = [book, *rendering.files]
    display.files(files)
    display.result(
        {
            "checkpoint": str(source),
            "seed": chosen,
            "temperature": temperature,
            "drawn": composer.tally.drawn,
            "thrown_away": dict(composer.tally.thrown_away),
            "valid": composer.tally.valid,
            "untouched_by_grammar": None if free else composer.tally.unforced,
            "characters": composer.tally.characters,
            "forced": composer.tally.forced,
            "tunes": [_facts(made) for made in kept],
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
    *,
    keep: bool,
    force: bool,
) -> tuple[list[Made], bool]:
    """Write tunes to a file as they come.

    Returns:
        Those to be shown or rendered, and whether it was interrupted.
    """
    from abcgen.pipeline.sampling import TuneStream

    kept: list[Made] = []
    with suppress(KeyboardInterrupt), TuneStream(book, force=force) as stream:
        with _watching(display, count) as (watch, count_one):
            for made in composer.compose(max_copy=max_copy, watch=watch):
                stream.write(made.abc)
                count_one()
                if keep or count <= SHOWN:
                    kept.append(made)
        for made in kept[:SHOWN]:
            display.text(f"{made.abc}\n")
        return kept, False
    return kept, True


@contextmanager
def _watching(display: Display, count: int) -> Iterator[tuple[Watcher | None, Callable[[], None]]]:
    """A single tune sign by sign, several on a bar: who is told of signs, and who of tunes."""
    if count == 1:
        with display.writing() as watch:
            yield watch, lambda: None
    else:
        with display.counting("composing", count) as count_one:
            yield None, count_one


def _render(
    kept: list[Made],
    formats: list[str],
    folder: Path,
    instrument: str,
    display: Display,
    *,
    force: bool,
) -> Rendering:
    from abcgen.notation.transpose import instrument_named
    from abcgen.pipeline.formats import RenderOptions
    from abcgen.pipeline.rendering import Rendering, render_tunes

    if not formats:
        return Rendering([], [])
    tunes = [made.tune for made in kept]
    options = RenderOptions(composer=tunes[0].source, instrument=instrument_named(instrument))
    with display.progress("engraving") as on_progress:
        rendering = render_tunes(
            tunes, formats, folder, "tunes", options, force=force, on_progress=on_progress
        )
    display.left_out(rendering.left_out, "rendering")
    for note in rendering.notes:
        display.warn(note)
    return rendering


def _facts(made: Made) -> dict[str, object]:
    overlap = made.overlap
    return {
        "title": made.tune.title,
        "abc": made.abc,
        "forced": made.sampled.forced,
        "characters": made.sampled.drawn,
        "shared_bars": None if overlap is None else overlap.bars,
        "nearest": None if overlap is None else overlap.title,
    }


def _show_tally(display: Display, tally: Tally) -> None:
    """Say aloud what was drawn and did not pass, and how often the grammar stepped in."""
    lost = sum(tally.thrown_away.values())
    display.say(f"{counted(tally.drawn, 'tune')} drawn, {tally.valid} valid, {lost} thrown away")
    for reason, number in tally.thrown_away.most_common():
        display.say(f"  {number:4} {reason}")
    if tally.drawn and tally.forced:
        display.say(
            f"the grammar stepped in at {tally.forced:,} of {tally.characters:,} characters; "
            f"{tally.unforced} of {counted(tally.drawn, 'tune')} needed it nowhere"
        )
