"""Samples of a network for judging it: nothing chosen, nothing left out.

Whether a network is any good, and whether it copies.
"""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from abcgen.config import SplitConfig
from abcgen.corpus.families import families_of
from abcgen.errors import InputError, NotationError
from abcgen.evaluation.discriminator import LabeledTune, discriminator_auc
from abcgen.evaluation.measures import (
    borrowings,
    coverages,
    cut_off,
    distances,
    duplicates,
    form,
    rightness,
)
from abcgen.evaluation.report import BOUND, FREE, NETWORK, NGRAMS_DRAWN, REAL, Evaluation
from abcgen.evaluation.statistics import SHARE, ratio_of, share_of
from abcgen.grammar import Grammar, Rules
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.dataset import Example
from abcgen.model.sampling import Sampled, check_seed, sample
from abcgen.model.scoring import measure_each
from abcgen.notation.analysis import mode_of, parts_of, sections_of
from abcgen.notation.model_text import decode_tune
from abcgen.notation.tune import Key
from abcgen.notation.validation import bar_problems
from abcgen.pipeline.checking import Judges
from abcgen.pipeline.checkpoints import step_network
from abcgen.pipeline.held_out import held_out_in, kept_held_out
from abcgen.pipeline.overlap import training_tunes
from abcgen.pipeline.recipes import checkpoint_hash
from abcgen.pipeline.requests import Request, beginning_of, form_of, key_of, metre_of, rules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from abcgen.config import SampleConfig
    from abcgen.evaluation.baselines import Piece
    from abcgen.evaluation.measures import Figures, TuneVerdict
    from abcgen.evaluation.statistics import Estimate
    from abcgen.model.checkpoint import Checkpoint
    from abcgen.model.sampling import Constraint
    from abcgen.notation.model_text import ModelText
    from abcgen.notation.tune import Tune
    from abcgen.pipeline.held_out import HeldOut

    Progress = Callable[[int, int], None]
    Stage = Callable[[str], AbstractContextManager[Progress]]


ASKED_SHARE = 10  # of so many samples one is asked for something
REQUESTS = tuple(
    Request(metre=metre, key=key, bars=bars, parts=parts)
    for metre, key, bars, parts in (
        ("6/8", "C", 16, "AABB"),
        ("4/4", "C", 16, "AABB"),
        ("2/4", "C", 16, "AB"),
        ("3/4", "C", 16, "AABB"),
        ("6/8", "Cmix", 16, "AABB"),
        ("4/4", "Cdor", 16, "AABB"),
        ("9/8", "C", 8, "AABB"),
        ("6/8", "Cm", 24, "AABBCC"),
        ("4/4", "C", 32, "AABBCCDD"),
        ("2/2", "Cm", 16, "AABB"),
        ("3/8", "C", 16, "AABB"),
        ("4/4", "Cmix", 12, "AAB"),
    )
)
"""Requests in turn: common metres and modes, some rare ones, and several forms. In C, because it
is the network that is asked; moving to another key afterwards cannot go wrong."""


