"""Transcribe a MIDI file to a tune, as a musician would write it down."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import MidiConfig
from abcgen.errors import NotationError
from abcgen.midi.bars import BarSpan, bar_spans, fill_rests, write_bars
from abcgen.midi.beats import count_in_beats, find_swing, keeps_grid
from abcgen.midi.key import choose_key
from abcgen.midi.metre import COMMON_TIME, choose_metre
from abcgen.midi.performance import DEFAULT_TEMPO, parse, perform
from abcgen.midi.quantize import Quantizer
from abcgen.midi.repeats import Repeat, find_repeats
from abcgen.midi.texture import (
    MidiVoice,
    choose_texture,
    divide_hands,
    fold,
    group_chords,
    separate_voices,
    skyline,
)
from abcgen.notation.draft import Repair
from abcgen.notation.reader import Reading
from abcgen.notation.tune import Bar, BarLine, Tune, Voice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from abcgen.midi.metre import MetreHypothesis
    from abcgen.midi.performance import MidiPerformance, Part, PlayedNote
    from abcgen.notation.tune import Key, Metre


DEFAULTS = MidiConfig()
LN_2 = 0.693
VALUE_NAMES = {1: "whole note", 2: "half", 4: "quarter", 8: "eighth", 16: "sixteenth"}


class _Score(NamedTuple):
    """Voices of exact note values, and the keys by the times from which they hold."""

    voices: list[MidiVoice]
    begin: Fraction
    end: Fraction
    keys: Mapping[Fraction, Key]


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
        title: The tune's title if the file's first track name is not fit to print.
        config: Choices of texture, track, range and repeats.
        judge: A function of a tune, the bits that a trained network needs for it; it helps to
            choose among the likeliest metres and pickups.

    Returns:
        The tune, what was wrong with the file as repairs, and what was inferred from the notes.

    Raises:
        NotationError: if there is nothing in the file that can be written.
    """
    # 1) Messages.
    file = parse(data)

    # 2) Notes.
    performance = perform(file)
    remarks: list[str] = []

    # 3) What of them is written: the tune, chords or voices.
    choice = choose_texture(performance.parts, config.texture, config.track)
    remarks += [choice.why] if choice.why else []

    # 4) Beats as they were played, without swing.
    parts = _find_beats(choice.parts, performance, remarks)

    # 5) Exact note values, in voices.
    voices = _quantize(parts, choice.texture, config)
    notes = [note for voice in voices for note in voice.notes]
    if not notes:
        raise NotationError("no notes")
    begin, end = min(note.onset for note in notes), max(note.offset for note in notes)

    # 6) The key.
    keys = _keys_in_force(voices, performance, begin, remarks)
    score = _Score(voices, begin, end, keys)

    # 7) The metre and pickup: those of the file if it changes metre, else the likeliest.
    # Then 8) bars, 9) repeats and 10) the tune.
    metres = {_nearest_96th(time): metre for time, metre in performance.metres.items()}
    if len({metre for time, metre in metres.items() if time < end}) > 1:
        spans = bar_spans(begin, end, Fraction(0), {Fraction(0): COMMON_TIME, **metres})
        tune = _write_tune(score, spans, [])
    else:
        named = next(iter(metres.values()), None)
        tune = _in_likeliest_metre(score, named, config, judge, remarks)
    title = next(iter(performance.names), "") or title
    repairs = tuple(Repair(0, text) for text in performance.remarks)
    return Reading(replace(tune, title=title), 0, repairs, tuple(remarks))


def _nearest_96th(time: float) -> Fraction:
    return Fraction(round(time * 96), 96)


