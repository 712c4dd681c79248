"""Reads MIDI files of one melodic line, with or without block chords.

Three steps: the file's messages to the notes of its one part (here), notes as played to note values
(``midi_rhythm``), note values to bars, triplets and ties (``midi_bars``); keys and spelling are
``midi_keys``'. A file in which anything is not understood is left out with the reason.
Source: Standard MIDI Files 1.0 (https://midi.org/standard-midi-files-specification).
"""

from __future__ import annotations

import re
import struct
from collections import defaultdict, deque
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from abcgen.config import LIMITS
from abcgen.corpus.midi_bars import bar_spans, written_bars
from abcgen.corpus.midi_keys import inferred_key, key_named
from abcgen.corpus.midi_rhythm import Struck, place, quantised, snapped
from abcgen.errors import NotationError
from abcgen.notation.fields import read_metre
from abcgen.notation.reader import decode_text
from abcgen.notation.tune import Metre, Tune

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from abcgen.notation.key import Key

Value = TypeVar("Value")

# A tune of one part takes a few kilobytes; every byte or two may become a message in memory.
MAX_BYTES = min(LIMITS.file_bytes, 1_000_000)
# A number in MIDI goes on while its bytes have the high bit: a file of such bytes only would be
# one number of millions of digits, which takes hours to read.
_ENDLESS_NUMBER = re.compile(rb"[\x80-\xff]{1024}")
_FORMATS = (0, 1)
_DRUMS = 9  # channel 10, counted from 0
_DEFAULT_METRE = Metre(4, 4)
_QUARTERS_A_WHOLE = 4


class _Event(NamedTuple):
    time: Fraction  # in whole notes from the start
    track: int
    message: Any  # mido's


def read_midi(data: bytes, *, title: str = "") -> Tune:
    """Read a MIDI file as one tune.

    Args:
        data: The file's bytes.
        title: What the tune is called if the file's first track name is not printable.

    Returns:
        A tune of one section. Repeats are written out as they are played.

    Raises:
        NotationError: if anything in the file is not understood.
    """
    file = _parse(data)
    events = list(_events(file))
    sounds = quantised(_notes(events))
    metres = _changes(events, "time_signature", _metre)
    spans = bar_spans(sounds, {Fraction(0): _DEFAULT_METRE, **metres})
    keys = _changes(events, "key_signature", _key)
    if min(keys, default=spans[0].end) > spans[0].start:
        keys[Fraction(0)] = inferred_key(sounds)
    bars, key = written_bars(sounds, spans, keys)
    return Tune(bars, key, spans[0].metre, title=_name(events) or title)


def _parse(data: bytes) -> Any:
    """The file as mido reads it.

    Raises:
        NotationError: if it cannot, or the file's time is not counted in beats.
    """
    import mido  # noqa: PLC0415 - only MIDI files need it

    if len(data) > MAX_BYTES:
        raise NotationError(f"larger than {MAX_BYTES // 1000} kB")
    if not data.startswith(b"MThd"):
        raise NotationError("not a MIDI file")
    if _ENDLESS_NUMBER.search(data):
        raise NotationError("damaged MIDI file")
    try:
        file = mido.MidiFile(file=BytesIO(data))
    except EOFError as error:
        raise NotationError("MIDI file cut short") from error
    # Whatever else mido stumbles over, it tells by an exception of Python's.
    except (OSError, ValueError, TypeError, LookupError, struct.error) as error:
        raise NotationError("damaged MIDI file") from error
    except mido.KeySignatureError as error:
        raise NotationError("key with more than seven sharps or flats") from error
    _check_header(file)
    return file


def _check_header(file: Any) -> None:
    if file.type not in _FORMATS:  # the tracks of format 2 are pieces of their own
        raise NotationError(f"MIDI format {file.type} instead of 0 or 1")
    if file.ticks_per_beat <= 0:
        raise NotationError("time counted in seconds (SMPTE) instead of beats")


def _events(file: Any) -> Iterator[_Event]:
    whole = _QUARTERS_A_WHOLE * file.ticks_per_beat
    longest = whole * LIMITS.bars * LIMITS.duration
    for number, track in enumerate(file.tracks):
        ticks = 0
        for message in track:
            ticks += message.time
            if ticks > longest:
                raise NotationError(f"longer than {LIMITS.bars} bars")
            yield _Event(Fraction(ticks, whole), number, message)


def _notes(events: Iterable[_Event]) -> list[Struck]:
    """The notes of the one part, in the order in which they begin."""
    parts: dict[tuple[int, int], list[_Event]] = defaultdict(list)
    for event in events:
        if event.message.type in {"note_on", "note_off", "pitchwheel"}:
            parts[event.track, event.message.channel].append(event)
    played = [
        part
        for (_, channel), part in parts.items()
        if channel != _DRUMS and any(_begins_note(event.message) for event in part)
    ]
    if not played:
        raise NotationError("no notes")
    if len(played) > 1:
        raise NotationError(f"more than one part: {len(played)} tracks or channels have notes")
    return _paired(played[0])


def _begins_note(message: Any) -> bool:
    return bool(message.type == "note_on" and message.velocity > 0)


def _paired(part: Iterable[_Event]) -> list[Struck]:
    """Notes from the messages that begin and end them.

    Where a key is struck again before it is released, the first release ends the first note.
    """
    sounding: dict[int, deque[Fraction]] = defaultdict(deque)
    notes: list[Struck] = []
    for time, _, message in part:
        if message.type == "pitchwheel":
            if message.pitch:
                raise NotationError(f"a bent pitch {place(time)}")
        elif _begins_note(message):
            sounding[message.note].append(time)
        elif sounding[message.note]:
            notes.append(Struck(sounding[message.note].popleft(), time, message.note))
    for starts in sounding.values():
        if starts:
            raise NotationError(f"a note that never ends {place(starts[0])}")
    if len(notes) > LIMITS.tune_characters:  # each takes a character of ABC at the very least
        raise NotationError(f"more than {LIMITS.tune_characters} notes")
    return sorted(notes)


def _changes(
    events: Iterable[_Event], kind: str, read: Callable[[Any], Value]
) -> dict[Fraction, Value]:
    """What a kind of message sets, by the time from which it holds.

    Args:
        events: All messages.
        kind: mido's name of the kind.
        read: Gives what a message of this kind sets.
    """
    changes = {}
    for time, _, message in events:
        if message.type == kind:
            at = snapped(time)
            if at is None:
                raise NotationError(f"a {kind.replace('_', ' ')} off the grid {place(time)}")
            changes[at] = read(message)
    return changes


def _metre(message: Any) -> Metre:
    metre = read_metre(f"{message.numerator}/{message.denominator}")
    if metre.bar_duration > LIMITS.duration:
        raise NotationError(f"a bar longer than {LIMITS.duration} whole notes", text=str(metre))
    return metre


def _key(message: Any) -> Key:
    return key_named(message.key)


def _name(events: Iterable[_Event]) -> str:
    """The first track name, or nothing if it is not fit to print."""
    names = (event.message.name for event in events if event.message.type == "track_name")
    # mido takes every byte for a Latin-1 character.
    name = decode_text(next(names, "").encode("latin-1")).strip()
    return name if name.isprintable() else ""
