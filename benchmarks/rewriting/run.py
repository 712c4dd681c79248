"""Rewrite bars of real tunes, and check that they are right and that nothing else has changed.

Of every tune of the files a run of one to four bars is drawn anew, in turn until there are enough
rewrites. Of each: the bars last as long as before; the text of all other bars and of the header is
the same byte for byte, but for its number and the remark; music21 and abc2midi find the intended
notes, unless they misread the tune before too. The notes over the seams are compared with those
that were there. Run from the project's root:

    python -m benchmarks.rewriting.run FILE... [--count 1000] [--write]
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from rich.progress import track

from abcgen.config import SampleConfig
from abcgen.corpus.reading import load_corpus
from abcgen.errors import InputError
from abcgen.evaluation.statistics import wilson
from abcgen.notation.playback import play_order
from abcgen.notation.reader import read_abc
from abcgen.notation.tune import Note
from abcgen.notation.walk import sounding_notes
from abcgen.notation.writer import write_abc
from abcgen.pipeline.checkpoints import LoadedNetwork, find_checkpoint
from abcgen.pipeline.recipes import without_recipe
from abcgen.pipeline.rewriting import Rewriter, gaps_of, revision_of
from abcgen.score.referee import Referee
from tests.referee import TICKS, played

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.notation.splicing import Gap
    from abcgen.notation.tune import Tune
    from abcgen.pipeline.revision import Revision

HERE = Path(__file__).parent
MOST_BARS = 4


@dataclass
class Results:
    """What was found."""

    counts: Counter[str] = field(default_factory=Counter)
    # Steps from one note to the next over the seams, as they were and as they are.
    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)


def main() -> None:
    """Rewrite, check, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write the table next to this file")
    options = parser.parse_args()

    chance = random.Random(options.seed)  # noqa: S311 - no secret
    tunes = [each for each in load_corpus(options.files).tunes if not each.others]
    chance.shuffle(tunes)
    network = LoadedNetwork(find_checkpoint(options.checkpoint))
    results = Results()
    with Referee() as referee, tempfile.TemporaryDirectory() as folder:
        for number in track(range(options.count), description="rewriting"):
            tune = read_abc(write_abc(tunes[number % len(tunes)]))
            first = chance.randrange(len(tune.bars))
            last = min(first + chance.randrange(MOST_BARS), len(tune.bars) - 1)
            revision = revision_of(tune, [(first, last)])
            config = SampleConfig(count=1)
            try:
                rewriter = Rewriter(network, config, options.seed, revision, referee=referee)
            except InputError as error:
                results.counts[f"refused: {error.message.split(',')[0]}"] += 1
                continue
            result = next(rewriter.compose(), None)
            results.counts["rewrites"] += 1
            if result is None:
                results.counts[f"none: {rewriter.tally.rejected.most_common(1)[0][0]}"] += 1
                continue
            check(tune, result.abc, revision, Path(folder), results)
    table = table_of(results)
    print(table)
    if options.write:
        (HERE / "table.md").write_text(table, encoding="utf-8")


def check(tune: Tune, abc: str, revision: Revision, folder: Path, results: Results) -> None:
    """Check a rewritten tune, read from its file."""
    after, counts = read_abc(without_recipe(abc)), results.counts
    counts["found"] += 1
    counts["bars as long as before"] += [bar.duration for bar in after.bars] == [
        bar.duration for bar in tune.bars
    ]
    gaps = gaps_of(tune, revision.bars)
    counts["all else byte for byte"] += is_same_outside(revision.tune, without_recipe(abc), gaps)
    program = Path(shutil.which("abc2midi") or "abc2midi")
    same = [plays(program, each, folder) for each in (after, tune)]
    counts["played by abc2midi as meant, or misread before too"] += same[0] or not same[1]
    for gap in gaps:
        for here in (gap.first, gap.last + 1):
            for each, steps in ((tune, results.before), (after, results.after)):
                steps.extend(seam(each, here))


def is_same_outside(before: str, after: str, gaps: Sequence[Gap]) -> bool:
    """Return whether two tunes have the same text, but for number, remark and bars in gaps."""
    texts = []
    for abc in (before, after):
        lines = abc.splitlines()
        music = next(index for index, line in enumerate(lines) if line.startswith("K:")) + 1
        header = [line for line in lines[:music] if not line.startswith(("X:", "N:"))]
        texts.append((header, "\n".join(lines[music:]).split("|")))
    (header, bars), (new_header, new_bars) = texts
    if header != new_header or len(bars) != len(new_bars):
        return False
    changed = sum(bar != new for bar, new in zip(bars, new_bars, strict=True))
    return changed <= sum(len(gap.bars) for gap in gaps)


def plays(program: Path, tune: Tune, folder: Path) -> bool:
    """Return whether abc2midi plays a tune as it is meant."""
    heard = sorted((note.key, note.onset) for note in played(program, write_abc(tune), folder))
    meant = sorted(
        (key, round(sound.onset * 4 * TICKS))
        for sound in sounding_notes(tune, play_order(tune))
        for key in sound.keys
    )
    return len(heard) == len(meant) and all(
        one[0] == other[0] and abs(one[1] - other[1]) <= 1
        for one, other in zip(heard, meant, strict=True)
    )


def seam(tune: Tune, index: int) -> list[int]:
    """Return the steps from the last note before a bar to its first; none where there is none."""
    before = [note for bar in tune.bars[:index] for note in bar.notes if isinstance(note, Note)]
    following = [note for bar in tune.bars[index:] for note in bar.notes if isinstance(note, Note)]
    if not before or not following:
        return []
    return [following[0].pitches[-1].step - before[-1].pitches[-1].step]


def table_of(results: Results) -> str:
    """Return the table in Markdown."""
    counts = results.counts
    lines = ["| | of rewrites | 95% interval |", "|---|---|---|"]
    for name in (
        "found",
        "bars as long as before",
        "all else byte for byte",
        "played by abc2midi as meant, or misread before too",
    ):
        share = wilson(counts[name], counts["rewrites"])
        interval = f"{share.low:.1%} to {share.high:.1%}"
        lines.append(f"| {name} | {counts[name]} of {share.count} | {interval} |")
    lines += ["", "| over the seams | as it was | as it is |", "|---|---|---|"]
    both = (results.before, results.after)
    moves = [mean(map(abs, steps)) if steps else 0.0 for steps in both]
    same = [mean(step == 0 for step in steps) if steps else 0.0 for steps in both]
    leaps = [mean(abs(step) > 4 for step in steps) if steps else 0.0 for steps in both]
    lines.append(f"| steps from note to note | {moves[0]:.2f} | {moves[1]:.2f} |")
    lines.append(f"| the same note again | {same[0]:.0%} | {same[1]:.0%} |")
    lines.append(f"| leaps of more than a fifth | {leaps[0]:.0%} | {leaps[1]:.0%} |")
    lines.append("")
    lines += [f"{name}: {n}" for name, n in counts.items() if name.startswith(("refused", "none"))]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
