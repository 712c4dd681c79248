"""The metre and key a piece is written in: what its file says, and what it sounds like.

A program that was told neither writes 4/4 and C; both are therefore doubted where they stand.

A MIDI file to a tune: what is heard, and how a musician would write it down.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import MidiConfig
from abcgen.errors import NotationError
from abcgen.midi.bars import Span, spans_from, with_silences, written_bars
from abcgen.midi.beats import find_swing, keeps_grid, on_beats, straightened
from abcgen.midi.key import key_readings, tables
from abcgen.midi.metre import METRES, SIXTEENTHS, bar_sixteenths, line_of, readings
from abcgen.midi.performance import USUAL_TEMPO, Strike, parse, perform
from abcgen.midi.quantize import Quantiser, Sound
from abcgen.midi.repeats import Repeat, find_repeats
from abcgen.midi.texture import Line, choose, chords, folded, hands, melody, voices
from abcgen.notation.draft import Repair
from abcgen.notation.reader import Reading
from abcgen.notation.tune import Bar, BarLine, Key, Metre, Mode, Tune, Voice, key_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from abcgen.midi.performance import Part, Performance


# How much likelier another metre or key must be, in nats, than one that a file names; and one
# that every file without any names.
_DEFAULT_METRE, _DEFAULT_KEY = 6.0, 4.0
_NAMED_MODE = 1.0
_PADDED = 6.0  # for bar lines where a file that begins with a silence has them
_JUDGED = 4  # bars: what is shorter is written as its file says
_HEARD = 8  # notes: likewise
_CANDIDATES = 4
_CLOSE = 4.0  # nats: readings further behind are not judged
COMMON = Metre(4, 4)
# What a file that says 4/4 may be in: never half of that, which is for its writer to say.
_NOT_TWICE = tuple(metre for metre in METRES if metre == COMMON or metre.beats % 3 == 0)


class Bars(NamedTuple):
    """A metre and where its first bar line is.

    Attributes:
        metre: The metre.
        pickup: How much comes before the first full bar, in whole notes.
        score: Log-odds against other readings.
    """

    metre: Metre
    pickup: Fraction
    score: float


def judge_metre(sounds: Sequence[Sound], tonic: int, named: Metre | None) -> list[Bars]:
    """The likeliest readings of a melody, best first.

    Args:
        sounds: Its notes in order.
        tonic: Pitch class of the key's tonic.
        named: The metre that the file names, if any.
    """
    shown, scale = _shown(named)
    line = line_of(sounds, tonic, scale)
    if named and line.end < _JUDGED * bar_sixteenths(shown):
        return [Bars(named, _padded_pickup(sounds, named) or Fraction(0), 0.0)]
    thought_of = {None: METRES, COMMON: _NOT_TWICE}.get(named, (shown,))
    found = readings(line, tables(), thought_of)
    padded = _padded_pickup(sounds, named) if named else None
    weighed = []
    for reading in found:
        pickup = Fraction(reading.pickup, SIXTEENTHS) / scale
        bars = Bars(reading.metre, pickup, reading.score)
        if named and reading.metre == shown:
            at_edge = padded is not None and pickup == padded % named.bar_duration
            score = reading.score + _DEFAULT_METRE + (_PADDED if at_edge else 0.0)
            bars = Bars(named, pickup, score)
        weighed.append(bars)
    best = sorted(weighed, key=lambda bars: -bars.score)[:_CANDIDATES]
    return [bars for bars in best if bars.score > best[0].score - _CLOSE]


def _shown(named: Metre | None) -> tuple[Metre, Fraction]:
    """The metre whose table stands for a named one, and its beats' length against the other's."""
    if named is None or named in METRES:
        return named or COMMON, Fraction(1)
    if named.is_compound:
        beats = 9 if named.beats % 9 == 0 else 6
        return Metre(beats, 8), Fraction(named.unit, 8)
    if named.beats in {2, 3, 4}:
        table = Metre(named.beats, 4)
        return table, table.bar_duration / named.bar_duration
    return COMMON, 1 / named.bar_duration


def _padded_pickup(sounds: Sequence[Sound], named: Metre) -> Fraction | None:
    """The pickup by the file's own bar lines, if it begins with a silence; else nothing is known.

    Programs that write a pickup without one begin the count of bars with it.
    """
    start = sounds[0].start % named.bar_duration
    return named.bar_duration - start if sounds[0].start else None


def judge_key(voices: Sequence[Sequence[Sound]], named: Key | None) -> Key:
    """The key of a piece.

    Args:
        voices: The notes of each voice.
        named: The key that the file names, if any.
    """
    if named and sum(map(len, voices)) < _HEARD:
        return named
    found = key_readings(voices)
    best = found[0]
    if named is None:
        return best.key
    own = [one for one in found if (one.key.fifths - named.fifths) % 12 == 0]
    is_default = named == Key()
    if is_default and best.score > own[0].score + _DEFAULT_KEY:
        return best.key
    says = next((one.score for one in own if one.key.mode is named.mode), own[0].score)
    if named.mode is Mode.MINOR or own[0].score < says + _NAMED_MODE:
        return named
    return _in_signature(own[0].key, named)


def _in_signature(key: Key, named: Key) -> Key:
    """A key, spelled as the signature that a file names is: six sharps or six flats."""
    return key_at(named.fifths, key.mode)


DEFAULTS = MidiConfig()
_LN2 = 0.693
_VALUES = {1: "whole note", 2: "half", 4: "quarter", 8: "eighth", 16: "sixteenth"}


class _Score(NamedTuple):
    """Voices of exact note values, and what is known of their bars and keys."""

    lines: list[Line]
    start: Fraction
    end: Fraction
    keys: dict[Fraction, Key]


def read_midi(
    data: bytes,
    *,
    title: str = "",
    config: MidiConfig = DEFAULTS,
    judge: Callable[[Tune], float] | None = None,
) -> Reading:
    """Transcribe a MIDI file.

    Args:
        data: The file's bytes.
        title: What the tune is called if the file's first track name is not fit to print.
        config: What is to be written.
        judge: Tells how many bits a trained network finds in a tune; of the likeliest readings of
            metre and pickup, the one is taken that both find likely. None to do without.

    Returns:
        The tune, and in words what was inferred in transcribing it.

    Raises:
        NotationError: if there is nothing in the file that can be written.
    """
    performance = perform(parse(data))
    remarks = list(performance.remarks)
    choice = choose(performance.parts, config.texture, config.track)
    remarks += [choice.why] if choice.why else []
    parts = _in_time(choice.parts, performance, remarks)
    lines = _lines(parts, choice.texture, config)
    tune = _written(lines, performance, config, judge, remarks)
    name = performance.name or title
    return Reading(replace(tune, title=name), 0, tuple(Repair(0, text) for text in remarks))


def _in_time(
    parts: Sequence[Part], performance: Performance, remarks: list[str]
) -> list[tuple[str, list[Strike]]]:
    """The notes of every part by its name, on beats and without swing."""
    notes = sorted(note for part in parts for note in part.notes)
    onsets = sorted({note.start for note in notes})
    moved: Sequence[Strike] = notes
    if not keeps_grid(onsets):
        found = on_beats(notes, performance.tempos, USUAL_TEMPO)
        if found:
            remarks.append("played freely: beats were found by listening, not by the file's count")
            moved = found
    elif _may_swing(performance) and (swing := find_swing(onsets)):
        late = round(100 * swing.place)
        remarks.append(f"swung {late}:{100 - late}: written as even eighths")
        moved = straightened(notes, swing)
    places = dict(zip(notes, moved, strict=True))
    return [(part.name, [places[note] for note in part.notes]) for part in parts]


def _may_swing(performance: Performance) -> bool:
    """Only where the file's beats are quarters or halves may they be swung."""
    return all(metre.unit <= 4 for metre in performance.metres.values())


