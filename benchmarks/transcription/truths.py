"""Tunes whose notation is known, and the MIDI files that abc2midi makes of them."""

from __future__ import annotations

import hashlib
import random
import subprocess
import tempfile
from dataclasses import dataclass, replace
from fractions import Fraction
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mido

from abcgen.corpus.collections import COLLECTIONS, collection_files
from abcgen.notation.reader import Reading, decode_text, read_block, split_tunebook
from abcgen.notation.tune import Bar, BarLine, Tune
from abcgen.notation.validation import bar_problems
from abcgen.notation.writer import write_abc
from benchmarks.transcription.measures import sounding

if TYPE_CHECKING:
    from collections.abc import Iterator

TICKS = 480
VELOCITY = 90
ROUNDING = 2  # ticks by which abc2midi is off the mark
BENCHMARK, DEVELOPMENT, FITTING = (0.0, 0.125), (0.125, 0.25), (0.25, 1.0)
"""Shares of all tunes, in the order of their hashes: the 300 are the first of the one; tables and
weights were fitted on the other; what lies between was looked at while building."""


@dataclass(frozen=True)
class Truth:
    """A tune of a collection."""

    collection: str
    tune: Tune

    @property
    def place(self) -> float:
        """Where it stands among all tunes, 0 to 1, by a hash of its notes, metre and key."""
        music = write_abc(replace(self.tune, title="", number=1, source="", rhythm=""))
        return int.from_bytes(hashlib.sha256(music.encode()).digest()[:7]) / 256**7


@dataclass(frozen=True)
class Manner:
    """How a tune is made into MIDI.

    Attributes:
        name: What the table calls it.
        expanded: Whether repeats are played.
        events: Whether the events that tell metre and key stay in.
        accents: Whether the velocities by which abc2midi marks beats stay in.
        jitter: Standard deviation of every onset and release, in ticks of 480 to the quarter.
        gate: Share of its length that a note sounds.
    """

    name: str
    expanded: bool = False
    events: bool = True
    accents: bool = False
    jitter: float = 0
    gate: float = 1


def all_truths() -> list[Truth]:
    """Every tune of all collections that can be read, has a metre and bars that add up to it.

    Of tunes alike in notes, metre and key there is one. In the order of their hashes.
    """
    found = {truth.place: truth for truth in _read()}
    return [found[place] for place in sorted(found)]


def _read() -> Iterator[Truth]:
    for collection in COLLECTIONS.values():
        for file in collection_files(collection):
            for block in split_tunebook(decode_text(file.read_bytes())):
                result = read_block(block)
                if isinstance(result, Reading) and _is_sound(result.tune):
                    yield Truth(collection.name, _without_marks(result.tune))


def _is_sound(tune: Tune) -> bool:
    return not tune.metre.is_free and not bar_problems(tune) and not tune.others


def draw(truths: list[Truth], count: int, part: tuple[float, float] = BENCHMARK) -> list[Truth]:
    """The first tunes of a part by hash that abc2midi plays as they are written."""
    low, high = part
    own = (truth for truth in truths if low <= truth.place < high)
    return list(islice((truth for truth in own if _is_playable(truth.tune)), count))


def _is_playable(tune: Tune) -> bool:
    plain = without_repeats(tune)
    ours, theirs = sounding(plain), heard(made(plain, Manner("")))
    return len(ours) == len(theirs) and all(
        abs(on - other) * 4 * TICKS <= ROUNDING and key == other_key
        for (on, _, key), (other, other_key) in zip(ours, theirs, strict=True)
    )


def without_repeats(tune: Tune) -> Tune:
    """The tune as written, every repeat sign a double bar line, the endings one after another."""

    def plain(bar: Bar) -> Bar:
        line = BarLine.DOUBLE if bar.line is BarLine.REPEAT else bar.line
        return replace(bar, line=line, repeat_start=False, ending=())

    return replace(tune, bars=tuple(map(plain, tune.bars)))


def _without_marks(tune: Tune) -> Tune:
    """The tune without grace notes, chord symbols and decorations, which abc2midi plays."""
    bars = (bar.with_notes(lambda note: replace(note, marks=None)) for bar in tune.bars)
    return replace(tune, bars=tuple(bars))


def made(tune: Tune, manner: Manner, *, seed: int = 0) -> bytes:
    """The MIDI file that abc2midi makes of a tune, changed as the manner says."""
    data = _abc2midi(write_abc(replace(tune, rhythm="")))
    file = mido.MidiFile(file=BytesIO(data))
    chance = random.Random(seed)  # noqa: S311 - no secret
    for track in file.tracks:
        track[:] = _changed(track, manner, chance)
    buffer = BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def _abc2midi(abc: str) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "tune.abc", Path(name) / "tune.mid"
        source.write_text(abc + "\n", encoding="utf-8")
        command = ["abc2midi", str(source), "-o", str(target), "-NFER"]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - our own arguments
        return target.read_bytes()


def _changed(track: Any, manner: Manner, chance: random.Random) -> Iterator[Any]:
    tick, events, open_notes = 0, [], {}
    for message in track:
        tick += message.time
        if message.type in {"time_signature", "key_signature"} and not manner.events:
            continue
        if message.type == "note_on" and message.velocity:
            velocity = message.velocity if manner.accents else VELOCITY
            open_notes[message.note] = (tick, velocity)
        elif message.type in {"note_on", "note_off"} and message.note in open_notes:
            start, velocity = open_notes.pop(message.note)
            end = start + (tick - start) * manner.gate
            start = max(0, round(start + chance.gauss(0, manner.jitter)))
            end = max(start + 1, round(end + chance.gauss(0, manner.jitter)))
            note = message.note
            events.append((start, 1, mido.Message("note_on", note=note, velocity=velocity)))
            events.append((end, 0, mido.Message("note_off", note=note)))
        elif message.type != "end_of_track":
            events.append((tick, -1, message))
    before = 0
    for time, _, message in sorted(events, key=lambda event: event[:2]):
        yield message.copy(time=time - before)
        before = time
    yield mido.MetaMessage("end_of_track", time=max(0, tick - before))


def heard(data: bytes) -> list[tuple[Fraction, int]]:
    """Onset, in whole notes, and key of a MIDI file's notes."""
    file = mido.MidiFile(file=BytesIO(data))
    notes = []
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "note_on" and message.velocity:
                notes.append((Fraction(tick, file.ticks_per_beat * 4), message.note))
    return sorted(notes)
