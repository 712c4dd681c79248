"""What stands around each tune of a web page: its title, its controls, its text."""

from __future__ import annotations

import base64
import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.score.web import WebTune

WIDEST_SHIFT = 12
SLOWEST, FASTEST = 0.4, 1.8
"""Ends of the tempo slider beside the tune's own tempo."""


def contents(tunes: Sequence[WebTune]) -> str:
    """Links to all tunes; nothing for a single one."""
    if len(tunes) == 1:
        return ""
    items = "".join(
        f'<li><a href="#tune-{number}" dir="auto">{html.escape(tune.title)}</a></li>'
        for number, tune in enumerate(tunes)
    )
    return f'<nav aria-label="Tunes"><ol>{items}</ol></nav>'


def article(number: int, tune: WebTune, beside: str = "", under: str = "") -> str:
    """A tune with the controls of the player.

    Args:
        number: Its place on the page, from 0.
        tune: The tune.
        beside: HTML to stand beside the controls.
        under: HTML to stand under the sheet music.
    """
    title, name = html.escape(tune.title), f"tune-{number}"
    parts = "".join(
        f'<option value="{place}">{html.escape(part["name"])}</option>'
        for place, part in enumerate(tune.data["parts"])
    )
    shifts = "".join(
        f'<option value="{by}"{" selected" if by == 0 else ""}>{_shift_name(by)}</option>'
        for by in range(WIDEST_SHIFT, -WIDEST_SHIFT - 1, -1)
    )
    tempo = tune.data["tempo"]
    return f"""<article id="{name}" aria-labelledby="{name}-title">
<h2 id="{name}-title" dir="auto">{title}</h2>
<p class="under"><em dir="auto">{html.escape(tune.kind)}</em>
<span dir="auto">{html.escape(tune.composer)}</span></p>
<div class="controls" role="group" aria-label="Play {title}">
<button type="button" class="play" data-control="play" aria-pressed="false">Play</button>
<label>Tempo <input type="range" data-control="tempo" min="{tempo * SLOWEST:.0f}"
 max="{tempo * FASTEST:.0f}" value="{tempo:.0f}"></label><output data-control="tempo-shown">
</output>
<label>Part <select data-control="part">{parts}</select></label>
<label><input type="checkbox" data-control="loop"> Loop</label>
<label>Sounds <select data-control="shift">{shifts}</select></label>
{beside}
</div>
<div class="sheet"><div class="cursor" hidden></div>
<div class="wide" role="img" aria-label="Sheet music of {title}">{tune.wide}</div>
<div class="narrow" role="img" aria-label="Sheet music of {title}">{tune.narrow}</div></div>
{under}
</article>"""


def copies(tune: WebTune) -> str:
    """Controls that take a tune elsewhere."""
    midi = base64.b64encode(tune.midi).decode()
    return f"""<button type="button" data-control="copy">Copy ABC</button>
<a class="button" data-control="midi" download="{_file_name(tune.title)}.mid"
 href="data:audio/midi;base64,{midi}">Download MIDI</a>"""


def abc_of(tune: WebTune) -> str:
    """A tune's ABC, to be unfolded."""
    return f"<details><summary>ABC</summary><pre>{html.escape(tune.data['abc'])}</pre></details>"


def _shift_name(semitones: int) -> str:
    if semitones == 0:
        return "as written"
    direction = "higher" if semitones > 0 else "lower"
    count = abs(semitones)
    return f"{count} semitone{'' if count == 1 else 's'} {direction}"


def _file_name(title: str) -> str:
    return re.sub(r"[^\w -]+", "", title)[:60].strip() or "tune"
