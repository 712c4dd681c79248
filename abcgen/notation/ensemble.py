"""Several voices as a network learns them: as many as it writes, their bars alike.

``chosen_voices`` chooses them from a tune, and ``in_step`` brings them into step: the same bars,
bar lines, repeats, endings, keys and metres in each, so that all of this is written once.
``melody_of`` takes the one voice that is the tune. ``KINDS`` are the voices by their names, with
the ranges and clefs of singers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import NotationError
from abcgen.notation.melody import melody_voice
from abcgen.notation.percussion import is_percussion
from abcgen.notation.tune import BarLine, Mode, Note, Tune, Voice, key_at, opens_section
from abcgen.notation.voices import opened_together
from abcgen.notation.walk import keys_and_metres

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.notation.tune import Bar, Key


@dataclass(frozen=True, slots=True)
class VoiceKind:
    """A kind of voice."""

    name: str
    # The range of a good choir's singers, as MIDI key numbers.
    lowest: int
    highest: int
    clef: str


KINDS = (
    VoiceKind("Soprano", 60, 81, "treble"),
    VoiceKind("Alto", 53, 76, "treble"),
    VoiceKind("Tenor", 46, 69, "treble-8"),
    VoiceKind("Bass", 38, 64, "bass"),
)
_BY_NAME = {kind.name.casefold(): kind for kind in KINDS}


def singer_named(name: str) -> VoiceKind | None:
    """Return the kind of voice that a name begins with: ``Tenor``, ``Alto 2``; None of others."""
    first, *_ = [*name.casefold().split(), ""]
    return _BY_NAME.get(first)


class ChosenVoices(NamedTuple):
    """The voices that were chosen from a tune."""

    # The tune with these voices alone.
    tune: Tune
    # How they were chosen: ``all``, ``by name``, ``outer and fullest``; one alone is the ``first``
    # or another, then called the ``tune``.
    how: str


def melody_of(tune: Tune, *, tune_first: bool = False) -> ChosenVoices:
    """Return the voice that is most like a tune as a tune of one voice.

    Bars in which only others play, before it begins and after it ends, are left out.

    Args:
        tune: The tune.
        tune_first: Whether its first voice is known to be that voice.
    """
    tune = without_percussion(tune)
    if not tune.others:
        return ChosenVoices(tune, "")
    index = 0 if tune_first else melody_voice(tune)
    alone = _with_voices(tune, [index])
    return ChosenVoices(_without_silence_around(alone), "tune" if index else "first")


def without_percussion(tune: Tune) -> Tune:
    """Return a tune without its percussion.

    Raises:
        NotationError: if it has nothing else.
    """
    pitched = [index for index, voice in enumerate(tune.voices) if not is_percussion(voice)]
    if not pitched:
        raise NotationError("nothing but percussion")
    return tune if len(pitched) == len(tune.voices) else _with_voices(tune, pitched)


def _without_silence_around(tune: Tune) -> Tune:
    """Return a tune of one voice without the silent bars before its first note and after its last.

    It is the same if a repeat sign or an ending is among them.
    """
    sounds = [any(isinstance(note, Note) for note in bar.notes) for bar in tune.bars]
    if not any(sounds):
        return tune
    first, stop = sounds.index(True), len(sounds) - sounds[::-1].index(True)
    silent = [*tune.bars[:first], *tune.bars[stop:]]
    is_plain = not any(
        bar.repeat_start or bar.ending or bar.line is BarLine.REPEAT for bar in silent
    )
    if not silent or not is_plain:
        return tune
    key, metre = keys_and_metres(tune.bars, tune.key, tune.metre)[first]
    opening = replace(tune.bars[first], key=None, metre=None)
    bars = [opening, *tune.bars[first + 1 : stop]]
    bars[-1] = replace(bars[-1], line=tune.bars[-1].line)
    return replace(tune, key=key, metre=metre, bars=tuple(bars))


def chosen_voices(tune: Tune, count: int) -> ChosenVoices:
    """Return a tune with some of its voices, in their order.

    All if there are as many as wanted; else those named soprano, alto, tenor and bass; else the
    first, the lowest and, of the others, those with most notes.

    Raises:
        NotationError: if there are not that many.
    """
    tune = without_percussion(tune)
    voices = tune.voices
    if len(voices) < count:
        raise NotationError(f"{len(voices)} of {count} voices")
    if len(voices) == count:
        return ChosenVoices(tune, "all")
    named = _named(voices, count)
    if named:
        return ChosenVoices(_with_voices(tune, named), "by name")
    lowest, *others = sorted(range(1, len(voices)), key=lambda index: _middle(voices[index]))
    notes = [sum(isinstance(note, Note) for note in voice.notes) for voice in voices]
    fullest = sorted(others, key=lambda index: (-notes[index], index))
    chosen = sorted([0, lowest, *fullest][:count])
    return ChosenVoices(_with_voices(tune, chosen), "outer and fullest")


def _named(voices: Sequence[Voice], count: int) -> list[int]:
    """Return the voices with the names of all kinds, each once; none if that is another number."""
    found: dict[str, int] = {}
    for index, voice in enumerate(voices):
        kind = singer_named(voice.name)
        if kind:
            found.setdefault(kind.name, index)
    chosen = [found[kind.name] for kind in KINDS if kind.name in found]
    return chosen if len(chosen) == count == len(KINDS) else []


def _middle(voice: Voice) -> float:
    """Return the mean pitch of a voice; that of one without notes is very high."""
    notes = [note for note in voice.notes if isinstance(note, Note)]
    pitches = [pitch.midi for note in notes for pitch in note.pitches]
    return sum(pitches) / len(pitches) if pitches else 128.0


def _with_voices(tune: Tune, chosen: Sequence[int]) -> Tune:
    voices, keys = [tune.voices[index] for index in chosen], [tune.key] * len(chosen)
    (first, *others), key, metre = opened_together(voices, keys, tune.metre)
    return replace(
        tune,
        key=key,
        metre=metre,
        bars=first.bars,
        voice=first.name,
        clef=first.clef,
        program=first.program,
        others=tuple(others),
        staves=(),
    )


def in_step(tune: Tune) -> Tune:
    """Return a tune whose voices have the same bars, each a whole one where several make one.

    Keys and metres are those of the first voice, but for the mode that a file leaves open. Bars
    that a source divides where a phrase ends are joined, unless a repeat, an ending or a change is
    between them.

    Raises:
        NotationError: if a voice has other bars than the first, or rests throughout.
    """
    for number, voice in enumerate(tune.voices, start=1):
        name = f"voice {number} ({voice.name})" if voice.name else f"voice {number}"
        if not any(isinstance(note, Note) for note in voice.notes):
            raise NotationError(f"{name} rests throughout")
        if len(voice.bars) != len(tune.bars):
            raise NotationError(f"{name} has {len(voice.bars)} bars, not {len(tune.bars)}")
        for index, (first, bar) in enumerate(zip(tune.bars, voice.bars, strict=True), start=1):
            if bar.duration != first.duration:
                raise NotationError(
                    f"bar {index} of {name} lasts {bar.duration} of a whole note, "
                    f"not {first.duration}"
                )
            if _form_of(bar) != _form_of(first):
                raise NotationError(f"bar {index} of {name} repeats otherwise")
    groups = _whole_bars(tune)
    return replace(
        tune,
        key=_key_of_all(tune),
        bars=_joined(tune.bars, groups, tune.bars),
        others=tuple(
            replace(voice, bars=_joined(voice.bars, groups, tune.bars)) for voice in tune.others
        ),
    )


def _key_of_all(tune: Tune) -> Key:
    """Return the key in which a tune opens.

    Where the voices' modes were judged one by one, it is the one whose tonic the lowest voice ends
    on, if there is one. A minor key that ends on the fourth degree is dorian: Bach's D minor often
    has no flat.
    """
    keys = [voice.bars[0].key or tune.key for voice in tune.voices]
    possible = [key for key in keys if key.fifths == tune.key.fifths]
    possible += [key_at(key.fifths, Mode.DORIAN) for key in possible if key.mode is Mode.MINOR]
    bass = min(tune.voices, key=_middle)
    last = [note.pitches[0].midi % 12 for note in bass.notes if isinstance(note, Note)][-1]
    return next((key for key in possible if key.tonic_pitch_class == last), tune.key)


def _form_of(bar: Bar) -> tuple[BarLine, bool, tuple[int, ...]]:
    return bar.line, bar.repeat_start, bar.ending


def _whole_bars(tune: Tune) -> list[range]:
    """Return the bars of the first voice that make one each, mostly single ones."""
    bars, groups, start = tune.bars, [], 0
    in_force = keys_and_metres(bars, tune.key, tune.metre)
    while start < len(bars):
        full, duration, end = in_force[start][1].bar_duration, bars[start].duration, start + 1
        while end < len(bars) and duration < full and _may_join(bars, end):
            duration += bars[end].duration
            end += 1
        is_whole = duration == full and not opens_section(bars, start)
        groups.append(range(start, end if is_whole else start + 1))
        start = groups[-1].stop
    return groups


def _may_join(bars: Sequence[Bar], index: int) -> bool:
    """Return whether nothing but a bar line is between a bar and the one before."""
    bar = bars[index]
    has_fields = bar.repeat_start or bar.ending or bar.key or bar.metre or bar.part
    return bars[index - 1].line is BarLine.SINGLE and not has_fields


def _joined(
    bars: Sequence[Bar], groups: Sequence[range], first_voice: Sequence[Bar]
) -> tuple[Bar, ...]:
    """Return groups of bars, each as one, with the keys, metres and parts of the first voice."""
    return tuple(
        replace(
            bars[group.start],
            items=tuple(item for index in group for item in bars[index].items),
            line=bars[group.stop - 1].line,
            closing=bars[group.stop - 1].closing,
            key=first_voice[group.start].key,
            metre=first_voice[group.start].metre,
            part=first_voice[group.start].part,
        )
        for group in groups
    )
