"""How many sampled tunes are right, with and without the grammar, by three readers.

Texts are drawn from a checkpoint, the same numbers with the grammar and without. Each is judged
by our checker, and those that pass by music21 and abc2midi: do they read, from the canonical ABC,
the notes that we mean? Run from the project's root:

    python -m benchmarks.sampling.run CHECKPOINT [--count 10000] [--temperature 1.0]
"""

from __future__ import annotations

import argparse
import math
import platform
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing import Pool, cpu_count
from pathlib import Path

from abcgen.config import SampleConfig
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.inference import StepNetwork
from abcgen.model.sampling import Sampled, sample
from abcgen.notation.grammar import Grammar, Rules
from abcgen.notation.instruments import instrument_named
from abcgen.notation.playback import play_order
from abcgen.notation.ranges import moved_to
from abcgen.notation.tune import Note, Tune, timed
from abcgen.notation.writer import write_abc
from abcgen.pipeline.checking import second_opinion
from abcgen.pipeline.sampling import judged
from abcgen.score.referee import Referee
from tests.referee import TICKS, played

HERE = Path(__file__).parent
BATCH = 64
CONFIDENT = 1.96  # standard deviations to 95%
FOLK_RNN = (58, 64)  # published samples with all bars right, of those looked at
CHUNK = 25


@dataclass
class Outcome:
    """What came of some texts.

    Attributes:
        texts: How many.
        right: How many our checker passes.
        music21: How many of those music21 reads alike.
        abc2midi: How many of those abc2midi plays alike, repeats and all.
        reasons: Why the others fell, and examples of disagreement.
    """

    texts: int = 0
    right: int = 0
    music21: int = 0
    abc2midi: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, other: Outcome) -> None:
        """Count another's texts in."""
        self.texts += other.texts
        self.right += other.right
        self.music21 += other.music21
        self.abc2midi += other.abc2midi
        self.reasons += other.reasons


def main() -> None:
    """Run it and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write table.md")
    options = parser.parse_args()
    config = SampleConfig(batch_size=BATCH, temperature=options.temperature)
    bound = _drawn(options.checkpoint, config, options, free=False)
    free = _drawn(options.checkpoint, config, options, free=True)
    report = _report(options, bound, _judge(bound), _judge(free))
    print(report)
    if options.write:
        (HERE / "table.md").write_text(report, encoding="utf-8")


def _drawn(
    folder: Path, config: SampleConfig, options: argparse.Namespace, *, free: bool
) -> list[Sampled]:
    checkpoint = load_checkpoint(folder)
    grammar = None if free else Grammar(Rules(frozenset(checkpoint.vocabulary.characters)))
    numbers = ((number, "") for number in range(options.count))
    network = StepNetwork.of(checkpoint)
    began = time.monotonic()
    texts = list(
        sample(network, checkpoint.vocabulary, numbers, config, options.seed, constraint=grammar)
    )
    print(f"{len(texts)} texts {'free' if free else 'bound'}: {time.monotonic() - began:.0f} s")
    return texts


def _judge(texts: list[Sampled]) -> Outcome:
    chunks = [texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK)]
    total = Outcome()
    with Pool(cpu_count()) as pool:
        for outcome in pool.imap_unordered(_judge_chunk, chunks):
            total.add(outcome)
    return total


def _judge_chunk(texts: list[Sampled]) -> Outcome:
    outcome = Outcome(texts=len(texts))
    program = Path(shutil.which("abc2midi") or "abc2midi")
    with Referee() as referee, tempfile.TemporaryDirectory() as folder:
        for sampled in texts:
            tune = judged(sampled)
            if isinstance(tune, str):
                outcome.reasons[f"checker: {tune}"] += 1
                continue
            outcome.right += 1
            tune = moved_to(tune, instrument_named("fiddle"), 0.0)
            said = second_opinion(tune, referee)
            outcome.music21 += not said
            alike = _alike(_ours(tune), _theirs(tune, program, Path(folder)))
            outcome.abc2midi += alike
            if said:
                outcome.reasons[f"music21: {said[0]}"] += 1
            if not alike:
                outcome.reasons["abc2midi plays other notes"] += 1
                (Path(tempfile.gettempdir()) / "disagreed.abc").write_text(write_abc(tune))
    return outcome


def _ours(tune: Tune) -> list[tuple[int, int]]:
    """Onset and key of every note as played, ties joined."""
    notes: list[tuple[int, int]] = []
    held: set[int] = set()
    for note in timed(tune.bars, play_order(tune)):
        if not isinstance(note.item, Note):
            held = set()
            continue
        keys = {pitch.midi for pitch in note.item.pitches}
        notes += [(round(note.onset * 4 * TICKS), key) for key in keys - held]
        held = keys if note.item.tied else set()
    return sorted(notes)


def _alike(ours: list[tuple[int, int]], theirs: list[tuple[int, int]]) -> bool:
    """The same keys in the same order, at times that differ by no more than rounding."""
    return len(ours) == len(theirs) and all(
        one[1] == other[1] and abs(one[0] - other[0]) <= 1
        for one, other in zip(ours, theirs, strict=True)
    )


def _theirs(tune: Tune, program: Path, folder: Path) -> list[tuple[int, int]]:
    return sorted((note.onset, note.key) for note in played(program, write_abc(tune), folder))


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The 95% confidence interval of a share.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA
    22, 1927.
    """
    share, square = part / whole, CONFIDENT**2
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    spread = CONFIDENT / (1 + square / whole)
    spread *= math.sqrt(share * (1 - share) / whole + square / (4 * whole**2))
    return max(0.0, middle - spread), min(1.0, middle + spread)


def _report(
    options: argparse.Namespace, texts: list[Sampled], bound: Outcome, free: Outcome
) -> str:
    drawn, forced = sum(t.drawn for t in texts), sum(t.forced for t in texts)
    removed = sum(t.removed for t in texts)
    unforced = sum(t.forced == 0 for t in texts)
    lines = [
        (
            f"{options.count:,} texts of {options.checkpoint.name} at temperature "
            f"{options.temperature:g}, seed {options.seed}. Python {platform.python_version()}, "
            f"{platform.machine()}. In brackets 95% confidence (Wilson)."
        ),
        "",
        "| | with the grammar | without | folk-rnn's published samples |",
        "|---|---|---|---|",
        (
            f"| right by our checker | {_share(bound.right, bound.texts)} | "
            f"{_share(free.right, free.texts)} | {_share(*FOLK_RNN)} with all bars right |"
        ),
        (
            f"| of these, music21 reads the same notes | {_share(bound.music21, bound.right)} | "
            f"{_share(free.music21, free.right)} | |"
        ),
        (
            f"| of these, abc2midi plays the same notes | {_share(bound.abc2midi, bound.right)} | "
            f"{_share(free.abc2midi, free.right)} | |"
        ),
        "",
        (
            f"The grammar replaced {forced:,} of {drawn:,} characters ({forced / drawn:.2%}) "
            f"and took {removed / drawn:.2%} of probability. In "
            f"{_share(unforced, len(texts))} of the tunes it replaced none: they are the same "
            "without it."
        ),
        "",
    ]
    for name, outcome in (("With", bound), ("Without", free)):
        lines += [f"{name} the grammar:", ""]
        lines += [f"- {count} {reason}" for reason, count in outcome.reasons.most_common(12)]
        lines += [""] if outcome.reasons else ["- nothing fell", ""]
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    if not whole:
        return "none"
    low, high = wilson(part, whole)
    return f"{part:,} of {whole:,}, {part / whole:.1%} ({low:.1%} to {high:.1%})"


if __name__ == "__main__":
    main()
