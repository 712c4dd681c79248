"""Perform a tune (``perform``): unroll repeats, join ties, and optionally swing and accompany it.

Times are in whole notes from the start. MIDI, WAV and the web player all play the result.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, log2
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import SoundConfig
from abcgen.errors import InputError
from abcgen.notation.ensemble import singer_named
from abcgen.notation.fields import rhythm_named
from abcgen.notation.percussion import is_percussion
from abcgen.notation.playback import play_order
from abcgen.notation.tune import Note
from abcgen.notation.walk import (
    Sound,
    sounding_durations,
    sounding_notes,
    walk_bars,
    walk_notes,
    walk_tune,
)
from abcgen.notation.words import Tempo
from abcgen.score.layout import parts_of, plan_bars
from abcgen.score.marks import chord_kind, pitch_class
from abcgen.score.symbols import note_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from abcgen.notation.transpose import Instrument
    from abcgen.notation.tune import ChordSymbol, Key, Metre, Tune, Voice
    from abcgen.notation.walk import TimedNote
    from abcgen.score.layout import PlannedBar

FASTEST, SLOWEST = 600.0, 10.0  # beats a minute
HIGHEST_KEY = 127


class Accompaniment(NamedTuple):
    """An instrument that accompanies."""

    # General MIDI program number, counted from 0.
    program: int
    # How its sound begins and dies away.
    tone: str


# A guitar, and the sitar of General MIDI, which has no tanpura.
CHORDS, TANPURA = Accompaniment(24, "plucked"), Accompaniment(104, "ringing")


@dataclass(frozen=True, slots=True)
class PlaybackOptions:
    """How tunes are played."""

    instrument: Instrument
    # Beats a minute, dotted beats in compound metres; None: usual for the rhythm.
    tempo: float | None = None
    swing: bool = False  # swing hornpipes and their like
    chords: bool = False  # play chord symbols as an accompaniment
    # Instead, a tanpura plays Sa, the tonic, and this note, in semitones above it; 0 for none.
    drone: int = 0

    @property
    def accompaniment(self) -> Accompaniment:
        """What accompanies, if anything does."""
        return TANPURA if self.drone else CHORDS


CHOIR_PROGRAM = 52  # "Choir Aahs" of General MIDI, counted from 0


def program_of(voice: Voice, options: PlaybackOptions) -> int:
    """Return the program of a voice: its own, or a choir's, unless an instrument is chosen."""
    if is_percussion(voice):
        # The number of a kit.
        return voice.program or 0
    is_default = options.instrument.name == SoundConfig().instrument
    if is_default and voice.program is not None:
        return voice.program
    return CHOIR_PROGRAM if is_default and singer_named(voice.name) else options.instrument.program


@dataclass(frozen=True, slots=True)
class PlayedBar:
    """A bar, each time it is played."""

    # When it begins, in whole notes from the start.
    onset: Fraction
    # Its index among the bars as written.
    index: int
    # The bar.
    planned: PlannedBar


class ScheduledNote(NamedTuple):
    """A written note, once for each time it is played; the page highlights it then."""

    # When it is played.
    onset: Fraction
    # The index of its bar.
    bar: int
    # Its name on the page, ``v0b3n2``.
    name: str


class TempoChange(NamedTuple):
    """A tempo, from some time on."""

    onset: Fraction
    # Whole notes a minute.
    whole_notes: float
    # The time at which it begins, in whole notes of the opening tempo.
    sounds: float


@dataclass(frozen=True, slots=True)
class Performance:
    """A tune as it is played."""

    # The sounds of each voice, and the voices that are percussion, by their index.
    voices: tuple[tuple[Sound, ...], ...]
    percussion: frozenset[int]
    # The sounds of the accompanist, if there is one.
    accompaniment: tuple[Sound, ...]
    # The bars, in the order they are played.
    bars: tuple[PlayedBar, ...]
    # The written notes in the order they are played.
    schedule: tuple[ScheduledNote, ...]
    # The duration of the whole.
    length: Fraction
    # Beats a minute, as it begins.
    tempo: float
    # The duration of the beat that the tempo counts.
    beat: Fraction
    # Changes of tempo after its beginning.
    tempo_changes: tuple[TempoChange, ...] = ()

    @property
    def whole_note_seconds(self) -> float:
        """The duration of a whole note in seconds, as it begins."""
        return 60.0 / self.tempo / float(self.beat)

    def opening_time(self, time: Fraction) -> float:
        """Return the time, in whole notes of the opening tempo, at which a written time sounds."""
        index = bisect_left(self.tempo_changes, time, key=attrgetter("onset"))
        if not index:
            return float(time)
        change = self.tempo_changes[index - 1]
        opening = self.tempo * float(self.beat)
        return change.sounds + float(time - change.onset) * opening / change.whole_notes

    def opening_duration(self, onset: Fraction, duration: Fraction) -> float:
        """Return how long a sound lasts, in whole notes of the opening tempo."""
        if not self.tempo_changes:
            return float(duration)
        return self.opening_time(onset + duration) - self.opening_time(onset)


