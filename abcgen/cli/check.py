"""``abcgen check``: check tunes."""

from __future__ import annotations

import typer

from abcgen.cli.common import Json, Paths, load, skipped_facts
from abcgen.cli.display import Display, counted


def check(paths: Paths, as_json: Json = False) -> None:
    """Check that the bars of every tune add up and that music21 reads the same notes.

    Exits with 1 if any tune is wrong or cannot be read.
    """
    from abcgen.pipeline.checking import check_corpus

    display = Display(as_json=as_json)
    corpus = load(paths, display)
    with display.progress("checking") as on_progress:
        report = check_corpus(corpus, on_progress=on_progress)
    for wrong in report.wrong:
        for problem in wrong.problems:
            display.text(f"{wrong.path}: X:{wrong.tune.number} {wrong.tune.title!r}: {problem}")
    right = len(report.checked) - len(report.wrong)
    display.text(f"{right:,} of {counted(len(report.checked), 'tune')} correct")
    display.result(
        {
            "right": right,
            "wrong": [
                {
                    "file": str(wrong.path),
                    "number": wrong.tune.number,
                    "title": wrong.tune.title,
                    "problems": list(wrong.problems),
                }
                for wrong in report.wrong
            ],
            "left_out": [skipped_facts(tune) for tune in report.skipped],
        }
    )
    if not report.all_right:
        raise typer.Exit(1)
