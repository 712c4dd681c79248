"""What is heard: onsets, durations and MIDI keys, ties joined and rests dropped.

Swing: the first of two even notes in a beat takes two thirds of it, as hornpipes are played.

How fast tunes go.

Chord symbols played: a bass note on the strong beats, the chord on the weak ones.

The pattern for each metre is the one that abc2midi plays where a tune asks for no other.

A tune as it is played: every voice with repeats unrolled, swung and accompanied if asked.

Times are in whole notes from the start.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import InputError
from abcgen.notation.playback import play_order
from abcgen.notation.rhythm import rhythm_named
from abcgen.notation.tune import Note, timed
from abcgen.score.harmony import kind_of, pitch_class
from abcgen.score.layout import PlayedBar, parts_of, played_bars
from abcgen.score.symbols import note_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from abcgen.notation.transpose import Instrument
    from abcgen.notation.tune import ChordSymbol, Metre, Tune


class Sound(NamedTuple):
    """Keys struck together and held equally long.

    Attributes:
        onset: In whole notes from the start.
        duration: In whole notes.
        keys: MIDI key numbers, ascending.
    """

    onset: Fraction
    duration: Fraction
    keys: tuple[int, ...]


class Strike(NamedTuple):
    """A written note or chord.

    Attributes:
        onset: In whole notes from the start.
        duration: In whole notes.
        keys: MIDI key numbers and, for each, whether it is tied to the note that follows.
    """

    onset: Fraction
    duration: Fraction
    keys: dict[int, bool]


def sounding_notes(
    tune: Tune, order: tuple[int, ...] | None = None, *, chord_ties: bool = True
) -> list[Sound]:
    """The notes of a tune as they sound.

    Args:
        tune: The tune.
        order: Which bars to play, by index; as written if None.
        chord_ties: Whether the ties of chords are joined too.
    """
    return join_ties(
        Strike(onset, duration, _keys(item, chord_ties=chord_ties))
        for item, onset, duration, _ in timed(tune.bars, order)
        if isinstance(item, Note)
    )


def _keys(note: Note, *, chord_ties: bool) -> dict[int, bool]:
    tied = note.tied and (chord_ties or len(note.pitches) == 1)
    return {pitch.midi: tied for pitch in note.pitches}


def join_ties(strikes: Iterable[Strike]) -> list[Sound]:
    """Join tied notes; one whose neighbour is not the same key, or comes late, ends as written.

    Args:
        strikes: Notes and chords in order.
    """
    held: dict[int, _Held] = {}
    done: list[_Held] = []
    for onset, duration, keys in strikes:
        continued = {key: note for key, note in held.items() if key in keys and note.end == onset}
        done += [note for key, note in held.items() if key not in continued]
        held = {}
        for key, tied in keys.items():
            note = continued.get(key) or _Held(key, onset)
            note.end = onset + duration
            if tied:
                held[key] = note
            else:
                done.append(note)
    return list(_grouped([*done, *held.values()]))


@dataclass(slots=True)
class _Held:
    key: int
    onset: Fraction
    end: Fraction = field(default=Fraction(0))


def _grouped(notes: list[_Held]) -> Iterator[Sound]:
    groups: dict[tuple[Fraction, Fraction], list[int]] = {}
    for note in notes:
        groups.setdefault((note.onset, note.end - note.onset), []).append(note.key)
    for onset, duration in sorted(groups):
        yield Sound(onset, duration, tuple(sorted(groups[onset, duration])))


SWUNG = frozenset({"hornpipe", "barndance", "schottische"})
LONG_SHARE = Fraction(2, 3)


def swung_times(parts: Sequence[Tune], bars: Sequence[PlayedBar]) -> dict[Fraction, Fraction]:
    """Which times of a tune are moved, and where to.

    Only the middle of a beat is, and only if nothing else begins or ends within that beat:
    triplets and dotted notes say themselves how they are to be played.

    Args:
        parts: The voices.
        bars: The bars as they are played.

    Returns:
        New times by old ones, in whole notes from the start; none if the rhythm has no swing.
    """
    if rhythm_named(parts[0].rhythm) not in SWUNG:
        return {}
    return {
        bar.onset + middle: bar.onset + middle + beat * (LONG_SHARE - Fraction(1, 2))
        for bar in bars
        if (beat := _swung_beat(bar.planned.metre))
        for middle in _even_middles(parts, bar, beat)
    }


def _swung_beat(metre: Metre) -> Fraction:
    """The beat whose halves are swung, in whole notes; 0 if none is."""
    if metre.is_free or metre.is_compound:
        return Fraction(0)
    return Fraction(1, 8) if metre.beats * metre.unit == 8 else Fraction(1, 4)


def _even_middles(parts: Sequence[Tune], bar: PlayedBar, beat: Fraction) -> Iterator[Fraction]:
    """The middles of evenly divided beats, in whole notes from the start of the bar."""
    inner: dict[Fraction, set[Fraction]] = {}
    for part in parts:
        for note in timed((part.bars[bar.place],)):
            place = (note.onset + bar.planned.offset) % beat
            if place:
                inner.setdefault(note.onset - place, set()).add(place)
    return (start + beat / 2 for start, places in inner.items() if places == {beat / 2})


DEFAULT_TEMPO = 110.0
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
"""Beats a minute by rhythm and metre; the empty metre stands for all that are not listed.

