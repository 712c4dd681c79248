"""What a musician asks of new tunes, and what that means for the grammar and the network.

Tunes to go on from: the beginning of a tune as model text.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields, replace
from itertools import groupby, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from abcgen.config import LIMITS
from abcgen.errors import InputError, NotationError, reason_of
from abcgen.grammar import Form, Rules, SectionPlan
from abcgen.notation.fields import RHYTHMS, read_key, read_metre, rhythm_named
from abcgen.notation.model_text import encode_tune
from abcgen.notation.reader import decode_text, read_abc, split_tunebook
from abcgen.notation.transpose import instrument_named, pitches_of, playing_in, ranges_in_c
from abcgen.notation.tune import BarLine, Mode

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.corpus.overlap import TrainingFacts
    from abcgen.notation.transpose import Instrument
    from abcgen.notation.tune import Bar, Key, Metre, Tune


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
        raise InputError(f"unknown rhythm {request.rhythm!r}", hint=f"one of {known}")
    if request.free and request.needs_grammar:
        raise InputError(
            "bars, parts and range are kept by the grammar, which --free switches off",
            hint="leave out --free",
        )
    if request.free and request.key and not (request.metre or request.beginning):
        raise InputError(
            "a key without a metre is kept by the grammar, which --free switches off",
            hint="give --metre too, or leave out --free",
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


def _read(what: str, value: str, read: Callable[[str], _Read], hint: str) -> _Read | None:
    try:
        return read(value) if value else None
    except NotationError as error:
        raise InputError(f"impossible {what} {value!r}", hint=hint) from error


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
            hint="a letter to each part, twice if it is repeated, such as AABB, AAB or AB",
        )
    if request.bars % len(runs):
        raise InputError(f"{request.bars} bars cannot be shared evenly by {len(runs)} parts")
    bars = request.bars // len(runs)
    return Form(sections=tuple(SectionPlan(bars, length == TWICE) for _, length in runs))


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


def never_seen(
    request: Request, facts: TrainingFacts | None, alphabet: frozenset[str]
) -> list[str]:
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


_KEY = re.compile(r"(?m)^\s*K:")
# A line of a header, unlike one of music that begins with a repeat sign.
_FIELD = re.compile(r"\s*[A-Za-z]:(?![|:])")
_COMMENT = re.compile(r"(?<!\\)%.*")
_BAR_LINE = re.compile(r"(?:\||\|\]|::|\|:)\s*\Z")


@dataclass(frozen=True, slots=True)
class Prime:
    """A tune to go on from.

    Attributes:
        tune: What there is of it.
        is_open: Whether its last bar goes on.
    """

    tune: Tune
    is_open: bool


def primed(request: Request, source: str, keep_bars: int | None) -> Request:
    """The request, to go on from a tune.

    Args:
        request: What is asked for besides.
        source: A file's name, or ABC.
        keep_bars: How many bars of it to keep, a pickup not counted; None for all.

    Raises:
        InputError: if there is no such file, or it is not music.
    """
    prime = _read_prime(source, request)
    if keep_bars is not None:
        bars = _first_bars(prime.tune, keep_bars)
        prime = Prime(replace(prime.tune, bars=bars), is_open=False)
    _check_wishes(request, prime.tune)
    tune = replace(prime.tune, rhythm=request.rhythm or prime.tune.rhythm)
    text = encode_tune(tune).text.removesuffix("\n")
    pitches = pitches_of(tune)
    return replace(
        request,
        beginning=text.removesuffix("|") if prime.is_open else text,
        key=request.key or str(replace(tune.key, extra=())),
        metre=request.metre or str(replace(tune.metre, symbol="")),
        first_pitch=0 if request.key or not pitches else pitches[0],
    )


def _read_prime(source: str, request: Request) -> Prime:
    text = source
    if source.lower().endswith(".abc"):
        text = _first_tune(Path(source))
    if not _KEY.search(text):
        # Its own metre and unit come later, and so are the ones that hold.
        lines = text.splitlines()
        head = list(takewhile(_FIELD.match, lines))
        first = [f"M:{request.metre or '4/4'}", "L:1/8", *head, f"K:{request.key or 'C'}"]
        text = "\n".join([*first, *lines[len(head) :]])
    try:
        return Prime(read_abc(text), is_open=not _is_closed(text))
    except NotationError as error:
        raise InputError(f"cannot go on from {source[:60]!r}: {error.reason}") from error


def _check_wishes(request: Request, tune: Tune) -> None:
    """See that the beginning is what is asked for, of which it cannot be made.

    Raises:
        InputError: if it is not.
    """
    metre, key = metre_of(request), key_of(request)
    if metre and (metre.beats, metre.unit) != (tune.metre.beats, tune.metre.unit):
        raise InputError(f"the beginning is in {tune.metre}, not in {metre}")
    if key and key.mode is not tune.key.mode:
        raise InputError(f"the beginning is in {tune.key}, which cannot become {key}")


def _is_closed(text: str) -> bool:
    """Whether the last line of music ends with a bar line."""
    lines = (_COMMENT.sub("", line) for line in text.splitlines())
    music = [line for line in lines if line.strip() and not _FIELD.match(line)]
    return bool(music and _BAR_LINE.search(music[-1]))


def _first_tune(path: Path) -> str:
    try:
        with path.open("rb") as file:
            blocks = split_tunebook(decode_text(file.read(LIMITS.file_bytes)))
            return next(blocks).text
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason_of(error)}") from error
    except StopIteration:
        raise InputError(f"no tune in {path}: no line begins with X:") from None


def _first_bars(tune: Tune, count: int) -> tuple[Bar, ...]:
    """The first bars of a tune, so many of them besides pickups."""
    if count < 1:
        raise InputError(f"--keep-bars must be 1 or more, not {count}")
    kept: list[Bar] = []
    counted, full, opens = 0, tune.metre.bar_duration, True
    for bar in tune.bars:
        if counted == count:
            break
        kept.append(bar)
        full = bar.metre.bar_duration if bar.metre else full
        is_pickup = (opens or bar.repeat_start) and bar.duration < full
        counted += not is_pickup
        opens = bar.line is not BarLine.SINGLE
    last = kept[-1]
    if last.line is not BarLine.REPEAT:
        kept[-1] = replace(last, line=BarLine.SINGLE)
    return tuple(kept)
