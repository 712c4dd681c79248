"""The figures of an evaluation: each is a row of ``MEASURES``, with its label and its computation.

``measure_sample`` computes all of them for one ``Sample`` of tunes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from abcgen.evaluation.discriminator import (
    LabeledTune,
    discriminator_auc,
    has_library,
    likelihood_auc,
    roc_auc,
)
from abcgen.evaluation.features import CATEGORIES, QUANTITIES
from abcgen.evaluation.statistics import (
    UNIT_INTERVAL,
    Estimate,
    coverage,
    kolmogorov_smirnov,
    proportion,
    ratio,
    total_variation,
    wilson,
)
from abcgen.notation.analysis import is_two_eights
from abcgen.notation.shape import goes_in_circle, keeps_beat

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from abcgen.evaluation.baselines import ScoredText
    from abcgen.evaluation.features import TuneFeatures
    from abcgen.notation.analysis import Section
    from abcgen.notation.tune import Tune

SURPRISE, RIGHT, FORM = "Surprise", "Right", "Form"
LIKENESS, ORIGINALITY, CONTROL = "Likeness", "Originality", "Control"
# Groups of measures in the order they are shown, each with its note for readers.
GROUPS = {
    SURPRISE: "How surprising held-out tunes are, in bits; the fewer the better.",
    RIGHT: "How many tunes each reader accepts by itself; none was left out beforehand.",
    FORM: "How many tunes, or of sections how many, are built as real ones are.",
    LIKENESS: "Distance to the held-out test tunes, 0 alike to 1 nothing in common. What real "
    "tunes show is the least to be hoped for.",
    ORIGINALITY: "What is shared with the training tunes, in any key, and among the samples.",
    CONTROL: "How often what was asked for came. Real tunes: whether they are what they say.",
}


@dataclass(frozen=True, slots=True)
class TuneVerdict:
    """A model text, and the verdicts of our own checker and of other programs on it."""

    text: str
    # The tune that it encodes; None if it cannot be read.
    tune: Tune | None
    bars_right: bool
    # Bars add up and repeats pair: the requirements of our own checker.
    right: bool
    # music21 finds a tune with notes in it.
    music21_accepts: bool
    # The tune is right, and music21 reads the same notes from its canonical ABC.
    music21_agrees: bool
    # abc2midi prints neither error nor warning; None if it is not installed.
    abc2midi_accepts: bool | None
    # None if the tune cannot be read.
    features: TuneFeatures | None
    # Length of the longest passage that it shares with a training tune; None if unknown.
    shared_bars: float | None
    # Equal for tunes with the same notes, in any key.
    fingerprint: str
    # The network ended it, not the limit of length.
    ended: bool = True
    # What the network's critic says of it; None if there is no critic, or it cannot be read.
    criticism: float | None = None

    @property
    def sections(self) -> tuple[Section, ...]:
        """The tune's form; empty if the text cannot be read."""
        return self.features.sections if self.features else ()


def unfinished(verdict: TuneVerdict) -> TuneVerdict:
    """Return the verdict on a text that the network did not end: wrong even if it is valid."""
    return replace(
        verdict,
        bars_right=False,
        right=False,
        music21_accepts=False,
        music21_agrees=False,
        abc2midi_accepts=None if verdict.abc2midi_accepts is None else False,
        ended=False,
    )


@dataclass(frozen=True, slots=True)
class Delivery:
    """Whether a tune is what was requested, point by point; None for what was not requested."""

    # The whole tune is in the metre, and every bar adds up to it.
    metre: bool | None
    # The whole tune is in the key, and its notes are in that mode.
    key: bool | None
    # It has that number of bars.
    bars: bool | None = None
    # It has these parts, of the right lengths, each repeated as requested.
    parts: bool | None = None
    # Each of the other wishes, by its name in ``WISHES``.
    wishes: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """The tunes of one source, or the scores of one predictor; the input of every measure."""

    tunes: Sequence[TuneVerdict] = ()
    # The first of them, for measures that depend on the number of tunes: the same number from
    # every source.
    subset: Sequence[TuneVerdict] = ()
    # The real tunes that the subset is compared with.
    test: Sequence[TuneVerdict] = ()
    # All real tunes, test and validation.
    real: Sequence[TuneVerdict] = ()
    # Returns a number for every tune, the same for versions of one another.
    families_of: Callable[[Sequence[TuneVerdict]], Sequence[int]] = lambda tunes: range(len(tunes))
    # One for every tune that was drawn for a request.
    deliveries: Sequence[Delivery] = ()
    # For each text drawn with the grammar, the number of characters that the grammar replaced, and
    # of all that were drawn.
    replaced: Sequence[tuple[int, int]] = ()
    # The costs of the test tunes under a predictor.
    scores: Sequence[ScoredText] = ()


