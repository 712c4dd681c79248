"""What a musician asks of new tunes, and what that means for the grammar and the network."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields, replace
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

from abcgen.errors import InputError, NotationError
from abcgen.notation.fields import read_key, read_metre
from abcgen.notation.grammar import Rules
from abcgen.notation.grammar.form import Form, Section
from abcgen.notation.instruments import instrument_named
from abcgen.notation.key import Mode
from abcgen.notation.ranges import playing_in, ranges_in_c
from abcgen.notation.rhythm import RHYTHMS, rhythm_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.corpus.borrowing import Facts
    from abcgen.notation.instruments import Instrument
    from abcgen.notation.key import Key
    from abcgen.notation.tune import Metre

_Read = TypeVar("_Read")
MOST_BARS = 256
TWICE = 2
MOST_MIDI = 127
_CHANGE = re.compile(r"\[[KM]:")
_METRE_LINE, _KEY_LINE = (re.compile(rf"(?m)^{letter}:.*\n") for letter in "MK")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of tunes; empty and 0 leave it to the network.

    Attributes:
        metre: Such as ``6/8``.
        key: Such as ``Dmix``.
        rhythm: Such as ``jig``.
        bars: How many bars, pickups and second endings not counted.
        parts: Such as ``AABB``: a letter to each part, twice if it is repeated.
        instrument: Who plays.
        in_range: Whether every note must be within the instrument's range.
        beginning: Model text to go on from.
        first_pitch: The MIDI key number of the beginning's first note, 0 if there is none.
        free: Whether to do without the grammar.
    """

    metre: str = ""
    key: str = ""
    rhythm: str = ""
    bars: int = 0
    parts: str = ""
    instrument: str = "fiddle"
    in_range: bool = False
    beginning: str = ""
    first_pitch: int = 0
    free: bool = False

    @property
    def needs_grammar(self) -> bool:
        """Whether something is asked that nothing but the grammar can keep."""
        return bool(self.bars or self.parts or self.in_range)

    def to_json(self) -> dict[str, object]:
        """What differs from asking for nothing."""
        usual = asdict(Request())
        return {name: value for name, value in asdict(self).items() if value != usual[name]}

    @classmethod
    def from_json(cls, data: object) -> Request:
        """Read what ``to_json`` gave, trusting nothing.

        Raises:
            InputError: if it is anything else.
        """
        usual = asdict(cls())
        if not isinstance(data, dict) or not set(data) <= {field.name for field in fields(cls)}:
            raise InputError(f"no request for a tune: {str(data)[:60]!r}")
        for name, value in data.items():
            if type(value) is not type(usual[name]):
                raise InputError(f"{name} cannot be {str(value)[:40]!r}")
        return checked_request(cls(**data))


def checked_request(request: Request) -> Request:
    """Give a request back if it makes sense.

    Raises:
        InputError: naming what does not.
    """
    metre_of(request), key_of(request), player_of(request), form_of(request)
    if request.rhythm and not rhythm_named(request.rhythm):
        known = ", ".join(RHYTHMS)
        raise InputError(f"unknown rhythm {request.rhythm!r}", way_out=f"one of {known}")
    if request.free and request.needs_grammar:
        raise InputError(
            "bars, parts and range are kept by the grammar, which --free switches off",
            way_out="leave out --free",
        )
    if request.free and request.key and not (request.metre or request.beginning):
        raise InputError(
            "a key without a metre is kept by the grammar, which --free switches off",
            way_out="give --metre too, or leave out --free",
        )
    if not 0 <= request.first_pitch <= MOST_MIDI:
        raise InputError(f"the first pitch cannot be {request.first_pitch}")
    return request


def metre_of(request: Request) -> Metre | None:
    """The metre asked for.

    Raises:
        InputError: if there is no such metre.
    """
    return _read("metre", request.metre, read_metre, "such as 4/4, 6/8 or none")


def key_of(request: Request) -> Key | None:
    """The key asked for.

    Raises:
        InputError: if there is no such key.
    """
    return _read("key", request.key, read_key, "such as D, Em, Dmix or Ador")


