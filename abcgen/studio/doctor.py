"""The tune doctor for a tune that is being typed: what is wrong, and on which line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from abcgen.notation.reader import Reading, read_block
from abcgen.notation.tunebook import split_tunebook
from abcgen.notation.validation import bar_problems, repeat_problems

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune
    from abcgen.notation.tunebook import TuneBlock

MOST_MESSAGES = 100


def messages_of(abc: str) -> list[dict[str, Any]]:
    """Return what is wrong with ABC, by line: an error, a wrong bar, a repair or an inference.

    Each message has ``line``, counted from 1, ``kind`` and ``text``; wrong bars have ``bar`` too.
    """
    messages: list[dict[str, Any]] = []
    blocks = list(split_tunebook(abc))
    if not blocks:
        return [_message(1, "error", "no tune: a tune begins with a line such as X:1")]
    for block in blocks:
        found = read_block(block)
        if not isinstance(found, Reading):
            messages.append(_message(found.line, "error", found.reason))
            continue
        messages += [
            _message(
                repair.line, "repair", repair.what + (f": {repair.text}" if repair.text else "")
            )
            for repair in found.repairs
        ]
        messages += [_message(block.line, "inference", what) for what in found.inferences]
        lines = lines_of_bars(block, found.tune)
        wrong = [(problem.bar, str(problem)) for problem in bar_problems(found.tune)]
        wrong += [(problem.bar, str(problem)) for problem in repeat_problems(found.tune)]
        messages += [_message(lines[bar - 1], "bar", text) | {"bar": bar} for bar, text in wrong]
    return sorted(messages, key=lambda message: message["line"])[:MOST_MESSAGES]


def _message(line: int, kind: str, text: str) -> dict[str, Any]:
    return {"line": line, "kind": kind, "text": text}


def lines_of_bars(block: TuneBlock, tune: Tune) -> list[int]:
    """Return the line of the file on which each bar of the first voice ends."""
    key_seen = False
    music: list[int] = []
    for number, line in enumerate(block.lines, start=block.line):
        text = line.strip()
        if key_seen and text and not text.startswith("%") and not _is_field(text):
            music.append(number)
        key_seen = key_seen or text.startswith("K:")
    if not music:
        return [block.line] * len(tune.bars)
    lines, index = [], 0
    for bar in tune.bars:
        lines.append(music[min(index, len(music) - 1)])
        index += bar.ends_line
    return lines


def _is_field(text: str) -> bool:
    return len(text) > 1 and text[0].isalpha() and text[1] == ":" and text[1:3] not in {":|", "::"}
