"""Draws texts and asks three readers about them, a portion at a time and in several processes."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abcgen.config import SampleConfig
from abcgen.grammar import Grammar, Rules
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.sampling import sample
from abcgen.notation.playback import play_order
from abcgen.notation.transpose import arrange_for, instrument_named
from abcgen.notation.walk import sounding_notes
from abcgen.notation.writer import write_abc
from abcgen.pipeline.checkpoints import step_network
from abcgen.pipeline.sampling import validated
from abcgen.score.referee import Referee
from tests.referee import TICKS, played

if TYPE_CHECKING:
    from abcgen.model.checkpoint import Checkpoint
    from abcgen.model.sampling import Sampled
    from abcgen.notation.tune import Tune

BATCH = 64
PORTION = 128


@dataclass
class Outcome:
    """What came of some texts.

    Attributes:
        texts: How many.
        right: How many our checker passes.
        music21: How many of those music21 reads alike.
        abc2midi: How many of those abc2midi plays alike, repeats and all.
        all_three: How many pass all.
        unforced: In how many the grammar replaced nothing.
        drawn: Characters drawn.
        forced: How many of them the grammar replaced.
        removed: Probability that it took, summed over the characters.
        reasons: Why the others fell.
        fallen: Number and ABC of those that our checker passes and another reader does not.
    """

    texts: int = 0
    right: int = 0
    music21: int = 0
    abc2midi: int = 0
    all_three: int = 0
    unforced: int = 0
    drawn: int = 0
    forced: int = 0
    removed: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)
    fallen: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Count another's texts in."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Outcome:
        """Read what ``vars`` gave."""
        return cls(**(data | {"reasons": Counter(data["reasons"])}))


@dataclass(frozen=True)
class Task:
    """What every worker is told.

    Attributes:
        folder: The checkpoint.
        temperature: What logits are divided by.
        seed: Of all texts.
        count: How many texts in all.
    """

    folder: str
    temperature: float
    seed: int
    count: int


class Worker:
    """Draws and judges portions.

    Args:
        task: What to draw.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._checkpoint: Checkpoint = load_checkpoint(Path(task.folder))
        self._network = step_network(self._checkpoint)
        alphabet = frozenset(self._checkpoint.vocabulary.characters)
        self._grammar = Grammar(Rules(alphabet, neat=True))
        self._program = Path(shutil.which("abc2midi") or "abc2midi")
        self._referee = Referee()

    def portion(self, start: int) -> dict[str, Outcome]:
        """The texts from one number on, with the grammar and without."""
        with self._referee:
            return {
                name: self._judged(start, grammar)
                for name, grammar in (("bound", self._grammar), ("free", None))
            }

    def _judged(self, start: int, grammar: Grammar | None) -> Outcome:
        outcome = Outcome()
        numbers = range(start, min(start + PORTION, self._task.count))
        config = SampleConfig(batch_size=BATCH, temperature=self._task.temperature)
        texts = sample(
            self._network,
            self._checkpoint.vocabulary,
            ((number, "") for number in numbers),
            config,
            self._task.seed,
            constraint=grammar,
        )
        with tempfile.TemporaryDirectory() as folder:
            for sampled in texts:
                outcome.add(self._one(sampled, Path(folder)))
        return outcome

    def _one(self, sampled: Sampled, folder: Path) -> Outcome:
        outcome = Outcome(
            texts=1,
            unforced=sampled.forced == 0,
            drawn=sampled.drawn,
            forced=sampled.forced,
            removed=sampled.removed,
        )
        tune = validated(sampled)
        if isinstance(tune, str):
            outcome.reasons[f"checker: {tune}"] += 1
            return outcome
        outcome.right = 1
        tune = arrange_for(tune, instrument_named("fiddle"), 0.0)
        said = self._referee.disagreement(tune, write_abc(tune))
        heard = alike(_ours(tune), _theirs(tune, self._program, folder))
        outcome.music21, outcome.abc2midi = int(not said), int(heard)
        outcome.all_three = int(heard and not said)
        if said:
            outcome.reasons[f"music21: {said}"] += 1
        if not heard:
            outcome.reasons["abc2midi plays other notes"] += 1
        if not outcome.all_three:
            outcome.fallen.append((sampled.number, write_abc(tune)))
        return outcome


def _ours(tune: Tune) -> list[tuple[int, int]]:
    """Key and onset of every note as played, ties joined."""
    notes: list[tuple[int, int]] = []
    for sound in sounding_notes(tune, play_order(tune)):
        notes += [(key, round(sound.onset * 4 * TICKS)) for key in sound.keys]
    return sorted(notes)


def alike(ours: list[tuple[int, int]], theirs: list[tuple[int, int]]) -> bool:
    """The same keys, at times that differ by no more than rounding."""
    return len(ours) == len(theirs) and all(
        one[0] == other[0] and abs(one[1] - other[1]) <= 1
        for one, other in zip(ours, theirs, strict=True)
    )


def _theirs(tune: Tune, program: Path, folder: Path) -> list[tuple[int, int]]:
    return sorted((note.key, note.onset) for note in played(program, write_abc(tune), folder))
