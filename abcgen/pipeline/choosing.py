"""Draw texts from a checkpoint, reject those that are broken, and let the critic choose.

``Chooser.compose`` is the loop that new tunes (``sampling``) and rewritten ones (``rewriting``)
share: several texts are drawn for each tune wanted, and the best that nothing is wrong with is
finished. Its subclasses say how a text is drawn, judged and finished.
"""

from __future__ import annotations

import hashlib
import math
import random
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Self, TypeAlias

from abcgen import __version__
from abcgen.corpus.bounds import Fault
from abcgen.critic.config import CANDIDATES
from abcgen.errors import InputError
from abcgen.grammar.parallels import WithoutParallels
from abcgen.model.sampling import LEAST_TEMPERATURE, check_seed, sample
from abcgen.notation.titles import new_title
from abcgen.notation.writer import write_abc
from abcgen.pipeline.checkpoints import CRITIC, LoadedNetwork
from abcgen.pipeline.recipes import Recipe
from abcgen.pipeline.voices import refuse_voices
from abcgen.score.referee import Referee

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from abcgen.config import Request, SampleConfig
    from abcgen.corpus.overlap import Overlap
    from abcgen.grammar import Grammar, PrefixConstraint
    from abcgen.model.sampling import Constraint, LanguageModel, Sampled, Watcher
    from abcgen.notation.tune import Tune
    from abcgen.pipeline.revision import Harmony, Revision

# Attempts for each candidate wanted, if that is more than ``SampleConfig.max_attempts``.
CANDIDATE_ATTEMPTS = 5
SIDE_BY_SIDE = 48  # candidates of all tunes together
MIN_CHANCE = 1e-12  # has a logarithm


class Rejection(StrEnum):
    """The reasons why a sampled text is rejected, besides the faults of tunes."""

    UNENDED = "did not end by itself"
    UNREADABLE = "is no readable ABC"
    FREE_METRE = "has no metre to add up to"
    BARS = "has bars that do not add up"
    REPEATS = "has repeats that do not pair"
    DISAGREEMENT = "is read otherwise by music21"
    DUPLICATE = "was drawn before"
    COPY = "borrows more than it may"
    UNCHANGED = "is too much like what was there"
    NOT_ON_TONIC = "does not end on the tonic"


Reason: TypeAlias = Rejection | Fault


@dataclass(frozen=True, slots=True)
class SampledTune:
    """A valid tune.

    Attributes:
        tune: The tune.
        abc: Its canonical ABC, with remarks and its recipe in comments.
        sampled: The text that it was decoded from.
        overlap: The longest passage shared with a training tune; None if the checkpoint does not
            record its training tunes.
    """

    tune: Tune
    abc: str
    sampled: Sampled
    overlap: Overlap | None


@dataclass(slots=True)
class Tally:
    """Counts of sampled texts.

    Attributes:
        sampled: Texts sampled.
        valid: Those that became valid tunes, and were chosen.
        passed_over: Candidates that nothing is wrong with, but the critic preferred another.
        rejected: Those that did not become valid tunes, by reason.
        unforced: Those in which the grammar replaced no character.
        characters: Characters sampled.
        forced: Those of them that the grammar replaced.
    """

    sampled: int = 0
    valid: int = 0
    passed_over: int = 0
    rejected: Counter[Reason] = field(default_factory=Counter)
    unforced: int = 0
    characters: int = 0
    forced: int = 0


