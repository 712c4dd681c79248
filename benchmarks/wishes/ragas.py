"""Draw tunes of every raga, and check them without the grammar that kept them.

Every text counts; none is chosen or rejected. The rules are those of ``docs/wishes.md``, the
checker is ``abcgen/wishes/checking.py``. Run from the project's root:

    python -m benchmarks.wishes.ragas [CHECKPOINT] [--count 1000] [--bars 4] [--ragas des,yaman]

Each raga is a line of ``ragas.jsonl`` next to this file as soon as it is done; one that is there is
not drawn again, so that a run can be interrupted.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from abcgen.config import SampleConfig
from abcgen.pipeline.checkpoints import LoadedNetwork, checkpoint_hash, find_checkpoint
from abcgen.pipeline.choosing import Rejection
from abcgen.pipeline.requests import make_request
from abcgen.pipeline.sampling import Composer, validated
from abcgen.wishes.checking import delivered
from abcgen.wishes.ragas import RAGAS

RESULTS = Path(__file__).parent / "ragas.jsonl"
BATCH_SIZE = 64


def main() -> None:
    """Draw, check and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path, nargs="?")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--bars", type=int, default=4)
    parser.add_argument("--ragas", default=",".join(RAGAS))
    options = parser.parse_args()
    folder = find_checkpoint(options.checkpoint)
    network, name = LoadedNetwork(folder), checkpoint_hash(folder)
    known = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    done = {(row["raga"], row["network"]) for row in map(json.loads, known)}
    for raga in options.ragas.split(","):
        if (raga, name) in done:
            continue
        began = time.process_time()
        row = {"raga": raga, "network": name, **checked(network, raga, options)}
        row["seconds"] = round(time.process_time() - began, 1)
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(row)}\n")
        print(row, flush=True)


def checked(network: LoadedNetwork, raga: str, options: argparse.Namespace) -> dict[str, int]:
    """Return how many tunes of a raga were drawn, and how many keep its rules and end on Sa."""
    request = make_request(raga=raga, metre="4/4", bars=options.bars)
    config = SampleConfig(candidates=1, batch_size=BATCH_SIZE)
    composer = Composer(network, config, 1, request)
    within = on_sa = 0
    for sampled in composer.sample(range(options.count)):
        tune = validated(sampled)
        if isinstance(tune, Rejection):
            continue
        kept = delivered(composer.arranged(tune, sampled.number), request)
        within += kept["raga"]
        on_sa += kept["end_on_tonic"]
    return {"tunes": options.count, "within": within, "ends_on_sa": on_sa}


if __name__ == "__main__":
    main()
