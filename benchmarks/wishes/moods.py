"""Measure how far each mood shifts mode, tempo, register, leaps, density and articulation.

Tunes are drawn as ``abcgen sample --mood NAME`` draws them, the critic's choice among candidates,
beside tunes without a mood; and the held-out tunes give what the shift is measured against. Run
from the project's root:

    python -m benchmarks.wishes.moods [CHECKPOINT] [--count 20] [--moods happy,sad]
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import SampleConfig
from abcgen.errors import NotationError
from abcgen.notation.model_text import decode_tune
from abcgen.notation.transpose import arrange_for, instrument_named
from abcgen.notation.tune import Mode, Note
from abcgen.pipeline.checkpoints import LoadedNetwork, checkpoint_hash, find_checkpoint
from abcgen.pipeline.held_out import read_held_out
from abcgen.pipeline.moods import features_of
from abcgen.pipeline.requests import make_request
from abcgen.pipeline.sampling import Composer
from abcgen.score.performance import opening_tempo, usual_tempo
from abcgen.score.referee import Referee
from abcgen.wishes.moods import MOODS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abcgen.notation.tune import Tune

TABLE = Path(__file__).parent / "moods.md"
MINOR = {Mode.MINOR, Mode.DORIAN, Mode.PHRYGIAN, Mode.LOCRIAN}


class Heard(NamedTuple):
    """What is measured of a tune."""

    minor: float
    tempo: float  # as a share of the usual one
    pitch: float
    leap: float
    density: float  # notes a second at its own tempo
    staccato: float  # share of notes
    slurred: float  # slurs a bar


def main() -> None:
    """Draw, measure and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path, nargs="?")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--moods", default=",".join(MOODS))
    options = parser.parse_args()
    folder = find_checkpoint(options.checkpoint)
    network = LoadedNetwork(folder)
    rows = [row("held-out tunes", [measured(tune) for tune in held_out(folder)])]
    print(rows[0], flush=True)
    with Referee() as referee:
        for mood in ("", *options.moods.split(",")):
            config = SampleConfig(count=options.count)
            request = make_request(mood=mood)
            composer = Composer(network, config, options.seed, request, referee=referee)
            drawn = [measured(result.tune) for result in composer.compose()]
            rows.append(row(mood or "no mood", drawn))
            print(rows[-1], flush=True)
    TABLE.write_text(
        f"Network {checkpoint_hash(folder)}, {options.count} tunes of each; mean and standard "
        "deviation.\n\n"
        "| | tunes | minor or dorian | tempo, of the usual | mean pitch (MIDI) | mean leap, "
        "semitones | notes a second | staccato | slurs a bar |\n"
        f"|{'---|' * 9}\n" + "\n".join(rows) + "\n",
        encoding="utf-8",
    )


def held_out(folder: Path) -> Iterator[Tune]:
    """Yield the tunes that a network did not learn, as players of the fiddle would have them."""
    tunes = read_held_out(folder)
    for example in (*tunes.test, *tunes.validation):
        try:
            tune = decode_tune(example.text)
        except NotationError:
            continue
        if not tune.metre.is_free:
            chance = random.Random(example.text).random()  # noqa: S311 - no secret
            yield arrange_for(tune, instrument_named("fiddle"), chance)


def measured(tune: Tune) -> Heard:
    """Return what is measured of a tune."""
    features, tempo = features_of(tune), opening_tempo(tune) / usual_tempo(tune)
    notes = [note for note in tune.notes if isinstance(note, Note)]
    marks = [note.marks for note in notes if note.marks]
    return Heard(
        minor=float(tune.key.mode in MINOR),
        tempo=tempo,
        pitch=features["pitch"],
        leap=features["leap"],
        density=features["density"] * tempo,
        staccato=sum("staccato" in mark.decorations for mark in marks) / max(1, len(notes)),
        slurred=sum(mark.slur_starts for mark in marks) / len(tune.bars),
    )


def row(name: str, heard: list[Heard]) -> str:
    """Return a row of the table."""
    minor, tempo, pitch, leap, density, staccato, slurred = zip(*heard, strict=True)
    cells = [f"{len(heard)}", f"{fmean(minor):.0%}", f"{fmean(tempo):.2f}"]
    cells += [
        f"{fmean(values):.{digits}f} ± {stdev(values):.{digits}f}"
        for values, digits in ((pitch, 1), (leap, 2), (density, 1))
    ]
    cells += [f"{fmean(staccato):.0%}", f"{fmean(slurred):.1f}"]
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