class Chooser(ABC):
    """Draws tunes with one checkpoint, several for each wanted; a context manager.

    Entering it starts music21 in another process, unless a referee is given.

    Args:
        network: The network, or its checkpoint.
        config: The settings of sampling.
        seed: Determines the tunes, together with the checkpoint and ``config``.
        name: The name of the checkpoint in the tunes; by default that of its folder.
        referee: A second reader that was started before, and is not stopped.

    Attributes:
        candidates: How many texts are drawn for each tune wanted.
        warnings: Warnings about wishes that no training tune had, or that cannot be met.
        tally: Counts of the texts drawn so far.
        judge: Who chooses among candidates, in a word.
        counts_forced: Whether a character that was replaced is always the grammar's correction.

    Raises:
        CheckpointError: if the checkpoint cannot be read.
        InputError: if the seed is negative.
    """

    counts_forced = True
    judge = "critic"

    # Whether it draws tunes in several voices too.
    several_voices = False

    def __init__(
        self,
        network: Path | LoadedNetwork,
        config: SampleConfig,
        seed: int,
        name: str = "",
        referee: Referee | None = None,
    ) -> None:
        check_seed(seed)
        self._seed, self._config = seed, config
        self._referee, self._owns_referee = referee or Referee(), referee is None
        self.tally = Tally()
        self._chosen_texts: set[bytes] = set()  # hashes
        self.warnings: list[str] = []

        # The network, and the tunes it was trained on.
        loaded = network if isinstance(network, LoadedNetwork) else LoadedNetwork(network, name)
        self._name, self._hash = loaded.name, loaded.hash
        self._network, self._vocabulary = loaded.steps, loaded.vocabulary
        self._has_form_line = loaded.config.form
        self._training_tunes = loaded.training_tunes
        if loaded.config.voices == 1:
            # One voice has no parallels: its recipe says nothing of them.
            self._config = config.replace(parallels=True)
        if not self.several_voices:
            refuse_voices(loaded.config, "used for this")

        # The critic that chooses among candidates. If nothing is left to chance, all are the same.
        self._is_deterministic = config.temperature < LEAST_TEMPERATURE or config.top_k == 1
        has_choice = config.candidates != 1 and not self._is_deterministic
        self._critic = loaded.critic if has_choice else None
        self.candidates = (config.candidates or CANDIDATES) if self._critic else 1
        if has_choice and self._critic is None and (loaded.folder / CRITIC).is_file():
            self.warnings.append(
                "the network's critic is of another version: learn it with abcgen critic"
            )
        elif has_choice and self._critic is None and config.candidates:
            self.warnings.append(
                "the network has no critic to choose: learn one with abcgen critic"
            )

    def __enter__(self) -> Self:
        if self._owns_referee:
            self._referee.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._owns_referee:
            self._referee.__exit__(None, None, None)

    @property
    def seed(self) -> int:
        """The random seed."""
        return self._seed

    @abstractmethod
    def sample(
        self, numbers: Iterable[int], batch_size: int | None = None, watch: Watcher | None = None
    ) -> Iterator[Sampled]:
        """Yield the texts with these numbers, in order, whether valid or not."""

    @abstractmethod
    def candidate(self, sampled: Sampled) -> Tune | Reason:
        """Return the tune of a text, or what is wrong with it."""

    @abstractmethod
    def finish(self, sampled: Sampled, reference: int, title: str) -> SampledTune | Rejection:
        """Return the finished tune of a text, or the reason why it is rejected.

        Args:
            sampled: The text.
            reference: Reference number of the tune (``X:``).
            title: Title of the tune.
        """

    @abstractmethod
    def log_probability(self, sampled: Sampled) -> float:
        """Return the natural logarithm of the probability of what was drawn, by the network alone.

        It is at temperature 1, without the grammar.
        """

    def _drawn(
        self,
        beginnings: Iterable[tuple[int, str]],
        constraint: Constraint | None,
        batch_size: int | None,
        watch: Watcher | None,
        network: LanguageModel | None = None,
    ) -> Iterator[Sampled]:
        """Yield texts with these numbers and beginnings, drawn by the network or another."""
        yield from sample(
            network or self._network,
            self._vocabulary,
            beginnings,
            self._config.replace(batch_size=batch_size or self._config.batch_size),
            self._seed,
            constraint=constraint,
            watch=watch,
        )

    def _with_part_writing(
        self, constraint: Grammar | PrefixConstraint | None, voices: int
    ) -> Constraint | None:
        """Return a constraint that also avoids parallels between voices, unless they may be."""
        if constraint is None or self._config.parallels or voices == 1:
            return constraint
        return WithoutParallels(constraint, voices, form_line=self._has_form_line)

    def _is_misread(self, tune: Tune, original: Tune) -> bool:
        """Return whether the second reader reads a tune otherwise, but not what it was made from.

        What it does not understand in that is no fault of what was drawn.
        """
        return bool(
            self._referee.disagreement(tune, write_abc(tune))
            and not self._referee.disagreement(original, write_abc(original))
        )

    def score(self, sampled: Sampled, tune: Tune) -> float:
        """Return the log odds that a tune is real, less the probability that the grammar removed.

        So a text that the grammar led where the network would not have gone is chosen last: the
        sum approximates the log of its importance weight.
        """
        real = self._critic.score(tune) if self._critic else 0.0
        return real - sampled.removed

    def title(self, sampled: Sampled, used: set[str]) -> str:
        """Return a title that is not among those used, which are casefolded."""
        # Not by the seed alone: other settings make other tunes.
        return new_title(self._random(f"{sampled.number} {sampled.text}"), used)

    def is_repeated(self, result: SampledTune) -> bool:
        """Return whether a tune was chosen before; else remember it."""
        text = hashlib.sha256(result.sampled.text.encode()).digest()
        if text in self._chosen_texts:
            return True
        self._chosen_texts.add(text)
        return False

    def compose(
        self, *, max_copy: float | None = None, watch: Watcher | None = None
    ) -> Iterator[SampledTune]:
        """Yield distinct valid tunes until there are ``config.count``, or attempts run out.

        Args:
            max_copy: Most bars that a tune may share with a training tune.
            watch: Called with a text's number and its next character; tunes are then composed one
                after another, each from its candidates side by side.

        Raises:
            InputError: if ``max_copy`` is given but the checkpoint does not record its training
                tunes.
        """
        if max_copy is not None and self._training_tunes is None:
            raise InputError(
                "this checkpoint does not record which tunes it was trained on",
                hint="leave out --max-copy, or train it again",
            )
        config, candidates = self._config, self.candidates
        attempts = config.count * max(config.max_attempts, CANDIDATE_ATTEMPTS * candidates)
        batch_size = min(config.batch_size, config.count)
        if candidates > 1:
            batch_size = min(max(config.batch_size, SIDE_BY_SIDE), config.count * candidates)
        if self._is_deterministic:
            attempts = 1

        # Titles used, and those of real tunes.
        names = self._training_tunes.facts.names if self._training_tunes else ()
        titles = {name.casefold() for name in names}
        # 1) Sample texts.
        drawn = self.sample(range(attempts), candidates if watch else batch_size, watch)
        while self.tally.valid < config.count and (group := list(islice(drawn, candidates))):
            # 2) Those that nothing is wrong with, the best first.
            ranked = self.ranked(group)
            for rank, sampled in enumerate(ranked, start=1):
                title = self.title(sampled, titles)
                result = self.finish(sampled, self.tally.valid + 1, title)
                if isinstance(result, SampledTune):
                    if max_copy is not None and result.overlap and result.overlap.bars > max_copy:
                        result = Rejection.COPY
                    elif self.is_repeated(result):
                        result = Rejection.DUPLICATE
                if isinstance(result, Rejection):
                    self.tally.rejected[result] += 1
                    continue
                titles.add(title.casefold())
                self.tally.valid += 1
                self.tally.passed_over += len(ranked) - rank
                yield result
                break

    def ranked(self, group: Sequence[Sampled]) -> list[Sampled]:
        """Count texts, and return those that make a valid tune, the first choice first.

        A critic's log odds that a tune is real are those of the density of real tunes to that of
        what the network draws. To choose in proportion to that ratio is importance resampling
        (Rubin, 1987): the tunes kept are spread like real ones. The best of several are all of a
        kind, and more typical than real ones.
        """
        scores: dict[int, float] = {}
        for sampled in group:
            self.tally.sampled += 1
            self.tally.unforced += sampled.forced == 0
            self.tally.characters += sampled.drawn
            self.tally.forced += sampled.forced
            tune = self.candidate(sampled)
            if isinstance(tune, Rejection | Fault):
                self.tally.rejected[tune] += 1
            else:
                scores[sampled.number] = self.score(sampled, tune)
        valid = [sampled for sampled in group if sampled.number in scores]
        if self._config.choose == "varied":
            # Sorted with Gumbel noise they are as if drawn in proportion to exp(score), one after
            # the other (Kool et al., "Stochastic beams and where to find them", ICML 2019).
            for number in scores:
                chance = self._random(f"choice of {number}").random()
                scores[number] -= math.log(-math.log(max(chance, MIN_CHANCE)))
        return sorted(valid, key=lambda sampled: -scores[sampled.number])

    def _recipe(
        self,
        sampled: Sampled,
        reference: int,
        title: str,
        request: Request,
        revision: Revision | None = None,
        harmony: Harmony | None = None,
    ) -> Recipe:
        """Return the recipe from which a tune can be made again."""
        return Recipe(
            version=__version__,
            checkpoint=self._hash,
            name=self._name,
            seed=self._seed,
            number=sampled.number,
            settings=self._config,
            request=request,
            reference=reference,
            title=title,
            revision=revision,
            harmony=harmony,
        )

    def _remarks(
        self, sampled: Sampled, overlap: Overlap | None, *, with_grammar: bool = True
    ) -> list[str]:
        """Return what people are told under a tune: how it was drawn, and what it shares."""
        removed = sampled.removed / max(1, sampled.drawn)
        how = (
            f"the grammar stepped in at {sampled.forced} of {sampled.drawn} characters, "
            f"and ruled out {removed:.2%} of probability"
            if with_grammar
            else "drawn without the grammar"
        )
        remarks = [f"{__version__}, checkpoint {self._name}: {how}"]
        if overlap:
            remarks.append(f"longest passage shared with a training tune: {overlap}")
        return remarks

    def _random(self, text: int | str) -> random.Random:
        """Return the random generator for the title or key of a text, or that with a number."""
        return random.Random(f"{self._seed} {text}")  # noqa: S311 - no secret
