"""``abcgen blindtest``: test whether people can tell which tunes a network wrote."""

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
            help="Take the real tunes from these, except those the network was trained on. "
            "Repeat for several files or folders.",
            show_default="the held-out tunes stored in the checkpoint",
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
            help="Random seed; the same seed makes the same test.",
            rich_help_panel="Sampling",
        ),
    ] = 0,
    out: NewFolder = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Make a web page of real and generated tunes, unlabelled, and the key to it."""
    from abcgen.files import write_atomically
    from abcgen.pipeline.blindtest import make_blind_test
    from abcgen.pipeline.networks import choose_network

    display = Display(as_json=as_json)
    network = choose_network(checkpoint)
    source = network.folder
    folder = target_for(out, "blindtest", force=force)
    real_tunes = load(tunes, display).tunes if tunes else ()
    config = BlindTestConfig(
        count=count, fewest_bars=fewest_bars, most_bars=most_bars, temperature=temperature
    )
    with display.progress("sampling and engraving") as on_progress:
        test = make_blind_test(source, real_tunes, config, seed, on_progress=on_progress)
    display.say(f"network {network.description}; real tunes: {test.description}")
    write_atomically(folder / PAGE, test.page)
    write_atomically(folder / KEY, test.key.to_json().encode())
    display.files([folder / PAGE, folder / KEY])
    display.text(f"give listeners {PAGE} and keep {KEY} to yourself")
    files = [str(folder / PAGE), str(folder / KEY)]
    display.result({"test": test.key.test, "tunes": len(test.key.tunes), "files": files})


@app.command("score", epilog="Example: abcgen blindtest score answers-*.json --key test/key.json")
def score(
    answers: Annotated[
        list[Path], typer.Argument(readable=False, help="Answers saved by the page.")
    ],
    key: Annotated[Path, typer.Option(readable=False, help="The key written with the page.")],
    as_json: Json = False,
) -> None:
    """Compare listeners with chance and average their ratings, with 95% intervals."""
    from abcgen.pipeline.blindtest_scoring import (
        RATER_MEASURES,
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
            [
                RATER_MEASURES[name].label,
                f"{estimate.value:.2f}",
                f"{estimate.low:.2f} to {estimate.high:.2f}",
                str(estimate.count),
            ]
            for name, estimate in result.estimates.items()
            if estimate
        ],
    )
    accuracy = against_chance(result.estimates["told_apart"])
    display.text(f"accuracy on all tunes: {accuracy}")
    display.text(f"accuracy on tunes not known before: {result.verdict}")
    figures = {
        name: estimate
        and {
            "value": estimate.value,
            "interval": [estimate.low, estimate.high],
            "of": estimate.count,
        }
        for name, estimate in result.estimates.items()
    }
    display.result(
        {"test": answer_key.test, "listeners": result.raters, "verdict": result.verdict} | figures
    )
