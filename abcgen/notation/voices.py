"""Make one tune of voices that were read one by one: they open and end together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from abcgen.notation.tune import BarLine

if TYPE_CHECKING:
    from abcgen.notation.tune import Key, Metre, Voice


def opened_together(
    voices: list[Voice], keys: list[Key], metre: Metre
) -> tuple[list[Voice], Key, Metre]:
    """Return the voices, all in the key and metre in which the first one opens, and these.

    Args:
        voices: The voices.
        keys: The key in which each opens.
        metre: The metre in which they open.
    """
    first = voices[0].bars[0]
    key_of_all, metre_of_all = first.key or keys[0], first.metre or metre
    opened = []
    for voice, own_key in zip(voices, keys, strict=True):
        bar = voice.bars[0]
        key, own_metre = bar.key or own_key, bar.metre or metre
        bar = replace(
            bar,
            key=None if key == key_of_all else key,
            metre=None if own_metre == metre_of_all else own_metre,
        )
        opened.append(replace(voice, bars=(bar, *voice.bars[1:])))
    return opened, key_of_all, metre_of_all


def ended_together(voices: list[Voice]) -> list[Voice]:
    """Return the voices with the final bar line of any of them at the end of all."""
    if len({len(voice.bars) for voice in voices}) > 1:
        return voices
    if not any(voice.bars[-1].line is BarLine.FINAL for voice in voices):
        return voices
    return [
        replace(voice, bars=(*voice.bars[:-1], replace(voice.bars[-1], line=BarLine.FINAL)))
        if voice.bars[-1].line in {BarLine.SINGLE, BarLine.DOUBLE}
        else voice
        for voice in voices
    ]
