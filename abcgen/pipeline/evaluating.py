"""Evaluate a checkpoint on tunes that it was not trained on (``evaluate``).

Every sampled text counts: texts that are invalid or cut off are not filtered out.
"""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import chain, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from abcgen.config import Request, SplitConfig
from abcgen.corpus.families import families_of
from abcgen.errors import InputError
from abcgen.evaluation.baselines import ScoredText
from abcgen.evaluation.discriminator import has_library
from abcgen.evaluation.measures import Delivery, Sample, measure_sample, unfinished
from abcgen.evaluation.report import (
    CHOSEN,
    CONSTRAINED,
    FREE,
    NETWORK,
    NGRAM_SAMPLES,
    REAL,
    VALID,
    Evaluation,
)
from abcgen.example import Example
from abcgen.grammar import Grammar, Rules
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.sampling import Sampled, check_seed, sample
from abcgen.model.scoring import measure_each
from abcgen.notation.model_text import without_form_line
from abcgen.pipeline.checking import CheckerPool
from abcgen.pipeline.checkpoints import (
    checkpoint_hash,
    examples_for,
    read_critic,
    read_training_tunes,
    step_network,
)
from abcgen.pipeline.delivery import (
    REQUESTS,
    WISHED,
    delivery,
    keeps_key,
    keeps_metre,
    wishes_delivered,
)
from abcgen.pipeline.held_out import read_held_out, select_held_out
from abcgen.pipeline.networks import short_name_of
from abcgen.pipeline.requests import beginning_of, rules_of
from abcgen.pipeline.sampling import Composer
from abcgen.pipeline.timing import TimedStages
from abcgen.pipeline.voices import refuse_voices

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import TypeVar

    from abcgen.config import SampleConfig
    from abcgen.corpus.overlap import TrainingTunes
    from abcgen.evaluation.measures import Figures, TuneVerdict
    from abcgen.example import Example
    from abcgen.model.checkpoint import Checkpoint
    from abcgen.model.sampling import Constraint
    from abcgen.notation.tune import Tune
    from abcgen.pipeline.held_out import HeldOut
    from abcgen.pipeline.timing import Progress, Stage

    T = TypeVar("T")

MIN_SAMPLES = 20
MOST_CHOSEN = 250  # by the critic, out of eight times as many
TEST, VALIDATION = "test", "validation"


def evaluate(
    folder: Path,
    config: SampleConfig,
    seed: int,
    stage: Stage,
    tunes: Sequence[Tune] | None = None,
) -> Evaluation:
    """Evaluate a checkpoint.

    Args:
        folder: The checkpoint.
        config: How to sample; ``count`` texts with the grammar and the same number without.
        seed: Seed of all samples.
        stage: Called with the name of each stage of the work; returns a context manager whose value
            is called with the texts done so far and in all.
        tunes: Tunes to evaluate on instead of those saved in the checkpoint.

    Raises:
        CheckpointError: if the checkpoint cannot be read, or holds no tunes to evaluate on.
        InputError: if a setting is invalid, or no tune is left to evaluate on.
    """
    timed = TimedStages(stage)
    check_seed(seed)
    check_count(config)

    checkpoint, training_tunes = load_checkpoint(folder), read_training_tunes(folder)
    refuse_voices(checkpoint.network, "evaluated on other tunes")
    held_out, notes = _held_out(folder, checkpoint, tunes, training_tunes)
    critic, name = read_critic(folder), short_name_of(folder)

    with CheckerPool(training_tunes, critic) as checkers:
        # 1) The bits of the test tunes under each predictor.
        scores = {NETWORK: score_tunes(checkpoint, held_out.test, timed), **held_out.baselines}
        figures = {name: measure_sample(Sample(scores=texts)) for name, texts in scores.items()}

        # 2) Texts of every source, and comparisons of texts with requests.
        composer = Composer(folder, config, seed, Request()) if critic else None
        sampler = EvaluationSampler(checkpoint, config, seed)
        samples, deliveries = _draw(sampler, composer, config, timed)
        texts = texts_of(samples) | held_out_texts(held_out, seed)

        # 3) Verdicts on every text.
        verdicts = verdicts_on(texts, samples, checkers, timed)

    # 4) All measures of every source.
    replaced = [(sampled.forced, sampled.drawn) for sampled in samples[CONSTRAINED]]
    figures |= measure_sources(verdicts, deliveries, {CONSTRAINED: replaced}, timed)
    facts = {
        "checkpoint": name,
        "checkpoint_hash": checkpoint_hash(folder),
        "samples": config.count,
        "temperature": config.temperature,
        "top_k": config.top_k,
        "top_p": config.top_p,
        "seed": seed,
        "test_tunes": len(held_out.test),
        "validation_tunes": len(held_out.validation),
        "training_tunes": len(training_tunes.facts.names) if training_tunes else None,
        "seconds": timed.seconds,
    }
    title, introduction = f"How good is {name}, and does it copy?", _introduction(facts)
    return Evaluation(facts, figures, verdicts, tuple(notes), title, introduction, heard=(FREE,))


