"""Check that other programs read canonical ABC as it is meant.

For every tune of the collections that abcgen reads: music21 and abc2midi must find the notes of the
Tune in its canonical ABC, normalising it again must change nothing, and its model text must decode
to the same notes, transposed. Run from the project's root:

    python -m benchmarks.reading.canonical [--every N]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import Pool
from pathlib import Path
from typing import TYPE_CHECKING

from abcgen.corpus.collections import IN_MUSIC21, CollectionBlock, collection_blocks
from abcgen.notation.model_text import decode_tune, encode_tune
from abcgen.notation.reader import Reading, read_abc, read_block
from abcgen.notation.transpose import transpose
from abcgen.notation.tune import Key
from abcgen.notation.walk import sounding_notes
from abcgen.notation.writer import write_abc
from abcgen.score.referee import Referee
from benchmarks.reading.run import share, without_repeats
from tests.referee import ABC2MIDI, TICKS, Played, perform

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

HERE = Path(__file__).parent
CHECKS = ("normalised twice", "model text and back", "music21", "abc2midi", "music21 and abc2midi")


@dataclass(frozen=True)
class CanonicalResult:
    """The checks that one tune failed."""

    collection: str
    # File and line
    location: str
    # Messages by check
    failures: dict[str, str]


def main() -> None:
    """Run the comparison and write its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=int, default=1, help="check every N-th tune only")
    every = parser.parse_args().every
    start = time.monotonic()
    jobs = list(collection_blocks())[::every]
    with Pool() as pool:
        results = [result for result in pool.imap(_check, jobs, chunksize=20) if result]
    report = _report(results)
    if every == 1:
        (HERE / "canonical.md").write_text(report, encoding="utf-8")
    print(report)
    print(f"{time.monotonic() - start:.0f} s")


@cache
def _referee() -> Referee:
    """Return the referee of this process, which ends with it."""
    return Referee()


def _check(found: CollectionBlock) -> CanonicalResult | None:
    collection, file, block = found
    reading = read_block(block)
    if not isinstance(reading, Reading):
        return None
    tune, failures = reading.tune, {}
    canonical = write_abc(tune)
    if write_abc(read_abc(canonical)) != canonical:
        failures["normalised twice"] = "changes"
    # Model text has one voice, in C.
    melody = transpose(replace(tune, voice="", others=()), Key("C"))
    if _notes(decode_tune(encode_tune(tune).text)) != _notes(melody):
        failures["model text and back"] = "other notes"
    if message := _referee().disagreement(tune, canonical):
        failures["music21"] = message
    if message := _abc2midi_disagreement(tune, canonical):
        failures["abc2midi"] = message
    if "music21" in failures or "abc2midi" in failures:
        failures["music21 and abc2midi"] = "not alike"
    return CanonicalResult(collection, f"{file}:{block.line}", failures)


def _notes(tune: Tune) -> list[tuple[object, ...]]:
    return [tuple(sound) for sound in sounding_notes(tune)]


def _abc2midi_disagreement(tune: Tune, canonical: str) -> str:
    """Return the first note that abc2midi plays differently, as written; empty if there is none."""
    with tempfile.TemporaryDirectory() as name:
        heard = perform(ABC2MIDI, without_repeats(canonical), Path(name)).notes
    expected = sorted(
        Played(round(sound.onset * 4 * TICKS), key, round(sound.duration * 2 * TICKS))
        for voice in tune.voices
        for sound in sounding_notes(replace(tune, bars=voice.bars))
        for key in sound.keys
    )
    for ours, theirs in zip(expected, heard, strict=False):
        # abc2midi rounds by up to a tick.
        near = all(abs(a - b) <= 1 for a, b in zip(ours, theirs, strict=True))
        if ours.key != theirs.key or not near:
            return f"expected {ours}, heard {theirs}"
    if len(expected) != len(heard):
        return f"expected {len(expected)} notes, heard {len(heard)}"
    return ""


def _report(results: list[CanonicalResult]) -> str:
    lines = [
        f"| collection | tunes | {' | '.join(CHECKS)} |",
        f"|---|---|{'---|' * len(CHECKS)}",
    ]
    for name in [*IN_MUSIC21, "all"]:
        own = [result for result in results if name in {result.collection, "all"}]
        failures = Counter(check for result in own for check in result.failures)
        shares = [share(len(own) - failures[check], len(own)) for check in CHECKS]
        lines.append(f"| {name} | {len(own)} | {' | '.join(shares)} |")
    lines += ["", "## Not alike", ""]
    for result in results:
        lines += [
            f"- {result.location} {check}: {message}"
            for check, message in result.failures.items()
            if check != CHECKS[-1]
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
