"""``abcgen check``: whether tunes are right."""

from __future__ import annotations

import typer

from abcgen.cli.common import Json, Paths, load, loss_facts
from abcgen.cli.display import Display, counted


def check(paths: Paths, as_json: Json = False) -> None:
    """Tells of every tune whether its bars add up and music21 reads the same notes.

    Exits with 1 if any tune is wrong or could not be read.
    """
    from abcgen.pipeline.checking import check_corpus

    display = Display(as_json=as_json)
    corpus = load(paths, display)
    with display.progress("checking") as on_progress:
        report = check_corpus(corpus, on_progress=on_progress)
    for verdict in report.wrong:
        for problem in verdict.problems:
            display.text(
                f"{verdict.path}: X:{verdict.tune.number} {verdict.tune.title!r}: {problem}"
            )
    right = len(report.checked) - len(report.wrong)
    display.text(f"{right:,} of {counted(len(report.checked), 'tune')} right")
    display.result(
        {
            "right": right,
            "wrong": [
                {
                    "file": str(verdict.path),
                    "number": verdict.tune.number,
                    "title": verdict.tune.title,
                    "problems": list(verdict.problems),
                }
                for verdict in report.wrong
            ],
            "left_out": [loss_facts(loss) for loss in report.losses],
        }
    )
    if not report.all_right:
        raise typer.Exit(1)
