"""``abcgen blindtest``: whether people hear which tunes a network wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abcgen.cli.common import (
    CheckpointArgument,
    Force,
    Json,
    NewFolder,
    Temperature,
    load,
    target_for,
)
from abcgen.cli.display import Display, counted
from abcgen.config import MAX_SEED, BlindTestConfig

if TYPE_CHECKING:
    from abcgen.evaluation.statistics import Estimate
    from abcgen.pipeline.listening import Heard

app = typer.Typer(
    no_args_is_help=True, help="Lets people say which tunes are real, and scores what they say."
)
_CONFIG = BlindTestConfig()
PAGE, KEY = "blindtest.html", "key.json"


@app.command(
    "make", epilog="Example: abcgen blindtest make checkpoints/run-1 --count 10 --seed 1 --out test"
)
def make(
    checkpoint: CheckpointArgument = None,
    tunes: Annotated[
        list[Path] | None,
        typer.Option(
            readable=False,
            help="Tunes to take the real ones from: those among them that it did not learn. "
            "Repeat for several files or folders.",
            show_default="those held out in training, which the checkpoint holds",
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Tunes of each kind.")] = _CONFIG.count,
    fewest_bars: Annotated[
        int, typer.Option(min=1, help="Bars of the shortest tune.")
    ] = _CONFIG.fewest_bars,
    most_bars: Annotated[
        int, typer.Option(min=1, help="Bars of the longest tune.")
    ] = _CONFIG.most_bars,
    temperature: Temperature = _CONFIG.temperature,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="For the same test again.")] = 0,
    out: NewFolder = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Writes a web page of held-out and generated tunes, unlabelled, and the key to it."""
    from abcgen.files import write_atomically
    from abcgen.pipeline.blindtest import make_blind_test
    from abcgen.pipeline.checkpoints import find_checkpoint

    display = Display(as_json=as_json)
    source = find_checkpoint(checkpoint)
    folder = target_for(out, "blindtest", force=force)
    given = load(tunes, display).tunes if tunes else ()
    config = BlindTestConfig(
        count=count, fewest_bars=fewest_bars, most_bars=most_bars, temperature=temperature
    )
    with display.progress("drawing and engraving") as on_progress:
        made = make_blind_test(source, given, config, seed, on_progress=on_progress)
    display.say(f"checkpoint {source}; real tunes: {made.words}")
    write_atomically(folder / PAGE, made.page)
    write_atomically(folder / KEY, made.key.to_json().encode())
    display.files([folder / PAGE, folder / KEY])
    display.text(f"give listeners {PAGE}, and keep {KEY} to yourself")
    files = [str(folder / PAGE), str(folder / KEY)]
    display.result({"test": made.key.test, "tunes": len(made.key.tunes), "files": files})


@app.command("score", epilog="Example: abcgen blindtest score answers-*.json --key test/key.json")
def score(
    answers: Annotated[
        list[Path], typer.Argument(readable=False, help="Files that the page saved.")
    ],
    key: Annotated[Path, typer.Option(readable=False, help="The key that was made with the page.")],
    as_json: Json = False,
) -> None:
    """Says whether listeners told the tunes apart, and how they rate them, with 95% intervals."""
    from abcgen.pipeline.listening import against_chance, heard, read_key, read_sheets

    display = Display(as_json=as_json)
    opened = read_key(key)
    found = heard(opened, read_sheets(answers, opened))
    title = f"{counted(found.listeners, 'listener')}, {counted(len(opened.tunes), 'tune')}"
    display.table(title, ["", "figure", "95% interval", "of"], _rows(found))
    display.text(f"told apart, of all tunes: {against_chance(found.measures['told_apart'])}")
    display.text(f"told apart, of tunes not known before: {found.verdict}")
    figures = {name: figure and _facts(figure) for name, figure in found.measures.items()}
    display.result(
        {"test": opened.test, "listeners": found.listeners, "verdict": found.verdict} | figures
    )


def _rows(found: Heard) -> list[list[str]]:
    from abcgen.pipeline.listening import MEASURES

    return [
        [MEASURES[name], f"{one.value:.2f}", f"{one.low:.2f} to {one.high:.2f}", str(one.count)]
        for name, one in found.measures.items()
        if one
    ]


def _facts(figure: Estimate) -> dict[str, object]:
    return {"value": figure.value, "interval": [figure.low, figure.high], "of": figure.count}
