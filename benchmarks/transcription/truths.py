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

from abcgen.corpus.collections import IN_MUSIC21, collection_files
from abcgen.notation.encoding import decode_text
from abcgen.notation.reader import Reading, read_block
from abcgen.notation.tune import Bar, BarLine, Tune
from abcgen.notation.tunebook import split_tunebook
from abcgen.notation.validation import bar_problems
from abcgen.notation.writer import write_abc
from benchmarks.transcription.measures import sounding

if TYPE_CHECKING:
    from collections.abc import Iterator

TICKS = 480
VELOCITY = 90
# Ticks by which abc2midi may be off.
ROUNDING = 2
# Shares of all tunes, in the order of their hashes. The benchmark's 300 are the first of theirs;
# tables and weights were fitted on the last; those between were looked at while building.
BENCHMARK, DEVELOPMENT, FITTING = (0.0, 0.125), (0.125, 0.25), (0.25, 1.0)


@dataclass(frozen=True)
class Truth:
    """A tune of a collection."""

    collection: str
    tune: Tune

    @property
    def hash_position(self) -> float:
        """Its position among all tunes, 0 to 1, by a hash of its notes, metre and key."""
        music = write_abc(replace(self.tune, title="", number=1, source="", rhythm=""))
        return int.from_bytes(hashlib.sha256(music.encode()).digest()[:7]) / 256**7


@dataclass(frozen=True)
class Rendition:
    """A manner of making a tune into MIDI."""

    # As the table calls it.
    name: str
    # Play the repeats.
    expanded: bool = False
    # Keep the events of metre and key.
    events: bool = True
    # Keep the velocities by which abc2midi marks beats.
    accents: bool = False
    # Standard deviation of every onset and release, in ticks of 480 to the quarter.
    jitter: float = 0
    # The share of its duration that a note sounds.
    gate: float = 1


def all_truths() -> list[Truth]:
    """Return every readable tune of all collections that has a metre and bars that add up to it.

    Of tunes alike in notes, metre and key there is one. In the order of their hashes.
    """
    truths = {truth.hash_position: truth for truth in _read_collections()}
    return [truths[position] for position in sorted(truths)]


def _read_collections() -> Iterator[Truth]:
    for collection in IN_MUSIC21.values():
        for file in collection_files(collection):
            for block in split_tunebook(decode_text(file.read_bytes())):
                result = read_block(block)
                if not isinstance(result, Reading):
                    continue
                tune = result.tune
                if not (tune.metre.is_free or bar_problems(tune) or tune.others):
                    # Without grace notes, chord symbols and decorations, which abc2midi plays.
                    plain = (
                        bar.with_notes(lambda note: replace(note, marks=None)) for bar in tune.bars
                    )
                    yield Truth(collection.name, replace(tune, bars=tuple(plain)))


def draw(truths: list[Truth], count: int, part: tuple[float, float] = BENCHMARK) -> list[Truth]:
    """Return the first tunes of a part by hash that abc2midi plays as they are written."""
    low, high = part
    own = (truth for truth in truths if low <= truth.hash_position < high)
    return list(islice((truth for truth in own if _is_played_as_written(truth.tune)), count))


def _is_played_as_written(tune: Tune) -> bool:
    plain = without_repeats(tune)
    written, played = sounding(plain), midi_notes(render_midi(plain, Rendition("")))
    return len(written) == len(played) and all(
        abs(onset - played_onset) * 4 * TICKS <= ROUNDING and key == played_key
        for (onset, _, key), (played_onset, played_key) in zip(written, played, strict=True)
    )


def without_repeats(tune: Tune) -> Tune:
    """Return the tune as written: repeat signs become double bar lines, endings follow in order."""

    def plain(bar: Bar) -> Bar:
        line = BarLine.DOUBLE if bar.line is BarLine.REPEAT else bar.line
        return replace(bar, line=line, repeat_start=False, ending=())

    return replace(tune, bars=tuple(map(plain, tune.bars)))


def render_midi(tune: Tune, rendition: Rendition, *, seed: int = 0) -> bytes:
    """Return the MIDI file that abc2midi makes of a tune, changed as the rendition says."""
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "tune.abc", Path(name) / "tune.mid"
        source.write_text(write_abc(replace(tune, rhythm="")) + "\n", encoding="utf-8")
        command = ["abc2midi", str(source), "-o", str(target), "-NFER"]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - our own arguments
        data = target.read_bytes()
    file = mido.MidiFile(file=BytesIO(data))
    rng = random.Random(seed)  # noqa: S311 - no secret
    for track in file.tracks:
        track[:] = _changed(track, rendition, rng)
    buffer = BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def _changed(track: Any, rendition: Rendition, rng: random.Random) -> Iterator[Any]:
    """Yield the messages of a track as the rendition has them."""
    tick, events, sounding_notes = 0, [], {}
    for message in track:
        tick += message.time
        if message.type in {"time_signature", "key_signature"} and not rendition.events:
            continue
        if message.type == "note_on" and message.velocity:
            velocity = message.velocity if rendition.accents else VELOCITY
            sounding_notes[message.note] = (tick, velocity)
        elif message.type in {"note_on", "note_off"} and message.note in sounding_notes:
            start, velocity = sounding_notes.pop(message.note)
            end = start + (tick - start) * rendition.gate
            start = max(0, round(start + rng.gauss(0, rendition.jitter)))
            end = max(start + 1, round(end + rng.gauss(0, rendition.jitter)))
            note = message.note
            events.append((start, 1, mido.Message("note_on", note=note, velocity=velocity)))
            events.append((end, 0, mido.Message("note_off", note=note)))
        elif message.type != "end_of_track":
            events.append((tick, -1, message))
    before = 0
    # At one tick, other messages come before releases, and these before strokes.
    for time, _, message in sorted(events, key=lambda event: event[:2]):
        yield message.copy(time=time - before)
        before = time
    yield mido.MetaMessage("end_of_track", time=max(0, tick - before))


def midi_notes(data: bytes) -> list[tuple[Fraction, int]]:
    """Return the onset, in whole notes, and the key number of a MIDI file's notes."""
    file = mido.MidiFile(file=BytesIO(data))
    notes = []
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "note_on" and message.velocity:
                notes.append((Fraction(tick, file.ticks_per_beat * 4), message.note))
    return sorted(notes)
