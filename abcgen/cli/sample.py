"""``abcgen sample``: new tunes from a network."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abcgen.cli.common import MAX_SEED, OUTPUT, Force, Json
from abcgen.config import SampleConfig, SoundConfig
from abcgen.display import Display, counted
from abcgen.errors import InputError
from abcgen.files import check_writable, refuse_to_overwrite, unused_folder

if TYPE_CHECKING:
    from abcgen.pipeline.sampling import SampleRun

_SAMPLE, _SOUND = SampleConfig(), SoundConfig()


def sample(
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="A folder that train wrote.",
            show_default="the newest under checkpoints/, else the one that comes with abcgen",
        ),
    ] = None,
    temperature: Annotated[
        float, typer.Option(help="Below 1 safer, above 1 bolder.")
    ] = _SAMPLE.temperature,
    count: Annotated[int, typer.Option(min=1, max=1000, help="Tunes wanted.")] = _SAMPLE.count,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=MAX_SEED, help="For the same tunes again.", show_default="drawn"),
    ] = None,
    instrument: Annotated[
        str, typer.Option(help="Who plays: sets key and sound.")
    ] = _SOUND.instrument,
    out: Annotated[
        Path | None,
        typer.Option(readable=False, help="The folder.", show_default="a new one under output/"),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Writes new tunes: prints them, and writes .abc, .mid, .musicxml and a .pdf to play from."""
    from abcgen.model.sampling import checked_sampling
    from abcgen.notation.instruments import instrument_named
    from abcgen.notation.writer import write_abc
    from abcgen.pipeline.checkpoints import find_checkpoint
    from abcgen.pipeline.formats import Look
    from abcgen.pipeline.rendering import render_tunes
    from abcgen.pipeline.sampling import sample_tunes

    display = Display(as_json=as_json)
    player = instrument_named(instrument)
    config = SampleConfig(temperature=temperature, count=count)
    chosen = seed if seed is not None else random.randrange(MAX_SEED)  # noqa: S311 - no secret
    checked_sampling(config, chosen)
    source = find_checkpoint(checkpoint)
    folder = out or unused_folder(OUTPUT, "tunes")
    refuse_to_overwrite(folder, force=force)
    check_writable(folder)
    display.say(f"checkpoint {source}, temperature {temperature:g}, seed {chosen}")
    with display.counting("composing", count) as count_one:
        run = sample_tunes(source, config, chosen, player, on_tune=lambda _tune: count_one())
    for tune in run.tunes:
        display.text(write_abc(tune))
    _show_thrown_away(display, run)
    if not run.tunes:
        raise InputError(
            f"none of {run.drawn} tunes drawn from {source} was valid",
            way_out="train it longer, or try another --temperature",
        )
    if len(run.tunes) < count:
        display.warn(f"only {len(run.tunes)} of {count} tunes: {run.drawn} drawn, then given up")
    name = source.resolve().name
    formats = ["abc", "pdf", "midi", "musicxml"]
    look = Look(composer=f"abcgen, {name}, seed {chosen}", instrument=player)
    with display.progress("engraving") as on_progress:
        rendering = render_tunes(
            run.tunes, formats, folder, "tunes", look, force=force, on_progress=on_progress
        )
    display.left_out(rendering.left_out, "rendering")
    display.files(rendering.files)
    display.result(
        {
            "checkpoint": str(source),
            "seed": chosen,
            "temperature": temperature,
            "drawn": run.drawn,
            "thrown_away": dict(run.thrown_away),
            "tunes": [{"title": tune.title, "abc": write_abc(tune)} for tune in run.tunes],
            "files": [str(path) for path in rendering.files],
        }
    )


def _show_thrown_away(display: Display, run: SampleRun) -> None:
    """Say aloud what was drawn and did not pass."""
    lost = sum(run.thrown_away.values())
    display.say(f"{counted(run.drawn, 'tune')} drawn, {len(run.tunes)} valid, {lost} thrown away")
    for reason, number in sorted(run.thrown_away.items(), key=lambda item: -item[1]):
        display.say(f"  {number:4} {reason}")