def _find_beats(
    parts: Sequence[Part], performance: MidiPerformance, remarks: list[str]
) -> list[tuple[str, list[PlayedNote]]]:
    """Return the notes of every part by its name, on beats and without swing."""
    notes = sorted(note for part in parts for note in part.notes)
    onsets = sorted({note.onset for note in notes})
    moved = notes
    if not keeps_grid(onsets):
        counted = count_in_beats(notes, performance.tempos, DEFAULT_TEMPO)
        if counted:
            remarks.append("played freely: beats were found by listening, not by the file's count")
            moved = counted
    # Only where the file's beats are quarters or halves may they be swung.
    elif all(metre.unit <= 4 for metre in performance.metres.values()):
        swing = find_swing(onsets)
        if swing:
            late = round(100 * swing.place)
            remarks.append(f"swung {late}:{100 - late}: written as even eighths")
            moved = swing.straighten(notes)
    moved_to = dict(zip(notes, moved, strict=True))
    return [(part.name, [moved_to[note] for note in part.notes]) for part in parts]


def _quantize(
    parts: Sequence[tuple[str, list[PlayedNote]]], texture: str, config: MidiConfig
) -> list[MidiVoice]:
    """Return the voices to write, with names that ABC can hold, each unlike the others."""
    quantizer = Quantizer(note for _, notes in parts for note in notes)
    quantized = [(name, quantizer.quantize(notes)) for name, notes in parts]
    if config.fold_range:
        quantized = [(name, fold(notes, *config.fold_range)) for name, notes in quantized]
    if texture in {"melody", "chords"}:
        together = [note for _, notes in quantized for note in notes]
        return [MidiVoice("", (skyline if texture == "melody" else group_chords)(together))]

    voices: list[MidiVoice] = []
    for name, notes in quantized:
        # Music on one track is a piano's.
        for hand in divide_hands(notes) if len(quantized) == 1 else [notes]:
            voices += separate_voices(name, hand)
    names: set[str] = set()
    named = []
    for number, voice in enumerate(filter(lambda voice: voice.notes, voices), start=1):
        plain = "".join(char for char in voice.name if char.isascii() and char.isalnum())[:12]
        name = plain if plain and plain not in names else f"{plain}{number}"
        names.add(name)
        named.append(replace(voice, name=name))
    return named


def _keys_in_force(
    voices: Sequence[MidiVoice],
    performance: MidiPerformance,
    begin: Fraction,
    remarks: list[str],
) -> dict[Fraction, Key]:
    """Return the key of the notes, and the changes of key that the file names."""
    named = [(_nearest_96th(time), key) for time, key in sorted(performance.keys.items())]
    opening = next((key for time, key in reversed(named) if time <= begin), None)
    key = choose_key([voice.notes for voice in voices], opening)
    if opening is None or key.fifths != opening.fifths:
        why = "the file names none" if opening is None else f"not {opening} as the file says"
        remarks.append(f"key {key} inferred from the notes: {why}")
    changes = {time: changed for time, changed in named if time > begin}
    return {min(Fraction(0), begin): key, **changes}


def _in_likeliest_metre(
    score: _Score,
    named: Metre | None,
    config: MidiConfig,
    judge: Callable[[Tune], float] | None,
    remarks: list[str],
) -> Tune:
    """Return the tune in the likeliest metre, with its repeats; the file names one or none."""
    melody = score.voices[0].notes
    if len(score.voices) > 1:
        melody = skyline(note for voice in score.voices for note in voice.notes)
    hypotheses = choose_metre(melody, score.keys[min(score.keys)].tonic_pitch_class, named)
    if judge is None:
        hypotheses = hypotheses[:1]
    tunes = [_in_metre(score, hypothesis, config) for hypothesis in hypotheses]
    best = 0
    if judge and len(tunes) > 1:
        # Bits in nats; the judge's evidence counts a quarter of the tables'.
        odds = [
            hypothesis.score - LN_2 * judge(tune) / 4
            for hypothesis, tune in zip(hypotheses, tunes, strict=True)
        ]
        best = odds.index(max(odds))

    metre, pickup, _ = hypotheses[best]
    if named is None:
        remarks.append(f"metre {metre} inferred: the file names none")
    elif named != metre:
        remarks.append(f"metre {metre} inferred: not {named} as the file says")
    if pickup:
        value = VALUE_NAMES.get(pickup.denominator, f"{pickup.denominator}ths")
        plural = "s" if pickup.numerator > 1 else ""
        remarks.append(f"a pickup of {pickup.numerator} {value}{plural} inferred")
    repeats = sum(bar.line is BarLine.REPEAT for bar in tunes[best].bars)
    if repeats:
        passages = "a passage" if repeats == 1 else f"{repeats} passages"
        remarks.append(f"{passages} played twice written as repeats")
    return tunes[best]


