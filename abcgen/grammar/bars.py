"""Where the bars of a model text are."""

from __future__ import annotations

import re

_HEADER = re.compile(r"^K:[^\n]*\n(?:P:[^\n]*\n)?", re.MULTILINE)
_LINE_OR_BAR = re.compile(
    r"""
    (?: [|:\]]+ (?:\[?[0-9][0-9,.-]*)?  # a bar line, perhaps with an ending: |  ||  :|  |]  ::  :|2
      | \[[0-9][0-9,.-]*                # an ending without one: [1
      | \[[A-Z]:[^\]\n]*\] )+           # a change of metre or key: [M:6/8]
    | (?P<bar>
        (?: "[^"\n]*"                   # a chord symbol
          | \[[^\]\n0-9][^\]\n]*\]       # a chord
          | \([0-9](?::[0-9]*)*          # a tuplet: (3  (3:2:4
          | [^|:\[\]"\n\0] )+ )          # notes and their lengths
    """,
    re.VERBOSE,
)


def bars_of(text: str) -> list[tuple[int, int]]:
    """Return where each bar of a model text begins and ends, without its bar lines.

    Changes of metre or key at its beginning belong to the bar line too.
    """
    header = _HEADER.search(text)
    if not header:
        return []
    lines_and_bars = _LINE_OR_BAR.finditer(text, header.end())
    return [match.span("bar") for match in lines_and_bars if match["bar"]]
