"""Model text: the text of a tune that the network learns from (``encode_tune``, ``decode_tune``).

An ``R:`` line if the rhythm is known, ``M:`` and ``K:`` lines, and the first voice on one line
without spaces, transposed to C in the same mode, with unit length 1/8. It is never written as .abc.
Several voices are interleaved bar by bar, as ABC's overlays are: ``c4B4&G8&E4D4&C4G,4|``. Whatever
reads it from left to right knows the voices above when it comes to the next, and bar lines,
repeats, endings, keys and metres are written once.
Networks may also read and write a form line after ``K:`` (``abcgen.grammar.form_line``), which adds
nothing to the tune.
"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import NotationError
from abcgen.example import Example
from abcgen.notation.fields import read_metre, rhythm_named
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import from_c, pitches_of, to_c
from abcgen.notation.tune import BarLine, Key, Marks, Note, Rest, Tune, Voice, read_chord_symbol
from abcgen.notation.walk import keys_and_metres
from abcgen.notation.writer import MusicWriter, opening

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.notation.tune import Bar, Metre

UNIT = Fraction(1, 8)
_MODEL_TEXT = re.compile(
    r"(?P<before_key>(?:R:[a-z ]+\n)?M:[^\n]+\n)(?P<key>K:C[a-z]{3}\n)(?P<body>[^\n]+\n)"
)
# Between the bars of two voices.
NEXT_VOICE = "&"
# A bar: a repeat or an ending at its left, its notes, and the bar line.
_BAR = re.compile(
    r"(?P<left>(?:\|:)?(?:\[?[1-9](?:,[1-9])*)?)"
    r"(?P<notes>(?:\([0-9:]*|\[[MK]:[^\]\n]*\]|[^|:\n])*)"
    r"(?P<line>\|\]|:?\|+:?|::|\|\]\|:|\n)\n?"
)
_CHANGES = re.compile(r"(?:\[[MK]:[^\]\n]*\])*")
_FORM_LINE = re.compile(r"(?<=\n)P:[^\n]*\n")
_HEADER = re.compile(r"(?:R:(?P<rhythm>[a-z ]+)\n)?M:(?P<metre>[^\n]+)\nK:C(?P<mode>[a-z]{3})\n")


class ModelTextHeader(NamedTuple):
    """The header of a model text."""

    # Empty if unknown.
    rhythm: str
    metre: Metre
    # The mode's abbreviation.
    mode: str


def encode_tune(tune: Tune, *, chord_symbols: bool = False, voices: int = 1) -> Example:
    """Return the model text of a tune.

    Args:
        tune: The tune. Of several voices the bars must be alike (``ensemble.in_step``).
        chord_symbols: Whether the text has its chord symbols.
        voices: How many of its voices the text has, beginning with the first.
    """
    header, bars = encode_bars(tune, chord_symbols=chord_symbols, voices=voices)
    body = "".join(f"{bar.left}{''.join(bar.items)}{bar.below}{bar.line}" for bar in bars)
    rhythm_line = header[: header.index("M:")]
    below = (replace(tune, bars=voice.bars) for voice in tune.others[: voices - 1])
    letters = sum(len(pitches_of(voice)) for voice in (tune, *below))
    return Example(f"{header}{body}\n", len(rhythm_line), letters)


class BarText(NamedTuple):
    """A bar of model text."""

    # Repeat sign, ending and changes of metre and key before its first note.
    left: str
    # Notes, rests and tuplets of the first voice.
    items: tuple[str, ...]
    # The other voices.
    below: str
    # The bar line, of which the left side of the next bar may be a part: ``::`` is ``:`` and ``:``.
    line: str


def encode_bars(
    tune: Tune, *, chord_symbols: bool = False, voices: int = 1
) -> tuple[str, list[BarText]]:
    """Return the header of a tune's model text, and its bars, which together make the body."""
    moved = to_c(tune)
    tune = _plain(moved, chord_symbols=chord_symbols)
    below = [
        _plain(replace(moved, bars=voice.bars), chord_symbols=False)
        for voice in moved.others[: voices - 1]
    ]
    rhythm = rhythm_named(tune.rhythm)
    rhythm_line = f"R:{rhythm}\n" if rhythm else ""
    header = f"{rhythm_line}M:{tune.metre}\nK:{_key_name(tune.key)}\n"

    writers = [MusicWriter(tune.key, tune.metre, UNIT) for _ in (tune, *below)]
    texts: list[BarText] = []
    before: BarLine | None = None
    for bars in zip(tune.bars, *(voice.bars for voice in below), strict=True):
        bar = bars[0]
        # The left side is glued to the bar line before: ``:|`` and ``|:`` make ``::``.
        left = opening(bar, before)
        if left.startswith("|:") and before is not None and before is not BarLine.FINAL:
            left = left[1:]
            if before is BarLine.REPEAT:
                texts[-1] = texts[-1]._replace(line=texts[-1].line.removesuffix("|"))
        metre = f"[M:{bar.metre}]" if bar.metre else ""
        key = f"[K:{_key_name(bar.key)}]" if bar.key else ""
        items, *others = (
            # Invisible rests become visible ones.
            tuple(item.replace("x", "z") for item in writer.items(own))
            for writer, own in zip(writers, bars, strict=True)
        )
        others_text = "".join(NEXT_VOICE + "".join(voice) for voice in others)
        texts.append(BarText(f"{left}{metre}{key}", items, others_text, str(bar.line)))
        before = bar.line
    return header, texts


