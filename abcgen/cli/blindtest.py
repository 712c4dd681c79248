"""``abcgen blindtest``: can people tell which tunes a network wrote?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abcgen.cli.common import (
    CheckpointArgument,
    Force,
    Json,
    NewFolder,
    Temperature,
    load,
    option,
    target_for,
)
from abcgen.cli.display import Display, counted
from abcgen.config import MAX_SEED, BlindTestConfig

app = typer.Typer(
    no_args_is_help=True, help="Test whether people can tell generated tunes from real ones."
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
            rich_help_panel="Data",
            help="Take the real tunes from these, except those it was trained on. "
            "Repeat for several files or folders.",
            show_default="those held out in training, which the checkpoint holds",
        ),
    ] = None,
    count: Annotated[
        int, option(BlindTestConfig, "count", "--count", "-n", min=1, rich_help_panel="Data")
    ] = _CONFIG.count,
    fewest_bars: Annotated[
        int, option(BlindTestConfig, "fewest_bars", min=1, rich_help_panel="Data")
    ] = _CONFIG.fewest_bars,
    most_bars: Annotated[
        int, option(BlindTestConfig, "most_bars", min=1, rich_help_panel="Data")
    ] = _CONFIG.most_bars,
    temperature: Temperature = _CONFIG.temperature,
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            max=MAX_SEED,
            help="Make the same test with the same seed.",
            rich_help_panel="Sampling",
        ),
    ] = 0,
    out: NewFolder = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write a web page of unlabelled held-out and generated tunes, and the key to it."""
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
    display.say(f"checkpoint {source}; real tunes: {made.description}")
    write_atomically(folder / PAGE, made.page)
    write_atomically(folder / KEY, made.key.to_json().encode())
    display.files([folder / PAGE, folder / KEY])
    display.text(f"give listeners {PAGE}, and keep {KEY} to yourself")
    files = [str(folder / PAGE), str(folder / KEY)]
    display.result({"test": made.key.test, "tunes": len(made.key.tunes), "files": files})


@app.command("score", epilog="Example: abcgen blindtest score answers-*.json --key test/key.json")
def score(
    answers: Annotated[list[Path], typer.Argument(readable=False, help="Files saved by the page.")],
    key: Annotated[Path, typer.Option(readable=False, help="The key written with the page.")],
    as_json: Json = False,
) -> None:
    """Compare raters with chance and average their ratings, with 95% intervals."""
    from abcgen.pipeline.blindtest_scoring import (
        MEASURES,
        against_chance,
        read_answers,
        read_key,
        score_answers,
    )

    display = Display(as_json=as_json)
    answer_key = read_key(key)
    result = score_answers(answer_key, read_answers(answers, answer_key))
    display.table(
        f"{counted(result.raters, 'listener')}, {counted(len(answer_key.tunes), 'tune')}",
        ["", "figure", "95% interval", "of"],
        [
            [MEASURES[name].label, f"{e.value:.2f}", f"{e.low:.2f} to {e.high:.2f}", str(e.count)]
            for name, e in result.estimates.items()
            if e
        ],
    )
    accuracy = against_chance(result.estimates["told_apart"])
    display.text(f"told apart, of all tunes: {accuracy}")
    display.text(f"told apart, of tunes not known before: {result.verdict}")
    figures = {
        name: e and {"value": e.value, "interval": [e.low, e.high], "of": e.count}
        for name, e in result.estimates.items()
    }
    display.result(
        {"test": answer_key.test, "listeners": result.raters, "verdict": result.verdict} | figures
    )
