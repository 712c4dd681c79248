"""Whether a network is any good, and whether it copies."""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.config import SplitConfig
from abcgen.corpus.families import families_of
from abcgen.errors import InputError
from abcgen.evaluation.discriminator import Exhibit, discriminator_auc
from abcgen.evaluation.evaluation import BOUND, FREE, NETWORK, NGRAMS_DRAWN, REAL, Evaluation
from abcgen.evaluation.intervals import SHARE, ratio_of, share_of
from abcgen.evaluation.measures import (
    borrowings,
    coverages,
    cut_off,
    distances,
    duplicates,
    form,
    rightness,
)
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.examples import Example
from abcgen.model.inference import StepNetwork
from abcgen.model.sampling import checked_sampling
from abcgen.model.scoring import measure_each
from abcgen.pipeline.borrowing import training_tunes
from abcgen.pipeline.drawing import ASKED_SHARE, REQUESTS, Draws, delivery, keeps_key, keeps_metre
from abcgen.pipeline.held_out import held_out_in, kept_held_out
from abcgen.pipeline.judging import Judges
from abcgen.pipeline.recipes import checkpoint_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from abcgen.config import SampleConfig
    from abcgen.evaluation.baselines import Piece
    from abcgen.evaluation.intervals import Estimate
    from abcgen.evaluation.measures import Figures, Opinion
    from abcgen.model.checkpoint import Checkpoint
    from abcgen.model.sampling import Sampled
    from abcgen.notation.model_text import ModelText
    from abcgen.notation.tune import Tune
    from abcgen.pipeline.held_out import HeldOut

    Progress = Callable[[int, int], None]
    Stage = Callable[[str], AbstractContextManager[Progress]]

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
    checked_sampling(config, seed)
    if config.count < FEWEST_SAMPLES:
        raise InputError(f"{config.count} samples are too few", way_out="20 or more; 1000 is usual")
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
        raise InputError("no tune is left to judge by", way_out="name more tunes with --tunes")
    return test


def _surprise(
    checkpoint: Checkpoint, test: Sequence[ModelText], held_out: HeldOut, stage: Stage
) -> dict[str, Figures]:
    """Bits of the test tunes, by who predicts them."""
    examples = [Example(tune.text, tune.given, tune.notes) for tune in test]
    with stage("measuring bits per note") as on_progress:
        each = measure_each(
            StepNetwork.of(checkpoint), checkpoint.vocabulary, examples, on_progress
        )
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


def _figures(judged: dict[str, list[Opinion]], drawn: _Drawn, stage: Stage) -> dict[str, Figures]:
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


def _kept(real: Sequence[Opinion]) -> Figures:
    """Whether real tunes are in the metre and the key that they say."""
    tunes = [one.tune for one in real if one.tune]
    return {
        "metre_delivered": share_of(list(map(keeps_metre, tunes))),
        "key_delivered": share_of(list(map(keeps_key, tunes))),
    }


def _discriminator(sample: Sequence[Opinion], test: Sequence[Opinion]) -> Estimate | None:
    both = [*sample, *test]
    exhibits = [
        Exhibit(one.text, one.traits, family)
        for one, family in zip(both, _families(both), strict=True)
    ]
    return discriminator_auc(exhibits[: len(sample)], exhibits[len(sample) :])


def _families(opinions: Sequence[Opinion]) -> list[int]:
    """The same number for versions of one another, and for equal texts that cannot be read."""
    places = [place for place, one in enumerate(opinions) if one.tune]
    tunes = [one.tune for one in opinions if one.tune]
    roots = families_of(tunes, SplitConfig().similarity)
    found = {place: places[root] for place, root in zip(places, roots, strict=True)}
    first = {one.text: place for place, one in reversed(list(enumerate(opinions)))}
    return [found.get(place, first[one.text]) for place, one in enumerate(opinions)]
