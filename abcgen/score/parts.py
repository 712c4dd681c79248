"""The voices of a tune as parts that run side by side, bar by bar.

Voices come from strangers' files and need not agree. The first voice that has a bar says what
bar line, repeat sign, ending and metre it has; whoever is short of a bar rests.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from abcgen.notation.tune import Bar, Rest, Tune

if TYPE_CHECKING:
    from fractions import Fraction

    from abcgen.notation.tune import Voice


def parts_of(tune: Tune) -> tuple[Tune, ...]:
    """Every voice as a tune of one voice.

    All have equally many bars; bars of one number are equally long in all of them, filled up
    with invisible rests, and agree in all that concerns the order of playing.

    Args:
        tune: The tune; one of a single voice is its own only part.
    """
    if not tune.others:
        return (tune,)
    voices = [voice for voice in tune.voices if voice.bars]
    number = max((len(voice.bars) for voice in voices), default=0)
    frames = [_frame(voices, index) for index in range(number)]
    lengths = [
        max(voice.bars[index].duration for voice in voices if index < len(voice.bars))
        for index in range(number)
    ]
    return tuple(_part(tune, voice, frames, lengths) for voice in voices)


def _frame(voices: list[Voice], index: int) -> Bar:
    """What all voices are to have around the notes of a bar."""
    return next(voice.bars[index] for voice in voices if index < len(voice.bars))


def _part(tune: Tune, voice: Voice, frames: list[Bar], lengths: list[Fraction]) -> Tune:
    bars = []
    for index, (frame, length) in enumerate(zip(frames, lengths, strict=True)):
        own = voice.bars[index] if index < len(voice.bars) else Bar(())
        missing = length - own.duration
        rest = (Rest(missing, visible=not own.items),) if missing else ()
        bars.append(replace(frame, items=own.items + rest, key=own.key or frame.key))
    return replace(tune, bars=tuple(bars), voice=voice.name, others=())
