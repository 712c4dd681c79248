"""What texts weigh in memory, ready for training, and what dealing them into batches takes.

    python -m benchmarks.training_speed.memory [--texts 1000000]
    python -m benchmarks.training_speed.memory --corpus corpora/oneills.abc

The texts are random, of the lengths that tunes of the collections have. With --corpus, what the
training needs of the tunes of a file weighs when they have been read.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from abcgen.config import SplitConfig
from abcgen.corpus.cache import NO_CACHE
from abcgen.corpus.families import families_by_intervals
from abcgen.corpus.overlap import SuffixArray
from abcgen.corpus.records import extract_corpus
from abcgen.corpus.tune_files import READERS
from abcgen.example import Example
from abcgen.grammar.positions import PositionTracker
from abcgen.model.dataset import TextDataset
from abcgen.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHABET = "abcdefgABCDEFG|:2345678/(<>=^_z"
MEAN, SPREAD, LEAST = 280, 110, 60


def main() -> None:
    """Print seconds of processor time and megabytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=1_000_000)
    parser.add_argument("--corpus", type=Path)
    arguments = parser.parse_args()
    if arguments.corpus:
        _weigh_tunes(arguments.corpus)
    else:
        _weigh_texts(arguments.texts)


def _weigh_tunes(path: Path) -> None:
    before = _megabytes()
    tunes = extract_corpus([path], READERS, NO_CACHE).tunes
    weight = (_megabytes() - before) * 1000 / len(tunes)
    print(f"{len(tunes):,} tunes of {weight:.1f} kB, what reads them included")
    examples = [tune.text for tune in tunes]
    vocabulary = Vocabulary.of(example.text for example in examples)
    _spend("encoded", lambda: TextDataset(examples, vocabulary, 32))
    tracker = PositionTracker(vocabulary.tokens)
    _spend("with positions", lambda: TextDataset(examples, vocabulary, 32, tracker=tracker))
    intervals = [tune.intervals for tune in tunes]
    _spend("divided", lambda: families_by_intervals(intervals, SplitConfig().similarity))
    _spend("passages sorted", lambda: SuffixArray.of([tune.symbols for tune in tunes]))


def _spend(what: str, work: Callable[[], object]) -> None:
    """Say what a piece of work takes: processor time, and memory beyond the most so far."""
    before, began = _megabytes(), time.process_time()
    work()
    seconds, more = time.process_time() - began, _megabytes() - before
    print(f"{what} in {seconds:.1f} s, {more:,.0f} MB more at most")


def _weigh_texts(count: int) -> None:
    random = np.random.default_rng(0)
    lengths = np.maximum(LEAST, random.normal(MEAN, SPREAD, count)).astype(int)
    source = "".join(random.choice(list(ALPHABET), 1_000_000))
    starts = random.integers(0, len(source) - lengths)
    examples = [Example(source[a : a + n]) for a, n in zip(starts, lengths, strict=True)]
    print(f"{count:,} texts of {lengths.sum():,} characters: {_megabytes():,.0f} MB as text")
    began = time.process_time()
    batches = TextDataset(examples, Vocabulary.of([ALPHABET]), 32)
    print(f"encoded in {time.process_time() - began:.0f} s: {_megabytes():,.0f} MB at most")
    began = time.process_time()
    dealt = batches.shuffled(0, 0)
    seconds = time.process_time() - began
    print(f"{len(dealt):,} batches dealt in {seconds:.1f} s: {_megabytes():,.0f} MB")
    began = time.process_time()
    for places in dealt[:100]:
        batches.batch(places)
    print(f"a batch laid out in {(time.process_time() - began) * 10:.2f} ms")


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
