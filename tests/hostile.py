"""Words that try to do something in a browser, in every text field that a tune can have."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from abcgen.notation.tune import ChordSymbol, Marks
from abcgen.notation.words import Annotation, Syllable, Tempo, Words
from tests.browser import requested_urls
from tests.marked_tunes import DUET, with_marks

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

TAKEN = "document.title='taken'"
PAYLOADS = {
    "script": f"</script></style></textarea><script>{TAKEN}</script>",
    "handler": f"<img src=x onerror={TAKEN}><svg onload={TAKEN}><body onpageshow={TAKEN}>",
    "attribute": f"\" onmouseover={TAKEN} autofocus onfocus={TAKEN} x=\"' onfocus={TAKEN} x='",
    "alert": "<details open ontoggle=alert(1)><svg><animate onbegin=alert(2) attributeName=x>",
    "links": f"<a id=l href=javascript:{TAKEN}>a</a><iframe src='data:text/html,x'></iframe>",
    "request": "<img src=http://example.invalid/a><link rel=stylesheet href=//example.invalid/b>",
    "style": "<style>@import url(//e.invalid/c)</style><p style='background:url(//d.invalid)'>",
    "template": "{{7*7}} {% include 'x' %} ${7*7} #{7*7} <%= 7*7 %>",
    "svg": f"]]></text><script>{TAKEN}</script><use href='data:image/svg+xml,x#a'/><!--",
}
PLACES = "^_<>@"
# Whatever could run or be fetched, by selectors.
ACTIVE = (
    "[onerror],[onload],[onfocus],[onmouseover],[ontoggle],[onbegin],[onpageshow]",
    "iframe,object,embed,link[href*=invalid],img,animate,details[ontoggle]",
    "a[href^='javascript:'],a[href^='data:']:not([download]),[style*=invalid]",
)
# Every handler that a mouse or the keyboard could reach.
DISPATCH = """
    for (const one of document.querySelectorAll("*"))
      for (const kind of ["mouseover", "focus", "load", "error", "pageshow", "toggle", "begin"])
        one.dispatchEvent(new Event(kind));"""


def everywhere(words: str) -> Tune:
    """Return a tune with these words wherever it may have some."""
    marks = Marks(
        (ChordSymbol(None, text=words), ChordSymbol(("A", 0), words)),
        annotations=tuple(Annotation(place, words) for place in PLACES),
        lyrics=(Syllable(words), Syllable(words, hyphen=True)),
        tempo=Tempo(words, (Fraction(1, 4),), 90, words),
        clef=words,
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
        words=Words(tuple((name, words) for name in "TTCCAOSBNZWWDFGH"), Tempo(words), words),
    )


def open_quietly(browser: Any, url: str) -> None:
    """Open a page, and forget what was logged before."""
    browser.get("about:blank")
    for kind in ("performance", "browser"):
        browser.get_log(kind)
    browser.get(url)


def check_nothing_ran(browser: Any, own: tuple[str, ...]) -> None:
    """Check that a page has nothing that could run, asked nothing of others and shows no alert."""
    browser.execute_script(DISPATCH)
    # An open alert would make every command fail.
    assert browser.title != "taken"
    requested = requested_urls(browser)
    assert [url for url in requested if not url.startswith(own)] == []
    for selectors in ACTIVE:
        script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.outerHTML)"
        assert browser.execute_script(script, selectors) == []


def words_on(browser: Any) -> str:
    """Return all words of a page, those in fields included."""
    words: str = browser.execute_script(
        "return document.documentElement.textContent"
        " + [...document.querySelectorAll('input,textarea')].map((one) => one.value).join(' ')"
    )
    return words
