"""A tune as it is played: every voice with repeats unrolled, swung and accompanied if asked.

Times are in whole notes from the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import InputError
from abcgen.notation.playback import play_order
from abcgen.notation.tune import Note, timed
from abcgen.score.accompaniment import accompaniment_of
from abcgen.score.parts import parts_of
from abcgen.score.plan import PlayedBar, played_bars
from abcgen.score.sounding import Sound, sounding_notes
from abcgen.score.swing import swung_times
from abcgen.score.symbols import note_name
from abcgen.score.tempo import beat_of, usual_tempo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abcgen.notation.instruments import Instrument
    from abcgen.notation.tune import Tune

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