# Estimates a measure from a sample; returns None if it does not apply. The first three functions,
# and ``_distance`` and ``_coverage``, return such a computation.
Computation = Callable[[Sample], Estimate | None]


def _share(flag: Callable[[TuneVerdict], bool | None]) -> Computation:
    """Return the computation of the share of tunes with a property; None does not count."""
    return lambda sample: proportion(map(flag, sample.tunes))


def _delivered(flag: Callable[[Delivery], bool | None]) -> Computation:
    return lambda sample: proportion(map(flag, sample.deliveries))


def _wish_delivered(name: str) -> Computation:
    return _delivered(lambda delivery: delivery.wishes.get(name))


def _bits_per(unit: Callable[[ScoredText], int]) -> Computation:
    return lambda sample: ratio(
        [text.bits for text in sample.scores],
        [float(unit(text)) for text in sample.scores],
        bounds=(0.0, math.inf),
    )


def _grammar_replaced(sample: Sample) -> Estimate | None:
    return ratio(
        [float(replaced) for replaced, _ in sample.replaced],
        [float(total) for _, total in sample.replaced],
        bounds=UNIT_INTERVAL,
    )


def _sections_on_tonic(sample: Sample) -> Estimate | None:
    return ratio(
        [float(sum(section.on_tonic for section in v.sections)) for v in sample.tunes],
        [float(len(v.sections)) for v in sample.tunes],
        bounds=UNIT_INTERVAL,
    )


def _judged_by(judge: Callable[..., Estimate | None]) -> Computation:
    """Return the computation of how well a judge tells the subset from the test tunes."""

    def compute(sample: Sample) -> Estimate | None:
        if not has_library():
            return None
        verdicts = [*sample.subset, *sample.test]
        tunes = [
            LabeledTune(verdict.text, verdict.features, family)
            for verdict, family in zip(verdicts, sample.families_of(verdicts), strict=True)
        ]
        return judge(tunes[: len(sample.subset)], tunes[len(sample.subset) :])

    return compute


def _critic(sample: Sample) -> Estimate | None:
    subset, test = (
        np.array([-v.criticism for v in tunes if v.criticism is not None])
        for tunes in (sample.subset, sample.test)
    )
    return roc_auc(subset, test) if subset.size and test.size else None


def _features(sample: Sample) -> tuple[list[TuneFeatures], list[TuneFeatures]]:
    """Return the features of the readable tunes of the subset and of the test tunes."""
    subset, test = (
        [v.features for v in tunes if v.features] for tunes in (sample.subset, sample.test)
    )
    return subset, test


def _distance(name: str) -> Computation:
    """Return the computation of the distance between two distributions of a feature."""
    if name in CATEGORIES:
        return lambda sample: total_variation(
            *([tune.counts[name] for tune in tunes] for tunes in _features(sample))
        )
    return lambda sample: kolmogorov_smirnov(
        *([tune.quantities[name] for tune in tunes] for tunes in _features(sample))
    )


def _coverage(category: str) -> Computation:
    """Return the computation of the share of test tunes whose metre or mode is in the subset."""
    return lambda sample: coverage(
        *([next(iter(tune.counts[category])) for tune in tunes] for tunes in _features(sample))
    )


def _shared_bars(tunes: Sequence[TuneVerdict]) -> list[float]:
    return [v.shared_bars for v in tunes if v.shared_bars is not None]


def _shares_more_than_real(sample: Sample) -> Estimate | None:
    real = sorted(_shared_bars(sample.real))
    if not real:
        return None
    percentile_95 = real[int(0.95 * (len(real) - 1))]
    return proportion(bars > percentile_95 for bars in _shared_bars(sample.tunes))


def _duplicated(items: Sequence[Hashable]) -> Estimate | None:
    """Return the share of items that occurred before."""
    return wilson(len(items) - len(set(items)), len(items)) if items else None


class Measure(NamedTuple):
    """A row of the report."""

    group: str
    label: str
    compute: Computation
    # Shown in percent.
    is_share: bool = True


