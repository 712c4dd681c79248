"""A tune as a sequence in which a passage looks the same in every key.

Every note is one symbol of two bytes: how long it sounds, and by how many semitones the next one
is higher or lower. Rests are symbols too.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING

from abcgen.errors import InputError
from abcgen.notation.analysis import tones_of
from abcgen.notation.model_text import head_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from abcgen.corpus.records import Extract
    from abcgen.notation.tune import Tune


PARTS = 96  # of a whole note: eighths, sixteenths and their triplets are whole numbers of them
REST = 1
UNISON = 128
SYMBOL_BYTES = 2
BYTE = 255
MAX_NAMES = 1_000_000
MOST = 1e9  # tunes, or bars of one


@dataclass(frozen=True, slots=True)
class Line:
    """The melody of a tune.

    Attributes:
        symbols: Two bytes to a note or rest, the last one left out, which leads nowhere.
        times: When each of them begins and the last ends, in bars; in free metre in whole notes.
    """

    symbols: bytes
    times: tuple[float, ...]

    def bars(self, start: int, length: int) -> float:
        """How many bars so many symbols last."""
        return self.times[start + length] - self.times[start]

    def __len__(self) -> int:
        return len(self.times) - 1


def line_of(tune: Tune) -> Line:
    """The melody of a tune: its highest notes, ties joined."""
    symbols, durations = bytearray(), []
    following: int | None = None
    for pitch, duration in reversed(tones_of(tune.bars)):
        if following is not None:
            step = REST if pitch is None else min(max(following - pitch + UNISON, 2), BYTE)
            symbols += bytes((step, min(max(round(duration * PARTS), 1), BYTE)))
            durations.append(duration)
        following = following if pitch is None else pitch
    bar = tune.metre.bar_duration or Fraction(1)
    times = accumulate(reversed(durations), initial=Fraction(0))
    return Line(bytes(reversed(symbols)), tuple(float(time / bar) for time in times))


@dataclass(frozen=True, slots=True)
class Facts:
    """What a network learnt from, in words.

    Attributes:
        names: The tunes' titles, in the order of the index of their passages.
        metres: How many tunes are in each metre.
        modes: How many in each mode.
        rhythms: How many are called what.
        shared: For tunes held out, how many bars of each are a passage of a tune learnt from;
            sorted.
    """

    names: tuple[str, ...] = ()
    metres: dict[str, int] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    rhythms: dict[str, int] = field(default_factory=dict)
    shared: tuple[float, ...] = ()

    @classmethod
    def of(cls, tunes: Sequence[Extract], shared: Iterable[float]) -> Facts:
        """The facts about tunes."""
        heads = [head_of(tune.text.text) for tune in tunes]
        return cls(
            tuple(tune.title for tune in tunes),
            dict(Counter(f"{head.metre.beats}/{head.metre.unit}" for head in heads)),
            dict(Counter(head.mode for head in heads)),
            dict(Counter(filter(None, (head.rhythm for head in heads)))),
            tuple(sorted(shared)),
        )

    def __add__(self, other: Facts) -> Facts:
        """The facts about the tunes of both."""
        return Facts(
            self.names + other.names,
            dict(Counter(self.metres) + Counter(other.metres)),
            dict(Counter(self.modes) + Counter(other.modes)),
            dict(Counter(self.rhythms) + Counter(other.rhythms)),
            tuple(sorted(self.shared + other.shared)),
        )

    def to_json(self) -> dict[str, object]:
        """The facts as they are saved."""
        return asdict(self) | {"names": [*self.names], "shared": [*self.shared]}

    @classmethod
    def from_json(cls, data: object) -> Facts:
        """Read what ``to_json`` gave, trusting nothing.

        Raises:
            InputError: if it is anything else.
        """
        if not isinstance(data, dict):
            raise InputError("the facts about the tunes are an object")
        metres, modes, rhythms = (
            _counts(data.get(name)) for name in ("metres", "modes", "rhythms")
        )
        names, shared = data.get("names"), data.get("shared")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise InputError("'names' must be a list of titles")
        if not isinstance(shared, list) or not all(map(_is_amount, shared)):
            raise InputError("'shared' must be a list of numbers")
        return cls(tuple(names), metres, modes, rhythms, tuple(sorted(map(float, shared))))


def _counts(data: object) -> dict[str, int]:
    if not isinstance(data, dict) or not all(map(_is_amount, data.values())):
        raise InputError("how many tunes there are of a kind must be a number for each")
    return {str(name): int(number) for name, number in data.items()}


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value <= MOST
