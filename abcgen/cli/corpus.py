"""``abcgen corpus``: list and install collections of tunes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abcgen.cli.common import CORPORA, Force, Json
from abcgen.cli.display import Display

app = typer.Typer(no_args_is_help=True, help="List and install collections of tunes.")


@app.command("list", epilog="Example: abcgen corpus list")
def list_collections(as_json: Json = False) -> None:
    """List the collections that can be installed, with their sources and rights."""
    from abcgen.corpus.collections import COLLECTIONS

    display = Display(as_json=as_json)
    facts = [
        {
            "name": collection.name,
            "tunes": collection.tunes,
            "source": collection.title,
            "rights": collection.rights,
        }
        for collection in COLLECTIONS.values()
    ]
    rows = [[str(value) for value in fact.values()] for fact in facts]
    display.table("Collections in the music21 package", list(facts[0]), rows)
    display.text("install some with: abcgen corpus install NAME...")
    display.result({"collections": facts})


@app.command("install", epilog="Example: abcgen corpus install oneills ryans airds misc")
def install_collections(
    names: Annotated[list[str], typer.Argument(help="Names from abcgen corpus list.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            readable=False,
            help="Folder to install them in.",
            rich_help_panel="Output",
        ),
    ] = CORPORA,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Install collections as tunebooks in corpora/, ready to train on."""
    from abcgen.corpus.collections import collection_named, install_collection

    display = Display(as_json=as_json)
    # Check all names before writing anything.
    collections = [collection_named(name) for name in names]
    written = []
    for collection in collections:
        written.append(install_collection(collection, out, force=force))
        display.text(f"wrote {written[-1]}: {collection.tunes:,} tunes of {collection.title}")
        display.text(f"  rights: {collection.rights}")
    display.result({"files": [str(path) for path in written]})