Usual session and dance tempi, on the moderate side.
"""


def beat_of(metre: Metre) -> Fraction:
    """The duration of the beat that a tempo counts, in whole notes.

    Dotted in compound metres, the lower number of the time signature otherwise; a half in ``C|``
    and a quarter in free metre.
    """
    if metre.is_free:
        return Fraction(1, 4)
    if metre.is_compound:
        return Fraction(3, metre.unit)
    return Fraction(1, 2) if metre.symbol == "C|" else Fraction(1, metre.unit)


def usual_tempo(tune: Tune) -> float:
    """Beats a minute at which a tune of this rhythm and metre is usually played."""
    metre = "2/2" if tune.metre.symbol == "C|" else f"{tune.metre.beats}/{tune.metre.unit}"
    words = tune.rhythm.lower().replace("-", " ").split()
    names = [" ".join(words), "".join(words), *(" ".join(words[-n:]) for n in (2, 1)), ""]
    for name in names:
        tempi = _TEMPI.get(name, {})
        if tempo := tempi.get(metre) or tempi.get(""):
            return float(tempo)
    return DEFAULT_TEMPO


LOWEST_BASS, LOWEST_CHORD = 36, 48
PROGRAM = 24
"""General MIDI's nylon-stringed guitar, counted from 0."""

TRIPLE = 3


def accompaniment_of(parts: Sequence[Tune], bars: Sequence[PlayedBar]) -> list[Sound]:
    """What an accompanist plays from the chord symbols of all voices.

    A chord goes on until the next one, over bar lines and repeat signs too.

    Args:
        parts: The voices.
        bars: The bars as they are played.
    """
    sounds: list[Sound] = []
    chord: ChordSymbol | None = None
    for bar in bars:
        symbols = _symbols(parts, bar.place)
        for place, length, is_bass in strokes(bar.planned.metre):
            onset = place - bar.planned.offset
            chord = next((named for at, named in reversed(symbols) if at <= onset), chord)
            if chord and 0 <= onset < bar.planned.bar.duration:
                keys = (bass_key(chord),) if is_bass else chord_keys(chord)
                sounds.append(Sound(bar.onset + onset, length, keys))
        chord = symbols[-1][1] if symbols else chord
    return sounds


def _symbols(parts: Sequence[Tune], index: int) -> list[tuple[Fraction, ChordSymbol]]:
    """The chord symbols of a bar with their places in it, in order."""
    found = [
        (note.onset, note.item.marks.chord_symbol)
        for part in parts
        for note in timed((part.bars[index],))
        if note.item.marks and note.item.marks.chord_symbol
    ]
    return sorted(found, key=lambda symbol: symbol[0])


def strokes(metre: Metre) -> Iterator[tuple[Fraction, Fraction, bool]]:
    """When an accompanist strikes in a full bar.

    Yields:
        Place in the bar and duration in whole notes, and whether it is the bass.
    """
    if metre.is_free:
        yield Fraction(0), Fraction(1, 4), False
    elif metre.is_compound:
        eighth = Fraction(1, metre.unit)
        for place in range(0, metre.beats, TRIPLE):
            yield place * eighth, eighth, True
            yield (place + 2) * eighth, eighth, False
    else:
        beat = min(Fraction(1, metre.unit), Fraction(1, 4))
        every = 2 if metre.bar_duration.numerator % TRIPLE else int(metre.bar_duration / beat)
        for place in range(int(metre.bar_duration / beat)):
            yield place * beat, beat / 2, place % every == 0


