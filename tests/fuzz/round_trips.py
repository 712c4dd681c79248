"""Fuzz the round trips of tunes: ABC, model text, MIDI, and MusicXML as music21 and abcgen read it.

Starts from real tunes, and takes out, doubles, moves and inserts parts of their text. What is read
must come back the same from everything that it is written as. Run from the project's root:

    python -m tests.fuzz.round_trips --trip midi --seconds 3600 --findings findings/
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from abcgen.corpus.collections import collection_blocks
from abcgen.errors import InputError
from abcgen.notation.model_text import decode_tune, encode_tune
from abcgen.notation.playback import play_order
from abcgen.notation.reader import Reading, read_abc, read_block
from abcgen.notation.transpose import INSTRUMENTS, pitches_of
from abcgen.notation.tunebook import split_tunebook
from abcgen.notation.walk import sounding_notes
from abcgen.notation.writer import write_abc
from abcgen.score.midi import midi_of
from abcgen.score.musicxml import musicxml_of
from abcgen.score.performance import PlaybackOptions
from abcgen.score.read_musicxml import read_musicxml
from abcgen.system import LazyModule
from tests.fuzz.findings import Findings
from tests.musicxml_readers import merge_voices, read_with_music21

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.notation.tune import Tune

mido = LazyModule("mido")

EVERY = 40  # start from every N-th real tune
MAX_LENGTH = 240  # characters: some eight bars; longer texts take long and find little more
MOST_CHANGES = 6
WORDS = (
    "|: :| :: |1 :|2 [1 || |] [|] (3 (5:4:5 > << ^^ __ = - | z2 x Z {g} !trill! !fine! [CEG]4 "
    "& (& &) [K:Gm] [K:D] [M:6/8] [M:3/4] [L:1/16] [V:2] ( ) ~ . !8va(! !8va)! !crescendo(! y P:A "
    "[A-c] A/ B3/2 c'' C,, ^c- _e2-"
)


def main() -> None:
    """Fuzz for some seconds and report findings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trip", choices=list(TRIPS), help="only this one")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    trips = [options.trip] if options.trip else list(TRIPS)

    def check(data: bytes) -> None:
        for block in split_tunebook(data.decode()):
            result = read_block(block)
            if isinstance(result, Reading):
                for name in trips:
                    TRIPS[name](result.tune)

    findings = Findings(options.findings, ".abc", check)
    generator = random.Random(options.seed)
    seeds = [found.block.text[:MAX_LENGTH] for found in islice(collection_blocks(), 0, None, EVERY)]
    tried, begun, end = 0, time.process_time(), time.monotonic() + options.seconds
    while time.monotonic() < end:
        findings.try_input(mutated(seeds, generator).encode())
        tried += 1
    print(f"stat::number_of_executed_units: {tried}", file=sys.stderr)
    rate = tried / max(0.1, time.process_time() - begun)
    print(f"{rate:.0f} inputs a second of processor time", file=sys.stderr)


def mutated(seeds: Sequence[str], generator: random.Random) -> str:
    """Return the text of a real tune with a few changes behind its key."""
    text = generator.choice(seeds)
    start = text.find("\n", text.find("\nK:") + 1) + 1
    for _ in range(generator.randint(1, MOST_CHANGES)):
        place = generator.randint(start, len(text))
        end = min(len(text), place + generator.randint(0, 20))
        part = text[place:end]
        kind = generator.randrange(4)
        if kind == 0:
            text = text[:place] + text[end:]
        elif kind == 1:
            text = text[:place] + part + text[place:]
        elif kind == 2:
            other = generator.randint(start, len(text))
            text = text[:other] + part + text[other:]
        else:
            text = text[:place] + generator.choice((*WORDS.split(), "\n")) + text[place:]
    return text


def through_abc(tune: Tune) -> None:
    """Check that canonical ABC is the same tune."""
    canonical = write_abc(tune)
    again = read_abc(canonical)
    assert write_abc(again) == canonical, "its ABC is read otherwise"
    assert len(again.voices) == len(tune.voices)
    assert sounding_notes(again) == sounding_notes(tune), "its ABC sounds otherwise"


def through_model_text(tune: Tune) -> None:
    """Check that model text keeps the notes of the first voice."""
    model = encode_tune(tune)
    decoded = decode_tune(model.text)
    assert len(pitches_of(decoded)) == model.notes, "model text loses notes"
    assert encode_tune(decoded).text == model.text, "model text and back differs"


def through_midi(tune: Tune) -> None:
    """Check that MIDI has the notes of the first voice as it is played."""
    try:
        data = midi_of(tune, PlaybackOptions(INSTRUMENTS["fiddle"]))
    except InputError:  # a note out of range
        return
    now, begun, found = 0, dict[int, int](), []
    for message in mido.MidiFile(file=BytesIO(data), charset="utf-8").tracks[0]:
        now += message.time
        if message.type == "note_on":
            assert message.note not in begun, "a key is struck twice"
            begun[message.note] = now
        elif message.type == "note_off":
            found.append((begun.pop(message.note), now, message.note))
    expected = [
        (round(1920 * onset), round(1920 * (onset + duration)), key)
        for onset, duration, keys in sounding_notes(tune, play_order(tune))
        for key in keys
    ]
    assert not begun
    if len(tune.voices) > 1:
        # Voices wait for one another where their bars differ.
        keys = sorted(key for *_, key in found)
        assert keys == sorted(key for *_, key in expected), "MIDI has other notes"
        return
    assert sorted(found) == sorted(expected), "MIDI sounds otherwise"


def through_musicxml(tune: Tune) -> None:
    """Check that music21 and abcgen read the notes of the first staff from MusicXML."""
    data = musicxml_of(tune)
    if len(tune.voices) > 1:
        read_musicxml(data)
        return
    expected = merge_voices([sounding_notes(tune)])
    assert merge_voices(read_with_music21(data)[:1]) == expected, "music21 reads it otherwise"
    ours = read_musicxml(data).tune
    assert merge_voices([sounding_notes(ours)]) == expected, "abcgen reads it otherwise"


TRIPS = {
    "abc": through_abc,
    "model": through_model_text,
    "midi": through_midi,
    "musicxml": through_musicxml,
}


if __name__ == "__main__":
    main()
