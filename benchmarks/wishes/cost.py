"""Measure what the grammar costs for each wish: processor time in it, beside that of the rest.

Texts are drawn side by side as ``abcgen sample`` draws them, by a grammar that begins with no
state. What it costs depends on how many of its states are new, the more so the fewer texts are
drawn. Run from the project's root:

    python -m benchmarks.wishes.cost [CHECKPOINT] [--count 64] [--batch 64]
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abcgen.config import Request, SampleConfig
from abcgen.grammar import Grammar
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.sampling import sample
from abcgen.pipeline.checkpoints import checkpoint_hash, find_checkpoint, step_network
from abcgen.pipeline.delivery import WISHED
from abcgen.pipeline.requests import make_request, rules_of
from benchmarks.machine import processor

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.model.checkpoint import Checkpoint

TABLE = Path(__file__).parent / "cost.md"
REQUESTS = (Request(), make_request(bars=16, parts="AABB", metre="4/4", key="D"), *WISHED)


class TimedGrammar:
    """A grammar that measures the processor time spent in it."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar, self.start, self.seconds = grammar, grammar.start, 0.0

    def _timed(self, method: Callable[..., Any], *arguments: object) -> Any:
        began = time.process_time()
        result = method(*arguments)
        self.seconds += time.process_time() - began
        return result

    def allowed(self, state_id: int, remaining: int) -> Any:
        """Return the characters that may come next."""
        return self._timed(self._grammar.allowed, state_id, remaining)

    def advance(self, state_id: int, character: str) -> Any:
        """Return the state after a character."""
        return self._timed(self._grammar.advance, state_id, character)

    def max_distance(self, state_id: int) -> Any:
        """Return how many characters may remain before ``allowed`` ignores their number."""
        return self._timed(self._grammar.max_distance, state_id)

    def prune(self) -> Any:
        """Forget all states but the start if there are too many."""
        return self._timed(self._grammar.prune)


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
    rows = []
    for request in REQUESTS:
        inside, outside = seconds(checkpoint, config, request)
        wishes = request.model_dump(exclude_defaults=True, exclude={"in_range", "end_on_tonic"})
        name = ", ".join(f"{name} {value}" for name, value in wishes.items()) or "no wish"
        rows.append(f"| {name} | {outside:.1f} s | {inside:.1f} s | {inside / outside:.0%} |")
        print(rows[-1], flush=True)
    TABLE.write_text(
        f"Network {checkpoint_hash(folder)}, {options.count} texts, {options.batch} side by side; "
        f"Python {platform.python_version()}, {processor()}. Processor time.\n\n"
        "| wishes | network and drawing | grammar | more |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n",
        encoding="utf-8",
    )


def seconds(checkpoint: Checkpoint, config: SampleConfig, request: Request) -> tuple[float, float]:
    """Return the processor time spent in the grammar of a request, and in everything else."""
    network, vocabulary = step_network(checkpoint), checkpoint.vocabulary
    alphabet = frozenset(vocabulary.characters)
    began = time.process_time()
    grammar = TimedGrammar(Grammar(rules_of(request, alphabet, form_line=checkpoint.network.form)))
    grammar.seconds = time.process_time() - began
    texts = ((number, "") for number in range(config.count))
    for _ in sample(network, vocabulary, texts, config, 1, constraint=grammar):
        pass
    return grammar.seconds, time.process_time() - began - grammar.seconds


if __name__ == "__main__":
    main()
