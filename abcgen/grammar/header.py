"""The header in the grammar, and changes of metre and key on the way."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from abcgen.config import LIMITS
from abcgen.grammar.lengths import LONGEST, UNIT, WHOLE, Trie
from abcgen.grammar.spot import BAR, FIELD, HEAD, LINE, Spot, Step, Steps, step_to
from abcgen.notation.tune import MAX_SIGNATURE, SHARP_ORDER, Key

if TYPE_CHECKING:
    from abcgen.grammar.rules import Rules


# Lines of the header, by what may come next.
RHYTHM_OR_METRE, METRE, KEY = range(3)


class Header:
    """Which lines a text may begin with, and which fields may stand in it.

    Args:
        rules: What is asked for.
        grain: Ticks that every bar must be a multiple of.
    """

    def __init__(self, rules: Rules, grain: int) -> None:
        self._rules, self._grain = rules, grain

    @cached_property
    def metres(self) -> dict[str, int]:
        """The ``M:`` values that can be written, and bars of them filled, with their ticks."""
        metres, grain = self._rules.all_metres(), self._grain
        ticks = {str(metre): int(metre.bar_duration * WHOLE) for metre in metres}
        is_asked = not self._rules.form.is_free
        most = LIMITS.bar_notes * grain if is_asked else max(ticks.values())
        return {name: full for name, full in ticks.items() if not full % grain and full <= most}

    @cached_property
    def lines(self) -> tuple[Trie, Trie, Trie]:
        """The header's lines: rhythm or metre; metre; key."""
        rhythms = [f"R:{name}\n" for name in self._rules.rhythms if name]
        metres = [f"M:{name}\n" for name in self.metres]
        first = rhythms + (metres if "" in self._rules.rhythms else [])
        keys = [f"K:C{mode.abbreviation}\n" for mode in self._rules.modes]
        return self._trie(first), self._trie(metres), self._trie(keys)

    @cached_property
    def fields(self) -> Trie:
        """Changes of metre and key, as written between brackets."""
        metres = [f"M:{name}]" for name in self.metres]
        keys = (
            Key(letter, alter, mode)
            for letter in SHARP_ORDER
            for alter in (-1, 0, 1)
            for mode in self._rules.modes
        )
        names = [
            key.tonic + key.mode.abbreviation for key in keys if abs(key.fifths) <= MAX_SIGNATURE
        ]
        return self._trie(metres + [f"K:{name}]" for name in names])

    def _trie(self, texts: list[str]) -> Trie:
        known = self._rules.alphabet
        return Trie.of(frozenset(text for text in texts if known.issuperset(text)))

    def in_line(self, spot: Spot) -> Steps:
        """What may follow in a line of the header."""
        trie = self.lines[spot.items]
        steps: Steps = {}
        for sign in trie.after(spot.text):
            text = spot.text + sign
            steps[sign] = self._after_line(spot, text) if text in trie.whole else (spot, HEAD, text)
        return steps

    def _after_line(self, spot: Spot, line: str) -> Step:
        kind, value = line[0], line[2:-1]
        if kind == "R":
            return step_to(Spot(HEAD, items=METRE))
        if kind == "M":
            return step_to(Spot(HEAD, items=KEY, full=self.metres[value]))
        return step_to(Spot(LINE, full=spot.full))

    def in_field(self, spot: Spot) -> Steps:
        """What may follow in a change of metre or key."""
        steps: Steps = {}
        for sign in self.fields.after(spot.text):
            text = spot.text + sign
            is_whole = text in self.fields.whole
            steps[sign] = self._after_field(spot, text) if is_whole else (spot, FIELD, text)
        return steps

    def _after_field(self, spot: Spot, field: str) -> Step:
        if field[0] == "K":
            return spot._replace(fields=""), BAR, ""
        full = self.metres[field[2:-1]]
        left = full or LONGEST * UNIT
        return spot._replace(full=full, left=left, fields="K"), BAR, ""
