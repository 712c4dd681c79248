"""Sample texts and check them with three readers, in chunks."""

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
CHUNK = 128


@dataclass
class Counts:
    """Results of some texts."""

    texts: int = 0
    # Texts that pass abcgen's own checks
    valid: int = 0
    # Of the valid ones, those that music21 reads alike
    music21: int = 0
    # Of the valid ones, those that abc2midi plays alike, with repeats
    abc2midi: int = 0
    all_three: int = 0
    # Texts in which the grammar replaced no character
    untouched: int = 0
    characters: int = 0
    # Characters that the grammar replaced
    forced: int = 0
    # Probability that it removed, summed over the characters
    removed: float = 0.0
    # Why texts failed
    reasons: Counter[str] = field(default_factory=Counter)
    # Number and ABC of valid texts that another reader reads differently
    differing: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Counts) -> None:
        """Add the counts of other texts."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Counts:
        """Return counts from their ``vars``."""
        return cls(**(data | {"reasons": Counter(data["reasons"])}))


@dataclass(frozen=True)
class CheckSettings:
    """The texts to sample."""

    # The checkpoint
    folder: str
    temperature: float
    seed: int
    # Number of texts in all
    count: int


class SampleChecker:
    """Samples and checks chunks of texts."""

    def __init__(self, settings: CheckSettings) -> None:
        self._settings = settings
        self._checkpoint: Checkpoint = load_checkpoint(Path(settings.folder))
        self._network = step_network(self._checkpoint)
        alphabet = frozenset(self._checkpoint.vocabulary.characters)
        self._grammar = Grammar(Rules(alphabet, neat=True))
        self._program = Path(shutil.which("abc2midi") or "abc2midi")
        self._referee = Referee()

    def check_chunk(self, start: int) -> dict[str, Counts]:
        """Check the texts from a number on, with the grammar and without."""
        with self._referee:
            return {
                name: self._sample_and_check(start, grammar)
                for name, grammar in (("with_grammar", self._grammar), ("without", None))
            }

    def _sample_and_check(self, start: int, grammar: Grammar | None) -> Counts:
        counts = Counts()
        numbers = range(start, min(start + CHUNK, self._settings.count))
        config = SampleConfig(batch_size=BATCH, temperature=self._settings.temperature)
        texts = sample(
            self._network,
            self._checkpoint.vocabulary,
            ((number, "") for number in numbers),
            config,
            self._settings.seed,
            constraint=grammar,
        )
        with tempfile.TemporaryDirectory() as folder:
            for sampled in texts:
                counts.add(self._check(sampled, Path(folder)))
        return counts

    def _check(self, sampled: Sampled, folder: Path) -> Counts:
        counts = Counts(
            texts=1,
            untouched=sampled.forced == 0,
            characters=sampled.drawn,
            forced=sampled.forced,
            removed=sampled.removed,
        )
        tune = validated(sampled)
        if isinstance(tune, str):
            counts.reasons[f"checker: {tune}"] += 1
            return counts
        counts.valid = 1
        tune = arrange_for(tune, instrument_named("fiddle"), 0.0)
        abc = write_abc(tune)
        disagreement = self._referee.disagreement(tune, abc)
        abc2midi_notes = sorted(
            (note.key, note.onset) for note in played(self._program, abc, folder)
        )
        same = same_notes(_played_notes(tune), abc2midi_notes)
        counts.music21, counts.abc2midi = int(not disagreement), int(same)
        counts.all_three = int(same and not disagreement)
        if disagreement:
            counts.reasons[f"music21: {disagreement}"] += 1
        if not same:
            counts.reasons["abc2midi plays other notes"] += 1
        if not counts.all_three:
            counts.differing.append((sampled.number, abc))
        return counts


def _played_notes(tune: Tune) -> list[tuple[int, int]]:
    """Return MIDI number and onset in ticks of every note as played, ties joined."""
    notes: list[tuple[int, int]] = []
    for sound in sounding_notes(tune, play_order(tune)):
        notes += [(key, round(sound.onset * 4 * TICKS)) for key in sound.keys]
    return sorted(notes)


def same_notes(ours: list[tuple[int, int]], theirs: list[tuple[int, int]]) -> bool:
    """Return whether two sorted lists have the same notes; onsets may differ by a tick."""
    return len(ours) == len(theirs) and all(
        key == other_key and abs(onset - other_onset) <= 1
        for (key, onset), (other_key, other_onset) in zip(ours, theirs, strict=True)
    )