class Draws:
    """Draws texts of a network with the grammar and without.

    Args:
        checkpoint: The network.
        config: How to draw.
        seed: Of all texts.
    """

    def __init__(self, checkpoint: Checkpoint, config: SampleConfig, seed: int) -> None:
        self._network, self._vocabulary = step_network(checkpoint), checkpoint.vocabulary
        self._alphabet = frozenset(checkpoint.vocabulary.characters)
        self._config, self._seed = config, seed

    def bound(self, count: int, on_progress: Progress) -> list[Sampled]:
        """Texts number 0 to ``count``, kept right by the grammar."""
        rules = Grammar(Rules(self._alphabet))
        drawn = self._drawn(((number, "") for number in range(count)), rules)
        return list(_told(drawn, count, on_progress))

    def free(self, count: int, bound: Sequence[Sampled], on_progress: Progress) -> list[Sampled]:
        """The same texts as they come by themselves.

        Args:
            count: How many.
            bound: The same numbers with the grammar, or nothing. Where it never stepped in, the
                text is the same, and is not drawn again.
            on_progress: Called with texts drawn and in all.
        """
        texts = {one.number: replace(one, removed=0.0) for one in bound if not one.forced}
        left = [number for number in range(count) if number not in texts]
        drawn = self._drawn(((number, "") for number in left), None)
        texts |= {one.number: one for one in _told(drawn, len(left), on_progress)}
        return [texts[number] for number in range(count)]

    def asked(
        self, count: int, *, free: bool, on_progress: Progress
    ) -> list[tuple[Request, Sampled]]:
        """Texts that are asked to be in a metre and key and, by the grammar, of a form."""
        pairs: list[tuple[Request, Sampled]] = []
        for place, request in enumerate(REQUESTS):
            numbers = range(place, count, len(REQUESTS))
            if not self._alphabet.issuperset(beginning_of(request)):
                # What the network has no sign for it cannot deliver.
                pairs += [(request, Sampled("", ended=False, number=number)) for number in numbers]
                continue
            rules = None if free else Grammar(rules_of(request, self._alphabet))
            beginnings = ((number, beginning_of(request)) for number in numbers)
            for sampled in self._drawn(beginnings, rules):
                pairs.append((request, sampled))
                on_progress(len(pairs), count)
        return pairs

    def _drawn(
        self, beginnings: Iterable[tuple[int, str]], rules: Constraint | None
    ) -> Iterator[Sampled]:
        return sample(
            self._network, self._vocabulary, beginnings, self._config, self._seed, constraint=rules
        )


def _told(drawn: Iterable[Sampled], count: int, on_progress: Progress) -> Iterator[Sampled]:
    on_progress(0, count)
    for number, sampled in enumerate(drawn, start=1):
        on_progress(number, count)
        yield sampled


@dataclass(frozen=True, slots=True)
class Delivery:
    """Whether what was asked for was delivered.

    Attributes:
        metre: All of the tune is in the metre, and every bar adds up to it.
        key: All of the tune says that it is in the key, and its notes are in that mode.
        bars: It has as many bars.
        parts: It has the parts, each repeated or not as asked, and all of one length.
    """

    metre: bool = False
    key: bool = False
    bars: bool = False
    parts: bool = False


def delivery(request: Request, sampled: Sampled) -> Delivery:
    """What of a request was delivered; nothing by a text that cannot be read."""
    try:
        tune = decode_tune(sampled.text) if sampled.ended else None
    except NotationError:
        tune = None
    if tune is None:
        return Delivery()
    sections = sections_of(tune)
    wanted = form_of(request).sections
    return Delivery(
        metre=tune.metre == metre_of(request) and keeps_metre(tune),
        key=tune.key == key_of(request) and keeps_key(tune),
        bars=sum(section.bars for section in sections) == request.bars,
        parts=parts_of(sections) == request.parts
        and [section.bars for section in sections] == [section.bars for section in wanted],
    )


def keeps_metre(tune: Tune) -> bool:
    """Whether a tune never changes its metre, and all bars add up to it."""
    return not any(bar.metre for bar in tune.bars) and not bar_problems(tune)


def keeps_key(tune: Tune) -> bool:
    """Whether a tune in C never changes its key, and its notes are in the mode that it names."""
    same = not any(bar.key for bar in tune.bars)
    return same and mode_of(tune.bars, Key("C")) is tune.key.mode


FEWEST_SAMPLES = 20
TEST, VALIDATION = "test", "validation"


class _Stages:
    """Shows stages, and keeps how many seconds each took."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self.seconds = stage, dict[str, float]()

    @contextmanager
    def __call__(self, name: str) -> Iterator[Progress]:
        began = time.monotonic()
        with self._stage(name) as on_progress:
            yield on_progress
        self.seconds[name] = round(time.monotonic() - began, 1)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Texts by where they come from, and what was asked of some.

    Attributes:
        texts: The texts.
        bound: Those drawn with the grammar, in full.
        asked: What was delivered of what was asked for.
        unfinished: Texts that found no end.
    """

    texts: dict[str, list[str]]
    bound: list[Sampled]
    asked: dict[str, Figures]
    unfinished: frozenset[str]


