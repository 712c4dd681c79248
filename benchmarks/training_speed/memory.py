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

import numpy as np

from abcgen.corpus.cache import NOTHING_KEPT
from abcgen.corpus.extracts import extract_corpus
from abcgen.corpus.readers import READERS
from abcgen.model.batches import Batches
from abcgen.model.examples import Example
from abcgen.model.vocabulary import Vocabulary

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
    tunes = extract_corpus([path], READERS, NOTHING_KEPT).tunes
    weight = (_megabytes() - before) * 1000 / len(tunes)
    print(f"{len(tunes):,} tunes of {weight:.1f} kB, what reads them included")


def _weigh_texts(count: int) -> None:
    random = np.random.default_rng(0)
    lengths = np.maximum(LEAST, random.normal(MEAN, SPREAD, count)).astype(int)
    source = "".join(random.choice(list(ALPHABET), 1_000_000))
    starts = random.integers(0, len(source) - lengths)
    examples = [Example(source[a : a + n]) for a, n in zip(starts, lengths, strict=True)]
    print(f"{count:,} texts of {lengths.sum():,} characters: {_megabytes():,.0f} MB as text")
    began = time.process_time()
    batches = Batches(examples, Vocabulary.of([ALPHABET]), 32)
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