def _introduction(facts: Mapping[str, Any]) -> str:
    """Return what was drawn and judged, for people."""
    return (
        f"{facts['samples']:,} tunes were drawn at temperature {facts['temperature']:g}, seed "
        f"{facts['seed']}, and set beside {real_tunes(facts)}, real ones that it did not learn "
        "from. Nothing was chosen or left out, but where it says so; what cannot be read counts "
        "as wrong, and is in none of what is measured of tunes."
    )


def real_tunes(facts: Mapping[str, Any]) -> str:
    """Return how many real tunes there are, for people."""
    validation = facts["validation_tunes"]
    more = f" and {validation} validation tunes" if validation else ""
    return f"{facts['test_tunes']} test tunes{more}"


def check_count(config: SampleConfig) -> None:
    """Check that there are enough samples.

    Raises:
        InputError: if there are not.
    """
    if config.count < MIN_SAMPLES:
        raise InputError(
            f"{config.count} samples are too few", hint="use 20 or more; 1000 is usual"
        )


def texts_of(samples: dict[str, list[Sampled]]) -> dict[str, list[str]]:
    """Return the texts of drawn tunes by source."""
    return {
        source: [without_form_line(sampled.text) for sampled in drawn]
        for source, drawn in samples.items()
    }


def held_out_texts(held_out: HeldOut, seed: int) -> dict[str, list[str]]:
    """Return the texts that drawn ones are compared with by source."""
    # In random order, because only the first tunes of larger sources are compared.
    shuffled = random.Random(seed).sample(held_out.validation, len(held_out.validation))  # noqa: S311 - no secret
    return {
        TEST: [tune.text for tune in held_out.test],
        VALIDATION: [tune.text for tune in shuffled],
        NGRAM_SAMPLES: list(held_out.ngrams),
    }


def general_notes() -> list[str]:
    """Return notes for the reader on what cannot be measured here."""
    missing = "scikit-learn is not installed: nothing on discriminators"
    return [] if has_library() else [missing]


def _held_out(
    folder: Path,
    checkpoint: Checkpoint,
    tunes: Sequence[Tune] | None,
    training_tunes: TrainingTunes | None,
) -> tuple[HeldOut, list[str]]:
    """Return the tunes to evaluate on, and notes about them for the reader."""
    notes = general_notes()
    if tunes is None:
        held_out = read_held_out(folder)
    else:
        held_out, description = select_held_out(tunes, checkpoint, folder, training_tunes)
        notes.append(f"judged by {description}")
    if training_tunes is None:
        notes.append("the checkpoint does not tell what it learnt: nothing on copying")
    held_out, missing = known_to(checkpoint, held_out)
    return held_out, notes + missing


def known_to(checkpoint: Checkpoint, held_out: HeldOut) -> tuple[HeldOut, list[str]]:
    """Return held-out tunes without test tunes that a network cannot score, and a note of these.

    Networks without an id for unknown characters cannot score tunes that have them.

    Raises:
        InputError: if no test tune is left.
    """
    vocabulary = checkpoint.vocabulary
    alphabet = frozenset(vocabulary.characters)
    test = tuple(
        tune
        for tune in held_out.test
        if vocabulary.unknown is not None or alphabet.issuperset(tune.text)
    )
    missing = len(held_out.test) - len(test)
    note = f"{missing} tunes with what the network has no sign for are left out"
    if not test:
        raise InputError("no tune is left to evaluate on", hint="name more tunes with --tunes")
    return replace(held_out, test=test), [note] if missing else []


def score_tunes(
    checkpoint: Checkpoint, test: Sequence[Example], stage: Stage, of: str = ""
) -> list[ScoredText]:
    """Return what each text costs a network; ``of`` is added to the name of the stage."""
    network, texts = step_network(checkpoint), examples_for(checkpoint.network, test)
    with stage(f"measuring bits per note{of}") as on_progress:
        scores = measure_each(network, checkpoint.vocabulary, texts, on_progress)
    return [ScoredText(bits.total, bits.characters, bits.notes) for bits in scores]


