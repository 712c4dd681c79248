"""``abcgen check``: check tunes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from abcgen.cli.common import Json, Paths, load, repair_facts, skipped_facts
from abcgen.cli.display import Display, counted

if TYPE_CHECKING:
    from abcgen.pipeline.checking import CheckedTune


def check(
    paths: Paths,
    checkpoint: Annotated[
        Path,
        typer.Option(
            "--checkpoint",
            "-c",
            readable=False,
            help="Warn of what no tune that this network learnt has.",
            rich_help_panel="Network",
        ),
    ] = Path("pretrained"),
    critic: Annotated[
        bool,
        typer.Option(
            "--critic",
            help="Say how much each tune is like those that this network learnt, and why.",
            rich_help_panel="Network",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Check that the bars of every tune add up and that music21 reads the same notes.

    Warns of tunes that sample would reject: those that go round in a circle, are too long, have an
    odd rhythm or drop the beat. Exits with 1 if any tune is wrong or cannot be read.
    """
    from abcgen.pipeline.checking import check_corpus
    from abcgen.pipeline.checkpoints import bounds_of, critic_of

    display = Display(as_json=as_json)
    bounds, judge = bounds_of(checkpoint), critic_of(checkpoint) if critic else None
    corpus = load(paths, display)
    with display.progress("checking") as on_progress:
        report = check_corpus(corpus, bounds, judge, on_progress=on_progress)
    for tune in report.checked:
        for problem in tune.problems:
            display.text(f"{_name(tune)}: {problem}")
        for warning in tune.warnings:
            display.text(f"{_name(tune)}: warning: {warning}")
        if judgement := tune.judgement:
            display.text(f"{_name(tune)}: {judgement.probability:.0%} like a real tune")
            for reason in judgement.reasons:
                display.text(f"  {reason}")
    right = len(report.checked) - len(report.wrong)
    warned = sum(bool(tune.warnings) for tune in report.checked)
    more = f", {warned:,} with warnings" if warned else ""
    display.text(f"{right:,} of {counted(len(report.checked), 'tune')} correct{more}")
    display.result(
        {
            "right": right,
            "wrong": [_facts(tune) | {"problems": list(tune.problems)} for tune in report.wrong],
            "warnings": [
                _facts(tune)
                | {
                    "fault": warning.fault.name.lower(),
                    "bars": list(warning.bars),
                    "what": str(warning),
                }
                for tune in report.checked
                for warning in tune.warnings
            ],
            "critic": [
                _facts(tune)
                | {
                    "probability": tune.judgement.probability,
                    "reasons": list(tune.judgement.reasons),
                }
                for tune in report.checked
                if tune.judgement
            ],
            "repaired": [repair_facts(repair) for repair in corpus.repaired],
            "left_out": [skipped_facts(tune) for tune in report.skipped],
        }
    )
    if not report.all_right:
        raise typer.Exit(1)


def _name(checked: CheckedTune) -> str:
    return f"{checked.path}: X:{checked.tune.number} {checked.tune.title!r}"


def _facts(checked: CheckedTune) -> dict[str, Any]:
    tune = checked.tune
    return {"file": str(checked.path), "number": tune.number, "title": tune.title}
