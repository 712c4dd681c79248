"""What a stranger's words can do in a browser: nothing, wherever a tune has words."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from abcgen.notation.transpose import INSTRUMENTS
from abcgen.notation.tune import ChordSymbol, Marks
from abcgen.notation.words import Annotation, Syllable, Tempo, Words
from abcgen.score.blind import blind_page
from abcgen.score.performance import PlaybackOptions
from abcgen.score.web import web_page, web_tune_of
from tests.browser import requested_urls
from tests.marked_tunes import DUET, with_marks

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.notation.tune import Tune

PLAYING = PlaybackOptions(INSTRUMENTS["fiddle"])
TAKEN = "document.title='taken'"
PAYLOADS = {
    "script": f"</script></style></textarea><script>{TAKEN}</script>",
    "handler": f"<img src=x onerror={TAKEN}><svg onload={TAKEN}><body onpageshow={TAKEN}>",
    "attribute": f"\" onmouseover={TAKEN} autofocus onfocus={TAKEN} x=\"' onfocus={TAKEN} x='",
    "links": f"<a id=l href=javascript:{TAKEN}>a</a><iframe src='data:text/html,x'></iframe>",
    "request": "<img src=http://example.invalid/a><link rel=stylesheet href=//example.invalid/b>",
    "template": "{{7*7}} {% include 'x' %} ${7*7} #{7*7} <%= 7*7 %>",
    "svg": f"]]></text><script>{TAKEN}</script><use href='data:image/svg+xml,x#a'/><!--",
}


def everywhere(words: str) -> Tune:
    """A tune with these words wherever it may have some."""
    marks = Marks(
        (ChordSymbol(None, text=words),),
        annotations=(Annotation("^", words), Annotation("_", words)),
        lyrics=(Syllable(words), Syllable(words, hyphen=True)),
        tempo=Tempo(words, (Fraction(1, 4),), 90, words),
    )
    tune = with_marks(DUET, {(0, 0): marks})
    others = tuple(replace(voice, name=words) for voice in tune.others)
    bars = tuple(replace(bar, part=words, closing=marks) for bar in tune.bars[:2])
    return replace(
        tune,
        bars=bars + tune.bars[2:],
        title=words,
        rhythm=words,
        source=words,
        voice=words,
        others=others,
        words=Words(tuple((name, words) for name in "TCAOSBNZW"), Tempo(words), words),
    )


def report_of(folder: Path) -> Path:
    """The report on tunes, some of them faulty, with the payloads in their fields."""
    text = "".join(
        f"X:{number}\nT:{words}\nC:{words}\nR:{words}\nM:4/4\nK:C\n{music}\n\n"
        for words in PAYLOADS.values()
        for number, music in enumerate(("CDEF GABc|", "CDEF GABc|", "CDE|F|", "C\\9|", words), 1)
    )
    source = folder / f"<img src=x onerror={TAKEN}>.abc".replace("/", "")
    source.write_text(text, encoding="utf-8")
    command = ["normalise", source.name, "--out", "out.abc", "--report", "report.html"]
    subprocess.run(
        [sys.executable, "-m", "abcgen", *command, "--no-cache"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder / "report.html"


@pytest.fixture(scope="module", params=["tunes", "blind test", "report"])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    if request.param == "report":
        return report_of(folder)
    tunes = [web_tune_of(everywhere(words), PLAYING) for words in PAYLOADS.values()]
    names = [f"{number:08x}" for number in range(len(tunes))]
    path = folder / "page.html"
    path.write_bytes(
        web_page(tunes, title=PAYLOADS["script"])[0]
        if request.param == "tunes"
        else blind_page("deadbeef", names, tunes)
    )
    return path


def test_payloads_are_words(started: Any, page: Path) -> None:
    started.get("about:blank")
    for kind in ("performance", "browser"):
        started.get_log(kind)  # forget what was before
    started.get(page.as_uri())
    # Every handler that a mouse or the keyboard could reach.
    started.execute_script(
        "for (const one of document.querySelectorAll('*'))"
        " for (const kind of ['mouseover', 'focus', 'load', 'error', 'pageshow'])"
        "  one.dispatchEvent(new Event(kind, {bubbles: true}))"
    )
    assert started.title != "taken"
    assert requested_urls(started) == [page.as_uri()]
    inside = "return document.querySelectorAll(arguments[0]).length"
    assert started.execute_script(inside, "[onerror],[onload],[onfocus],[onmouseover]") == 0
    assert started.execute_script(inside, "iframe,object,embed,link[rel=stylesheet],img") == 0
    assert (
        started.execute_script(inside, "a[href^='javascript:'],a[href^='data:']:not([download])")
        == 0
    )
    words = started.execute_script("return document.documentElement.textContent")
    assert "{{7*7}}" in words
    assert "onerror" in words