class EvaluationSampler:
    """Draws texts from a network with the grammar and without.

    Args:
        checkpoint: The network.
        config: How to sample.
        seed: Determines each text, together with its number.
    """

    def __init__(self, checkpoint: Checkpoint, config: SampleConfig, seed: int) -> None:
        self._network, self._vocabulary = step_network(checkpoint), checkpoint.vocabulary
        self._alphabet = frozenset(checkpoint.vocabulary.characters)
        self._has_form_line = checkpoint.network.form
        self._config, self._seed = config, seed

    def constrained(self, count: int, on_progress: Progress) -> list[Sampled]:
        """Draw the texts number 0 to ``count`` with the grammar."""
        has_line, keeps = self._has_form_line, self._config.keep_endings
        rules = Rules(self._alphabet, form_line=has_line, keeps_endings=has_line and keeps)
        grammar = Grammar(rules)
        drawn = self._sample(((n, "") for n in range(count)), grammar)
        return list(reporting(drawn, count, on_progress))

    def free(
        self, count: int, constrained: Sequence[Sampled], on_progress: Progress
    ) -> list[Sampled]:
        """Draw the same texts without the grammar.

        Args:
            count: Number of texts.
            constrained: Texts drawn with the grammar. Those in which it replaced nothing are the
                same without it, and not drawn again.
            on_progress: Called with the texts drawn so far and in all.
        """
        texts = {
            sampled.number: replace(sampled, removed=0.0, limited=False)
            for sampled in constrained
            if not sampled.forced
        }
        missing = [number for number in range(count) if number not in texts]
        drawn = self._sample(((number, "") for number in missing), None)
        texts |= {
            sampled.number: sampled for sampled in reporting(drawn, len(missing), on_progress)
        }
        return [texts[number] for number in range(count)]

    def requested(
        self, requests: Sequence[Request], count: int, *, free: bool, on_progress: Progress
    ) -> list[tuple[Request, Sampled]]:
        """Draw texts that begin with a requested metre and key; the grammar adds the form."""
        pairs: list[tuple[Request, Sampled]] = []
        for first, request in enumerate(requests):
            numbers = range(first, count, len(requests))
            try:
                grammar = self._grammar_for(request)
            except InputError:
                # A network without the characters of the request fails it.
                pairs += [(request, Sampled("", ended=False, number=number)) for number in numbers]
                continue
            beginnings = ((number, beginning_of(request)) for number in numbers)
            for sampled in self._sample(beginnings, None if free else grammar):
                pairs.append((request, sampled))
                on_progress(len(pairs), count)
        return pairs

    def _grammar_for(self, request: Request) -> Grammar:
        """Return the grammar of a request.

        Raises:
            InputError: if the network cannot write such a tune.
        """
        unknown = set(beginning_of(request)) - self._alphabet
        if unknown:
            raise InputError(f"the network has no {min(unknown)!r}")
        return Grammar(rules_of(request, self._alphabet, form_line=self._has_form_line))

    def _sample(
        self, beginnings: Iterable[tuple[int, str]], constraint: Constraint | None
    ) -> Iterator[Sampled]:
        return sample(
            self._network,
            self._vocabulary,
            beginnings,
            self._config,
            self._seed,
            constraint=constraint,
        )


def reporting(samples: Iterable[T], count: int, on_progress: Progress) -> Iterator[T]:
    """Yield samples and report how many there were."""
    on_progress(0, count)
    for number, sampled in enumerate(samples, start=1):
        on_progress(number, count)
        yield sampled


def _draw(
    sampler: EvaluationSampler, composer: Composer | None, config: SampleConfig, stage: Stage
) -> tuple[dict[str, list[Sampled]], dict[str, list[Delivery]]]:
    """Return texts, and comparisons of texts with requests, with the grammar and without.

    If there is a ``composer``, also valid ones, and those that its critic chooses.
    """
    samples: dict[str, list[Sampled]] = {}
    with stage("drawing with the grammar") as on_progress:
        samples[CONSTRAINED] = sampler.constrained(config.count, on_progress)
    with stage("drawing without it") as on_progress:
        samples[FREE] = sampler.free(config.count, samples[CONSTRAINED], on_progress)
    deliveries: dict[str, list[Delivery]] = {}
    for source in samples:
        with stage(f"drawing what is asked for, {source}") as on_progress:
            deliveries[source] = requests_delivered(
                sampler, config, free=source == FREE, on_progress=on_progress
            )
    # Without the grammar no form can be requested.
    deliveries[FREE] = [replace(free, bars=None, parts=None) for free in deliveries[FREE]]
    if composer:
        count = min(config.count, MOST_CHOSEN)
        with stage("drawing candidates for the critic") as on_progress:
            groups = list(reporting(_chosen(composer, count), count, on_progress))
        samples[VALID] = [valid for valid, _ in groups]
        samples[CHOSEN] = [chosen for _, chosen in groups]
    return samples, deliveries


