"""Refine a network: it learns from what its critic prefers (``refine``).

A network's errors add up as it goes on; a critic that chooses among eight tunes only hides that.
Here the network itself learns to make what the critic would choose. In every round

1. the network draws several tunes for each of some headers of training tunes;
2. an outside judge, which shares nothing with the critic, tells them from held-out tunes;
3. the critic is learnt anew, from training tunes and these: an old one would soon be outwitted;
4. of tunes with the same header the better are preferred to the worse (``preference_pairs``);
5. the network learns from these pairs (``abcgen.model.preferences``), and what it draws is judged
   again.

If its tunes are told from held-out ones more easily than before, by more than the judge may err, or
held-out ones surprise it more than is allowed, half of what it learnt is tried, then a quarter. If
that does not help either, the round is undone and was the last one. The new checkpoint is complete
after every round::

    refinement.json   the settings, and a report of every round
    candidate/        the network that is being judged

A run that was killed continues with the round that it was in. Unless time ended a stage, it arrives
at the weights that it would have had.
"""

from __future__ import annotations

import hashlib
import math
import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from abcgen.config import (
    MAX_SEED,
    Amount,
    Count,
    RefineConfig,
    SampleConfig,
    Schema,
    Share,
    SplitConfig,
)
from abcgen.corpus.families import split_tunes
from abcgen.errors import CheckpointError, InputError, OutputError, reason_of
from abcgen.files import damaged, read_bounded, remove_drafts
from abcgen.model.checkpoint import (
    MAX_JSON_BYTES,
    WEIGHTS,
    dump,
    load_checkpoint,
    write_description,
    write_json,
    write_weights,
)
from abcgen.model.dataset import Gaps
from abcgen.model.metrics import Measurement, write_metrics
from abcgen.model.scoring import measure
from abcgen.notation.model_text import decode_tune
from abcgen.pipeline.checkpoints import (
    BOUNDS,
    CRITIC,
    FACTS,
    INDEX,
    checkpoint_hash,
    examples_for,
    read_bounds,
    step_network,
    tracker_of,
    write_critic,
)
from abcgen.pipeline.critics import LEAST_TRAINING_TUNES, has_enough, right_tunes
from abcgen.pipeline.held_out import HELD_OUT, read_held_out, tunes_held_out
from abcgen.pipeline.preference_pairs import (
    choose_groups,
    draw_groups,
    example_of,
    judged,
    preference_pairs,
)
from abcgen.pipeline.training import ORIGIN
from abcgen.pipeline.voices import refuse_voices
from abcgen.presets import FINE_TUNING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import Any

    from abcgen.corpus.records import Extract, Extracts
    from abcgen.critic.critic import Critic
    from abcgen.model.checkpoint import Checkpoint, Weights
    from abcgen.model.dataset import Bits
    from abcgen.model.preferences import PreferenceResult
    from abcgen.notation.tune import Tune
    from abcgen.pipeline.preference_pairs import DrawnText, Pair

    Stage = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]

REPORT, CANDIDATE = "refinement.json", "candidate"
TRAINING = "training"
# Of a checkpoint, beside the network.
KEPT = (HELD_OUT, BOUNDS, INDEX, FACTS, CRITIC)
# Of a round's time, drawing and learning may each take this share; judging and the critic the rest.
DRAWING, LEARNING = 0.3, 0.4
# How much of what was learnt is tried to be kept.
MOVED = (1.0, 0.5, 0.25)
LEARNING_CONFIG = FINE_TUNING.replace(final_rate=0.1)
NO_PROGRESS = "the judge found no progress"
TOO_SURPRISING = "held-out tunes became too surprising"
TOO_ALIKE = "what it draws differs too little to prefer any"


class RoundReport(Schema):
    """What a round learnt, and how good the network was after it; the first tells of the start.

    Attributes:
        auc: How easily the judge tells what the network draws from held-out tunes: .5 not at all.
        valid: The share of what it draws that nothing is wrong with.
        bits_per_note: Of the validation tunes.
        bits_per_character: The same by character.
        drawn: Number of texts that were drawn to judge it.
        critic_auc: How easily the critic told what was drawn before the round from real tunes.
        pairs: Number of pairs learnt.
        agreed: The share of the pairs whose better text it preferred already when it came to them.
        moved: The share of what it learnt that was kept.
        weights: The hash of the weights.
        seconds: Of the whole run, up to the end of the round.
    """

    auc: Share
    valid: Share
    bits_per_note: Amount
    bits_per_character: Amount
    drawn: Count
    critic_auc: Share | None = None
    pairs: Count = 0
    agreed: Share = 0.0
    moved: Share = 0.0
    weights: str
    seconds: Amount