def _in_metre(score: _Score, hypothesis: MetreHypothesis, config: MidiConfig) -> Tune:
    """Return the tune in a metre, with its repeats."""
    # 8) Bars.
    full, pickup = hypothesis.metre.bar_duration, hypothesis.pickup
    first_bar_line = score.begin + pickup
    anchor = first_bar_line - full if pickup > 0 else first_bar_line
    spans = bar_spans(score.begin, score.end, anchor, {anchor: hypothesis.metre})

    # 9) Repeats.
    repeats = []
    if config.repeats and len(score.keys) == 1:
        voices = [voice.notes for voice in score.voices]
        repeats = find_repeats(voices, score.begin, score.end, full, pickup)

    # 10) The tune.
    return _write_tune(score, spans, repeats)


def _write_tune(score: _Score, spans: Sequence[BarSpan], repeats: Sequence[Repeat]) -> Tune:
    # The first and last bars hold no more than the music. Bars are cut where a repeated passage
    # or an ending begins or ends.
    spans = [spans[0]._replace(onset=max(spans[0].onset, score.begin)), *spans[1:]]
    spans = [*spans[:-1], spans[-1]._replace(offset=score.end)]
    cuts = sorted({time for repeat in repeats for time in (*repeat, repeat.second_ending)})
    pieces: list[BarSpan] = []
    for span in spans:
        inner = [time for time in cuts if span.onset < time < span.offset]
        edges = pairwise([span.onset, *inner, span.offset])
        pieces += [span._replace(onset=onset, offset=offset) for onset, offset in edges]

    voices = []
    for voice in score.voices:
        filled = fill_rests(voice.notes, pieces[0].onset, score.end)
        bars = _fold_repeats(write_bars(filled, pieces, score.keys), pieces, repeats)
        voices.append(Voice(voice.name if len(score.voices) > 1 else "", bars))
    first, *others = voices
    key = score.keys[max(time for time in score.keys if time <= score.begin)]
    return Tune(first.bars, key, pieces[0].metre, voice=first.name, others=tuple(others))


def _fold_repeats(
    bars: Iterable[Bar], spans: Iterable[BarSpan], repeats: Sequence[Repeat]
) -> tuple[Bar, ...]:
    """Return bars with repeat signs and endings, without those that are played again."""
    with_endings = [repeat for repeat in repeats if repeat.ending != repeat.again]
    lines = {repeat.again: BarLine.REPEAT for repeat in repeats}
    lines |= {repeat.offset: BarLine.DOUBLE for repeat in with_endings}
    endings = {repeat.ending: (1,) for repeat in with_endings}
    endings |= {repeat.second_ending: (2,) for repeat in with_endings}
    starts = {repeat.onset for repeat in repeats}
    written = [
        replace(
            bar,
            line=lines.get(span.offset, bar.line),
            repeat_start=span.onset in starts,
            ending=endings.get(span.onset, ()),
        )
        for bar, span in zip(bars, spans, strict=True)
        if not any(repeat.again <= span.onset < repeat.second_ending for repeat in repeats)
    ]
    if written[-1].line is not BarLine.REPEAT:
        written[-1] = replace(written[-1], line=BarLine.FINAL)
    return tuple(written)