def requests_delivered(
    sampler: EvaluationSampler, config: SampleConfig, *, free: bool, on_progress: Progress
) -> list[Delivery]:
    """Return comparisons of texts with requests; with the grammar also with wishes for notes."""
    count = max(len(REQUESTS), config.count // 10)
    pairs = sampler.requested(REQUESTS, count, free=free, on_progress=on_progress)
    deliveries = [delivery(request, sampled) for request, sampled in pairs]
    if not free:
        count = max(len(WISHED), config.count // 10)
        pairs = sampler.requested(WISHED, count, free=False, on_progress=on_progress)
        deliveries += [wishes_delivered(request, sampled) for request, sampled in pairs]
    return deliveries


def _chosen(composer: Composer, count: int) -> Iterator[tuple[Sampled, Sampled]]:
    """Yield valid texts with those that ``abcgen sample`` would keep in their place.

    Each is the first valid one of several, and the best of them.

    Args:
        composer: Draws and judges texts.
        count: Number of tunes wanted. Where all candidates are rejected there is none.
    """
    texts = composer.sample(range(count * composer.candidates))
    while group := list(islice(texts, composer.candidates)):
        if ranked := composer.ranked(group):
            yield min(ranked, key=attrgetter("number")), ranked[0]


def verdicts_on(
    texts: dict[str, list[str]],
    samples: dict[str, list[Sampled]],
    checkers: CheckerPool,
    stage: Stage,
) -> dict[str, list[TuneVerdict]]:
    """Return the verdicts on all texts by source."""
    with stage("reading them by three readers") as on_progress:
        every_text = [text for source_texts in texts.values() for text in source_texts]
        verdicts = checkers.verdicts(every_text, on_progress)
    for sampled in chain.from_iterable(samples.values()):
        if not sampled.ended_freely:
            text = without_form_line(sampled.text)
            verdicts[text] = unfinished(verdicts[text])
    return {
        source: [verdicts[text] for text in source_texts] for source, source_texts in texts.items()
    }


def measure_sources(
    verdicts: dict[str, list[TuneVerdict]],
    deliveries: dict[str, list[Delivery]],
    replaced: Mapping[str, Sequence[tuple[int, int]]],
    stage: Stage,
    scores: Mapping[str, Sequence[ScoredText]] | None = None,
) -> dict[str, Figures]:
    """Return all measures by source; in ``verdicts``, REAL replaces TEST and VALIDATION.

    Args:
        verdicts: The verdicts on texts by source.
        deliveries: Comparisons of texts with requests by source.
        replaced: By source, for each text the characters that the grammar replaced, and all.
        stage: See ``evaluate``.
        scores: What the test tunes cost networks, by source.
    """
    # Distances, the discriminator, duplicates and coverage depend on the number of tunes, so they
    # use a subset: the same number of tunes from every source.
    test, validation = verdicts.pop(TEST), verdicts.pop(VALIDATION)
    subsets = {REAL: validation, **{source: tunes for source, tunes in verdicts.items() if tunes}}
    # The critic may find fewer: where nothing but broken tunes is drawn it has nothing to choose.
    size = min(
        len(tunes) for source, tunes in subsets.items() if tunes and source not in {VALID, CHOSEN}
    )
    verdicts[REAL] = real = [*test, *validation]
    deliveries[REAL] = [
        Delivery(metre=keeps_metre(verdict.tune), key=keeps_key(verdict.tune))
        for verdict in real
        if verdict.tune
    ]
    figures: dict[str, Figures] = {}
    with stage("comparing") as on_progress:
        for done, (source, subset) in enumerate(subsets.items()):
            on_progress(done, len(subsets))
            figures[source] = measure_sample(
                Sample(
                    tunes=verdicts[source],
                    subset=subset[:size],
                    test=test,
                    real=real,
                    families_of=_families,
                    deliveries=deliveries.get(source, ()),
                    replaced=replaced.get(source, ()),
                    scores=scores.get(source, ()) if scores else (),
                )
            )
    return figures


def _families(verdicts: Sequence[TuneVerdict]) -> list[int]:
    """Return a number for every tune, the same for versions of one tune or equal texts."""
    readable = [n for n, verdict in enumerate(verdicts) if verdict.tune]
    tunes = [verdict.tune for verdict in verdicts if verdict.tune]
    roots = families_of(tunes, SplitConfig().similarity)
    families = {n: readable[root] for n, root in zip(readable, roots, strict=True)}
    first = {verdict.text: n for n, verdict in reversed(list(enumerate(verdicts)))}
    return [families.get(n, first[verdict.text]) for n, verdict in enumerate(verdicts)]
