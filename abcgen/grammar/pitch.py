"""Pitch in the grammar: keeps every note within one of the ranges that an instrument leaves.

A model text is in C and is moved to another key afterwards, in one octave or another. Each such
move leaves a range of its own; all of a tune must lie in one of them, whichever.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.grammar.spot import LETTERS, LOW, MARKS, MOST_MARKS
from abcgen.notation.fields import read_key
from abcgen.notation.tune import ABC_ACCIDENTALS, ALTERATIONS, Key, Pitch

if TYPE_CHECKING:
    from abcgen.grammar.rules import Range, Rules


MIDDLE_C_STEP = 28
HEAD, BODY, ACCIDENTAL, LETTER, BRACKET, FIELD, SYMBOL, COLON = range(8)
_KEY_LINE = re.compile(r"K:(C[a-z]{3})\n$")
# What a sign that is no note does to what is remembered.
_EFFECTS: dict[str, dict[str, Any]] = {
    "[": {"at": BRACKET, "in_chord": True, "last": ()},
    "]": {"in_chord": False, "held": ()},
    "z": {"last": (), "held": ()},
    '"': {"at": SYMBOL},
    "|": {"altered": ()},
}
Alters = tuple[tuple[int | str, int], ...]


class Pitches(NamedTuple):
    """What matters of the pitches so far.

    Attributes:
        at: What has just been written.
        text: How much of it: a header line, a field, an accidental, a letter with its marks.
        sign: The accidental before the letter.
        ranges: The ranges that hold all notes so far; None if nothing is bounded.
        key: The key that holds.
        altered: Letters with an accidental in this bar.
        held: Steps whose accidental a tie carries on.
        last: Pitches of the last note, or of the chord so far.
        in_chord: Whether a chord is open.
    """

    at: int = HEAD
    text: str = ""
    sign: str = ""
    ranges: tuple[Range, ...] | None = None
    key: Key = Key()
    altered: Alters = ()
    held: Alters = ()
    last: Alters = ()
    in_chord: bool = False


def is_unbound(pitches: Pitches) -> bool:
    """Whether no pitch is asked for any more, and nothing will change that."""
    return pitches.at == BODY and pitches.ranges is None


class PitchRule:
    """Which characters the ranges allow.

    Args:
        rules: What is asked for.
    """

    start = Pitches()

    def __init__(self, rules: Rules) -> None:
        self._ranges = rules.ranges
        # What a note can be written with; a sign or mark that is not known must not be counted on.
        self._signs = [
            sign for sign in (*ABC_ACCIDENTALS.values(), "") if rules.alphabet.issuperset(sign)
        ]
        self._letters = [letter for letter in LETTERS if letter in rules.alphabet]
        self._marks = {"": True} | {mark: mark in rules.alphabet for mark in ",'"}

    def after(self, pitches: Pitches, sign: str) -> Pitches | None:
        """Where a character leads; None if no range would be left."""
        if pitches.at == HEAD:
            return self._after_head(pitches, pitches.text + sign)
        if pitches.ranges is None:
            return pitches
        if pitches.at in {FIELD, SYMBOL}:
            return _after_field(pitches, sign)
        if pitches.at == LETTER:
            if sign == MARKS[pitches.text[0]]:
                return self._letter(pitches, pitches.text + sign)
            committed = _committed(pitches)
            return committed and self.after(committed, sign)
        return self._in_body(pitches, sign)

    def _after_head(self, pitches: Pitches, text: str) -> Pitches:
        if not text.endswith("\n"):
            return pitches._replace(text=text[-8:])
        match = _KEY_LINE.search(text)
        if not match:
            return pitches._replace(text="")
        key = read_key(match[1])
        return Pitches(BODY, ranges=self._ranges.get(key.mode), key=key)

    def _in_body(self, pitches: Pitches, sign: str) -> Pitches | None:
        if pitches.at == BRACKET and sign in "MK1":
            return pitches._replace(at=BODY if sign == "1" else FIELD, text=sign, in_chord=False)
        if sign in MARKS:
            return self._letter(pitches, sign)
        if sign and sign in "^_=":
            return self._accidental(pitches, pitches.sign + sign)
        if sign == "-":
            return pitches._replace(held=pitches.last)
        if sign == ":":
            # Two make a bar line; one stands beside a bar line or in a tuplet's sign.
            altered = () if pitches.at == COLON else pitches.altered
            return pitches._replace(at=COLON, altered=altered)
        return pitches._replace(at=BODY)._replace(**_EFFECTS.get(sign, {}))

    def _accidental(self, pitches: Pitches, sign: str) -> Pitches | None:
        begun = pitches._replace(at=ACCIDENTAL, sign=sign)
        return begun if any(self._letter(begun, letter) for letter in self._letters) else None

    def _letter(self, pitches: Pitches, text: str) -> Pitches | None:
        """A letter with its marks, if with some more of them it can be in range."""
        begun = pitches._replace(at=LETTER, text=text)
        if not pitches.in_chord:
            begun = begun._replace(last=())
        mark = MARKS[text[0]]
        most = MOST_MARKS + 1 - len(text) if self._marks[mark] else 0
        longer = (begun._replace(text=text + mark * more) for more in range(most + 1))
        return begun if any(_committed(candidate) for candidate in longer) else None


def _after_field(pitches: Pitches, sign: str) -> Pitches:
    """Within a field, or a chord symbol, whose letters are no notes."""
    if pitches.at == SYMBOL:
        return pitches._replace(at=BODY if sign == '"' else SYMBOL)
    if sign != "]":
        return pitches._replace(text=pitches.text + sign)
    if pitches.text[0] != "K":
        return pitches._replace(at=BODY, text="")
    key = read_key(pitches.text[2:])
    # A key that is already in force is no change to the reader, and clears nothing.
    altered = pitches.altered if key == pitches.key else ()
    return pitches._replace(at=BODY, text="", key=key, altered=altered)


def _committed(pitches: Pitches) -> Pitches | None:
    """With the letter as it stands taken for a note; None if no range holds it.

    The alteration is found as the reader finds it.
    """
    letter = pitches.text[0].upper()
    octave = (pitches.text[0] not in LOW) + pitches.text.count("'") - pitches.text.count(",")
    step = MIDDLE_C_STEP + 7 * octave + LOW.index(letter)
    altered, held = dict(pitches.altered), dict(pitches.held)
    if pitches.sign:
        alter = altered[letter] = ALTERATIONS[pitches.sign]
    elif step in held and letter not in altered:
        alter = held[step]
    else:
        alter = altered.get(letter, pitches.key.signature[letter])
    midi = Pitch(step, alter).midi
    ranges = tuple(r for r in pitches.ranges or () if r[0] <= midi <= r[1])
    if not ranges:
        return None
    after = pitches._replace(
        at=BODY, text="", sign="", ranges=ranges, altered=tuple(sorted(altered.items()))
    )
    after = after._replace(last=(*after.last, (step, alter)))
    return after if pitches.in_chord else after._replace(held=())
