"""``abcgen networks``: list the networks there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abcgen.cli.common import Json  # noqa: TC001 - Typer looks it up
from abcgen.cli.display import Display

if TYPE_CHECKING:
    from abcgen.pipeline.networks import NetworkFacts


def networks(as_json: Json = False) -> None:
    """List the networks that can be named: the one that comes with abcgen, and those trained here.

    Held-out bits a note compare networks that were measured on the same tunes: the fewer the
    better. Other commands take the names, as in abcgen sample --checkpoint run-1.
    """
    from abcgen.pipeline.networks import all_networks, choose_network

    display = Display(as_json=as_json)
    found = all_networks()
    chosen = choose_network(None).folder if found else None
    # The sets of tunes that networks were measured on, by letter.
    tunes = dict.fromkeys(one.yardstick.tunes for one in found if one.yardstick)
    letters = {name: _letter(number) for number, name in enumerate(tunes)}
    columns = ("", "name", "bits/note", "measured on", "tunes", "begun", "weights")
    rows = [
        [
            "*" if one.folder == chosen else "",
            one.name,
            *([one.problem, *[""] * 4] if one.problem else _figures(one, letters)),
        ]
        for one in found
    ]
    display.table("networks (* plays unless another is named)", columns, rows)
    display.result(
        {
            "networks": [
                {
                    "name": one.name,
                    "folder": str(one.folder),
                    "default": one.folder == chosen,
                    "bits_per_note": one.bits,
                    "measured_on": one.yardstick.tunes if one.yardstick else None,
                    "tunes": one.tunes,
                    "from": one.base or None,
                    "created": one.created,
                    "bytes": one.size,
                    "problem": one.problem or None,
                }
                for one in found
            ]
        }
    )


def _figures(one: NetworkFacts, letters: dict[str, str]) -> list[str]:
    from abcgen.pipeline.checkpoints import SHIPPED

    learnt = "" if one.tunes is None else f"{one.tunes:,}"
    return [
        "" if one.bits is None else f"{one.bits:.2f}",
        f"tunes {letters[one.yardstick.tunes]}" if one.yardstick else "none",
        # What the one that comes along was made from is not here.
        f"{learnt}, from {one.base}" if one.base and one.name != SHIPPED else learnt,
        one.created[:10],
        f"{one.size / 1e6:.1f} MB",
    ]


def _letter(number: int) -> str:
    """Return A to Z, then AA and so on."""
    before, last = divmod(number, 26)
    return (_letter(before - 1) if before else "") + chr(ord("A") + last)
