"""Read Standard MIDI Files: bytes to messages, and messages to notes.

A file that is cut short or damaged gives what comes before the damage, with a remark; a library
that raises at the first bad byte would cost the whole tune.
Source: Standard MIDI Files 1.0 (https://midi.org/standard-midi-files-specification).
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.midi.names import DRUM_WORDS, is_title
from abcgen.notation.encoding import decode_text
from abcgen.notation.melody import names_any
from abcgen.notation.tune import Key, Metre, Mode, key_at

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


# A tune takes a few kilobytes; every byte or two may become a message in memory.
MAX_BYTES = min(LIMITS.file_bytes, 1_000_000)
# In whole notes.
MAX_DURATION = LIMITS.bars * LIMITS.duration
# Microseconds to the quarter where a file sets no tempo.
DEFAULT_TEMPO = 500_000

# Status bytes of channel messages (the channel is their lower half), and of others.
NOTE_OFF, NOTE_ON, PROGRAM, PITCH_BEND = 0x80, 0x90, 0xC0, 0xE0
SYSEX, SYSEX_ESCAPE, META = 0xF0, 0xF7, 0xFF
# Data bytes that follow the status of a channel message.
DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
# Types of meta messages.
TEXT, TRACK_NAME, LYRIC = 0x01, 0x03, 0x05
END_OF_TRACK, TEMPO, METRE, KEY = 0x2F, 0x51, 0x58, 0x59
# Channel 10, counted from 0.
DRUMS = 9
# A part is drums too if so many notes or more, none longer than this, share a few keys, those of
# bass drum, snare and hi-hat among them (General MIDI's drum map). No program is a drum's.
MIN_DRUM_NOTES, MAX_DRUM_KEYS, LONGEST_DRUM = 16, 8, 1 / 4
DRUM_KEYS = range(35, 60)
BASS_DRUMS, SNARES, HI_HATS = {35, 36}, {37, 38, 39, 40}, {42, 44, 46}
# The lowest key of a piano. Keys below it switch the sounds of sample players.
LOWEST_KEY = 21
NO_BEND = 0x2000


class Message(NamedTuple):
    """A message of a track."""

    # Ticks from the start of the track.
    tick: int
    # The status byte; 0xFF for a meta message.
    status: int
    # The data bytes; of a meta message its type and then its content.
    data: bytes


@dataclass(frozen=True, slots=True)
class MidiFile:
    """The messages of a MIDI file."""

    # 0: one track, 1: tracks played together, 2: tracks that are pieces by themselves.
    format: int
    ticks_per_quarter: int
    tracks: tuple[tuple[Message, ...], ...]
    # Remarks on what is wrong with the file.
    damage: tuple[str, ...]


def parse(data: bytes) -> MidiFile:
    """Read the messages of a MIDI file.

    Raises:
        NotationError: if the file is too large, or no MIDI file at all.
    """
    if len(data) > MAX_BYTES:
        raise NotationError(f"larger than {MAX_BYTES // 1000} kB")
    # Some files are wrapped in a RIFF or Macintosh header.
    header = data.find(b"MThd", 0, 256)
    if header < 0 or len(data) < header + 14:
        raise NotationError("not a MIDI file")
    # After the name and the header's length: format, number of tracks (not trusted) and division.
    file_format = int.from_bytes(data[header + 8 : header + 10])
    division = int.from_bytes(data[header + 12 : header + 14])
    if division & 0x8000:
        # SMPTE time: minus the frames per second, and ticks per frame. Without a tempo a quarter
        # lasts half a second.
        ticks_per_quarter = (256 - (division >> 8)) * (division & 0xFF) // 2
    else:
        ticks_per_quarter = division

    tracks: list[tuple[Message, ...]] = []
    damage: list[str] = []
    position = header + 14
    while position + 8 <= len(data):
        name = data[position : position + 4]
        length = int.from_bytes(data[position + 4 : position + 8])
        position += 8
        chunk = data[position : position + length]
        if name == b"MTrk":
            if len(chunk) < length:
                damage.append("the file is cut short: what came before was read")
            tracks.append(read_track(chunk, damage))
        elif not name.isalpha():
            # Unknown chunks are skipped, but all are named by letters.
            damage.append("the file is damaged: what came before was read")
            break
        position += length
    if file_format > 2:
        damage.append(f"the header names an unknown format {file_format}")
    return MidiFile(
        file_format, max(1, ticks_per_quarter), tuple(tracks), tuple(dict.fromkeys(damage))
    )


def read_track(chunk: bytes, damage: list[str]) -> tuple[Message, ...]:
    """Return the messages of a track up to its end or its first bad byte, reported in *damage*."""
    messages: list[Message] = []
    position = tick = running_status = 0
    try:
        while position < len(chunk):
            delta, position = _read_number(chunk, position)
            tick += delta
            status = chunk[position]
            if status < 0x80:
                # Running status: a message like the one before begins with its data. It should
                # end at a meta message, but programs rely on it after one.
                status = running_status
            else:
                position += 1
            if status == META:
                kind = chunk[position]
                length, position = _read_number(chunk, position + 1)
                content = _read_bytes(chunk, position, length)
                messages.append(Message(tick, META, bytes([kind]) + content))
                if kind == END_OF_TRACK:
                    break
            elif status in {SYSEX, SYSEX_ESCAPE}:
                length, position = _read_number(chunk, position)
            elif 0x80 <= status < SYSEX:
                running_status = status
                length = DATA_BYTES[status & 0xF0]
                messages.append(Message(tick, status, _read_bytes(chunk, position, length)))
            else:
                damage.append("a track is damaged: what came before was read")
                break
            position += length
    except ValueError:
        damage.append("a track is damaged: what came before was read")
    except IndexError:
        damage.append("the file is cut short: what came before was read")
    return tuple(messages)


def _read_number(chunk: bytes, position: int) -> tuple[int, int]:
    """Return a variable-length quantity, seven bits to the byte, and the position after it."""
    value = 0
    for index in range(position, position + 4):
        byte = chunk[index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, index + 1
    raise ValueError("longer than four bytes")


def _read_bytes(chunk: bytes, position: int, length: int) -> bytes:
    if position + length > len(chunk):
        raise IndexError
    return chunk[position : position + length]


class PlayedNote(NamedTuple):
    """A note as played; times are in whole notes from the start of the file."""

    onset: float
    offset: float
    # The MIDI key number.
    pitch: int
    # 1 to 127.
    velocity: int


@dataclass(frozen=True, slots=True)
class Part:
    """The notes of a track, or of one of its channels where these are different parts."""

    # The track's name, empty if it has none fit to print.
    name: str
    # The track's number and the channel, its first if it has several; counted from 1 as programs
    # show them.
    track: int
    # In the order of their onsets; at least one.
    notes: tuple[PlayedNote, ...]
    channel: int = 1
    # The General MIDI program, counted from 0; None if the file sets none.
    program: int | None = None


class NamedMetre(NamedTuple):
    """An event of metre: when it comes, in whole notes, and in which track."""

    time: float
    track: int
    metre: Metre


@dataclass(slots=True)
class MidiPerformance:
    """The notes of a MIDI file, and its metres, keys and tempos by the times they hold from."""

    parts: list[Part] = field(default_factory=list)
    drums: list[Part] = field(default_factory=list)
    metres: list[NamedMetre] = field(default_factory=list)
    keys: dict[float, Key] = field(default_factory=dict)
    # Microseconds to the quarter.
    tempos: dict[float, int] = field(default_factory=dict)
    # The piece's name; empty if the file has none, but names of instruments or a program's own.
    title: str = ""
    # When syllables of its words are sung, in whole notes; and the times of all other texts, which
    # are syllables in a karaoke file.
    syllables: list[float] = field(default_factory=list)
    texts: list[float] = field(default_factory=list)
    is_karaoke: bool = False
    # The time of a tick in whole notes.
    tick: float = 1 / 1920
    # Remarks on what was not as it should be; a dict for its order.
    remarks: dict[str, None] = field(default_factory=dict)
    # How many notes were read, those struck twice counted twice.
    notes_read: int = 0


def perform(file: MidiFile) -> MidiPerformance:
    """Return the notes of a MIDI file and what it says of metre, key and tempo.

    Raises:
        NotationError: if there are no notes, or too many.
    """
    whole = 4 * file.ticks_per_quarter
    performance = MidiPerformance(remarks=dict.fromkeys(file.damage), tick=1 / whole)
    names: list[str] = []
    parts: list[Part] = []
    for number, track in enumerate(file.tracks, start=1):
        if file.format == 2 and parts:
            remark = "only the first of the file's independent tracks was read"
            performance.remarks[remark] = None
            break
        name, channels = _perform_track(track, number, whole, performance)
        names.append(name)
        # In a file of one track, channels are parts; among several tracks only if they sound
        # different.
        parts += channels if len(file.tracks) == 1 else _join_channels(channels)
    performance.syllables += performance.texts if performance.is_karaoke else []
    performance.title = performance.title or _title(names, {part.track for part in parts})
    drums = [_is_drums(part) for part in parts]
    if all(drums):
        # By their keys alone: perhaps it is a tune of few notes after all.
        drums = [_is_named_drums(part) for part in parts]
    for part, is_drums in zip(parts, drums, strict=True):
        (performance.drums if is_drums else performance.parts).append(part)
    if not performance.parts:
        but_drums = ["but drums"] if performance.drums else []
        raise NotationError("; ".join([" ".join(["no notes", *but_drums]), *performance.remarks]))
    return performance


def _title(names: Sequence[str], sounding: Collection[int]) -> str:
    """Return the piece's name: that of the first track, if it is not that of an instrument.

    Args:
        names: The names of all tracks.
        sounding: The numbers of the tracks with notes.
    """
    name = names[0] if names else ""
    # The first track of several that are all named is named as an instrument if it has notes.
    is_instrument = 1 in sounding and any(names[number - 1] for number in sounding if number > 1)
    return "" if is_instrument or not is_title(name) else name


def _is_drums(part: Part) -> bool:
    if _is_named_drums(part):
        return True
    keys = {note.pitch for note in part.notes}
    return (
        not part.program
        and len(part.notes) >= MIN_DRUM_NOTES
        and len(keys) <= MAX_DRUM_KEYS
        and all(key in DRUM_KEYS for key in keys)
        and all(keys & kind for kind in (BASS_DRUMS, SNARES, HI_HATS))
        and all(note.offset - note.onset <= LONGEST_DRUM for note in part.notes)
    )


def _is_named_drums(part: Part) -> bool:
    # Steel drums are tuned.
    is_named = names_any(part.name, DRUM_WORDS) and not names_any(part.name, {"steel"})
    return part.channel == DRUMS + 1 or is_named


def _join_channels(parts: Iterable[Part]) -> list[Part]:
    """Join the channels of a track that have one program, as those of a guitar's strings."""
    joined: dict[tuple[int, bool], Part] = {}
    for part in parts:
        sound = part.program or 0, part.channel == DRUMS + 1
        first = joined.setdefault(sound, part)
        if first is not part:
            # A note of two channels is one.
            notes = {(note.onset, note.pitch): note for note in (*part.notes, *first.notes)}
            joined[sound] = replace(first, notes=tuple(sorted(notes.values())))
    return list(joined.values())