def _lines(
    parts: Sequence[tuple[str, list[Strike]]], texture: str, config: MidiConfig
) -> list[Line]:
    """The voices to be written, of exact values."""
    quantiser = Quantiser(note for _, notes in parts for note in notes)
    sounds = [(name, quantiser.sounds(notes)) for name, notes in parts]
    if config.fold_range:
        sounds = [(name, folded(part, *config.fold_range)) for name, part in sounds]
    together = sorted(sound for _, part in sounds for sound in part)
    if texture == "melody":
        return [Line("", melody(together))]
    if texture == "chords":
        return [Line("", chords(together))]
    return _named(_voices(sounds))


def _voices(parts: Iterable[tuple[str, list[Sound]]]) -> list[Line]:
    parts = list(parts)
    lines: list[Line] = []
    for name, sounds in parts:
        own = hands(sounds) if len(parts) == 1 else [sounds]
        for hand in own:
            lines += voices(name, hand)
    return [line for line in lines if line.sounds]


def _named(lines: Sequence[Line]) -> list[Line]:
    """Voices with names that ABC can hold, each unlike the others."""
    taken: set[str] = set()
    named = []
    for number, line in enumerate(lines, start=1):
        plain = "".join(sign for sign in line.name if sign.isascii() and sign.isalnum())[:12]
        name = plain if plain and plain not in taken else f"{plain}{number}"
        taken.add(name)
        named.append(replace(line, name=name))
    return named


