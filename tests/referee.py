"""Read what abc2midi plays from ABC, as a second opinion."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import mido

ABC2MIDI = Path(shutil.which("abc2midi") or "abc2midi")
TICKS = 48  # per quarter, coarser than abc2midi's rounding
FIELD = re.compile(r"\s*[A-Za-z]:(?![:|])")
# Fields that change how abc2midi plays the notes: order of parts, swing, tempo.
PLAYBACK_FIELDS = re.compile(r"[PRQ]:")
# What abc2midi plays in addition to the written notes: ornaments, staccato, chord symbols. Inline
# fields that change notes stay.
ORNAMENTS = re.compile(
    r"(?P<kept>\[[KLMV]:[^\]]*\])|\[[A-Za-z]:[^\]]*\]"
    r'|"[^"]*"|\{[^}]*\}|![\w.()<>+]+!|[.~HTuvkKMSPJRLN]'
)
# A chord in ABC 1.6, which abc2midi reads as a decoration.
OLD_CHORD = re.compile(r"\+((?:[\^_=]*[A-Ga-g][,']*[\d/]*){2,})\+")


class Played(NamedTuple):
    """A note as played, with times in ticks."""

    onset: int
    key: int
    duration: int


class Performance(NamedTuple):
    """The result of abc2midi."""

    notes: list[Played]
    messages: str


def played(program: Path, abc: str, folder: Path) -> list[Played]:
    """Return what abc2midi plays, repeats and all, without ornaments and swing."""
    return perform(program, abc, folder).notes


def perform(program: Path, abc: str, folder: Path) -> Performance:
    """Return the notes that abc2midi plays, none if it refuses the tune, and its messages."""
    source, target = folder / "tune.abc", folder / "tune.mid"
    source.write_text(_plain(abc) + "\n", encoding="utf-8")
    target.unlink(missing_ok=True)
    command = [str(program), str(source), "-o", str(target), "-NGRA", "-NGUI", "-NFER"]
    result = subprocess.run(
        command, check=False, capture_output=True, encoding="utf-8", errors="replace"
    )
    return Performance(_notes(target.read_bytes()) if target.exists() else [], result.stdout)


def _plain(abc: str) -> str:
    lines = [
        line if FIELD.match(line) else _without_ornaments(line)
        for line in abc.splitlines()
        if not PLAYBACK_FIELDS.match(line)
    ]
    text = re.sub(r"(?m)^X:.*$", "X:1", "\n".join(lines), count=1)
    return re.sub(r"(?m)^(K:.*)$", "\\1\n%%MIDI chordattack 0", text, count=1)


def _without_ornaments(line: str) -> str:
    line = OLD_CHORD.sub(r"[\1]", line)
    return ORNAMENTS.sub(lambda match: match["kept"] or "", line)


def _notes(midi: bytes) -> list[Played]:
    file = mido.MidiFile(file=io.BytesIO(midi))
    notes = []
    for track in file.tracks:
        now, started = 0, {}
        for message in track:
            now += message.time
            if message.type == "note_on" and message.velocity:
                started[message.note] = now
            elif message.type in {"note_on", "note_off"} and message.note in started:
                onset = started.pop(message.note)
                scale = TICKS / file.ticks_per_beat
                notes.append(
                    Played(round(onset * scale), message.note, round((now - onset) * scale / 2))
                )
    return sorted(notes)