def perform(tune: Tune, options: PlaybackOptions) -> Performance:
    """Play a tune.

    Raises:
        InputError: if the tempo is not between 10 and 600, or a note is out of MIDI's range.
    """
    # 1) The tempo, and the bars in the order they are played.
    own_tempo = opening_tempo(tune)
    tempo = own_tempo if options.tempo is None else options.tempo
    if not SLOWEST <= tempo <= FASTEST:
        raise InputError(f"a tempo of {tempo:g} is not between {SLOWEST:g} and {FASTEST:g}")
    parts, order = parts_of(tune), play_order(tune)
    bars = played_bars(parts[0], order)
    beat = beat_of(tune.metre)
    changes = tempo_changes(parts, bars, tempo / own_tempo, own_tempo * float(beat))
    length = bars[-1].onset + bars[-1].planned.bar.duration if bars else Fraction(0)

    # 2) The notes of every voice. Swing moves the times between the beats.
    moved = swung_times(parts, bars) if options.swing else {}
    voices = []
    for part in parts:
        sounds = []
        short = staccato_onsets(part, order)
        for onset, duration, keys in sounding_notes(part, order):
            for key in keys:
                if not 0 <= key <= HIGHEST_KEY:
                    raise InputError(f"a note lies outside what MIDI can play: key {key}")
            start, end = moved.get(onset, onset), moved.get(onset + duration, onset + duration)
            held = (end - start) * STACCATO if onset in short else end - start
            sounds.append(Sound(start, held, keys))
        voices.append(tuple(sounds))

    # 3) The same notes as written, without joined ties, by their names on the page.
    schedule = []
    for voice, part in enumerate(parts):
        for bar in bars:
            onset = bar.onset
            for number, (note, duration) in enumerate(sounding_durations(part.bars[bar.index])):
                if isinstance(note, Note):
                    name = f"v{voice}b{bar.index}{note_name(number)}"
                    schedule.append(ScheduledNote(moved.get(onset, onset), bar.index, name))
                onset += duration

    # 4) The accompaniment, never swung.
    accompaniment: Sequence[Sound] = ()
    if options.drone:
        accompaniment = tuple(drone_of(tune.key, options.drone, length, tempo * float(beat)))
    elif options.chords:
        accompaniment = accompaniment_of(parts, bars)
    return Performance(
        voices=tuple(voices),
        percussion=frozenset(
            index for index, part in enumerate(parts) if is_percussion(part.voices[0])
        ),
        accompaniment=tuple(accompaniment),
        bars=bars,
        schedule=tuple(sorted(schedule)),
        length=length,
        tempo=tempo,
        beat=beat,
        tempo_changes=tuple(changes),
    )


LOWEST_SA = 46  # as a MIDI key number


def drone_of(key: Key, string: int, length: Fraction, whole_notes: float) -> Iterator[Sound]:
    """Yield the strokes of a tanpura: one of its strings about every second, each left to ring.

    Its first string is tuned to Pa, or to another note; two to Sa; the last to Sa an octave lower.

    Args:
        key: Sa is its tonic.
        string: The note of the first string, in semitones above Sa; it sounds below.
        length: How long it plays.
        whole_notes: Whole notes a minute.
    """
    sa = LOWEST_SA + (pitch_class((key.letter, key.alter)) - LOWEST_SA) % 12
    stroke = Fraction(2) ** round(log2(whole_notes / 60))
    for number in range(ceil(length / stroke)):
        onset = number * stroke
        note = (sa + string - 12, sa, sa, sa - 12)[number % 4]
        yield Sound(onset, min(4 * stroke, length - onset), (note,))


STACCATO = Fraction(1, 2)  # of a note's duration


def staccato_onsets(part: Tune, order: tuple[int, ...]) -> set[Fraction]:
    """Return when the notes of a part that are marked staccato begin, as they are played."""
    return {
        timed.onset
        for timed in walk_tune(part, order)
        if isinstance(timed.note, Note)
        and timed.note.marks
        and "staccato" in timed.note.marks.decorations
        and not timed.note.tied
    }


def opening_tempo(tune: Tune) -> float:
    """Return the beats a minute that a tune begins with: its own, or else those usual for it."""
    first = next((note.marks for note in tune.notes), None)
    tempo = first.tempo if first and first.tempo else tune.words.tempo
    if not tempo or not tempo.whole_notes:
        return usual_tempo(tune)
    return min(max(tempo.whole_notes / float(beat_of(tune.metre)), SLOWEST), FASTEST)


