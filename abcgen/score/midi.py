"""A tune as a MIDI file, as it is played: repeats and endings unrolled, ties joined."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Any

from abcgen.errors import InputError
from abcgen.notation.key import Mode
from abcgen.notation.playback import play_order
from abcgen.notation.tune import timed
from abcgen.score.accidentals import printed_fifths
from abcgen.score.lazy import LazyModule
from abcgen.score.plan import plan_bars
from abcgen.score.sounding import sounding_notes
from abcgen.score.tempo import beat_of, usual_tempo
from abcgen.score.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abcgen.notation.instruments import Instrument
    from abcgen.notation.key import Key
    from abcgen.notation.tune import Metre, Tune

mido = LazyModule("mido")

TICKS_A_QUARTER = 480
TICKS_A_WHOLE = 4 * TICKS_A_QUARTER
VELOCITY = 90
HIGHEST_KEY = 127
FASTEST, SLOWEST = 600.0, 10.0
MINUTE = 60_000_000
LONGEST_QUARTER = 2**24 - 1
"""In microseconds, which MIDI counts a quarter's length in."""

MINOR_MODES = frozenset({Mode.MINOR, Mode.DORIAN, Mode.PHRYGIAN, Mode.LOCRIAN})
MAJOR_KEYS = ["Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#"]
MINOR_KEYS = [
    "Abm",
    "Ebm",
    "Bbm",
    "Fm",
    "Cm",
    "Gm",
    "Dm",
    "Am",
    "Em",
    "Bm",
    "F#m",
    "C#m",
    "G#m",
    "D#m",
    "A#m",
]

# Events at one tick are written in this order.
SETTING, OFF, ON = range(3)


def midi_of(tune: Tune, *, instrument: Instrument, tempo: float | None = None) -> bytes:
    """Write a tune as a MIDI file.

    Args:
        tune: The tune.
        instrument: Whose General MIDI sound plays it.
        tempo: Beats a minute, the beat being dotted in compound metres; what is usual for the
            rhythm if None.

    Returns:
        A MIDI file of one track, 480 ticks to the quarter, the same for the same tune.

    Raises:
        InputError: if the tempo is not between 10 and 600, or a note is out of MIDI's range.
    """
    tempo = usual_tempo(tune) if tempo is None else tempo
    if not SLOWEST <= tempo <= FASTEST:
        raise InputError(f"a tempo of {tempo:g} is not between {SLOWEST:g} and {FASTEST:g}")
    events = [*_settings(tune), *_note_events(tune)]
    events.sort(key=lambda event: event[:2])
    end = max((tick for tick, *_ in events), default=0)
    track = mido.MidiTrack(_head(tune, instrument, tempo))
    track += _with_deltas(events)
    track.append(mido.MetaMessage("end_of_track", time=_length(tune) - end))
    buffer = BytesIO()
    mido.MidiFile(type=0, ticks_per_beat=TICKS_A_QUARTER, tracks=[track]).save(file=buffer)
    return buffer.getvalue()


def _tick(time: Fraction) -> int:
    """The tick nearest to a time from the start, so that roundings never add up."""
    return round(time * TICKS_A_WHOLE)


def _length(tune: Tune) -> int:
    last = max(
        (note.onset + note.duration for note in timed(tune.bars, play_order(tune))), default=0
    )
    return _tick(Fraction(last))


def _head(tune: Tune, instrument: Instrument, tempo: float) -> list[Any]:
    name = one_line(tune.title).encode("latin-1", "replace").decode("latin-1")
    quarter = min(LONGEST_QUARTER, round(MINUTE / tempo / float(beat_of(tune.metre) * 4)))
    return [
        mido.MetaMessage("track_name", name=name),
        mido.MetaMessage("set_tempo", tempo=quarter),
        mido.Message("program_change", program=instrument.program),
    ]


def _settings(tune: Tune) -> Iterator[tuple[int, int, Any]]:
    """Key and time signatures, wherever the bars as played change them."""
    plan = plan_bars(tune)
    onset, key, metre = Fraction(0), None, None
    for index in play_order(tune):
        planned = plan[index]
        if planned.key != key:
            yield _tick(onset), SETTING, _key_signature(planned.key)
        if planned.metre != metre and not planned.metre.is_free:
            yield _tick(onset), SETTING, _time_signature(planned.metre)
        key, metre = planned.key, planned.metre
        onset += planned.bar.duration


def _key_signature(key: Key) -> Any:
    names = MINOR_KEYS if key.mode in MINOR_MODES else MAJOR_KEYS
    return mido.MetaMessage("key_signature", key=names[printed_fifths(key) + 7])


def _time_signature(metre: Metre) -> Any:
    return mido.MetaMessage(
        "time_signature",
        numerator=metre.beats,
        denominator=metre.unit,
        clocks_per_click=min(255, round(beat_of(metre) * 96)),
    )


def _note_events(tune: Tune) -> Iterator[tuple[int, int, Any]]:
    for onset, duration, keys in sounding_notes(tune, play_order(tune)):
        start, end = _tick(onset), _tick(onset + duration)
        for key in keys:
            if not 0 <= key <= HIGHEST_KEY:
                raise InputError(f"a note lies outside what MIDI can play: key {key}")
            if end > start:  # a note too short for a tick would never be switched off
                yield start, ON, mido.Message("note_on", note=key, velocity=VELOCITY)
                yield end, OFF, mido.Message("note_off", note=key, velocity=0)


def _with_deltas(events: list[tuple[int, int, Any]]) -> Iterator[Any]:
    """Messages with the ticks since the one before, as MIDI wants them."""
    before = 0
    for tick, _, message in events:
        yield message.copy(time=tick - before)
        before = tick
