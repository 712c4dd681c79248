"""Standard MIDI Files to messages, whatever state they are in.

A file cut short or damaged gives what could be read before the damage, and a word about it: a
library that raises at the first bad byte would cost the whole tune.
Source: Standard MIDI Files 1.0 (https://midi.org/standard-midi-files-specification).

Messages to notes: what is struck and released when, and what the file says about it.

Times are in whole notes from the start of the file.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.notation.reader import decode_text
from abcgen.notation.tune import Key, Metre, Mode, key_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


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
    if kind > 2:
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


DRUMS = 9  # channel 10, counted from 0
USUAL_TEMPO = 500_000  # microseconds to the quarter
LONGEST = LIMITS.bars * LIMITS.duration  # in whole notes
_NO_BEND = 0x2000


class Strike(NamedTuple):
    """A note as played.

    Attributes:
        start: When it is struck.
        end: When it is released.
        key: Its MIDI key number.
        velocity: How hard, 1 to 127.
    """

    start: float
    end: float
    key: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Part:
    """The notes of one track and channel.

    Attributes:
        name: The track's name, empty if it has none fit to print.
        track: The track's number, counted from 1 as programs show it.
        notes: In the order in which they begin; at least one.
    """

    name: str
    track: int
    notes: tuple[Strike, ...]


@dataclass(frozen=True, slots=True)
class Performance:
    """What a MIDI file plays and tells.

    Attributes:
        parts: All parts but drums.
        metres: Metres by the times from which they hold.
        keys: Keys likewise.
        tempos: Microseconds to the quarter likewise.
        name: The first track's name.
        remarks: What was not as it should be, in words.
    """

    parts: tuple[Part, ...]
    metres: dict[float, Metre]
    keys: dict[float, Key]
    tempos: dict[float, int]
    name: str
    remarks: tuple[str, ...]


class _Events:
    """Sorts a file's messages by what they mean."""

    def __init__(self, whole: int) -> None:
        self.whole = whole
        self.remarks: dict[str, None] = {}
        self.metres: dict[float, Metre] = {}
        self.keys: dict[float, Key] = {}
        self.tempos: dict[float, int] = {}
        self.names: list[str] = []
        self.notes = 0

    def parts(self, track: Iterable[Message], number: int) -> list[Part]:
        """The parts of a track."""
        name = ""
        channels: dict[int, list[Message]] = defaultdict(list)
        for message in track:
            if message.tick > self.whole * LONGEST:
                self.remarks["what came after an endless silence was left out"] = None
                break
            if message.status == META:
                name = self._told(message) or name
            elif message.status & 0xF0 in {NOTE_ON, NOTE_OFF}:
                channels[message.status & 0x0F].append(message)
            elif message.status & 0xF0 == PITCH_BEND and _bent(message.data):
                self.remarks["bent pitches were read as the notes they start from"] = None
        if DRUMS in channels:
            del channels[DRUMS]
            self.remarks["drums were left out"] = None
        played = (self._strikes(messages) for _, messages in sorted(channels.items()))
        return [Part(name, number, notes) for notes in played if notes]

    def _told(self, message: Message) -> str:
        """Take what a meta message says; the track's name if it says that."""
        time, kind, content = message.tick / self.whole, message.data[0], message.data[1:]
        if kind == TRACK_NAME:
            name = decode_text(content).strip("\0 \t\r\n")
            self.names.append(name if name.isprintable() else "")
            return self.names[-1]
        if kind == METRE and (metre := _metre(content)):
            self.metres[time] = metre
        elif kind == KEY and (key := _key(content)):
            self.keys[time] = key
        elif kind == TEMPO and any(content):
            self.tempos[time] = int.from_bytes(content[:3])
        return ""

    def _strikes(self, messages: Iterable[Message]) -> tuple[Strike, ...]:
        """Notes from the messages that begin and end them."""
        by_key: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for tick, status, (key, velocity) in ((m.tick, m.status, m.data) for m in messages):
            if key < 0x80 and velocity < 0x80:
                is_on = status & 0xF0 == NOTE_ON
                by_key[key].append((tick, velocity if is_on else 0))
        notes: list[tuple[int, int, int, int]] = []
        for key, strokes in by_key.items():
            pairs, left = _paired(strokes)
            if left:
                pairs, left = _cut(strokes)
            if left:
                self.remarks["notes that never end were given a quarter's length"] = None
                pairs += [(start, start + self.whole // 4, hard) for start, hard in left]
            notes += [(start, end, key, velocity) for start, end, velocity in pairs]
        self.notes += len(notes)
        if self.notes > LIMITS.tune_characters:  # each takes a character of ABC at the very least
            raise NotationError(f"more than {LIMITS.tune_characters} notes")
        return self._mended(sorted(notes))

    def _mended(self, notes: list[tuple[int, int, int, int]]) -> tuple[Strike, ...]:
        """No note without length, none that goes on when its key is struck again."""
        following: dict[int, int] = {}
        mended = []
        for start, end, key, velocity in reversed(notes):
            again = following.get(key)
            if again == start:
                self.remarks["a note struck twice at once was read once"] = None
                continue
            if again is not None and end > again:
                end = again  # noqa: PLW2901 - the mended end
            if end <= start:
                self.remarks["notes without length were given a sixteenth's"] = None
                end = min(start + max(1, self.whole // 16), again or LONGEST * self.whole)  # noqa: PLW2901 - likewise
            following[key] = start
            mended.append(Strike(start / self.whole, end / self.whole, key, velocity))
        return tuple(sorted(mended))


_Pairs = tuple[list[tuple[int, int, int]], list[tuple[int, int]]]


def _paired(strokes: Iterable[tuple[int, int]]) -> _Pairs:
    """Notes of one key, the first release ending the first of them, and those never released."""
    sounding: deque[tuple[int, int]] = deque()
    pairs = []
    orphan = -1  # a release without a note: that of a grace note written before its stroke
    for tick, velocity in strokes:
        if velocity and tick == orphan:
            pairs.append((tick, tick, velocity))
            orphan = -1
        elif velocity:
            sounding.append((tick, velocity))
        elif sounding:
            start, struck = sounding.popleft()
            pairs.append((start, tick, struck))
        else:
            orphan = tick
    return pairs, list(sounding)


def _cut(strokes: Iterable[tuple[int, int]]) -> _Pairs:
    """Likewise, a new stroke ending the one before: where releases are missing.

    Otherwise one that is missing would put off the end of every note after it.
    """
    pairs = []
    sounding: tuple[int, int] | None = None
    for tick, velocity in strokes:
        if sounding:
            pairs.append((sounding[0], tick, sounding[1]))
        sounding = (tick, velocity) if velocity else None
    return pairs, [sounding] if sounding else []


def perform(file: MidiFile) -> Performance:
    """What a file plays.

    Raises:
        NotationError: if there are no notes, or too many.
    """
    events = _Events(4 * file.quarter)
    events.remarks.update(dict.fromkeys(file.damage))
    parts: list[Part] = []
    for number, track in enumerate(file.tracks, start=1):
        if file.kind == 2 and parts:
            events.remarks["only the first of the file's independent tracks was read"] = None
            break
        parts += events.parts(track, number)
    if not parts:
        raise NotationError(_nothing(events))
    return Performance(
        tuple(parts),
        events.metres,
        events.keys,
        events.tempos,
        next(iter(events.names), ""),
        tuple(events.remarks),
    )


def _nothing(events: _Events) -> str:
    return "; ".join(["no notes", *events.remarks])


def _bent(data: bytes) -> bool:
    return data[0] | data[1] << 7 != _NO_BEND


def _metre(content: bytes) -> Metre | None:
    """The metre of a message; None if no music is written in it."""
    if len(content) < 2 or not 1 <= content[0] <= 32 or content[1] > 5:
        return None
    metre = Metre(content[0], 2 ** content[1])
    return metre if metre.bar_duration <= LIMITS.duration else None


def _key(content: bytes) -> Key | None:
    if len(content) < 2:
        return None
    fifths = content[0] - 256 if content[0] > 127 else content[0]
    if abs(fifths) > 7:
        return None
    return key_at(fifths, Mode.MINOR if content[1] == 1 else Mode.MAJOR)