def with_usual_tempo(tune: Tune) -> Tune:
    """Return a tune that says the tempo usual for it, if it says none and has a metre."""
    first = next((note.marks for note in tune.notes), None)
    if tune.metre.is_free or tune.words.tempo or (first and first.tempo):
        return tune
    tempo = Tempo(beats=(beat_of(tune.metre),), per_minute=usual_tempo(tune))
    return replace(tune, words=replace(tune.words, tempo=tempo))


def tempo_changes(
    parts: Sequence[Tune], bars: Sequence[PlayedBar], factor: float, opening: float
) -> Iterator[TempoChange]:
    """Yield the changes of tempo in the order they are played.

    A bar that is played again has the tempo that it had as written.

    Args:
        parts: The voices.
        bars: The bars in the order they are played.
        factor: By how much everything is faster than the tune says.
        opening: Whole notes a minute that the tune says for its beginning.
    """
    # 1) The tempi of every bar as written, with times from its start; the first is in force there.
    marked: dict[int, list[tuple[Fraction, float]]] = {}
    for part in parts:
        for timed in walk_notes(part.bars, part.key, part.metre):
            tempo = timed.note.marks.tempo if timed.note.marks else None
            if tempo and tempo.whole_notes:
                beat = float(beat_of(timed.bar.metre))
                bounded = min(max(tempo.whole_notes, SLOWEST * beat), FASTEST * beat)
                at = timed.onset - timed.bar.onset
                marked.setdefault(timed.bar.index, []).append((at, bounded))
    if not marked:
        return
    tempi: list[list[tuple[Fraction, float]]] = []
    for index in range(len(parts[0].bars)):
        before = tempi[-1][-1][1] if tempi else opening
        tempi.append([(Fraction(0), before), *sorted(marked.get(index, []))])

    # 2) The same as played.
    current, since, sounds = opening, Fraction(0), 0.0
    for bar in bars:
        for at, tempo_at in tempi[bar.index]:
            if tempo_at != current:
                onset = bar.onset + at
                sounds += float(onset - since) * opening / current
                yield TempoChange(onset, tempo_at * factor, sounds)
                current, since = tempo_at, onset


def played_bars(part: Tune, order: tuple[int, ...]) -> tuple[PlayedBar, ...]:
    """Return the bars of a part in the order they are played."""
    plan = plan_bars(part)
    timed_bars = walk_bars(part.bars, part.key, part.metre, order)
    return tuple(PlayedBar(timed.onset, timed.index, plan[timed.index]) for timed in timed_bars)


def _walk_bar(part: Tune, bar: PlayedBar) -> Iterator[TimedNote]:
    """Yield the notes and rests of a part's bar, with times from the start of the bar."""
    return walk_notes((part.bars[bar.index],), bar.planned.key, bar.planned.metre)


# Rhythms whose even notes are swung.
SWUNG = frozenset({"hornpipe", "barndance", "schottische"})


def swung_times(parts: Sequence[Tune], bars: Sequence[PlayedBar]) -> dict[Fraction, Fraction]:
    """Return the times that swing moves, with their new times; none if the rhythm has no swing.

    The first of two even notes in a beat takes two thirds of it. Only the middle of a beat moves,
    and only if nothing else begins or ends within the beat: triplets and dotted notes are played
    as written.
    """
    if rhythm_named(parts[0].rhythm) not in SWUNG:
        return {}
    moved: dict[Fraction, Fraction] = {}
    for bar in bars:
        metre = bar.planned.metre
        if metre.is_free or metre.is_compound:
            continue
        # Sixteenths are swung in 2/4, eighths elsewhere.
        beat = Fraction(1, 8) if metre.beats * metre.unit == 8 else Fraction(1, 4)
        # For every beat the positions, from its start, where a note or rest begins within it.
        inner: dict[Fraction, set[Fraction]] = {}
        for part in parts:
            for timed in _walk_bar(part, bar):
                position = (timed.onset + bar.planned.offset) % beat
                if position:
                    inner.setdefault(timed.onset - position, set()).add(position)
        for start, positions in inner.items():
            if positions == {beat / 2}:
                middle = bar.onset + start + beat / 2
                moved[middle] = bar.onset + start + beat * Fraction(2, 3)
    return moved