class Refinement(Schema):
    """The settings of a run, and a report of every round that was kept."""

    format_version: Literal[1] = 1
    # The hash of the network at the start.
    base: str
    config: RefineConfig
    rounds: Annotated[tuple[RoundReport, ...], Field(strict=False, max_length=1000)] = ()
    # The last that was tried of the last round, if it made no progress.
    undone: RoundReport | None = None
    # Why there were no more rounds; empty if it is not finished.
    end: str = ""


class Refiner:
    """Refines a network in rounds.

    Args:
        base: The checkpoint to refine, which is only read.
        folder: The new checkpoint.
        corpus: Real tunes, of which versions of held-out ones are not used.
        config: The settings.
        stage: Called with the name of each stage of the work; returns a context manager whose value
            is called with what is done so far and in all.
        resume: Continue the run in ``folder``.

    Raises:
        CheckpointError: if a checkpoint cannot be read, or there is no run to resume.
        InputError: if the network cannot be refined, or the settings differ from those of the run.
        OutputError: if the folder cannot be written to.
    """

    def __init__(
        self,
        base: Path,
        folder: Path,
        corpus: Extracts,
        config: RefineConfig,
        stage: Stage,
        *,
        resume: bool = False,
    ) -> None:
        self._folder, self._config, self._stage = folder, config, stage
        self._round_seconds = 0.0  # of the last round
        self._began = time.monotonic()
        # 1) The network.
        self._network = load_checkpoint(base)
        refuse_voices(self._network.network, "refined")
        if self._network.network.kind != "stream" or self._network.network.bidirectional:
            raise InputError(
                f"{base} reads windows or blocks: only networks that read one character after the "
                "other can be refined"
            )
        self._bounds = read_bounds(base)
        # 2) Held-out tunes to judge by, and real tunes to learn from.
        self._validation = read_held_out(base).validation
        self._real, self._families = self._real_tunes(base, corpus)
        self._texts = examples_for(self._network.network, [one.example for one, _ in self._real])
        # 3) The run.
        run = Refinement(base=checkpoint_hash(base), config=config)
        if resume:
            self.run = self._restored(run)
        else:
            self.run = run
            self._begin(base)

    def _real_tunes(
        self, base: Path, corpus: Extracts
    ) -> tuple[list[tuple[Extract, Tune]], list[int]]:
        """Return real tunes that are no versions of held-out ones, and the family of each."""
        with self._stage("dividing tunes by family"):
            settings = SplitConfig(validation=0.0, test=0.0, held_out_of=base.resolve().name[:200])
            training = split_tunes(corpus.tunes, settings, tunes_held_out(base)).training
            known = frozenset(self._network.vocabulary.characters)
            readable = [tune for tune in training if known.issuperset(tune.example.text)]
            if not has_enough(readable):
                raise InputError(
                    f"{len(readable):,} tunes are too few to refine a network",
                    hint=f"give {LEAST_TRAINING_TUNES} or more, such as those it was trained on",
                )
            return right_tunes(readable, self._bounds)

    def _begin(self, base: Path) -> None:
        """Write a copy of the network to begin with."""
        origin = {"checkpoint": base.resolve().name, "hash": self.run.base}
        self._network = replace(self._network, about={**self._network.about, ORIGIN: origin})
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # What an earlier run left; its state of training would be resumed.
            (self._folder / REPORT).unlink(missing_ok=True)
            shutil.rmtree(self._folder / TRAINING, ignore_errors=True)
            for name in KEPT:
                (self._folder / name).unlink(missing_ok=True)
                if (base / name).is_file():
                    shutil.copyfile(base / name, self._folder / name)
        except OSError as error:
            raise OutputError(f"cannot write {self._folder}: {reason_of(error)}") from error
        write_description(self._network, self._folder)
        write_weights(self._network.weights, self._folder)
        self._write_report()

    def _restored(self, wanted: Refinement) -> Refinement:
        """Return the run in the folder, to be continued as it is wanted."""
        path = self._folder / REPORT
        if not path.is_file():
            raise CheckpointError(
                f"{self._folder} has no run to resume", hint="leave out --resume to begin one"
            )
        try:
            run = Refinement.from_json(read_bounded(path, MAX_JSON_BYTES))
        except InputError as error:
            raise damaged(path, error.message) from error
        length = {"rounds": self._config.rounds, "minutes": self._config.minutes}
        if run.base != wanted.base or run.config.replace(**length) != self._config:
            raise InputError(
                f"{self._folder} was begun with another network or other settings",
                hint="resume with the same; only --rounds and --minutes may differ",
            )
        remove_drafts(self._folder)
        self._network = load_checkpoint(self._folder)
        # The report is written before the weights, which a kill may have left as they were.
        current = hash_of(self._network.weights)
        known = [number for number, one in enumerate(run.rounds) if one.weights == current]
        if run.rounds and not known:
            raise damaged(path, f"it does not belong to {WEIGHTS}")
        rounds = run.rounds[: known[-1] + 1] if known else ()
        self._began -= rounds[-1].seconds if rounds else 0.0
        return run.replace(config=self._config, rounds=rounds, undone=None, end="")

    def refine(self, on_round: Callable[[int, RoundReport], None]) -> Refinement:
        """Refine until the judge finds no progress, or until rounds or time are over.

        Args:
            on_round: Called with number and report of every round; number 0 tells of the start.

        Raises:
            InputError: if there are too few tunes to judge by or to learn a critic from.
            OutputError: if the folder cannot be written to.
        """
        # 1) What the network draws at first, or after the last round.
        drawn = self._draw(self._folder, len(self.run.rounds[1:]))
        if not self.run.rounds:
            self._keep(self._report(drawn, self._network))
            on_round(0, self.run.rounds[0])
        while not self.run.end:
            number, began = len(self.run.rounds), time.monotonic()
            # 2) The critic of this network. The last network gets one too.
            critic = self._learn_critic(drawn)
            if end := self._reason_to_end(number):
                self.run = self.run.replace(end=end)
                break
            # 3) Learn.
            pairs = list(preference_pairs(drawn, critic))
            if not pairs:
                self.run = self.run.replace(end=TOO_ALIKE)
                break
            after, result = self._learn(pairs, number)
            facts = {"critic_auc": critic.auc, "pairs": result.pairs, "agreed": result.agreed}
            # 4) Keep as much of it as makes progress.
            drawn = self._progress(after, number, facts, on_round) or drawn
            self._round_seconds = time.monotonic() - began
        self._write_report()
        shutil.rmtree(self._folder / CANDIDATE, ignore_errors=True)
        return self.run

    def _progress(
        self,
        after: Weights,
        number: int,
        facts: Mapping[str, Any],
        on_round: Callable[[int, RoundReport], None],
    ) -> list[DrawnText]:
        """Keep the first network on the way to what was learnt that makes progress.

        Returns:
            What it draws. Nothing if there is no progress, which ends the run.
        """
        candidate, end = self._folder / CANDIDATE, ""
        for moved in MOVED:
            weights = between(self._network.weights, after, moved)
            network = replace(self._network, weights=weights)
            if self._measure(network).per_note > self._most_bits:
                end = TOO_SURPRISING
                continue
            write_description(network, candidate)
            write_weights(weights, candidate)
            drawn = self._draw(candidate, number)
            report = self._report(drawn, network).replace(moved=moved, **facts)
            on_round(number, report)
            if report.auc < min(each.auc for each in self.run.rounds) + self._config.tolerance:
                self._network = network
                self._keep(report)
                return drawn
            end, self.run = NO_PROGRESS, self.run.replace(undone=report)
        self.run = self.run.replace(end=end)
        return []

    def _keep(self, report: RoundReport) -> None:
        """Save the network of a round. If this is killed half-way, the round is undone."""
        self.run = self.run.replace(rounds=(*self.run.rounds, report))
        self._write_report()
        write_weights(self._network.weights, self._folder)

    def _write_report(self) -> None:
        write_json(self._folder / REPORT, self.run.model_dump(mode="json"))
        if not self.run.rounds:
            return
        report = self.run.rounds[-1]
        measured = Measurement(
            epochs=float(len(self.run.rounds) - 1),
            steps=0,
            seconds=report.seconds,
            training_bits=None,
            bits_per_character=report.bits_per_character,
            bits_per_note=report.bits_per_note,
            characters_per_second=0.0,
            learning_rate=self._config.learning_rate,
        )
        write_metrics([measured], self._folder)

    @property
    def _most_bits(self) -> float:
        """Most bits a note that held-out tunes may take."""
        return self.run.rounds[0].bits_per_note + self._config.worse

    def _reason_to_end(self, number: int) -> str:
        """Return why no further round may begin; empty if one may."""
        if number > self._config.rounds:
            return "all rounds are done"
        budget = self._config.minutes
        used = time.monotonic() - self._began
        if budget is not None and used + self._round_seconds > 60 * budget:
            return "there is no time for another round"
        return ""

    def _seconds(self, share: float) -> float | None:
        """Return the time that a stage may take which has a share of its round."""
        minutes = self._config.minutes
        return None if minutes is None else share * 60 * minutes / self._config.rounds

    def _draw(self, folder: Path, number: int) -> list[DrawnText]:
        """Draw texts with a network: the start's, or that of a round by its number."""
        config = self._config
        with self._stage("drawing tunes") as on_progress:
            longest = max(len(text.text) for text in self._texts)
            usual = SampleConfig(temperature=config.temperature)
            return draw_groups(
                folder,
                [example.text for example in self._texts],
                choose_groups(config.beginnings, len(self._texts), f"{config.seed} {number}"),
                config.candidates,
                self._bounds,
                usual.replace(max_characters=min(longest, usual.max_characters), batch_size=64),
                1000 * config.seed + number,
                on_progress=on_progress,
                seconds=self._seconds(DRAWING),
            )

    def _report(self, drawn: list[DrawnText], network: Checkpoint) -> RoundReport:
        """Judge a network by what it drew, and measure the bits of the validation tunes."""
        with self._stage("judging what it draws"):
            texts = [example.text for example in self._validation]
            auc = judged(drawn, [decode_tune(text) for text in texts], texts)
            if auc is None:
                raise InputError(
                    f"{len(texts)} validation tunes are too few to judge by",
                    hint="refine a network that was trained on more tunes",
                )
        bits = self._measure(network)
        return RoundReport(
            auc=auc.value,
            valid=sum(text.tune is not None for text in drawn) / len(drawn),
            bits_per_note=bits.per_note,
            bits_per_character=bits.per_character,
            drawn=len(drawn),
            weights=hash_of(network.weights),
            seconds=time.monotonic() - self._began,
        )

    def _measure(self, network: Checkpoint) -> Bits:
        """Return the bits of the validation tunes."""
        examples = examples_for(network.network, self._validation)
        return measure(step_network(network), network.vocabulary, examples)

    def _learn_critic(self, drawn: list[DrawnText]) -> Critic:
        """Learn the critic of the network that drew these texts, and save it."""
        from abcgen.critic.learning import learn_critic  # noqa: PLC0415 - only learning needs NumPy

        real = [tune for _, tune in self._real]
        sampled = [text.tune for text in drawn if text.tune]
        with self._stage("learning the critic") as on_progress:
            critic = learn_critic(real, self._families, sampled, on_progress).critic
        write_critic(self._folder, critic)
        return critic

    def _learn(self, pairs: list[Pair], number: int) -> tuple[Weights, PreferenceResult]:
        """Return the network's weights after learning, and how that went."""
        from abcgen.model.compiled import CompiledNetwork  # noqa: PLC0415 - loads Keras
        from abcgen.model.preferences import (  # noqa: PLC0415 - the same
            PreferenceDataset,
            PreferencePair,
            learn_preferences,
        )
        from abcgen.model.resume import set_weights  # noqa: PLC0415 - the same

        config, before = self._config, self._network
        training = LEARNING_CONFIG.replace(
            learning_rate=config.learning_rate,
            batch_size=3 * config.batch_size,
            gaps=before.training.gaps,
            seed=(config.seed + number) % MAX_SEED,
        )
        tracker = tracker_of(before.network, before.vocabulary)
        texts = [
            PreferencePair(
                example_of(one.preferred),
                example_of(one.other),
                self._texts[one.real],
                1 / (1 + math.exp(-one.difference)),
            )
            for one in pairs
        ]
        with self._stage("learning from preferences") as on_progress:
            gaps = Gaps.of(training, before.vocabulary, tracker) if training.gaps else None
            data = PreferenceDataset(texts, before.vocabulary, config.batch_size, tracker, gaps)
            compiled = CompiledNetwork(
                before.network, before.vocabulary.size, training, tracker.token_heights
            )
            set_weights(compiled.model, before.weights)
            result = learn_preferences(
                compiled,
                data,
                config,
                training,
                on_progress=lambda share: on_progress(round(1000 * share), 1000),
                seconds=self._seconds(LEARNING),
            )
        return compiled.weights, result


def between(before: Weights, after: Weights, share: float) -> Weights:
    """Return weights on the way from some to others; ``share`` is 1 at the end of it."""
    return {name: before[name] + share * (after[name] - before[name]) for name in before}


def hash_of(weights: Weights) -> str:
    """Return a hash of weights."""
    return hashlib.sha256(dump(weights)).hexdigest()[:16]
