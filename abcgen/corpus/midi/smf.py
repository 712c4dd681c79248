"""Standard MIDI Files to messages, whatever state they are in.

A file cut short or damaged gives what could be read before the damage, and a word about it: a
library that raises at the first bad byte would cost the whole tune.
Source: Standard MIDI Files 1.0 (https://midi.org/standard-midi-files-specification).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import LIMITS
from abcgen.errors import NotationError

if TYPE_CHECKING:
    from collections.abc import Iterator

# A tune takes a few kilobytes; every byte or two may become a message in memory.
MAX_BYTES = min(LIMITS.file_bytes, 1_000_000)
NOTE_OFF, NOTE_ON, PITCH_BEND = 0x80, 0x90, 0xE0
META = 0xFF
TRACK_NAME, TEMPO, METRE, KEY = 0x03, 0x51, 0x58, 0x59
END_OF_TRACK = 0x2F
_SYSEX = (0xF0, 0xF7)
_STATUS = 0x80
_LONGEST_NUMBER = 4  # bytes of a variable-length quantity
# Bytes after the status byte, by its upper half.
_LENGTHS = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}


class Message(NamedTuple):
    """A message of a track.

    Attributes:
        tick: When, from the start of the track.
        status: Its first byte; for a meta message, 255.
        data: The rest; for a meta message its type and then its content.
    """

    tick: int
    status: int
    data: bytes


@dataclass(frozen=True, slots=True)
class MidiFile:
    """A MIDI file's messages.

    Attributes:
        kind: 0 one track, 1 tracks played together, 2 tracks that are pieces of their own.
        quarter: Ticks to the quarter; where time is counted in seconds, to half a second.
        tracks: The messages of every track.
        damage: What was wrong, in words.
    """

    kind: int
    quarter: int
    tracks: tuple[tuple[Message, ...], ...]
    damage: tuple[str, ...]


class _DamageError(Exception):
    """Bytes that are no MIDI."""


def parse(data: bytes) -> MidiFile:
    """Read a MIDI file's bytes.

    Raises:
        NotationError: if they are too many or no MIDI file at all.
    """
    if len(data) > MAX_BYTES:
        raise NotationError(f"larger than {MAX_BYTES // 1000} kB")
    start = data.find(b"MThd", 0, 256)  # some are wrapped in a RIFF or Macintosh header
    if start < 0 or len(data) < start + 14:
        raise NotationError("not a MIDI file")
    kind, _, division = (int.from_bytes(data[start + at : start + at + 2]) for at in (8, 10, 12))
    damage: list[str] = []
    tracks = tuple(_track(chunk, damage) for chunk in _chunks(data, start + 14, damage))
    if kind > 2:  # noqa: PLR2004 - formats are 0, 1 and 2
        damage.append(f"the header names an unknown format {kind}")
    return MidiFile(kind, _quarter(division), tracks, tuple(dict.fromkeys(damage)))


def _quarter(division: int) -> int:
    """Ticks to the quarter, or to half a second: what a quarter lasts where no tempo is told."""
    if division & 0x8000:
        frames, ticks = 256 - (division >> 8), division & 0xFF
        return max(1, frames * ticks // 2)
    return max(1, division)


def _chunks(data: bytes, at: int, damage: list[str]) -> Iterator[bytes]:
    while at + 8 <= len(data):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8])
        chunk = data[at + 8 : at + 8 + length]
        if name == b"MTrk":
            if len(chunk) < length:
                damage.append("the file is cut short: what came before was read")
            yield chunk
        elif not name.isalpha():
            damage.append("the file is damaged: what came before was read")
            return
        at += 8 + length


def _track(chunk: bytes, damage: list[str]) -> tuple[Message, ...]:
    messages: list[Message] = []
    try:
        for message in _messages(chunk):
            messages.append(message)  # noqa: PERF402 - those before the damage are kept
    except _DamageError:
        damage.append("a track is damaged: what came before was read")
    except IndexError:
        damage.append("the file is cut short: what came before was read")
    return tuple(messages)


def _messages(chunk: bytes) -> Iterator[Message]:
    at = tick = running = 0
    while at < len(chunk):
        delta, at = _number(chunk, at)
        tick += delta
        status = chunk[at]
        if status >= _STATUS:
            at += 1
        elif running:
            status = running
        else:
            raise _DamageError
        if status == META:
            kind = chunk[at]
            length, at = _number(chunk, at + 1)
            yield Message(tick, META, bytes([kind]) + _slice(chunk, at, length))
            at += length
            if kind == END_OF_TRACK:
                return
        elif status in _SYSEX:
            length, at = _number(chunk, at)
            at += length
        elif status < _SYSEX[0]:
            running, length = status, _LENGTHS[status & 0xF0]
            yield Message(tick, status, _slice(chunk, at, length))
            at += length
        else:
            raise _DamageError


def _number(chunk: bytes, at: int) -> tuple[int, int]:
    """A variable-length quantity, and where it ends."""
    value = 0
    for place in range(at, at + _LONGEST_NUMBER):
        byte = chunk[place]
        value = value << 7 | byte & 0x7F
        if byte < _STATUS:
            return value, place + 1
    raise _DamageError


def _slice(chunk: bytes, at: int, length: int) -> bytes:
    if at + length > len(chunk):
        raise IndexError
    return chunk[at : at + length]
