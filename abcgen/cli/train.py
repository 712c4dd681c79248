"""``abcgen train``: a network from tunes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abcgen.cli.common import CORPORA, MAX_SEED, Force, Json, load
from abcgen.config import NetworkConfig, SplitConfig, TrainConfig
from abcgen.display import Display, clock
from abcgen.errors import CheckpointError
from abcgen.files import check_writable, refuse_to_overwrite

_NETWORK, _TRAIN = NetworkConfig(), TrainConfig()


def train(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(readable=False, help="Tune files and folders.", show_default="corpora/"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="The checkpoint folder.",
            show_default="a new one under checkpoints/",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out, or the newest one.")
    ] = False,
    minutes: Annotated[
        float | None, typer.Option(help="Train for so long; the schedule is fitted to it.")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Passes over the tunes.", show_default=str(_TRAIN.epochs)),
    ] = None,
    layers: Annotated[int, typer.Option(help="LSTM layers.")] = _NETWORK.layers,
    units: Annotated[int, typer.Option(help="Units of each layer.")] = _NETWORK.units,
    embedding: Annotated[int, typer.Option(help="Width of the embedding.")] = _NETWORK.embedding,
    dropout: Annotated[float, typer.Option(help="Share dropped in training.")] = _NETWORK.dropout,
    batch_size: Annotated[int, typer.Option(help="Tunes to a batch.")] = _TRAIN.batch_size,
    learning_rate: Annotated[
        float, typer.Option(help="Peak learning rate.")
    ] = _TRAIN.learning_rate,
    seed: Annotated[
        int, typer.Option(min=0, max=MAX_SEED, help="Seed of weights and order.")
    ] = _TRAIN.seed,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Trains a network on tunes; Ctrl-C keeps what it has learnt so far."""
    from abcgen.pipeline import checkpoints, training

    display = Display(as_json=as_json)
    if minutes is not None and epochs is not None:
        raise typer.BadParameter("give --minutes or --epochs, not both")
    if resume:
        _refuse_settings(context)
        folder = out or checkpoints.newest_run()
        if folder is None:
            raise CheckpointError(
                "there is no run under ./checkpoints to go on with",
                way_out="train without --resume",
            )
        plan = training.plan_resuming(folder, epochs=epochs, minutes=minutes)
    else:
        folder = out or checkpoints.new_run()
        refuse_to_overwrite(folder, force=force)
        network = NetworkConfig(layers, units, embedding, dropout)
        options = TrainConfig(
            epochs=_TRAIN.epochs if epochs is None else epochs,
            minutes=minutes,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
        )
        plan = training.plan_training(network, options)
    check_writable(folder)
    corpus = load(paths or [CORPORA], display)
    with display.progress("dividing tunes by family") as on_progress:
        lesson = training.prepare_lesson(corpus, SplitConfig(), on_progress=on_progress)
    if not lesson.validation:
        display.warn("too few tunes to hold any out: there will be no held-out figures")
    display.say(f"checkpoint: {folder}")
    with display.training() as on_event:
        result = training.train_network(lesson, plan, folder, on_event)
    how = "interrupted" if result.interrupted else "trained"
    display.text(f"{how} after {result.epochs:.1f} epochs, {clock(result.seconds)}")
    display.text(f"wrote {folder}; sample from it with: abcgen sample --checkpoint {folder}")
    if result.interrupted:
        display.text(f"go on with: abcgen train --resume --out {folder}")
    display.result(
        {
            "checkpoint": str(folder),
            "epochs": result.epochs,
            "seconds": result.seconds,
            "bits_per_character": result.bits_per_character,
            "bits_per_note": result.bits_per_note,
            "interrupted": result.interrupted,
        }
    )


def _refuse_settings(context: typer.Context) -> None:
    """A run that is gone on with keeps the settings it was begun with."""
    for name in ("layers", "units", "embedding", "dropout", "batch_size", "learning_rate", "seed"):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = "--" + name.replace("_", "-")
            raise typer.BadParameter(f"{option} cannot be changed with --resume")
