"""``abcgen studio``: compose in the browser."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abcgen.cli.common import Json  # noqa: TC001 - Typer looks it up
from abcgen.cli.display import Display
from abcgen.errors import InputError

if TYPE_CHECKING:
    from abcgen.studio.server import Opened


def studio(
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port.", show_default="a free one from 8765 on"),
    ] = None,
    lan: Annotated[
        bool,
        typer.Option(
            "--lan",
            help="Let other machines on the local network in, such as the phone on the music "
            "stand; the link that is printed has a token without which nobody gets in.",
        ),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="Folder of the history of tunes.",
            show_default="the user's data folder",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    r"""Compose, hear, keep and print tunes in the browser, on this machine and offline.

    It needs pip install 'abcgen\[studio]'. Ctrl-C stops it. --json prints the link as JSON.
    """
    import webbrowser

    try:
        from abcgen.studio.server import data_folder, serve
    except ModuleNotFoundError as error:
        if error.name not in {"starlette", "uvicorn"}:
            raise
        raise InputError(
            f"the studio needs {error.name}", hint="pip install 'abcgen[studio]'"
        ) from error

    display = Display(as_json=as_json)

    def on_open(opened: Opened) -> None:
        display.say(f"abcgen studio: {opened.link}")
        if opened.lan_link:
            display.say(f"on the network: {opened.lan_link}")
            _show_code(opened.lan_link, display)
        elif lan:
            display.warn("this machine has no address on a network")
        display.say("Ctrl-C stops it")
        display.line({"link": opened.link, "lan_link": opened.lan_link or None})
        if browser:
            # Some systems wait until the browser is closed.
            threading.Thread(target=webbrowser.open, args=(opened.link,), daemon=True).start()

    try:
        serve(data or data_folder(), port, lan=lan, on_open=on_open)
    except KeyboardInterrupt:
        display.say("stopped")


def _show_code(link: str, display: Display) -> None:
    """Print a link as a QR code, if the terminal's encoding and the library allow."""
    try:
        import segno
    except ModuleNotFoundError:
        display.say("for a QR code of the link: pip install segno")
        return
    # Standard output is for --json.
    segno.make(link, error="l", micro=False).terminal(out=sys.stderr, compact=True)
