"""Measure what the grammar costs for each wish: processor time a character, with it and without.

Texts are drawn side by side as ``abcgen sample`` draws them, by a grammar that begins with no
state. Run from the project's root:

    python -m benchmarks.wishes.cost [CHECKPOINT] [--count 64] [--batch 64]
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING

from abcgen.config import Request, SampleConfig
from abcgen.grammar import Grammar
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.sampling import sample
from abcgen.pipeline.checkpoints import checkpoint_hash, find_checkpoint, step_network
from abcgen.pipeline.delivery import WISHED
from abcgen.pipeline.requests import make_request, rules_of
from benchmarks.machine import processor

if TYPE_CHECKING:
    from abcgen.model.checkpoint import Checkpoint

TABLE = Path(__file__).parent / "cost.md"
REQUESTS = (Request(), make_request(bars=16, parts="AABB", metre="4/4", key="D"), *WISHED)


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path, nargs="?")
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    options = parser.parse_args()
    folder = find_checkpoint(options.checkpoint)
    checkpoint = load_checkpoint(folder)
    config = SampleConfig(batch_size=options.batch, count=options.count)
    microseconds(checkpoint, config, None)  # loads everything
    plain = microseconds(checkpoint, config, None)
    rows = [f"| without the grammar | {plain:.0f} | |"]
    print(rows[0], flush=True)
    for request in REQUESTS:
        cost = microseconds(checkpoint, config, request)
        wishes = request.model_dump(exclude_defaults=True, exclude={"in_range", "end_on_tonic"})
        name = ", ".join(f"{name} {value}" for name, value in wishes.items()) or "no wish"
        rows.append(f"| {name} | {cost:.0f} | {cost / plain - 1:.0%} |")
        print(rows[-1], flush=True)
    TABLE.write_text(
        f"Network {checkpoint_hash(folder)}, {options.count} texts, {options.batch} side by side; "
        f"Python {platform.python_version()}, {processor()}. Processor time.\n\n"
        "| wishes | microseconds a character | more than without |\n|---|---|---|\n"
        + "\n".join(rows)
        + "\n",
        encoding="utf-8",
    )


def microseconds(checkpoint: Checkpoint, config: SampleConfig, request: Request | None) -> float:
    """Return the processor time that a character takes, its grammar built included."""
    network, vocabulary = step_network(checkpoint), checkpoint.vocabulary
    began = time.process_time()
    grammar = None
    if request is not None:
        alphabet = frozenset(vocabulary.characters)
        grammar = Grammar(rules_of(request, alphabet, form_line=checkpoint.network.form))
    texts = ((number, "") for number in range(config.count))
    drawn = sum(s.drawn for s in sample(network, vocabulary, texts, config, 1, constraint=grammar))
    return 1e6 * (time.process_time() - began) / drawn


if __name__ == "__main__":
    main()