def decode_tune(text: str) -> Tune:
    """Return the tune, in C, of a model text.

    Raises:
        NotationError: if it is not model text, or cannot be read as music.
    """
    match = _MODEL_TEXT.fullmatch(without_form_line(text))
    if not match:
        raise NotationError("no model text", text=text[:40])
    header = f"{match['before_key']}L:{UNIT}\n{match['key']}"
    if NEXT_VOICE not in match["body"]:
        return read_abc(header + match["body"])
    first, *others = (read_abc(header + voice) for voice in voices_in(match["body"]))
    return replace(first, others=tuple(Voice("", voice.bars) for voice in others))


def voices_in(body: str) -> list[str]:
    """Return the music of each voice, with all bar lines, of the music of a model text.

    Raises:
        NotationError: if a bar lacks a voice.
    """
    voices: list[str] = []
    for bar in _BAR.finditer(body):
        parts = bar["notes"].split(NEXT_VOICE)
        # What is given on in every bar line.
        voices = voices or [""] * len(parts)
        if len(parts) != len(voices):
            raise NotationError(f"a bar of {len(parts)} voices, not {len(voices)}", text=bar[0])
        fields = _CHANGES.match(bar["notes"])
        changes = fields[0] if fields else ""
        for index, part in enumerate(parts):
            notes = part if index == 0 else changes + part
            voices[index] += bar["left"] + notes + bar["line"]
    return voices


def decode_bars(texts: Sequence[str], tune: Tune, first: int) -> tuple[Bar, ...]:
    """Return bars of model text as they are in a tune's own key.

    Args:
        texts: The notes of each bar, without bar lines.
        tune: The tune that they are for, in which keys and their changes are looked up.
        first: The index of the first of them in the tune.

    Raises:
        NotationError: if they cannot be read as music.
    """
    in_c = _plain(to_c(tune), chord_symbols=False)
    keys = [key for key, _ in keys_and_metres(in_c.bars, in_c.key, in_c.metre)]
    changes = [bar.key for bar in in_c.bars[first + 1 : first + len(texts)]]
    fields = ["", *(f"[K:{_key_name(key)}]" if key else "" for key in changes)]
    music = "".join(f"{field}{text}|" for field, text in zip(fields, texts, strict=True))
    # In free metre a bar may have any length.
    read = read_abc(f"M:none\nL:{UNIT}\nK:{_key_name(keys[first])}\n{music}\n")
    if len(read.bars) != len(texts):
        raise NotationError(f"{len(read.bars)} bars instead of {len(texts)}", text=music[:40])
    return from_c(read.bars, tune)


def header_of(text: str) -> str:
    """Return the ``R:``, ``M:`` and ``K:`` lines that a model text begins with.

    Raises:
        NotationError: if it has none.
    """
    match = _HEADER.match(text)
    if not match:
        raise NotationError("no model text", text=text[:40])
    return match[0]


def without_form_line(text: str) -> str:
    """Return a model text without the line that announces its form, if it has one."""
    return _FORM_LINE.sub("", text, count=1)


def read_header(text: str) -> ModelTextHeader:
    """Read the header of a model text.

    Raises:
        NotationError: if it has none.
    """
    match = _HEADER.match(text)
    if not match:
        raise NotationError("no model text", text=text[:40])
    return ModelTextHeader(match["rhythm"] or "", read_metre(match["metre"]), match["mode"])


def _plain(tune: Tune, *, chord_symbols: bool) -> Tune:
    """Return the first voice without what model text omits.

    It omits ``C`` for 4/4, accidentals added to the signature, marks, and ties of some notes of a
    chord.
    """

    def plain_note(note: Note | Rest) -> Note | Rest:
        if note.marks is None:
            return note
        symbols = note.marks.chord_symbols if chord_symbols else ()
        # Only the last of several, and only in the spellings that the network knows.
        plain = list(filter(None, (read_chord_symbol(str(symbol)) for symbol in symbols)))[-1:]
        return replace(note, marks=Marks(tuple(plain)) if plain else None)

    def plain_bar(bar: Bar) -> Bar:
        bar = bar.with_notes(plain_note)
        bar = replace(bar, closing=None) if bar.closing else bar
        if not (bar.key or bar.metre):
            return bar
        key = bar.key and replace(bar.key, extra=())
        return replace(bar, key=key, metre=bar.metre and replace(bar.metre, symbol=""))

    key, metre = replace(tune.key, extra=()), replace(tune.metre, symbol="")
    bars = []
    key_before, metre_before = key, metre
    for bar in map(plain_bar, tune.bars):
        # What is left of a change may be none.
        new_key = bar.key if bar.key != key_before else None
        new_metre = bar.metre if bar.metre != metre_before else None
        if (bar.key, bar.metre) != (new_key, new_metre):
            bar = replace(bar, key=new_key, metre=new_metre)  # noqa: PLW2901 - the same bar
        key_before, metre_before = new_key or key_before, new_metre or metre_before
        bars.append(bar)
    return replace(tune, key=key, metre=metre, bars=tuple(bars), others=(), staves=())


def _key_name(key: Key) -> str:
    return key.tonic + key.mode.abbreviation