def _perform_track(
    track: Iterable[Message], number: int, whole: int, performance: MidiPerformance
) -> tuple[str, list[Part]]:
    """Add what a track says to a performance, and return its name and a part for each channel.

    A whole note has *whole* ticks.
    """
    name = ""
    channels: dict[int, list[Message]] = defaultdict(list)
    # By channel, the last program before its first note.
    programs: dict[int, int] = {}
    struck: set[int] = set()
    for message in track:
        tick, status, data = message
        if tick > whole * MAX_DURATION:
            performance.remarks["what came after an endless silence was left out"] = None
            break
        if status == META:
            time, kind, content = tick / whole, data[0], data[1:]
            if kind == TRACK_NAME:
                name = name or _printable(content)
            elif kind == LYRIC:
                performance.syllables.append(time)
            elif kind == TEXT:
                # Karaoke: @T is the title, then the singer; other @ lines are settings.
                performance.is_karaoke |= content.startswith(b"@")
                if content.startswith(b"@T") and not performance.title:
                    performance.title = _printable(content[2:])
                elif not content.startswith(b"@"):
                    performance.texts.append(time)
            elif kind == METRE and (metre := decode_metre(content)):
                performance.metres.append(NamedMetre(time, number, metre))
            elif kind == KEY and (key := decode_key(content)):
                performance.keys[time] = key
            elif kind == TEMPO and any(content):
                performance.tempos[time] = int.from_bytes(content[:3])
        elif status & 0xF0 in {NOTE_ON, NOTE_OFF}:
            channels[status & 0x0F].append(message)
            struck.add(status)
        elif status & 0xF0 == PROGRAM and NOTE_ON | status & 0x0F not in struck:
            programs[status & 0x0F] = data[0] & 0x7F
        elif status & 0xF0 == PITCH_BEND and data[0] | data[1] << 7 != NO_BEND:
            performance.remarks["bent pitches were read as the notes they start from"] = None
    parts = []
    for channel in sorted(channels):
        notes = _notes(channels[channel], whole, performance)
        if notes:
            parts.append(Part(name, number, notes, channel + 1, programs.get(channel)))
    return name, parts