def bass_key(chord: ChordSymbol) -> int:
    """The MIDI key of a chord's bass note, in the octave below the chord."""
    return LOWEST_BASS + pitch_class(chord.bass or chord.root)


def chord_keys(chord: ChordSymbol) -> tuple[int, ...]:
    """The MIDI keys of a chord, from its root up."""
    root = LOWEST_CHORD + pitch_class(chord.root)
    return tuple(root + semitones for semitones in kind_of(chord.kind).semitones)


FASTEST, SLOWEST = 600.0, 10.0
HIGHEST_KEY = 127


@dataclass(frozen=True, slots=True)
class Playing:
    """How tunes are to be played.

    Attributes:
        instrument: Who plays.
        tempo: Beats a minute, the beat being dotted in compound metres; what is usual for the
            rhythm if None.
        swing: Whether hornpipes and their like are swung.
        chords: Whether chord symbols are played as an accompaniment.
    """

    instrument: Instrument
    tempo: float | None = None
    swing: bool = False
    chords: bool = False


class Step(NamedTuple):
    """A written note or rest, each time it is played.

    Attributes:
        onset: When.
        bar: Index of its bar.
        name: What it is called on the page.
    """

    onset: Fraction
    bar: int
    name: str


@dataclass(frozen=True, slots=True)
class Performance:
    """A tune as it is played.

    Attributes:
        voices: What each voice sounds.
        accompaniment: What the accompanist plays, if anyone.
        bars: The bars in the order they are played.
        steps: What is to be seen played, in order of time.
        length: How long it takes.
        tempo: Beats a minute.
        beat: The duration of the beat that the tempo counts.
    """

    voices: tuple[tuple[Sound, ...], ...]
    accompaniment: tuple[Sound, ...]
    bars: tuple[PlayedBar, ...]
    steps: tuple[Step, ...]
    length: Fraction
    tempo: float
    beat: Fraction

    @property
    def whole_seconds(self) -> float:
        """How many seconds a whole note takes."""
        return 60.0 / self.tempo / float(self.beat)


def perform(tune: Tune, playing: Playing) -> Performance:
    """Play a tune.

    Args:
        tune: The tune.
        playing: How.

    Raises:
        InputError: if the tempo is not between 10 and 600, or a note is out of MIDI's range.
    """
    tempo = usual_tempo(tune) if playing.tempo is None else playing.tempo
    if not SLOWEST <= tempo <= FASTEST:
        raise InputError(f"a tempo of {tempo:g} is not between {SLOWEST:g} and {FASTEST:g}")
    parts, order = parts_of(tune), play_order(tune)
    bars = played_bars(parts[0], order)
    moved = swung_times(parts, bars) if playing.swing else {}
    voices = tuple(
        tuple(_moved(sound, moved) for sound in sounding_notes(part, order)) for part in parts
    )
    _check_keys(voices)
    accompaniment = accompaniment_of(parts, bars) if playing.chords else ()
    steps = sorted(
        step for number, part in enumerate(parts) for step in _steps(number, part, bars, moved)
    )
    length = bars[-1].onset + bars[-1].planned.bar.duration if bars else Fraction(0)
    beat = beat_of(tune.metre)
    return Performance(voices, tuple(accompaniment), bars, tuple(steps), length, tempo, beat)


def _moved(sound: Sound, moved: dict[Fraction, Fraction]) -> Sound:
    end = sound.onset + sound.duration
    onset = moved.get(sound.onset, sound.onset)
    return Sound(onset, moved.get(end, end) - onset, sound.keys)


def _check_keys(voices: tuple[tuple[Sound, ...], ...]) -> None:
    for sounds in voices:
        for sound in sounds:
            for key in sound.keys:
                if not 0 <= key <= HIGHEST_KEY:
                    raise InputError(f"a note lies outside what MIDI can play: key {key}")


def _steps(
    number: int, voice: Tune, bars: tuple[PlayedBar, ...], moved: dict[Fraction, Fraction]
) -> Iterator[Step]:
    """The notes of a voice as they are played, tied ones too; rests are no steps."""
    for played in bars:
        own = voice.bars[played.place]
        for place, note in enumerate(timed((own,))):
            if isinstance(note.item, Note):
                onset = played.onset + note.onset
                name = f"v{number}b{played.place}{note_name(place)}"
                yield Step(moved.get(onset, onset), played.place, name)