def evaluate(
    folder: Path,
    config: SampleConfig,
    seed: int,
    stage: Stage,
    tunes: Sequence[Tune] | None = None,
) -> Evaluation:
    """Judge a checkpoint by tunes that it did not learn from.

    Args:
        folder: The checkpoint.
        config: How to draw; ``count`` texts with the grammar and as many without.
        seed: Of all that is drawn.
        stage: Shows a stage of the work: given its name, a context manager that gives the
            callback for texts done and in all.
        tunes: Tunes to judge by instead of those that the checkpoint holds.

    Raises:
        CheckpointError: if the checkpoint cannot be read, or holds no tunes to judge by.
        InputError: if a setting makes no sense, or no tune is left to judge by.
    """
    stages = _Stages(stage)
    check_seed(seed)
    if config.count < FEWEST_SAMPLES:
        raise InputError(f"{config.count} samples are too few", hint="20 or more; 1000 is usual")
    checkpoint, known = load_checkpoint(folder), training_tunes(folder)
    notes: list[str] = []
    if tunes is None:
        held_out = kept_held_out(folder)
    else:
        held_out, words = held_out_in(tunes, checkpoint, folder, known)
        notes.append(f"judged by {words}")
    if known is None:
        notes.append("the checkpoint does not tell what it learnt: nothing on copying")
    test = _readable(held_out.test, checkpoint, notes)
    with Judges(known) as judges:
        surprise = _surprise(checkpoint, test, held_out, stages)
        drawn = _draw(checkpoint, config, seed, stages)
        drawn.texts[TEST] = [tune.text for tune in test]
        # In any order, since the first of them stand for all where there are fewer samples.
        mixed = random.Random(seed).sample(held_out.validation, len(held_out.validation))  # noqa: S311 - no secret
        drawn.texts[VALIDATION] = [tune.text for tune in mixed]
        drawn.texts[NGRAMS_DRAWN] = list(held_out.ngrams)
        with stages("reading them by three readers") as on_progress:
            every = [text for texts in drawn.texts.values() for text in texts]
            opinions = judges.opinions(every, on_progress)
    judged = {
        name: [
            cut_off(opinions[text]) if text in drawn.unfinished else opinions[text]
            for text in texts
        ]
        for name, texts in drawn.texts.items()
    }
    figures = _figures(judged, drawn, stages)
    facts = {
        "checkpoint": str(folder),
        "checkpoint_hash": checkpoint_hash(folder),
        "samples": config.count,
        "temperature": config.temperature,
        "top_k": config.top_k,
        "top_p": config.top_p,
        "seed": seed,
        "test_tunes": len(test),
        "validation_tunes": len(held_out.validation),
        "training_tunes": len(known.facts.names) if known else None,
        "seconds": stages.seconds,
    }
    return Evaluation(facts, surprise, figures, judged, tuple(notes))


def _readable(
    tunes: Sequence[ModelText], checkpoint: Checkpoint, notes: list[str]
) -> list[ModelText]:
    """The tunes without those that hold a character the network has no number for."""
    alphabet = frozenset(checkpoint.vocabulary.characters)
    reads_all = checkpoint.vocabulary.unknown is not None
    test = [tune for tune in tunes if reads_all or alphabet.issuperset(tune.text)]
    if len(test) < len(tunes):
        missing = len(tunes) - len(test)
        notes.append(f"{missing} tunes with what the network has no sign for are left out")
    if not test:
        raise InputError("no tune is left to judge by", hint="name more tunes with --tunes")
    return test


def _surprise(
    checkpoint: Checkpoint, test: Sequence[ModelText], held_out: HeldOut, stage: Stage
) -> dict[str, Figures]:
    """Bits of the test tunes, by who predicts them."""
    examples = [Example(tune.text, tune.given, tune.notes) for tune in test]
    with stage("measuring bits per note") as on_progress:
        each = measure_each(step_network(checkpoint), checkpoint.vocabulary, examples, on_progress)
    own = _bits([(bits.total, bits.characters, bits.notes) for bits in each])
    others = {name: _bits(pieces) for name, pieces in (held_out.baselines or {}).items()}
    return {NETWORK: own, **others}


def _bits(pieces: Sequence[Piece | tuple[float, int, int]]) -> Figures:
    bits, characters, notes = (list(map(float, column)) for column in zip(*pieces, strict=True))
    bounds = (0.0, float("inf"))
    return {
        "bits_per_note": ratio_of(bits, notes, bounds=bounds),
        "bits_per_character": ratio_of(bits, characters, bounds=bounds),
    }


