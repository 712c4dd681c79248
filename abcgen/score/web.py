"""What stands around each tune of a web page: its title, its controls, its text.

Tunes as one web page: sheet music that plays, in a single file that fetches nothing.

Its look and its player are ``web.css`` and ``web.js``; everything that comes from a tune goes into
the page as escaped text or as JSON.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from abcgen.notation.writer import write_abc
from abcgen.score.engrave import engrave_svg
from abcgen.score.layout import LINE_WIDTH, plan_bars, sections
from abcgen.score.midi import midi_of
from abcgen.score.musicxml import UNTITLED, musicxml_of
from abcgen.score.performance import perform
from abcgen.score.text import kind_and_key, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from fractions import Fraction

    from abcgen.notation.tune import Tune
    from abcgen.score.performance import Performance, Playing


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


HERE = Path(__file__).parent
NARROW = 0.45
"""A telephone's lines of music beside those of a page."""

GLYPH = re.compile(r'<g id="(E\w{3})-\w+">(.*?)</g>', re.DOTALL)
DEFS = re.compile(r"<defs>.*?</defs>", re.DOTALL)
RULES = re.compile(r'<style type="text/css">(.*?)</style>', re.DOTALL)
SCOPE = re.compile(r"#\w+ ")
REFERENCE = re.compile(r'xlink:href="#(E\w{3})-\w+"')
NOTE_NAME = re.compile(r' id="(v\d+b\d+n\d+)"')
OTHER_NAME = re.compile(r' id="[^"]*"')


@dataclass(frozen=True, slots=True)
class WebTune:
    """A tune ready for the page.

    Attributes:
        title: Its title.
        kind: Its rhythm and key.
        composer: Who made it.
        wide: Its sheet music for a page.
        narrow: Its sheet music for a telephone.
        rules: How the engraver wants its lines drawn, in CSS.
        glyphs: The signs that both are made of, by name.
        midi: A MIDI file of it.
        data: What the player needs, as JSON can hold it.
    """

    title: str
    kind: str
    composer: str
    wide: str
    narrow: str
    rules: str
    glyphs: dict[str, str]
    midi: bytes
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Questions:
    """What a page asks of whoever hears its tunes.

    Attributes:
        before: HTML over the tunes.
        under: HTML under each.
        after: HTML under all.
        style: CSS.
        script: JavaScript.
    """

    before: str
    under: tuple[str, ...]
    after: str
    style: str
    script: str


def web_tune_of(tune: Tune, playing: Playing, *, composer: str = "") -> WebTune:
    """Make a tune ready for a web page.

    Args:
        tune: The tune.
        playing: How it is played.
        composer: What to print at the right above the tune.

    Raises:
        InputError: if it cannot be engraved or played.
    """
    glyphs: dict[str, str] = {}
    wide, narrow = (
        engrave_svg(musicxml_of(tune, line_width=width), line_width=width)
        for width in (LINE_WIDTH, LINE_WIDTH * NARROW)
    )
    rules = RULES.search(wide)
    return WebTune(
        title=one_line(tune.title) or UNTITLED,
        kind=kind_and_key(tune),
        composer=one_line(composer),
        wide=_inline(wide, glyphs),
        narrow=_inline(narrow, glyphs),
        rules=SCOPE.sub(".sheet ", rules[1]) if rules else "",
        glyphs=glyphs,
        midi=midi_of(tune, playing),
        data=_data(tune, perform(tune, playing), playing),
    )


def web_page(
    tunes: Iterable[WebTune], *, title: str = "", questions: Questions | None = None
) -> list[bytes]:
    """Put tunes on one page.

    Args:
        tunes: The tunes.
        title: What the page is called; what its first tune is called if empty.
        questions: What is asked of them. Then they are to be heard and seen only: the page has
            neither their ABC nor their MIDI files.

    Returns:
        One HTML document; nothing if there is no tune.
    """
    them = list(tunes)
    if not them:
        return []
    glyphs = {name: shape for tune in them for name, shape in tune.glyphs.items()}
    script = read_part("web.js") + (questions.script if questions else "")
    style = read_part("web.css") + (questions.style if questions else "")
    articles = [
        article(number, tune, under=questions.under[number])
        if questions
        else article(number, tune, copies(tune), abc_of(tune))
        for number, tune in enumerate(them)
    ]
    heading = one_line(title) or (them[0].title if len(them) == 1 else f"{len(them)} tunes")
    page = Template(read_part("web.html")).substitute(
        policy=_policy(script),
        title=html.escape(heading),
        style=them[0].rules + "\n" + style,
        glyphs="".join(f'<g id="{name}">{shape}</g>' for name, shape in sorted(glyphs.items())),
        before=questions.before if questions else contents(them),
        articles="\n".join(articles),
        after=questions.after if questions else "",
        data=_script_safe([_told(tune, in_full=not questions) for tune in them]),
        script=script,
    )
    return [page.encode("utf-8", "replace")]


def read_part(name: str) -> str:
    """A part of the page that stands beside this module in a file of its own."""
    return (HERE / name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """What the page may do: run this one script, and reach nothing outside."""
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )


def _script_safe(data: Any) -> str:
    """JSON that no HTML parser takes for the end of its script."""
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _inline(svg: str, glyphs: dict[str, str]) -> str:
    """A picture as part of a page: its signs put with those of all pictures, names only on notes.

    Args:
        svg: An engraved tune.
        glyphs: The signs found are added to these.
    """
    glyphs.update(GLYPH.findall(svg))
    picture = RULES.sub("", DEFS.sub("", svg, count=1), count=1)
    picture = REFERENCE.sub(r'href="#\1"', picture)
    picture = OTHER_NAME.sub("", NOTE_NAME.sub(r' data-note="\1"', picture))
    return picture[picture.index("<svg") :]


def _data(tune: Tune, played: Performance, playing: Playing) -> dict[str, Any]:
    notes = [
        (onset, duration, key, int(accompanies))
        for accompanies, voices in ((False, played.voices), (True, (played.accompaniment,)))
        for sounds in voices
        for onset, duration, keys in sounds
        for key in keys
    ]
    return {
        "abc": write_abc(tune),
        "beat": _quarters(played.beat),
        "tempo": played.tempo,
        "tone": playing.instrument.tone,
        "notes": [
            [_quarters(onset), _quarters(duration), key, accompanies]
            for onset, duration, key, accompanies in sorted(notes)
        ],
        "steps": [[_quarters(step.onset), step.name] for step in played.steps],
        "parts": [
            {"name": name, "from": _quarters(start), "to": _quarters(end)}
            for name, start, end in _parts(tune, played)
        ],
    }


def _quarters(whole_notes: Fraction) -> float:
    return round(float(whole_notes * 4), 5)


def _parts(tune: Tune, played: Performance) -> Iterator[tuple[str, Fraction, Fraction]]:
    """What can be looped: the whole tune, and each of its parts with its repeats."""
    yield "Whole tune", played.length * 0, played.length
    spans = sections(plan_bars(tune))
    for place, (first, after) in enumerate(spans if len(spans) > 1 else []):
        inside = [bar for bar in played.bars if first <= bar.place < after]
        if inside:
            start, end = inside[0].onset, inside[0].onset
            for bar in inside:
                if bar.onset == end:
                    end += bar.planned.bar.duration
            yield f"Part {_letter(place)}", start, end


def _letter(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else str(place + 1)


def _told(tune: WebTune, *, in_full: bool) -> dict[str, Any]:
    """What the player is told; not in full, it cannot pass the tune on."""
    return {name: value for name, value in tune.data.items() if in_full or name != "abc"}
