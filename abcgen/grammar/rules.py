"""What a text must keep to besides being right: what was asked for, and what can be written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from abcgen.grammar.form import Form
from abcgen.notation.fields import MAX_METRE
from abcgen.notation.rhythm import RHYTHMS
from abcgen.notation.tune import FREE_METRE, Metre, Mode

if TYPE_CHECKING:
    from collections.abc import Mapping


UNITS = (1, 2, 4, 8, 16, 32, 64)
Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of a text.

    Attributes:
        alphabet: The characters that can be written.
        rhythms: Kinds of tune it may be; an empty one stands for none named.
        metres: Metres it may be in; empty for any but free metre.
        modes: Modes it may be in.
        changes: Whether metre and key may change on the way.
        neat: Whether a bar that is short before a bar line must complete a pickup, as in 97% of
            the collections' tunes. Where music is drawn, ``|`` after a short bar would else be
            taken for the beginning of a double bar line, and have to become one. Third endings
            are left out too, and tuplets whose first number does not count their notes: the
            collections have none. So are ties over the end of a section, which would lead to one
            note when it is repeated and to another when it is not: players differ there.
        form: Bars and sections asked for.
        ranges: By mode, ranges of MIDI key numbers of which one must hold every note; a mode
            without any is not bounded.
    """

    alphabet: frozenset[str]
    rhythms: tuple[str, ...] = ("", *RHYTHMS)
    metres: tuple[Metre, ...] = ()
    modes: tuple[Mode, ...] = tuple(Mode)
    changes: bool = True
    neat: bool = False
    form: Form = field(default_factory=Form)
    ranges: Mapping[Mode, tuple[Range, ...]] = field(default_factory=dict)

    def all_metres(self) -> tuple[Metre, ...]:
        """The metres it may be in, one by one."""
        if self.metres:
            return self.metres
        return tuple(Metre(beats, unit) for unit in UNITS for beats in range(1, MAX_METRE + 1))


ANY_METRE = (FREE_METRE, *Rules(frozenset()).all_metres())