def _draw(checkpoint: Checkpoint, config: SampleConfig, seed: int, stage: Stage) -> _Drawn:
    draws = Draws(checkpoint, config, seed)
    texts: dict[str, list[str]] = {}
    asked: dict[str, Figures] = {}
    with stage("drawing with the grammar") as on_progress:
        bound = draws.bound(config.count, on_progress)
    texts[BOUND] = [one.text for one in bound]
    with stage("drawing without it") as on_progress:
        free = draws.free(config.count, bound, on_progress)
    texts[FREE] = [one.text for one in free]
    for name in texts:
        with stage(f"drawing what is asked for, {name}") as on_progress:
            count = max(len(REQUESTS), config.count // ASKED_SHARE)
            pairs = draws.asked(count, free=name == FREE, on_progress=on_progress)
        asked[name] = _delivered(
            [delivery(request, one) for request, one in pairs], with_form=name == BOUND
        )
    unfinished = frozenset(one.text for one in (*bound, *free) if not one.ended)
    return _Drawn(texts, bound, asked, unfinished)


def _delivered(deliveries: Sequence[object], *, with_form: bool) -> Figures:
    """How much was delivered; bars and parts can only be asked of the grammar."""
    names = ("metre", "key", "bars", "parts") if with_form else ("metre", "key")
    return {
        f"{name}_delivered": share_of([getattr(one, name) for one in deliveries]) for name in names
    }


def _figures(
    judged: dict[str, list[TuneVerdict]], drawn: _Drawn, stage: Stage
) -> dict[str, Figures]:
    """All measures by column."""
    test, validation = judged.pop(TEST), judged.pop(VALIDATION)
    real = [*test, *validation]
    # Distances, a judge that learns, duplicates and coverage depend on how many tunes there are:
    # as many of each.
    samples = {REAL: validation, **{name: own for name, own in judged.items() if own}}
    equal = min(len(own) for own in samples.values() if own)
    judged[REAL] = real
    figures: dict[str, Figures] = {}
    with stage("comparing") as on_progress:
        for done, (name, sample) in enumerate(samples.items()):
            on_progress(done, len(samples))
            whole = judged[name]
            figures[name] = {
                **rightness(whole),
                **form(whole),
                "discriminator_auc": _discriminator(sample[:equal], test),
                **distances(sample[:equal], test),
                **borrowings(whole, real),
                **duplicates(sample[:equal], _families(sample[:equal])),
                **coverages(sample[:equal], test),
                **drawn.asked.get(name, {}),
            }
    figures[BOUND]["grammar_forced"] = ratio_of(
        [float(one.forced) for one in drawn.bound],
        [float(one.drawn) for one in drawn.bound],
        bounds=SHARE,
    )
    figures[REAL] |= _kept(real)
    return figures


def _kept(real: Sequence[TuneVerdict]) -> Figures:
    """Whether real tunes are in the metre and the key that they say."""
    tunes = [one.tune for one in real if one.tune]
    return {
        "metre_delivered": share_of(list(map(keeps_metre, tunes))),
        "key_delivered": share_of(list(map(keeps_key, tunes))),
    }


def _discriminator(sample: Sequence[TuneVerdict], test: Sequence[TuneVerdict]) -> Estimate | None:
    both = [*sample, *test]
    exhibits = [
        LabeledTune(one.text, one.traits, family)
        for one, family in zip(both, _families(both), strict=True)
    ]
    return discriminator_auc(exhibits[: len(sample)], exhibits[len(sample) :])


def _families(opinions: Sequence[TuneVerdict]) -> list[int]:
    """The same number for versions of one another, and for equal texts that cannot be read."""
    places = [place for place, one in enumerate(opinions) if one.tune]
    tunes = [one.tune for one in opinions if one.tune]
    roots = families_of(tunes, SplitConfig().similarity)
    found = {place: places[root] for place, root in zip(places, roots, strict=True)}
    first = {one.text: place for place, one in reversed(list(enumerate(opinions)))}
    return [found.get(place, first[one.text]) for place, one in enumerate(opinions)]
