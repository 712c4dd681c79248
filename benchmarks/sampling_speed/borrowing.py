"""What it costs to compare a tune with all those of the collections.

python -m benchmarks.sampling_speed.borrowing
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from abcgen.config import SplitConfig
from abcgen.corpus.collections import COLLECTIONS, collection_files
from abcgen.corpus.families import split_tunes
from abcgen.corpus.records import extract_of
from abcgen.notation.reader import Reading, decode_text, read_block, split_tunebook
from abcgen.pipeline.checkpoints import FACTS, INDEX, read_training_tunes, write_training_tunes


def main() -> None:
    """Build the index, load it, and ask it for every test tune."""
    readings = (
        read_block(block)
        for collection in COLLECTIONS.values()
        for file in collection_files(collection)
        for block in split_tunebook(decode_text(file.read_bytes()))
    )
    tunes = [extract_of(one.tune) for one in readings if isinstance(one, Reading)]
    split = split_tunes(tunes, SplitConfig())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        write_training_tunes(folder, split.training, split.validation)
        built = time.perf_counter()
        known = read_training_tunes(folder)
        loaded = time.perf_counter()
        size = sum((folder / file).stat().st_size for file in (INDEX, FACTS))
    if known is None:
        raise SystemExit("no index")
    taken, bars = [], []
    for tune in split.test:
        start = time.perf_counter()
        bars.append(known.compare(tune.tune()).bars)
        taken.append(1000 * (time.perf_counter() - start))
    print(f"{len(split.training):,} training tunes, {size / 1e6:.1f} MB")
    print(f"built in {built - began:.1f} s, loaded in {1000 * (loaded - built):.0f} ms")
    print(f"{statistics.median(taken):.1f} ms a tune, {statistics.mean(taken):.1f} on average")
    shares = statistics.quantiles(bars, n=20)
    print(f"held-out tunes share {statistics.median(bars):.1f} bars, 95% at most {shares[-1]:.1f}")


if __name__ == "__main__":
    main()
