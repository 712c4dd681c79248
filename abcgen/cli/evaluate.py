"""``abcgen evaluate``: measure how good a network is, and how much it copies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abcgen.cli.common import (
    MOST_TUNES,
    CheckpointArgument,
    Force,
    Json,
    NewFolder,
    Temperature,
    load,
    option,
    target_for,
)
from abcgen.cli.display import Display
from abcgen.config import MAX_SEED, EvaluationConfig, SampleConfig

_SAMPLE, _EVALUATION = SampleConfig(), EvaluationConfig()


def evaluate(
    checkpoint: CheckpointArgument = None,
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
        int, option(EvaluationConfig, "samples", max=MOST_TUNES, rich_help_panel="Sampling")
    ] = _EVALUATION.samples,
    temperature: Temperature = _SAMPLE.temperature,
    seed: Annotated[
        int,
        typer.Option(min=0, max=MAX_SEED, help="Random seed.", rich_help_panel="Sampling"),
    ] = 0,
    out: NewFolder = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Evaluate a network on held-out tunes: surprise, form, likeness to real tunes, copying.

    Every figure has a 95% confidence interval, and the same figure of real tunes next to it.
    Writes a web page with plots, and the figures as JSON.
    """
    from abcgen.pipeline import evaluating
    from abcgen.pipeline.networks import choose_network

    display = Display(as_json=as_json)
    network = choose_network(checkpoint)
    source = network.folder
    folder = target_for(out, "evaluation", force=force)
    config = SampleConfig(count=samples, temperature=temperature, batch_size=_EVALUATION.batch_size)
    display.say(f"network {network.description}; {samples} samples, temperature {temperature:g}")
    real_tunes = load(tunes, display).tunes if tunes else None
    evaluation = evaluating.evaluate(source, config, seed, display.progress, real_tunes)
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