def _read(what: str, value: str, read: Callable[[str], _Read], way_out: str) -> _Read | None:
    try:
        return read(value) if value else None
    except NotationError as error:
        raise InputError(f"impossible {what} {value!r}", way_out=way_out) from error


def player_of(request: Request) -> Instrument:
    """Who plays, and in which keys."""
    return playing_in(instrument_named(request.instrument), key_of(request))


def form_of(request: Request) -> Form:
    """Bars and sections asked for.

    Raises:
        InputError: if they contradict each other, or cannot be.
    """
    if not 0 <= request.bars <= MOST_BARS:
        raise InputError(f"--bars must be from 1 to {MOST_BARS}, not {request.bars}")
    if not request.parts:
        return Form(request.bars)
    runs = [(letter, len(list(run))) for letter, run in groupby(request.parts)]
    letters = {letter for letter, _ in runs}
    if not request.parts.isalpha() or len(letters) < len(runs) or max(n for _, n in runs) > TWICE:
        raise InputError(
            f"cannot make parts {request.parts!r}",
            way_out="a letter to each part, twice if it is repeated, such as AABB, AAB or AB",
        )
    if request.bars % len(runs):
        raise InputError(f"{request.bars} bars cannot be shared evenly by {len(runs)} parts")
    bars = request.bars // len(runs)
    return Form(sections=tuple(Section(bars, length == TWICE) for _, length in runs))


def rules_of(request: Request, alphabet: frozenset[str]) -> Rules:
    """What the request asks of a model text."""
    metre, key, form = metre_of(request), key_of(request), form_of(request)
    modes = (key.mode,) if key else tuple(Mode)
    steered = bool(metre or key or not form.is_free)
    # What is given has its metre and key already, and may change them as often as it likes.
    changed = bool(_CHANGE.search(request.beginning))
    rhythm = rhythm_named(request.rhythm)
    return Rules(
        alphabet,
        rhythms=(rhythm,) if rhythm else Rules(alphabet).rhythms,
        metres=(metre,) if metre and not changed else (),
        modes=tuple(Mode) if changed else modes,
        changes=changed or not steered,
        neat=not request.beginning,  # what is given may be as it likes
        form=form,
        ranges=ranges_in_c(player_of(request), modes) if request.in_range else {},
    )


def rules_after(beginning: str, rules: Rules, alphabet: frozenset[str]) -> Rules:
    """What is asked of the rest of a text, written in a smaller alphabet than its beginning.

    Args:
        beginning: Its first characters, whose rhythm, metre and key need not be written again.
        rules: What is asked of all of it.
        alphabet: Of the rest.
    """
    return replace(
        rules,
        alphabet=alphabet,
        rhythms=Rules(alphabet).rhythms if beginning.startswith("R:") else rules.rhythms,
        metres=() if _METRE_LINE.search(beginning) else rules.metres,
        modes=tuple(Mode) if _KEY_LINE.search(beginning) else rules.modes,
    )


def beginning_of(request: Request) -> str:
    """The model text that is given to the network."""
    if request.beginning:
        return request.beginning
    rhythm, metre, key = rhythm_named(request.rhythm), metre_of(request), key_of(request)
    text = f"R:{rhythm}\n" if rhythm else ""
    if metre:
        text += f"M:{metre.beats}/{metre.unit}\n" if not metre.is_free else "M:none\n"
        text += f"K:C{key.mode.abbreviation}\n" if key else ""
    return text


def never_seen(request: Request, facts: Facts | None, alphabet: frozenset[str]) -> list[str]:
    """What is asked for that no training tune had, in words.

    Where a checkpoint does not tell what it learnt from, only its characters speak.
    """
    metre, key = metre_of(request), key_of(request)
    asked = {
        "metre": ("metres", f"{metre.beats}/{metre.unit}" if metre else ""),
        "mode": ("modes", key.mode.abbreviation if key else ""),
        "rhythm": ("rhythms", rhythm_named(request.rhythm)),
    }
    unseen = []
    for kind, (name, value) in asked.items():
        seen = getattr(facts, name) if facts else {}
        if value and ((facts and value not in seen) or not alphabet.issuperset(value)):
            unseen.append(f"this checkpoint never saw the {kind} {value}")
    return unseen
