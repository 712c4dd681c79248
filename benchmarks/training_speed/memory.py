"""Measure the memory of texts that are ready for training, and the time to batch them.

    python -m benchmarks.training_speed.memory [--texts 1000000]
    python -m benchmarks.training_speed.memory --corpus corpora/oneills.abc

The texts are random, with the lengths of tunes. With --corpus, measure the tunes of a file.
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
# Characters of a text: normally distributed, but never fewer than the least.
MEAN, DEVIATION, LEAST = 280, 110, 60


def main() -> None:
    """Print seconds of processor time and megabytes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=1_000_000)
    parser.add_argument("--corpus", type=Path)
    arguments = parser.parse_args()
    if arguments.corpus:
        _measure_tunes(arguments.corpus)
    else:
        _measure_texts(arguments.texts)


def _measure_tunes(path: Path) -> None:
    before = _peak_megabytes()
    tunes = extract_corpus([path], READERS, NO_CACHE).tunes
    kilobytes = (_peak_megabytes() - before) * 1000 / len(tunes)
    print(f"{len(tunes):,} tunes of {kilobytes:.1f} kB, the reader's memory included")
    examples = [tune.example for tune in tunes]
    vocabulary = Vocabulary.of(example.text for example in examples)
    tracker = PositionTracker(vocabulary.tokens)
    intervals = [tune.intervals for tune in tunes]
    _measure("encoded", lambda: TextDataset(examples, vocabulary, 32))
    _measure("with positions", lambda: TextDataset(examples, vocabulary, 32, tracker=tracker))
    _measure("divided", lambda: families_by_intervals(intervals, SplitConfig().similarity))
    _measure("suffixes sorted", lambda: SuffixArray.of([tune.symbols for tune in tunes]))


def _measure(name: str, work: Callable[[], object]) -> None:
    """Print the processor time of some work, and the memory it needs beyond the peak so far."""
    before, start = _peak_megabytes(), time.process_time()
    work()
    seconds, more = time.process_time() - start, _peak_megabytes() - before
    print(f"{name} in {seconds:.1f} s, {more:,.0f} MB more")


def _measure_texts(count: int) -> None:
    random = np.random.default_rng(0)
    lengths = np.maximum(LEAST, random.normal(MEAN, DEVIATION, count)).astype(int)
    source = "".join(random.choice(list(ALPHABET), 1_000_000))
    starts = random.integers(0, len(source) - lengths)
    examples = [Example(source[a : a + n]) for a, n in zip(starts, lengths, strict=True)]
    print(f"{count:,} texts of {lengths.sum():,} characters: {_peak_megabytes():,.0f} MB as text")
    start = time.process_time()
    dataset = TextDataset(examples, Vocabulary.of([ALPHABET]), 32)
    print(f"encoded in {time.process_time() - start:.0f} s: {_peak_megabytes():,.0f} MB at most")
    start = time.process_time()
    shuffled = dataset.shuffled(0, 0)
    seconds = time.process_time() - start
    print(f"{len(shuffled):,} batches shuffled in {seconds:.1f} s: {_peak_megabytes():,.0f} MB")
    start = time.process_time()
    for indices in shuffled[:100]:
        dataset.batch(indices)
    print(f"a batch filled in {(time.process_time() - start) * 10:.2f} ms")


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
