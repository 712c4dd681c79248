"""``abcgen evaluate``: measure how good networks are, or any program's tunes, and how they copy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abcgen.cli.common import (
    CHECKPOINT,
    MOST_TUNES,
    Force,
    Json,
    NewFolder,
    Temperature,
    load,
    option,
    target_for,
)
from abcgen.cli.display import Display, counted
from abcgen.config import MAX_SEED, EvaluationConfig, SampleConfig

if TYPE_CHECKING:
    from abcgen.evaluation.report import Evaluation

_SAMPLE, _EVALUATION = SampleConfig(), EvaluationConfig()


def evaluate(
    checkpoints: Annotated[
        list[Path] | None,
        typer.Argument(
            **CHECKPOINT
            | {
                "help": "Networks by their names in abcgen networks, or their folders; several are "
                "set side by side."
            }
        ),
    ] = None,
    tunes: Annotated[
        list[Path] | None,
        typer.Option(
            readable=False,
            rich_help_panel="Data",
            help="Evaluate on these tunes; of the training corpus, only held-out tunes are used. "
            "Repeat for several files or folders.",
            show_default="the held-out tunes stored in the checkpoint",
        ),
    ] = None,
    samples: Annotated[
        str,
        option(
            EvaluationConfig,
            "samples",
            metavar="NUMBER|PATH",
            help="Tunes to sample with the grammar, and again without it; or a file or folder of "
            "tunes by any program, to be judged instead of a network's.",
            rich_help_panel="Sampling",
        ),
    ] = str(_EVALUATION.samples),
    temperature: Temperature = _SAMPLE.temperature,
    choose: Annotated[
        str, option(SampleConfig, "choose", rich_help_panel="Sampling")
    ] = _SAMPLE.choose,
    seed: Annotated[
        int,
        typer.Option(min=0, max=MAX_SEED, help="Random seed.", rich_help_panel="Sampling"),
    ] = 0,
    out: NewFolder = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Evaluate networks on held-out tunes: surprise, form, likeness to real tunes, copying.

    Every figure has a 95% confidence interval, and the same figure of real tunes next to it.
    Writes a web page with plots and tunes to hear, and the figures as JSON.
    """
    display = Display(as_json=as_json)
    given = None if samples.isdecimal() else Path(samples)
    if given and len(checkpoints or ()) > 1:
        raise typer.BadParameter("--samples PATH needs one network at most")
    if not given and int(samples) > MOST_TUNES:
        raise typer.BadParameter(f"--samples must be {MOST_TUNES} or less")
    folder = target_for(out, "evaluation", force=force)
    if given:
        evaluation = _of_tunes(given, checkpoints, tunes, seed, display)
    else:
        config = SampleConfig(
            count=int(samples), temperature=temperature, batch_size=_EVALUATION.batch_size
        ).replace(choose=choose)
        evaluation = _of_networks(checkpoints, config, tunes, seed, display)
    with display.progress("drawing the report"):
        # Matplotlib takes a second to import.
        from abcgen.pipeline.evaluation_report import write_evaluation

        files = write_evaluation(evaluation, folder)

    for note in evaluation.notes:
        display.say(note)
    for table in evaluation.tables():
        rows = [[label, *cells] for label, cells in table.rows]
        display.table(table.title, ("", *table.columns), rows)
        display.text(f"{table.note}\n")
    display.files(files)
    display.result(evaluation.to_json() | {"files": [str(path) for path in files]})


def _of_tunes(
    given: Path,
    checkpoints: list[Path] | None,
    tunes: list[Path] | None,
    seed: int,
    display: Display,
) -> Evaluation:
    """Evaluate a file or folder of tunes."""
    from abcgen.pipeline import comparing
    from abcgen.pipeline.networks import choose_network

    judged = load([given], display)
    network = choose_network(checkpoints[0] if checkpoints else None)
    beside = "those given" if tunes else f"those held out from network {network.description}"
    display.say(f"{counted(len(judged.tunes), 'tune')} of {given.name}; real tunes: {beside}")
    return comparing.evaluate_tunes(
        judged,
        given.name,
        network.folder,
        seed,
        display.progress,
        load(tunes, display).tunes if tunes else None,
    )


def _of_networks(
    checkpoints: list[Path] | None,
    config: SampleConfig,
    tunes: list[Path] | None,
    seed: int,
    display: Display,
) -> Evaluation:
    """Evaluate one network, or several side by side."""
    from abcgen.model.checkpoint import load_description
    from abcgen.pipeline import comparing, evaluating
    from abcgen.pipeline.networks import choose_network

    networks = [choose_network(checkpoint) for checkpoint in checkpoints or (None,)]
    for network in networks:
        display.say(f"network {network.description}")
    display.say(f"{config.count} samples, temperature {config.temperature:g}")
    if len(networks) == 1 and load_description(networks[0].folder).network.voices > 1:
        return _of_voices(networks[0].folder, config, tunes, seed, display)
    real_tunes = load(tunes, display).tunes if tunes else None
    folders = [network.folder for network in networks]
    if len(folders) == 1:
        return evaluating.evaluate(folders[0], config, seed, display.progress, real_tunes)
    return comparing.compare_networks(folders, config, seed, display.progress, real_tunes)


def _of_voices(
    folder: Path, config: SampleConfig, tunes: list[Path] | None, seed: int, display: Display
) -> Evaluation:
    """Evaluate a network of several voices."""
    from abcgen.pipeline.evaluating_voices import evaluate_voices

    if tunes:
        raise typer.BadParameter("--tunes is for networks of one voice")
    return evaluate_voices(folder, config, seed, display.progress)