def _written(
    lines: Sequence[Line],
    performance: Performance,
    config: MidiConfig,
    judge: Callable[[Tune], float] | None,
    remarks: list[str],
) -> Tune:
    sounds = sorted(sound for line in lines for sound in line.sounds)
    if not sounds:
        raise NotationError("no notes")
    start, end = sounds[0].start, max(sound.end for sound in sounds)
    keys = _keys([line.sounds for line in lines], performance, start, remarks)
    score = _Score(list(lines), start, end, keys)
    metres = {_time(time): metre for time, metre in performance.metres.items()}
    if len({metre for time, metre in metres.items() if time < end}) > 1:
        spans = spans_from(start, end, Fraction(0), {Fraction(0): COMMON, **metres})
        return _tune(score, spans, [])
    named = next(iter(metres.values()), None)
    tonic = keys[min(keys)].tonic_pitch_class
    candidates = judge_metre(_leading(lines), tonic, named)
    tune = _barred(score, candidates[0], config)
    bars = candidates[0]
    if judge and len(candidates) > 1:
        tunes = [tune, *(_barred(score, bars, config) for bars in candidates[1:])]
        best = _best(candidates, tunes, judge)
        bars, tune = candidates[best], tunes[best]
    _remark(bars, named, tune, remarks)
    return tune


def _time(time: float) -> Fraction:
    return Fraction(round(time * 96), 96)


def _keys(
    voices: Sequence[Sequence[Sound]], performance: Performance, start: Fraction, remarks: list[str]
) -> dict[Fraction, Key]:
    """The keys by the times from which they hold."""
    named = sorted((_time(time), key) for time, key in performance.keys.items())
    opening = [key for time, key in named if time <= start]
    key = judge_key(voices, opening[-1] if opening else None)
    if not opening or key.fifths != opening[-1].fifths:
        doubted = f"not {opening[-1]} as the file says" if opening else "the file names none"
        remarks.append(f"key {key} inferred from the notes: {doubted}")
    return {min(Fraction(0), start): key, **{time: one for time, one in named if time > start}}


def _leading(lines: Sequence[Line]) -> list[Sound]:
    """The notes by which bars are judged: the tune, or all voices' highest."""
    if len(lines) == 1:
        return [sound for sound in lines[0].sounds if sound.keys]
    return list(melody(sound for line in lines for sound in line.sounds))


def _barred(score: _Score, bars: Bars, config: MidiConfig) -> Tune:
    """The tune in a reading's bars, with its repeats."""
    full = bars.metre.bar_duration
    anchor = score.start + bars.pickup
    anchor -= full if anchor > score.start else 0
    spans = spans_from(score.start, score.end, anchor, {anchor: bars.metre})
    repeats = []
    if config.repeats and len(score.keys) == 1:
        voices_sounds = [line.sounds for line in score.lines]
        repeats = find_repeats(voices_sounds, score.start, score.end, full, bars.pickup)
    return _tune(score, spans, repeats)