def _printable(content: bytes) -> str:
    """Return a text in one line, or an empty one if it is not fit to print."""
    text = " ".join(decode_text(content).strip("\0 \t\r\n").split())
    return text if text.isprintable() else ""


def decode_metre(content: bytes) -> Metre | None:
    """Return the metre of a meta message, or None if no music can be written in it."""
    # Its beats, and the power of two that is their unit.
    if len(content) < 2 or not 1 <= content[0] <= 32 or content[1] > 5:
        return None
    metre = Metre(content[0], 2 ** content[1])
    return metre if metre.bar_duration <= LIMITS.duration else None


def decode_key(content: bytes) -> Key | None:
    """Return the key of a meta message, or None if there is no such key."""
    # Its sharps, or its flats as a negative byte, and 1 for minor.
    if len(content) < 2:
        return None
    fifths = content[0] - 256 if content[0] > 127 else content[0]
    if abs(fifths) > 7:
        return None
    return key_at(fifths, Mode.MINOR if content[1] == 1 else Mode.MAJOR)


def _notes(
    messages: Iterable[Message], whole: int, performance: MidiPerformance
) -> tuple[PlayedNote, ...]:
    """Return the notes of a channel, adding remarks on those that had to be mended."""
    # 1) Strokes by pitch: tick and velocity, which is 0 for a release.
    strokes_at: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for tick, status, (pitch, velocity) in messages:
        if pitch < LOWEST_KEY:
            remark = f"notes below MIDI key {LOWEST_KEY}, which only switch sounds, were left out"
            performance.remarks[remark] = None
            continue
        # A byte of 128 or more is damage.
        if pitch < 0x80 and velocity < 0x80:
            strokes_at[pitch].append((tick, velocity if status & 0xF0 == NOTE_ON else 0))

    # 2) Pair strokes with releases.
    notes: list[tuple[int, int, int, int]] = []
    for pitch, strokes in strokes_at.items():
        pairs, unended = pair_in_order(strokes)
        if unended:
            pairs, unended = pair_with_next(strokes)
        if unended:
            performance.remarks["notes that never end were given a quarter's length"] = None
            pairs += [(onset, onset + whole // 4, velocity) for onset, velocity in unended]
        notes += [(onset, offset, pitch, velocity) for onset, offset, velocity in pairs]
    performance.notes_read += len(notes)
    # Each takes a character of ABC at the very least.
    if performance.notes_read > LIMITS.tune_characters:
        raise NotationError(f"more than {LIMITS.tune_characters} notes")

    # 3) From last to first: no note without length, none that sounds on when struck again.
    played = []
    next_onsets: dict[int, int] = {}
    for onset, offset, pitch, velocity in sorted(notes, reverse=True):
        next_onset = next_onsets.get(pitch)
        if next_onset == onset:
            performance.remarks["a note struck twice at once was read once"] = None
            continue
        end = offset if next_onset is None else min(offset, next_onset)
        if end <= onset:
            performance.remarks["notes without length were given a sixteenth's"] = None
            end = min(onset + max(1, whole // 16), next_onset or MAX_DURATION * whole)
        next_onsets[pitch] = onset
        played.append(PlayedNote(onset / whole, end / whole, pitch, velocity))
    return tuple(sorted(played))


# Notes by onset, offset and velocity; and those without a release by onset and velocity.
_Pairs = tuple[list[tuple[int, int, int]], list[tuple[int, int]]]


def pair_in_order(strokes: Sequence[tuple[int, int]]) -> _Pairs:
    """Pair the strokes of one pitch with releases, the first release ending the first note."""
    sounding: deque[tuple[int, int]] = deque()
    pairs = []
    # The tick of a release without a note: a grace note's, written before its stroke.
    early_release = -1
    for tick, velocity in strokes:
        if velocity and tick == early_release:
            pairs.append((tick, tick, velocity))
            early_release = -1
        elif velocity:
            sounding.append((tick, velocity))
        elif sounding:
            onset, struck = sounding.popleft()
            pairs.append((onset, tick, struck))
        else:
            early_release = tick
    return pairs, list(sounding)


def pair_with_next(strokes: Sequence[tuple[int, int]]) -> _Pairs:
    """Pair strokes with what follows, so that a missing release costs no later note its end."""
    pairs = []
    sounding: tuple[int, int] | None = None
    for tick, velocity in strokes:
        if sounding:
            pairs.append((sounding[0], tick, sounding[1]))
        sounding = (tick, velocity) if velocity else None
    return pairs, [sounding] if sounding else []