DEFAULT_TEMPO = 110.0
# Beats a minute by rhythm and metre; the empty metre stands for all others. They are usual tempi
# of sessions and dances, on the moderate side.
_TEMPI = {
    "": {"2/2": 80, "2/4": 90, "3/4": 110, "4/4": 120, "6/8": 90, "9/8": 90, "12/8": 90},
    "air": {"": 80, "2/2": 50, "6/8": 50, "9/8": 50},
    "barndance": {"": 160, "2/2": 80},
    "hop jig": {"": 120},
    "hornpipe": {"": 160, "2/2": 80, "2/4": 76},
    "jig": {"": 112},
    "march": {"": 108, "2/2": 96, "2/4": 92, "6/8": 96},
    "mazurka": {"": 140, "3/8": 200},
    "minuet": {"": 120, "3/8": 160},
    "polka": {"": 124},
    "reel": {"": 196, "2/2": 98, "2/4": 98},
    "schottische": {"": 140, "2/2": 72, "2/4": 72},
    "slide": {"": 132},
    "slip jig": {"": 116},
    "song": {"": 96, "2/2": 60, "6/8": 60},
    "strathspey": {"": 124, "2/2": 64},
    "waltz": {"": 144, "3/8": 180},
}


def usual_tempo(tune: Tune) -> float:
    """Return the beats a minute at which a tune of this rhythm and metre is usually played."""
    metre = "2/2" if tune.metre.symbol == "C|" else f"{tune.metre.beats}/{tune.metre.unit}"
    words = tune.rhythm.lower().replace("-", " ").split()
    # "Slow Slip-Jig" is looked up by all its words, then by its last two, then by the last.
    names = [" ".join(words), "".join(words), *(" ".join(words[-n:]) for n in (2, 1)), ""]
    for name in names:
        tempi = _TEMPI.get(name, {})
        if tempo := tempi.get(metre) or tempi.get(""):
            return float(tempo)
    return DEFAULT_TEMPO


def beat_of(metre: Metre) -> Fraction:
    """Return the duration of the beat that a tempo counts, in whole notes.

    Dotted in compound metres, the lower number of the time signature otherwise; a half in ``C|``
    and a quarter in free metre.
    """
    if metre.is_free:
        return Fraction(1, 4)
    if metre.is_compound:
        return Fraction(3, metre.unit)
    return Fraction(1, 2) if metre.symbol == "C|" else Fraction(1, metre.unit)


# MIDI keys of the octaves that basses and roots of chords are played in.
LOWEST_BASS, LOWEST_CHORD = 36, 48


def accompaniment_of(parts: Sequence[Tune], bars: Sequence[PlayedBar]) -> list[Sound]:
    """Return the accompaniment from the chord symbols of all voices.

    A chord lasts until the next one, over bar lines and repeat signs too.
    """
    sounds: list[Sound] = []
    chord: ChordSymbol | None = None
    for bar in bars:
        symbols = sorted(
            (
                (timed.onset, timed.note.marks.chord_symbol)
                for part in parts
                for timed in _walk_bar(part, bar)
                if timed.note.marks and timed.note.marks.chord_symbol
            ),
            key=lambda symbol: symbol[0],
        )
        for position, length, is_bass in strokes(bar.planned.metre):
            # In a pickup the strokes before its first note are dropped.
            onset = position - bar.planned.offset
            chord = next((symbol for at, symbol in reversed(symbols) if at <= onset), chord)
            if chord and 0 <= onset < bar.planned.bar.duration:
                keys = (bass_key(chord),) if is_bass else chord_keys(chord)
                sounds.append(Sound(bar.onset + onset, length, keys))
        chord = symbols[-1][1] if symbols else chord
    return sounds


def strokes(metre: Metre) -> Iterator[tuple[Fraction, Fraction, bool]]:
    """Yield an accompanist's strokes in a full bar: bass on strong beats, chord on weak ones.

    The patterns are abc2midi's default ones.

    Yields:
        Onset in the bar and duration in whole notes, and whether it is the bass.
    """
    if metre.is_free:
        yield Fraction(0), Fraction(1, 4), False
    elif metre.is_compound:
        eighth = Fraction(1, metre.unit)
        for position in range(0, metre.beats, 3):
            yield position * eighth, eighth, True
            yield (position + 2) * eighth, eighth, False
    else:
        beat = min(Fraction(1, metre.unit), Fraction(1, 4))
        beats = int(metre.bar_duration / beat)
        # Duple metres have a bass on every other beat, triple ones on the first.
        bass_every = 2 if metre.bar_duration.numerator % 3 else beats
        for position in range(beats):
            yield position * beat, beat / 2, position % bass_every == 0


def bass_key(chord: ChordSymbol) -> int:
    """Return the MIDI key of a chord's bass note, in the octave below the chord."""
    return LOWEST_BASS + pitch_class(chord.bass or chord.root or ("C", 0))


def chord_keys(chord: ChordSymbol) -> tuple[int, ...]:
    """Return the MIDI keys of a chord, from its root up."""
    root = LOWEST_CHORD + pitch_class(chord.root or ("C", 0))
    return tuple(root + semitones for semitones in chord_kind(chord.kind).semitones)
