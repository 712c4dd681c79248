"""Learn a critic from real tunes and sampled ones (``learn_critic``).

A logistic regression: the log odds that a tune is real are a sum over its features. Boosted trees
told them apart no better (AUC .913 against .919 on the shipped network's samples), and cannot say
why. All is cross-fitted by family: a tune is measured with n-grams, and judged by weights, that
were learnt without it and its versions.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abcgen.critic.critic import FORMAT_VERSION, MOST_DEVIATIONS, Critic, Weight
from abcgen.critic.features import measure
from abcgen.critic.ngrams import LANGUAGES, NgramCounts, Ngrams, count_ngrams, joined
from abcgen.critic.outline import outline_of
from abcgen.critic.words import FEATURES, GROUPS
from abcgen.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from abcgen.notation.tune import Tune

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

FOLDS = 5
LEAST_TUNES = 100  # real and sampled, each
MOST_TUNES = 10_000  # real
PENALTY = 30.0  # of squared weights; 10 to 100 make no difference
ITERATIONS = 1000
TYPICAL = (10, 90)  # percentiles
LEAST_DEVIATION = 1e-6
DIGITS = 6  # significant ones in the file


@dataclass(frozen=True, slots=True)
class Learnt:
    """A critic, and how well its parts tell real tunes from sampled ones that it has not seen.

    Attributes:
        critic: The critic.
        alone: The area under the ROC curve with the features of each group alone.
        without: The same with all but those of the group.
    """

    critic: Critic
    alone: Mapping[str, float]
    without: Mapping[str, float]


def check_library() -> None:
    """Check that scikit-learn, which learning needs, is installed.

    Raises:
        InputError: if it is not.
    """
    try:
        import sklearn  # noqa: F401, PLC0415 - only learning needs it
    except ImportError as error:
        raise InputError(
            f"learning a critic needs scikit-learn: {str(error)[:200]}",
            hint="pip install scikit-learn",
        ) from error


def learn_critic(
    real: Sequence[Tune],
    families: Sequence[int],
    sampled: Sequence[Tune],
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Learnt:
    """Learn to tell real tunes from sampled ones.

    Args:
        real: Real tunes.
        families: A number for each of them, the same for versions of one another.
        sampled: Tunes that a network sampled.
        on_progress: Called with the tunes measured so far and in all.

    Raises:
        InputError: if there are too few.
    """
    if min(len(real), len(sampled)) < LEAST_TUNES:
        raise InputError(
            f"{len(real)} real and {len(sampled)} sampled tunes are too few to learn a critic",
            hint=f"it takes {LEAST_TUNES} of each",
        )
    step = -(-len(real) // MOST_TUNES)
    real, families = real[::step], families[::step]
    order = {family: n for n, family in enumerate(dict.fromkeys(families))}
    folds = np.array(
        [order[family] % FOLDS for family in families] + [n % FOLDS for n in range(len(sampled))]
    )
    is_real = np.arange(len(folds)) < len(real)

    # 1) Count n-grams fold by fold, and measure each tune with those of the other folds.
    tables, without_fold = _tables(real, folds.tolist())
    rows = []
    for number, (tune, fold) in enumerate(zip([*real, *sampled], folds.tolist(), strict=True)):
        rows.append(list(measure(outline_of(tune), without_fold[fold]).values()))
        on_progress(number + 1, len(folds))
    values = np.array(rows)  # (tunes, features)

    # 2) How well the groups tell tunes apart.
    names, data = list(FEATURES), (values, is_real, folds)
    groups = np.array([FEATURES[name].group for name in names])
    scores = _cross_validated(*data)
    alone = {group: _auc(_cross_validated(*data, groups == group), is_real) for group in GROUPS}
    without = {group: _auc(_cross_validated(*data, groups != group), is_real) for group in GROUPS}

    # 3) The critic from all tunes. Scores of unseen tunes show by how much it is too sure.
    mean, deviation, weights, bias = _fit(values, is_real)
    slope, shift = _calibration(scores, is_real)
    low, high = np.percentile(values[is_real], TYPICAL, axis=0)
    parts = zip(names, mean, deviation, slope * weights, low, high, strict=True)
    critic = Critic(
        format_version=FORMAT_VERSION,
        real=len(real),
        sampled=len(sampled),
        auc=_auc(scores, is_real),
        bias=_rounded(slope * bias + shift),
        weights={
            name: Weight(**dict(zip(Weight.model_fields, map(_rounded, numbers), strict=True)))
            for name, *numbers in parts
        },
        ngrams=tables,
    )
    return Learnt(critic, alone, without)


def _tables(
    tunes: Sequence[Tune], folds: Sequence[int]
) -> tuple[dict[str, NgramCounts], list[dict[str, Ngrams]]]:
    """Return the n-grams of all tunes, and for each fold those of all tunes outside it."""
    whole: dict[str, NgramCounts] = {}
    without: list[dict[str, Ngrams]] = [{} for _ in range(FOLDS)]
    outlines = [outline_of(tune) for tune in tunes]
    for language, (texts_of, order) in LANGUAGES.items():
        texts: list[list[str]] = [[] for _ in range(FOLDS)]
        for outline, fold in zip(outlines, folds, strict=False):
            texts[fold].append(joined(texts_of(outline)))
        counts = [count_ngrams(part, order) for part in texts]
        every = sum(counts, Counter[str]())
        whole[language] = NgramCounts.of(every, order)
        for fold, own in enumerate(counts):
            without[fold][language] = Ngrams(NgramCounts.of(every - own, order))
    return whole, without


def _fit(values: Floats, is_real: Flags) -> tuple[Floats, Floats, Floats, float]:
    """Return the means, deviations and weights of the features, and the bias."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - takes a second to load

    mean, deviation = values.mean(axis=0), np.maximum(values.std(axis=0), LEAST_DEVIATION)
    model = LogisticRegression(C=1 / PENALTY, class_weight="balanced", solver="newton-cholesky")
    model.fit(_standardised(values, mean, deviation), is_real)
    return mean, deviation, model.coef_[0], float(model.intercept_[0])


def _standardised(values: Floats, mean: Floats, deviation: Floats) -> Floats:
    return np.clip((values - mean) / deviation, -MOST_DEVIATIONS, MOST_DEVIATIONS)


def _cross_validated(
    values: Floats, is_real: Flags, folds: NDArray[np.int64], chosen: Flags | None = None
) -> Floats:
    """Return the log odds of every tune by weights learnt without its fold, from some features."""
    if chosen is not None:
        values = values[:, chosen]
    scores = np.zeros(len(values))
    for fold in range(FOLDS):
        held_out = folds == fold
        mean, deviation, weights, bias = _fit(values[~held_out], is_real[~held_out])
        scores[held_out] = _standardised(values[held_out], mean, deviation) @ weights + bias
    return scores


def _auc(scores: Floats, is_real: Flags) -> float:
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 - the same

    return round(float(roc_auc_score(is_real, scores)), 4)


def _calibration(scores: Floats, is_real: Flags) -> tuple[float, float]:
    """Return slope and shift that turn scores of unseen tunes into log odds (Platt scaling)."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - the same

    model = LogisticRegression(C=1e6, class_weight="balanced", max_iter=ITERATIONS)
    model.fit(scores[:, None], is_real)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def _rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
