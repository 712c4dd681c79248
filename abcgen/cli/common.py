"""What the commands share: options that several have, and reading tunes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from abcgen.corpus.loading import Corpus, Loss
    from abcgen.display import Display

OUTPUT = Path("output")
CORPORA = Path("corpora")
MAX_SEED = 2**31 - 1

Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
Force = Annotated[bool, typer.Option("--force", help="Write over what is there.")]
Paths = Annotated[
    list[Path], typer.Argument(readable=False, help=".abc and .mid files, or folders of them.")
]


def load(paths: list[Path], display: Display) -> Corpus:
    """Read tunes, showing how far it is and what was left out."""
    from abcgen.corpus.loading import load_corpus

    with display.progress("reading tunes") as on_progress:
        corpus = load_corpus(paths, on_progress=on_progress)
    display.left_out(corpus.losses)
    return corpus


def loss_facts(loss: Loss) -> dict[str, str | int]:
    """What was left out, for machines."""
    return {
        "file": str(loss.path),
        "line": loss.cause.line,
        "number": loss.cause.number,
        "title": loss.cause.title,
        "reason": loss.cause.reason,
    }
