"""Which fonts the page needs, and which letters none of them has.

typst carries a font with Latin, Greek and Cyrillic letters. For others, Chinese say, the fonts of
this machine are asked; where they cannot help either, a box is printed and people are told.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from abcgen.score.lazy import LazyModule

if TYPE_CHECKING:
    from collections.abc import Iterable

typst = LazyModule("typst")

EUROPEAN = re.compile(r"[ -~\u00a0-\u036f\u0370-\u03ff\u0400-\u045f\u2010-\u2027\u266d-\u266f]*")
PROBE = """
#set document(date: none)
#set text(font: "Libertinus Serif")
#for words in json("words.json") [#words ]
"""
STRICT = ["a-2b"]
"""A kind of PDF that typst refuses to write with a letter missing."""

MISSING = re.compile(r'the text `"(.*?)"` could not be displayed')


class Fonts(NamedTuple):
    """What the words of a tune need.

    Attributes:
        of_machine: Whether the machine's own fonts are needed beside typst's.
        missing: The first letters that no font has; empty if all are there.
    """

    of_machine: bool = False
    missing: str = ""


def fonts_for(texts: Iterable[str]) -> Fonts:
    """See which fonts print some words.

    Args:
        texts: All words of a tune.
    """
    foreign = [text for text in texts if not EUROPEAN.fullmatch(text)]
    if not foreign or not missing_letter(foreign, of_machine=False):
        return Fonts()
    return Fonts(of_machine=True, missing=missing_letter(foreign, of_machine=True))


def missing_letter(texts: list[str], *, of_machine: bool) -> str:
    """The first letter that no font has; empty if there is none.

    Args:
        texts: Words to be printed.
        of_machine: Whether the machine's own fonts may be used.
    """
    with tempfile.TemporaryDirectory(prefix="abcgen-") as name:
        root = Path(name)
        (root / "words.json").write_text(json.dumps(texts), encoding="utf-8")
        main = root / "probe.typ"
        main.write_text(PROBE, encoding="utf-8")
        try:
            typst.compile(
                main,
                root=root,
                ignore_system_fonts=not of_machine,
                format="pdf",
                pdf_standards=STRICT,
                timestamp=0,
            )
        except typst.TypstError as error:
            found = MISSING.search(str(error))
            return found[1] if found else ""
    return ""
