"""``abcgen critic``: learn the critic that chooses among a network's tunes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abcgen.cli.common import CORPORA, Cache, FoldRange, Json, Texture, Track, option, text_cache
from abcgen.cli.display import Display
from abcgen.critic.config import CriticConfig

if TYPE_CHECKING:
    from abcgen.critic.learning import Learnt

DEFAULTS = CriticConfig()


def critic(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            readable=False, help="The network to which it is added, by its name or folder."
        ),
    ],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            readable=False,
            help="The tunes that the network was trained on.",
            show_default="corpora/",
        ),
    ] = None,
    samples: Annotated[
        int, option(CriticConfig, "samples", rich_help_panel="Sampling")
    ] = DEFAULTS.samples,
    minutes: Annotated[
        float, option(CriticConfig, "minutes", rich_help_panel="Sampling")
    ] = DEFAULTS.minutes,
    texture: Texture = "auto",
    track: Track = "",
    fold_range: FoldRange = "",
    cache: Cache = True,
    as_json: Json = False,
) -> None:
    """Learn the critic that chooses among a network's tunes, and add it to the checkpoint.

    It learns to tell the training tunes from the network's own. Training does this at its end;
    this command is for networks trained before there were critics. Tunes that were held out from
    training are not used.
    """
    from abcgen.cli.train import read_extracts
    from abcgen.critic.learning import check_library
    from abcgen.model.checkpoint import load_description
    from abcgen.pipeline.checkpoints import find_checkpoint
    from abcgen.pipeline.critics import add_critic
    from abcgen.pipeline.formats import midi_config
    from abcgen.pipeline.voices import refuse_voices

    display = Display(as_json=as_json)
    config = CriticConfig(samples=samples, minutes=minutes)
    check_library()
    folder = find_checkpoint(checkpoint)
    description = load_description(folder)
    refuse_voices(description.network, "given a critic")
    corpus = read_extracts(
        paths or [CORPORA],
        display,
        midi_config(texture, track, fold_range),
        text_cache(use=cache),
        chord_symbols=description.training.chord_symbols,
    )
    learnt = add_critic(folder, corpus, config, display.progress)
    show_critic(learnt, display)
    display.text(f"added it to {folder}; abcgen sample uses it to choose")
    display.result(
        {
            "checkpoint": str(folder),
            "real": learnt.critic.real,
            "sampled": learnt.critic.sampled,
            "auc": learnt.critic.auc,
            "groups": {
                group: {"alone": alone, "without": learnt.without[group]}
                for group, alone in learnt.alone.items()
            },
        }
    )


def show_critic(learnt: Learnt, display: Display) -> None:
    """Show how well a critic tells real tunes from sampled ones that it has not seen."""
    critic = learnt.critic
    rows = [
        [group, f"{alone:.3f}", f"{learnt.without[group]:.3f}"]
        for group, alone in learnt.alone.items()
    ]
    display.table("critic", ("AUC of features", "alone", "all others"), rows)
    display.text(
        f"the critic tells {critic.real:,} real tunes from {critic.sampled:,} sampled ones with "
        f"an AUC of {critic.auc:.3f}: 0.5 is not at all, 1 is always"
    )