def _tune(score: _Score, spans: Sequence[Span], repeats: Sequence[Repeat]) -> Tune:
    spans = [spans[0]._replace(start=max(spans[0].start, score.start)), *spans[1:]]
    spans = _cut([*spans[:-1], spans[-1]._replace(end=score.end)], repeats)
    end = score.end
    written = []
    for line in score.lines:
        filled = with_silences(line.sounds, spans[0].start, end)
        bars = written_bars(filled, spans, score.keys)
        written.append(_repeated(bars, spans, repeats))
    names = [line.name if len(written) > 1 else "" for line in score.lines]
    others = tuple(Voice(*pair) for pair in zip(names[1:], written[1:], strict=True))
    key = score.keys[max(time for time in score.keys if time <= score.start)]
    return Tune(written[0], key, spans[0].metre, voice=names[0], others=others)


def _cut(spans: Sequence[Span], repeats: Sequence[Repeat]) -> list[Span]:
    """The bars, cut where a passage begins, ends or is to be played otherwise."""
    cuts = sorted({time for one in repeats for time in (*one, one.second_ending)})
    pieces: list[Span] = []
    for span in spans:
        inner = [time for time in cuts if span.start < time < span.end]
        edges = [span.start, *inner, span.end]
        pieces += [span._replace(start=one, end=two) for one, two in pairwise(edges)]
    return pieces


def _repeated(
    bars: Sequence[Bar], spans: Sequence[Span], repeats: Sequence[Repeat]
) -> tuple[Bar, ...]:
    """The bars without those that a repeat sign stands for."""
    lines = {one.end: BarLine.REPEAT for one in repeats}
    lines |= {one.again: BarLine.DOUBLE for one in repeats if one.ending != one.end}
    starts = {one.start for one in repeats}
    endings = {one.ending: (1,) for one in repeats if one.ending != one.end}
    endings |= {one.second_ending: (2,) for one in repeats if one.ending != one.end}
    kept = []
    for bar, span in zip(bars, spans, strict=True):
        if any(one.end <= span.start < one.second_ending for one in repeats):
            continue
        line = lines.get(span.end, bar.line)
        ending = endings.get(span.start, ())
        kept.append(replace(bar, line=line, repeat_start=span.start in starts, ending=ending))
    if kept[-1].line is not BarLine.REPEAT:
        kept[-1] = replace(kept[-1], line=BarLine.FINAL)
    return tuple(kept)


def _best(candidates: Sequence[Bars], tunes: Sequence[Tune], judge: Callable[[Tune], float]) -> int:
    """Which reading is likeliest, the judge's bits taken for evidence."""
    scores = [
        bars.score - _LN2 * judge(tune) / 4 for bars, tune in zip(candidates, tunes, strict=True)
    ]
    return max(range(len(scores)), key=lambda place: scores[place])


def _remark(bars: Bars, named: Metre | None, tune: Tune, remarks: list[str]) -> None:
    if named is None:
        remarks.append(f"metre {bars.metre} inferred: the file names none")
    elif named != bars.metre:
        remarks.append(f"metre {bars.metre} inferred: not {named} as the file says")
    if bars.pickup:
        remarks.append(f"a pickup of {_in_words(bars.pickup)} inferred")
    repeats = sum(bar.line is BarLine.REPEAT for bar in tune.bars)
    if repeats:
        passages = "a passage" if repeats == 1 else f"{repeats} passages"
        remarks.append(f"{passages} played twice written as repeats")


def _in_words(duration: Fraction) -> str:
    """A duration as a musician says it: ``3 eighths``."""
    name = _VALUES.get(duration.denominator, f"{duration.denominator}ths")
    return f"{duration.numerator} {name}{'s' if duration.numerator > 1 else ''}"
