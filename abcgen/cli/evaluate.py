"""``abcgen evaluate``: whether a network is any good, and whether it copies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abcgen.cli.common import (
    MOST_TUNES,
    CheckpointArgument,
    Force,
    Json,
    NewFolder,
    Temperature,
    load,
    target_for,
)
from abcgen.cli.display import Display
from abcgen.config import MAX_SEED, EvaluationConfig, SampleConfig

if TYPE_CHECKING:
    from abcgen.evaluation.report import Evaluation

_SAMPLE, _EVALUATION = SampleConfig(), EvaluationConfig()


def evaluate(
    checkpoint: CheckpointArgument = None,
    tunes: Annotated[
        list[Path] | None,
        typer.Option(
            readable=False,
            help="Tunes to judge by: those it was trained on, of which the held-out ones are "
            "taken, or others. Repeat for several files or folders.",
            show_default="those held out in training, which the checkpoint holds",
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option(max=MOST_TUNES, help="Tunes drawn with the grammar, and as many without.")
    ] = _EVALUATION.samples,
    temperature: Temperature = _SAMPLE.temperature,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Of all that is drawn.")] = 0,
    out: NewFolder = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Judges a network by tunes it does not know: surprise, rightness, form, likeness, copying.

    Every figure has a 95% interval and stands beside that of real tunes. Writes a page with
    pictures and the figures as JSON.
    """
    from abcgen.pipeline.checkpoints import find_checkpoint
    from abcgen.pipeline.evaluating import evaluate as judge

    display = Display(as_json=as_json)
    source = find_checkpoint(checkpoint)
    folder = target_for(out, "evaluation", force=force)
    config = SampleConfig(count=samples, temperature=temperature, batch_size=_EVALUATION.batch_size)
    display.say(f"checkpoint {source}, {samples} samples, temperature {temperature:g}")
    given = load(tunes, display).tunes if tunes else None
    evaluation = judge(source, config, seed, display.progress, given)
    with display.progress("drawing the report"):
        from abcgen.pipeline.evaluation_report import write_evaluation

        files = write_evaluation(evaluation, folder)
    _show(evaluation, display)
    display.files(files)
    display.result(evaluation.to_json() | {"files": [str(path) for path in files]})


def _show(evaluation: Evaluation, display: Display) -> None:
    for note in evaluation.notes:
        display.say(note)
    for table in evaluation.tables():
        columns = ("", *table.columns)
        display.table(table.title, columns, [[name, *cells] for name, cells in table.rows])
        display.text(f"{table.note}\n")