# All measures by their name in JSON, in the order they are shown.
MEASURES = {
    # Surprise, for predictors of the test tunes
    "bits_per_note": Measure(
        SURPRISE, "bits per note", _bits_per(lambda text: text.notes), is_share=False
    ),
    "bits_per_character": Measure(
        SURPRISE, "bits per character", _bits_per(lambda text: text.characters), is_share=False
    ),
    # Verdicts of the readers
    "readable": Measure(RIGHT, "can be read", _share(lambda v: v.tune is not None)),
    "checker_accepts": Measure(RIGHT, "accepted by our checker", _share(lambda v: v.right)),
    "music21_accepts": Measure(RIGHT, "accepted by music21", _share(lambda v: v.music21_accepts)),
    "abc2midi_accepts": Measure(
        RIGHT, "accepted by abc2midi, no warning", _share(lambda v: v.abc2midi_accepts)
    ),
    "music21_agrees": Measure(
        RIGHT, "checked, and the same to music21", _share(lambda v: v.music21_agrees)
    ),
    "bars_right": Measure(RIGHT, "all bars right", _share(lambda v: v.bars_right)),
    "not_ended": Measure(RIGHT, "not ended by the network", _share(lambda v: not v.ended)),
    "grammar_forced": Measure(RIGHT, "characters the grammar replaced", _grammar_replaced),
    # Form
    "circles": Measure(
        FORM, "goes round in a circle", _share(lambda v: goes_in_circle(v.tune) if v.tune else None)
    ),
    "beat_kept": Measure(
        FORM,
        "beat kept where sections end",
        _share(lambda v: keeps_beat(v.tune) if v.tune else None),
    ),
    "two_eights": Measure(
        FORM, "two 8-bar parts, each repeated", _share(lambda v: is_two_eights(v.sections))
    ),
    "has_repeats": Measure(
        FORM, "with repeats", _share(lambda v: any(section.repeated for section in v.sections))
    ),
    "has_endings": Measure(
        FORM, "with endings", _share(lambda v: any(section.has_endings for section in v.sections))
    ),
    "second_ending_differs": Measure(
        FORM,
        "a second ending that differs",
        _share(lambda v: any(section.differing_ending for section in v.sections)),
    ),
    "sections_on_tonic": Measure(FORM, "sections that close on the tonic", _sections_on_tonic),
    "ends_on_tonic": Measure(
        FORM,
        "tunes that end on the tonic",
        _share(lambda v: bool(v.sections) and v.sections[-1].on_tonic),
    ),
    # Likeness to the test tunes
    "discriminator_auc": Measure(
        LIKENESS, "discriminator AUC, 0.5 is perfect", _judged_by(discriminator_auc), is_share=False
    ),
    "likelihood_auc": Measure(
        LIKENESS, "AUC of n-grams' likelihood", _judged_by(likelihood_auc), is_share=False
    ),
    "critic_auc": Measure(
        LIKENESS, "the critic's own AUC, no measure of quality", _critic, is_share=False
    ),
    **{
        f"distance_{name}": Measure(LIKENESS, row.label, _distance(name), is_share=False)
        for name, row in (CATEGORIES | QUANTITIES).items()
    },
    # Originality: overlap with the training tunes, and within the sample
    "shared_bars": Measure(
        ORIGINALITY,
        "longest shared passage, bars",
        lambda sample: ratio(_shared_bars(sample.tunes), bounds=(0, math.inf)),
        is_share=False,
    ),
    "shares_eight_bars": Measure(
        ORIGINALITY,
        "share 8 bars or more with one",
        lambda sample: proportion(bars >= 8 for bars in _shared_bars(sample.tunes)),
    ),
    "shares_more_than_real": Measure(
        ORIGINALITY, "share more than 95% of real tunes", _shares_more_than_real
    ),
    "duplicates": Measure(
        ORIGINALITY,
        "note for note like another sample",
        lambda sample: _duplicated([v.fingerprint for v in sample.subset]),
    ),
    "near_duplicates": Measure(
        ORIGINALITY,
        "versions of another sample",
        lambda sample: _duplicated(sample.families_of(sample.subset)),
    ),
    "metre_coverage": Measure(ORIGINALITY, "of real tunes, metre occurs", _coverage("metre")),
    "key_coverage": Measure(ORIGINALITY, "of real tunes, mode occurs", _coverage("mode")),
    # Control
    "metre_delivered": Measure(CONTROL, "metre", _delivered(lambda d: d.metre)),
    "key_delivered": Measure(CONTROL, "key", _delivered(lambda d: d.key)),
    "bars_delivered": Measure(CONTROL, "bars", _delivered(lambda d: d.bars)),
    "parts_delivered": Measure(CONTROL, "parts", _delivered(lambda d: d.parts)),
}

# Wishes for what may sound, by their fields in ``Request``.
WISHES = {
    "range": "range",
    "scale": "scale",
    "max_leap": "widest leap",
    "rhythms": "note values",
    "no_accidentals": "no accidentals",
    "end_on_tonic": "end on the tonic",
    "level": "level of sight-reading",
    "raga": "raga",
    "mood": "mode of a mood",
}
MEASURES |= {
    f"{name}_delivered": Measure(CONTROL, label, _wish_delivered(name))
    for name, label in WISHES.items()
}

Figures = dict[str, Estimate | None]


def measure_sample(sample: Sample) -> Figures:
    """Return the estimate of every measure; None for those that do not apply to the sample."""
    return {name: measure.compute(sample) for name, measure in MEASURES.items()}
