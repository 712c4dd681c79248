"""Tunes as a web page that shows and plays them, in a single file that loads nothing else.

``web_tune_of`` prepares each tune and ``web_page`` fills the template ``web.html``; its style is
``web.css`` and ``sheet.css``, and ``web.js`` starts the player, ``player.js``. Text from tunes is
escaped or JSON; the SVG is verovio's.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from abcgen.notation.writer import write_abc
from abcgen.score.engrave import engrave_svg
from abcgen.score.layout import LINE_WIDTH, plan_bars, section_spans
from abcgen.score.midi import midi_of
from abcgen.score.musicxml import UNTITLED, musicxml_of
from abcgen.score.performance import perform
from abcgen.score.text import (
    composer_and_origin,
    one_line,
    rhythm_and_key,
    stanzas_of,
    subtitles_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from fractions import Fraction

    from abcgen.notation.tune import Tune
    from abcgen.score.performance import Performance, PlaybackOptions

HERE = Path(__file__).parent
# Width of a line of music on a telephone, as a fraction of that on a page.
NARROW = 0.45
# Ends of the tempo slider, as multiples of the tune's tempo.
SLOWEST, FASTEST = 0.4, 1.8
# Kinds of notes, as player.js knows them.
MELODY, ACCOMPANIMENT, DRUMS = range(3)
WIDEST_SHIFT = 12  # semitones up and down

# verovio's SVG: musical glyphs with the picture's own suffix (E0A4-abc12), uses of them, CSS
# rules that begin with the picture's id, and ids of all elements.
GLYPH = re.compile(r'<g id="(E\w{3})-\w+">(.*?)</g>', re.DOTALL)
DEFS = re.compile(r"<defs>.*?</defs>", re.DOTALL)
GLYPH_USE = re.compile(r'xlink:href="#(E\w{3})-\w+"')
RULES = re.compile(r'<style type="text/css">(.*?)</style>', re.DOTALL)
RULE_SCOPE = re.compile(r"#\w+ ")
NOTE_ID = re.compile(r' id="(v\d+b\d+n\d+)"')
OTHER_ID = re.compile(r' id="[^"]*"')


@dataclass(frozen=True, slots=True)
class WebSheet:
    """The picture of a tune as a part of a page.

    Attributes:
        svg: The picture, whose glyphs and rules are left to the page.
        rules: The engraver's CSS for it.
        glyphs: The musical glyphs that it uses, by name.
    """

    svg: str
    rules: str
    glyphs: dict[str, str]


def web_sheet_of(tune: Tune, *, narrow: bool = False, keep_lines: bool = False) -> WebSheet:
    """Engrave a tune for a page, or for a telephone.

    Raises:
        InputError: if it cannot be engraved.
    """
    width = LINE_WIDTH * NARROW if narrow else LINE_WIDTH
    svg = engrave_svg(musicxml_of(tune, line_width=width, keep_lines=keep_lines), line_width=width)
    rules = RULES.search(svg)
    return WebSheet(
        svg=_inline(svg),
        rules=RULE_SCOPE.sub(".sheet ", rules[1]) if rules else "",
        glyphs=dict(GLYPH.findall(svg)),
    )


@dataclass(frozen=True, slots=True)
class WebTune:
    """A tune ready for the page."""

    # Its title.
    title: str
    # Such as ``reel · D``.
    rhythm_and_key: str
    # Printed at the right, with the origin.
    composer: str
    # Further titles.
    subtitles: list[str]
    # Words under the music, line by line in stanzas.
    stanzas: list[list[str]]
    # Its sheet music for a page.
    wide: str
    # Its sheet music for a telephone.
    narrow: str
    # The engraver's CSS for the lines of both.
    rules: str
    # The musical glyphs that both use, by name.
    glyphs: dict[str, str]
    # A MIDI file of it.
    midi: bytes
    # The data of the player, as JSON can hold it.
    data: dict[str, Any]

    @property
    def tempo(self) -> str:
        """Beats a minute."""
        return f"{self.data['tempo']:.0f}"

    @property
    def slowest(self) -> str:
        """The lower end of the tempo slider."""
        return f"{self.data['tempo'] * SLOWEST:.0f}"

    @property
    def fastest(self) -> str:
        """The upper end of the tempo slider."""
        return f"{self.data['tempo'] * FASTEST:.0f}"

    @property
    def midi_base64(self) -> str:
        """The MIDI file as text."""
        return base64.b64encode(self.midi).decode()

    @property
    def file_name(self) -> str:
        """The title as a file name, without its ending."""
        return re.sub(r"[^\w -]+", "", self.title)[:60].strip() or "tune"


def web_tune_of(
    tune: Tune, options: PlaybackOptions, *, composer: str = "", keep_lines: bool = False
) -> WebTune:
    """Prepare a tune for a web page: engrave it in two widths, and perform it.

    Args:
        tune: The tune.
        options: How to play it.
        composer: Its composer where the tune names none; empty for none.
        keep_lines: Whether lines end where those of the tune's source do.

    Raises:
        InputError: if it cannot be engraved or played.
    """
    wide = web_sheet_of(tune, keep_lines=keep_lines)
    narrow = web_sheet_of(tune, narrow=True, keep_lines=keep_lines)
    return WebTune(
        title=one_line(tune.title) or UNTITLED,
        rhythm_and_key=rhythm_and_key(tune),
        composer=composer_and_origin(tune, composer),
        subtitles=subtitles_of(tune),
        stanzas=stanzas_of(tune),
        wide=wide.svg,
        narrow=narrow.svg,
        rules=wide.rules,
        glyphs=wide.glyphs | narrow.glyphs,
        midi=midi_of(tune, options),
        data=_player_data(tune, perform(tune, options), options),
    )


def _inline(svg: str) -> str:
    """Return an SVG document as a part of a page.

    Its glyphs and rules are removed, because all pictures of the page share them. Ids are removed
    too, because they are unique within one picture only; those of notes become ``data-note``.
    """
    picture = RULES.sub("", DEFS.sub("", svg, count=1), count=1)
    picture = GLYPH_USE.sub(r'href="#\1"', picture)
    picture = OTHER_ID.sub("", NOTE_ID.sub(r' data-note="\1"', picture))
    # Without the XML declaration.
    return picture[picture.index("<svg") :]


def _player_data(tune: Tune, played: Performance, options: PlaybackOptions) -> dict[str, Any]:
    """Return the data from which ``web.js`` plays a tune.

    Times are in quarter notes of the opening tempo, so that changes of tempo are in them.
    """
    kinds = [DRUMS if index in played.percussion else MELODY for index in range(len(played.voices))]
    parts = [*zip(kinds, played.voices, strict=True), (ACCOMPANIMENT, played.accompaniment)]
    notes = [
        (onset, duration, key, kind)
        for kind, sounds in parts
        for onset, duration, keys in sounds
        for key in keys
    ]
    return {
        "abc": write_abc(tune),
        "beat": _quarters(float(played.beat)),
        "tempo": played.tempo,
        "tone": options.instrument.tone,
        "accompaniment": options.accompaniment.tone,
        "notes": [
            [
                _quarters(played.opening_time(onset)),
                _quarters(played.opening_duration(onset, duration)),
                key,
                kind,
            ]
            for onset, duration, key, kind in sorted(notes)
        ],
        "steps": [
            [_quarters(played.opening_time(note.onset)), note.name] for note in played.schedule
        ],
        "parts": [
            {
                "name": name,
                "from": _quarters(played.opening_time(start)),
                "to": _quarters(played.opening_time(end)),
            }
            for name, start, end in _loops(tune, played)
        ],
    }


def _quarters(whole_notes: float) -> float:
    return round(whole_notes * 4, 5)


def _loops(tune: Tune, played: Performance) -> Iterator[tuple[str, Fraction, Fraction]]:
    """Yield name, start and end of the loops: the whole tune, and each section with its repeats."""
    yield "Whole tune", played.length * 0, played.length
    spans = section_spans(plan_bars(tune))
    for number, (first, after) in enumerate(spans if len(spans) > 1 else []):
        inside = [bar for bar in played.bars if first <= bar.index < after]
        if inside:
            start = end = inside[0].onset
            # Up to where the section is first left.
            for bar in inside:
                if bar.onset == end:
                    end += bar.planned.bar.duration
            letter = chr(ord("A") + number) if number < 26 else str(number + 1)
            yield f"Part {letter}", start, end


def web_page(tunes: Iterable[WebTune], *, title: str = "", footer: str = "") -> list[bytes]:
    """Put tunes on one page, with the title of a single tune or the number of tunes by default.

    Args:
        tunes: The tunes.
        title: The heading; empty for the default.
        footer: Words at the foot of the page; empty for none.

    Returns:
        One HTML document; nothing if there is no tune.
    """
    all_tunes = list(tunes)
    if not all_tunes:
        return []
    number = len(all_tunes)
    heading = one_line(title) or (all_tunes[0].title if number == 1 else f"{number} tunes")
    data = [tune.data for tune in all_tunes]
    return [render_page("web.html", all_tunes, data, heading, footer=one_line(footer))]


def page_around(
    tunes: Iterable[WebTune], *, title: str, before: str, after: str, style: str
) -> bytes:
    """Put tunes, which may be none, into a page about something else.

    Args:
        tunes: The tunes.
        title: The heading.
        before: Markup above the tunes; trusted.
        after: Markup below them; trusted.
        style: CSS of this markup.
    """
    all_tunes = list(tunes)
    return render_page(
        "around.html",
        all_tunes,
        [tune.data for tune in all_tunes],
        one_line(title),
        style,
        before=before,
        after=after,
    )


def render_page(
    template: str,
    tunes: list[WebTune],
    data: list[dict[str, Any]],
    title: str,
    more_style: str = "",
    more_script: str = "",
    **context: Any,
) -> bytes:
    """Render a page of tunes from ``web.html`` or a template that extends it.

    Args:
        template: The name of the template.
        tunes: The tunes.
        data: The player's data for each.
        title: The heading.
        more_style: CSS beside that of all pages of tunes.
        more_script: JavaScript after that of all pages of tunes; the page may run no other.
        context: More values for the template.
    """
    style = read_part("web.css") + read_part("sheet.css") + more_style
    script = read_part("player.js") + read_part("web.js") + more_script
    glyphs = {name: shape for tune in tunes for name, shape in tune.glyphs.items()}
    # Escaped, so that no data can end its script element.
    json_text = json.dumps(data, separators=(",", ":"))
    json_text = json_text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    # The content security policy allows this one script and no access to the network.
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )
    page_template = _templates().get_template(template)
    page = page_template.render(
        tunes=tunes,
        title=title,
        glyphs=sorted(glyphs.items()),
        shifts=range(WIDEST_SHIFT, -WIDEST_SHIFT - 1, -1),
        data=json_text,
        policy=policy,
        style=(tunes[0].rules if tunes else "") + "\n" + style,
        script=script,
        **context,
    )
    # Half a surrogate pair, which a damaged title may hold, cannot be encoded.
    return page.encode("utf-8", "replace")


def read_part(name: str) -> str:
    """Read a style sheet or script from the folder of this module."""
    return (HERE / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _templates() -> Environment:
    def escape(value: Any) -> Any:
        # Escape quotes as html.escape does, &#x27;; Jinja would write &#39;.
        return value if isinstance(value, Markup) else Markup(html.escape(str(value)))  # noqa: S704

    return Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        finalize=escape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
