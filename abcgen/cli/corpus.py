"""``abcgen corpus``: list, install and credit collections of tunes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abcgen.cli.common import CORPORA, Force, Json
from abcgen.cli.display import Display

app = typer.Typer(no_args_is_help=True, help="List, install and credit collections of tunes.")


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
            "from": collection.origin,
        }
        for collection in COLLECTIONS.values()
    ]
    shown = ("name", "tunes", "source", "rights")
    for title, on_web in (("In the music21 package", False), ("On the web", True)):
        rows = [
            [str(fact[name]) for name in shown]
            for fact, collection in zip(facts, COLLECTIONS.values(), strict=True)
            if bool(collection.home) == on_web
        ]
        display.table(title, shown, rows)
    display.text("install some with: abcgen corpus install NAME...")
    display.result({"collections": facts})


@app.command("install", epilog="Example: abcgen corpus install oneills ryans airds misc dances")
def install_collections(
    names: Annotated[list[str], typer.Argument(help="Names from abcgen corpus list.")],
    copy: Annotated[
        Path | None,
        typer.Option(
            "--from",
            readable=False,
            help="Install collections on the web from a copy in this folder instead: the files of "
            "their homes, or the cleaned tunebooks.",
        ),
    ] = None,
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
    """Install collections as tunebooks in corpora/, ready to train on.

    Those on the web are downloaded through the proxies that the environment names. A download that
    is interrupted continues when the same command is given again.
    """
    from abcgen.corpus.collections import collection_named, install_collection, tunes_in
    from abcgen.pipeline.formats import all_readers

    display = Display(as_json=as_json)
    # Check all names before writing anything.
    collections = [collection_named(name) for name in names]
    written = []
    for collection in collections:
        with display.progress(f"fetching {collection.name}") as on_progress:
            path = install_collection(
                collection,
                out,
                force=force,
                copy=copy,
                readers=all_readers(),
                on_progress=on_progress,
            )
        written.append(path)
        display.text(f"wrote {path}: {tunes_in(path):,} tunes of {collection.title}")
        display.text(f"  rights: {collection.rights}")
        if collection.home:
            display.text(f"  transcribed by {collection.credits}")
            display.text(f"  from {collection.origin}")
    display.result({"files": [str(path) for path in written]})


@app.command("credits", epilog="Example: abcgen corpus credits oneills dances")
def show_credits(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Names from abcgen corpus list.", show_default="those in corpora/"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print what a model card must say of the tunes a network learnt from, as Markdown."""
    from abcgen.corpus.collections import COLLECTIONS, collection_named, credits_of, installed_in
    from abcgen.errors import InputError

    display = Display(as_json=as_json)
    if names:
        collections = [collection_named(name) for name in names]
    else:
        collections = [kept for kept in COLLECTIONS.values() if installed_in(CORPORA, kept)]
    if not collections:
        raise InputError(f"no collection is installed in {CORPORA}", hint="name some")
    display.text(credits_of(collections))
    display.result({"credits": credits_of(collections)})
