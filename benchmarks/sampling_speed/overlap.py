"""Measure what it costs to compare a tune with all training tunes of the collections.

python -m benchmarks.sampling_speed.overlap
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from abcgen.config import SplitConfig
from abcgen.corpus.collections import collection_blocks
from abcgen.corpus.families import split_tunes
from abcgen.corpus.records import extract_of
from abcgen.notation.reader import Reading, read_block
from abcgen.pipeline.checkpoints import FACTS, INDEX, read_training_tunes, write_training_tunes


def main() -> None:
    """Build the index, load it, and look up every test tune."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    readings = (read_block(found.block) for found in collection_blocks())
    tunes = [extract_of(reading.tune) for reading in readings if isinstance(reading, Reading)]
    split = split_tunes(tunes, SplitConfig())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.perf_counter()
        write_training_tunes(folder, split.training, split.validation)
        build_seconds = time.perf_counter() - start
        start = time.perf_counter()
        training_tunes = read_training_tunes(folder)
        load_seconds = time.perf_counter() - start
        size = sum((folder / file).stat().st_size for file in (INDEX, FACTS))
    if training_tunes is None:
        raise SystemExit("no index")
    milliseconds, bars = [], []
    for extract in split.test:
        start = time.perf_counter()
        bars.append(training_tunes.compare(extract.tune()).bars)
        milliseconds.append(1000 * (time.perf_counter() - start))
    print(f"{len(split.training):,} training tunes, {size / 1e6:.1f} MB")
    print(f"built in {build_seconds:.1f} s, loaded in {1000 * load_seconds:.0f} ms")
    print(
        f"{statistics.median(milliseconds):.1f} ms per tune (median), "
        f"{statistics.mean(milliseconds):.1f} on average"
    )
    percentiles = statistics.quantiles(bars, n=20)
    print(f"test tunes share {statistics.median(bars):.1f} bars, 95% at most {percentiles[-1]:.1f}")


if __name__ == "__main__":
    main()
