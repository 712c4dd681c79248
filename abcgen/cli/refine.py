"""``abcgen refine``: a network learns from what its critic prefers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abcgen.cli.common import (
    CORPORA,
    INTERRUPTED,
    Cache,
    FoldRange,
    Force,
    Json,
    Texture,
    Track,
    option,
    text_cache,
)
from abcgen.cli.display import Display, clock
from abcgen.config import RefineConfig
from abcgen.errors import InputError
from abcgen.files import hold_folder, refuse_to_overwrite

if TYPE_CHECKING:
    from abcgen.pipeline.refining import RoundReport

DEFAULTS = RefineConfig()


def refine(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            readable=False, help="The network to refine, by its name or folder; it is only read."
        ),
    ],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            readable=False,
            help="Real tunes, such as those that the network was trained on.",
            show_default="corpora/",
        ),
    ] = None,
    rounds: Annotated[
        int, option(RefineConfig, "rounds", rich_help_panel="Training")
    ] = DEFAULTS.rounds,
    minutes: Annotated[
        float | None,
        option(RefineConfig, "minutes", show_default="no limit", rich_help_panel="Training"),
    ] = DEFAULTS.minutes,
    beginnings: Annotated[
        int, option(RefineConfig, "beginnings", rich_help_panel="Sampling")
    ] = DEFAULTS.beginnings,
    candidates: Annotated[
        int, option(RefineConfig, "candidates", rich_help_panel="Sampling")
    ] = DEFAULTS.candidates,
    temperature: Annotated[
        float,
        option(RefineConfig, "temperature", "--temperature", "-t", rich_help_panel="Sampling"),
    ] = DEFAULTS.temperature,
    beta: Annotated[
        float, option(RefineConfig, "beta", rich_help_panel="Training")
    ] = DEFAULTS.beta,
    likelihood: Annotated[
        float, option(RefineConfig, "likelihood", rich_help_panel="Training")
    ] = DEFAULTS.likelihood,
    learning_rate: Annotated[
        float, option(RefineConfig, "learning_rate", rich_help_panel="Training")
    ] = DEFAULTS.learning_rate,
    batch_size: Annotated[
        int, option(RefineConfig, "batch_size", "--batch-size", "-b", rich_help_panel="Training")
    ] = DEFAULTS.batch_size,
    worse: Annotated[
        float, option(RefineConfig, "worse", rich_help_panel="Training")
    ] = DEFAULTS.worse,
    tolerance: Annotated[
        float, option(RefineConfig, "tolerance", rich_help_panel="Training")
    ] = DEFAULTS.tolerance,
    seed: Annotated[
        int, option(RefineConfig, "seed", bounded=True, rich_help_panel="Training")
    ] = DEFAULTS.seed,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            readable=False,
            help="Folder of the new checkpoint.",
            show_default="a new one under checkpoints/",
            rich_help_panel="Output",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue the run in --out, which was interrupted, or with more rounds.",
            rich_help_panel="Output",
        ),
    ] = False,
    texture: Texture = "auto",
    track: Track = "",
    fold_range: FoldRange = "",
    cache: Cache = True,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Let a network learn from what its critic prefers, so that its tunes need less choosing.

    In rounds: it draws tunes, the critic ranks those that begin alike, and the network learns to
    prefer the better to the worse. It ends when a judge that is not the critic finds no progress.
    """
    from abcgen.cli.train import read_extracts
    from abcgen.model.checkpoint import load_description
    from abcgen.pipeline.checkpoints import find_checkpoint, new_run
    from abcgen.pipeline.formats import midi_config
    from abcgen.pipeline.refining import Refiner

    # 1) Check the options.
    display = Display(as_json=as_json)
    config = RefineConfig(
        rounds=rounds,
        minutes=minutes,
        beginnings=beginnings,
        candidates=candidates,
        temperature=temperature,
        beta=beta,
        likelihood=likelihood,
        learning_rate=learning_rate,
        batch_size=batch_size,
        worse=worse,
        tolerance=tolerance,
        seed=seed,
    )
    base = find_checkpoint(checkpoint)
    if resume and out is None:
        raise typer.BadParameter("--resume needs --out, the folder of the run")
    folder = out or new_run()
    if folder.resolve() == base.resolve():
        raise InputError(
            f"{folder} is the network to refine, which must not be modified",
            hint="choose another folder with --out",
        )
    if not resume:
        refuse_to_overwrite(folder, force=force)
    hold_folder(folder)

    # 2) Read the tunes.
    corpus = read_extracts(
        paths or [CORPORA],
        display,
        midi_config(texture, track, fold_range),
        text_cache(use=cache),
        chord_symbols=load_description(base).training.chord_symbols,
    )

    # 3) Refine.
    refiner = Refiner(base, folder, corpus, config, display.progress, resume=resume)
    display.say(f"refining {base} into {folder}")
    try:
        run = refiner.refine(lambda number, report: display.say(_described(number, report)))
    except KeyboardInterrupt:
        display.say(f"continue with the same command, --resume and --out {folder}")
        raise typer.Exit(INTERRUPTED) from None
    kept = len(run.rounds) - 1
    display.text(f"ended after {kept} of {rounds} rounds: {run.end}")
    first, last = run.rounds[0], run.rounds[-1]
    display.text(
        f"told from held-out tunes with an AUC of {last.auc:.3f}, {first.auc:.3f} before; "
        f"{last.valid:.0%} valid, {first.valid:.0%} before; {last.bits_per_note:.3f} bits a note, "
        f"{first.bits_per_note:.3f} before: {folder}"
    )
    display.result({"checkpoint": str(folder), **run.model_dump(mode="json")})


def _described(number: int, report: RoundReport) -> str:
    """Return the report of a round on one line; the first, number 0, tells of the start."""
    judged = (
        f"AUC {report.auc:.3f} of {report.drawn:,} drawn, {report.valid:.0%} valid, held-out "
        f"{report.bits_per_note:.3f} bits a note, {clock(report.seconds)}"
    )
    if not number:
        return f"at first: {judged}"
    return (
        f"round {number}: {report.pairs:,} pairs learnt, {report.agreed:.0%} agreed with before, "
        f"{report.moved:.0%} kept, critic's AUC {report.critic_auc:.3f}; then {judged}"
    )
