"""What ``evaluate`` asks of a network, and whether a text is that (``delivery``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abcgen.config import Request
from abcgen.errors import NotationError
from abcgen.evaluation.measures import WISHES, Delivery
from abcgen.notation.analysis import mode_of, section_letters, sections_of
from abcgen.notation.model_text import decode_tune
from abcgen.notation.transpose import arrange_for
from abcgen.notation.tune import Key
from abcgen.notation.validation import bar_problems
from abcgen.pipeline.requests import form_of, instrument_of, key_of, make_request, metre_of
from abcgen.wishes.checking import delivered

if TYPE_CHECKING:
    from abcgen.model.sampling import Sampled
    from abcgen.notation.tune import Tune

# Requests that are drawn in turn: common metres and modes, some rare ones, and several forms. All
# are in C, as the network writes; transposing is tested elsewhere.
REQUESTS = tuple(
    Request(metre=metre, key=key, bars=bars, parts=parts)
    for metre, key, bars, parts in (
        ("6/8", "C", 16, "AABB"),
        ("4/4", "C", 16, "AABB"),
        ("2/4", "C", 16, "AB"),
        ("3/4", "C", 16, "AABB"),
        ("6/8", "Cmix", 16, "AABB"),
        ("4/4", "Cdor", 16, "AABB"),
        ("9/8", "C", 8, "AABB"),
        ("6/8", "Cm", 24, "AABBCC"),
        ("4/4", "C", 32, "AABBCCDD"),
        ("2/2", "Cm", 16, "AABB"),
        ("3/8", "C", 16, "AABB"),
        ("4/4", "Cmix", 12, "AAB"),
    )
)
# Wishes for what may sound, each beside others that it goes with.
WISHED = tuple(
    make_request(**wishes)
    for wishes in (
        {"range": "first-position", "metre": "6/8", "bars": 8},
        {"scale": "pentatonic", "metre": "4/4", "bars": 8},
        {"max_leap": 5, "metre": "3/4", "bars": 8},
        {"rhythms": "half,quarter,eighth", "metre": "4/4", "bars": 8},
        {"no_accidentals": True, "metre": "2/4", "bars": 8},
        {"level": 3},
        {"raga": "des", "metre": "4/4", "bars": 8},
        {"mood": "sad", "bars": 8},
    )
)


def delivery(request: Request, sampled: Sampled) -> Delivery:
    """Compare a text with its request; a text that cannot be read fails in every point."""
    tune = _tune_of(sampled)
    if tune is None:
        return Delivery(metre=False, key=False, bars=False, parts=False)
    sections = sections_of(tune)
    requested_lengths = [section.bars for section in form_of(request).sections]
    return Delivery(
        metre=tune.metre == metre_of(request) and keeps_metre(tune),
        key=tune.key == key_of(request) and keeps_key(tune),
        bars=sum(section.bars for section in sections) == request.bars,
        parts=section_letters(sections) == request.parts
        and [section.bars for section in sections] == requested_lengths,
    )


def wishes_delivered(request: Request, sampled: Sampled) -> Delivery:
    """Compare a text, moved to the key and octave of its request, with the wishes for notes."""
    tune = _tune_of(sampled)
    if tune is None:
        wishes = {name: False for name in WISHES if getattr(request, name)}
    else:
        keep_spelling = request.depends_on_spelling
        tune = arrange_for(tune, instrument_of(request), 0.0, keep_spelling=keep_spelling)
        wishes = delivered(tune, request)
    return Delivery(metre=None, key=None, wishes=wishes)


def keeps_metre(tune: Tune) -> bool:
    """Return whether a tune never changes its metre, and all bars add up to it."""
    return not any(bar.metre for bar in tune.bars) and not bar_problems(tune)


def keeps_key(tune: Tune) -> bool:
    """Return whether a tune in C never changes its key, and its notes are in its mode."""
    same = not any(bar.key for bar in tune.bars)
    return same and mode_of(tune.bars, Key("C")) is tune.key.mode


def _tune_of(sampled: Sampled) -> Tune | None:
    """Return the tune of a text; None if it cannot be read."""
    try:
        return decode_tune(sampled.text) if sampled.ended else None
    except NotationError:
        return None
