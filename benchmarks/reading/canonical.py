"""Whether other programs read canonical ABC as we mean it.

For every tune of the collections that we read: music21 and abc2midi read its canonical ABC, and
both must hear the notes of the Tune; normalising it again must change nothing; and its model text
must give the same notes back, transposed. Run from the project's root:

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

from abcgen.corpus.collections import COLLECTIONS, CollectionBlock, collection_blocks
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
class Outcome:
    """What came of one tune: the checks that it failed, with what was said."""

    collection: str
    place: str
    failed: dict[str, str]


def main() -> None:
    """Run the comparison and write its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only every Nth tune")
    every = parser.parse_args().every
    began = time.monotonic()
    jobs = list(collection_blocks())[::every]
    with Pool() as pool:
        outcomes = [one for one in pool.imap(_judge, jobs, chunksize=20) if one]
    report = _report(outcomes)
    if every == 1:
        (HERE / "canonical.md").write_text(report, encoding="utf-8")
    print(report)
    print(f"{time.monotonic() - began:.0f} s")


@cache
def _referee() -> Referee:
    """One for each process; it ends with it."""
    return Referee()


def _judge(found: CollectionBlock) -> Outcome | None:
    collection, file, block = found
    reading = read_block(block)
    if not isinstance(reading, Reading):
        return None
    tune, failed = reading.tune, {}
    canonical = write_abc(tune)
    if write_abc(read_abc(canonical)) != canonical:
        failed["normalised twice"] = "changes"
    if _sounds(decode_tune(encode_tune(tune).text)) != _sounds(transpose(_alone(tune), Key("C"))):
        failed["model text and back"] = "other notes"
    if said := _referee().disagreement(tune, canonical):
        failed["music21"] = said
    if said := _abc2midi_disagrees(tune, canonical):
        failed["abc2midi"] = said
    if "music21" in failed or "abc2midi" in failed:
        failed["music21 and abc2midi"] = "not alike"
    return Outcome(collection, f"{file}:{block.line}", failed)


def _alone(tune: Tune) -> Tune:
    return replace(tune, voice="", others=())


def _sounds(tune: Tune) -> list[tuple[object, ...]]:
    return [tuple(sound) for sound in sounding_notes(tune)]


def _abc2midi_disagrees(tune: Tune, canonical: str) -> str:
    """What abc2midi plays otherwise than the Tune says, as written; empty if nothing."""
    with tempfile.TemporaryDirectory() as name:
        heard = perform(ABC2MIDI, without_repeats(canonical), Path(name)).notes
    meant = sorted(
        Played(round(sound.onset * 4 * TICKS), key, round(sound.duration * 2 * TICKS))
        for voice in tune.voices
        for sound in sounding_notes(replace(tune, bars=voice.bars))
        for key in sound.keys
    )
    for ours, theirs in zip(meant, heard, strict=False):
        near = all(abs(a - b) <= 1 for a, b in zip(ours, theirs, strict=True))  # its rounding
        if ours.key != theirs.key or not near:
            return f"expected {ours}, heard {theirs}"
    return "" if len(meant) == len(heard) else f"expected {len(meant)} notes, heard {len(heard)}"


def _report(outcomes: list[Outcome]) -> str:
    lines = [
        f"| collection | tunes | {' | '.join(CHECKS)} |",
        f"|---|---|{'---|' * len(CHECKS)}",
    ]
    for name in [*COLLECTIONS, "all"]:
        own = [one for one in outcomes if name in {one.collection, "all"}]
        failures = Counter(check for one in own for check in one.failed)
        shares = [share(len(own) - failures[check], len(own)) for check in CHECKS]
        lines.append(f"| {name} | {len(own)} | {' | '.join(shares)} |")
    lines += ["", "## Not alike", ""]
    for one in outcomes:
        lines += [
            f"- {one.place} {check}: {said}"
            for check, said in one.failed.items()
            if check != CHECKS[-1]
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
