"""``abcgen normalise``: tunes of any kind to canonical ABC."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abcgen.cli.common import OUTPUT, Force, Json, Paths, load, loss_facts
from abcgen.display import Display, counted
from abcgen.files import check_writable, refuse_to_overwrite, unused_folder


def normalise(
    paths: Paths,
    out: Annotated[
        Path | None,
        typer.Option(readable=False, help="A file (.abc) or a folder; a new folder by default."),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Writes tunes as canonical ABC: four bars a line, beamed, every sign explicit."""
    from abcgen.pipeline.normalising import write_normalised

    display = Display(as_json=as_json)
    target = out or unused_folder(OUTPUT, "normalised")
    refuse_to_overwrite(target, force=force)
    check_writable(target)
    corpus = load(paths, display)
    written = write_normalised(corpus, target, force=force)
    tunes, files = counted(len(corpus.tunes), "tune"), counted(len(corpus.files), "file")
    display.text(f"{tunes} of {files}")
    display.files(written)
    display.result(
        {
            "tunes": len(corpus.tunes),
            "left_out": [loss_facts(loss) for loss in corpus.losses],
            "files": [str(path) for path in written],
        }
    )
