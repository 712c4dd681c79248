"""Classifiers that learn to tell generated tunes from real ones.

In ``discriminator_auc`` two models vote: a logistic regression on character n-grams, which learns
short phrases, and randomised trees on the features of whole tunes, which learn form and repetition.
``likelihood_auc`` is a model of another kind, so that what fools one need not fool both: n-grams of
generated tunes and n-grams of real ones say how likely a tune is. Neither shares features, models
or tunes with a network's critic.

Scores are cross-validated: no tune is scored by models that saw it or a version of it. The area
under the ROC curve is the probability that a generated tune scores higher than a real one: 0.5 if
the models only guess, 1 if they are always right.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from abcgen.evaluation.baselines import CharacterNgrams
from abcgen.evaluation.features import CATEGORIES, QUANTITIES
from abcgen.evaluation.statistics import UNIT_INTERVAL, Estimate, bootstrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from abcgen.evaluation.features import TuneFeatures
    from abcgen.evaluation.statistics import Floats, Weights

FOLDS = 5
LIKELIHOOD_ORDER = 5
MIN_FAMILIES = 20  # of tunes on either side
NGRAM_LENGTHS = (2, 5)
MIN_TEXTS = 3  # in which an n-gram must occur
TREES = 300
UNREADABLE = -1.0  # the value of all features of a tune that cannot be read
MIN_PROBABILITY = 0.005  # bounds the log odds
MAX_CATEGORIES = 60  # of each kind: the commonest


class LabeledTune(NamedTuple):
    """A tune to be classified. Its label, generated or real, is given by the list that it is in."""

    text: str
    # Its features; None if it cannot be read.
    features: TuneFeatures | None
    # A number, the same for versions of one another.
    family: int


def has_library() -> bool:
    """Return whether scikit-learn, without which there is no discriminator, is installed."""
    try:
        import sklearn  # noqa: F401, PLC0415 - takes a second
    except ImportError:
        return False
    return True


def discriminator_auc(
    generated: Sequence[LabeledTune], real: Sequence[LabeledTune], *, seed: int = 0
) -> Estimate | None:
    """Return the cross-validated area under the ROC curve; None if there are too few tunes.

    Args:
        generated: Tunes of one label.
        real: Tunes of the other.
        seed: Seed of the folds and of both models.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - scikit-learn takes a second

    tunes = [*generated, *real]
    labels = np.array([1] * len(generated) + [0] * len(real))
    folds = list(_folds(labels, tunes, seed))
    if not folds:
        return None

    models = (
        (
            LogisticRegression(
                C=30.0, class_weight="balanced", solver="liblinear", dual=True, random_state=seed
            ),
            _ngram_matrix(tunes),
        ),
        (_trees(seed), _feature_matrix(tunes)),
    )
    scores = np.zeros(len(tunes))
    for train, test in folds:
        for model, data in models:
            model.fit(data[train], labels[train])
            p = model.predict_proba(data[test])[:, 1]
            p = np.clip(p, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
            log_odds = np.log(p / (1 - p))
            # Centre each model's scores within the fold, so that scores of all folds compare.
            scores[test] += log_odds - log_odds.mean()
    return roc_auc(scores[labels == 1], scores[labels == 0])


def table_auc(
    generated: NDArray[np.float64], real: NDArray[np.float64], *, seed: int = 0
) -> Estimate | None:
    """Return the cross-validated area under the ROC curve of trees on features.

    Args:
        generated: The features of pieces of one label, shape (pieces, features).
        real: Those of the other, no two pieces of one family.
        seed: Seed of the folds and of the trees.
    """
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415 - scikit-learn takes a second

    table = np.concatenate([generated, real])
    labels = np.array([1] * len(generated) + [0] * len(real))
    if min(len(generated), len(real)) < MIN_FAMILIES:
        return None
    scores = np.zeros(len(table))
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(table, labels):
        trees = _trees(seed)
        trees.fit(table[train], labels[train])
        scores[test] = trees.predict_proba(table[test])[:, 1]
    return roc_auc(scores[labels == 1], scores[labels == 0])


def _trees(seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier  # noqa: PLC0415 - scikit-learn takes a second

    return ExtraTreesClassifier(
        TREES, min_samples_leaf=2, class_weight="balanced", random_state=seed
    )


def likelihood_auc(
    generated: Sequence[LabeledTune], real: Sequence[LabeledTune], *, seed: int = 0
) -> Estimate | None:
    """Return the area under the ROC curve by likelihood ratios; see ``discriminator_auc``."""
    tunes = [*generated, *real]
    labels = np.array([1] * len(generated) + [0] * len(real))
    scores = np.zeros(len(tunes))
    for train, test in _folds(labels, tunes, seed):
        models = [
            CharacterNgrams([tunes[n].text for n in train if labels[n] == label], LIKELIHOOD_ORDER)
            for label in (0, 1)
        ]
        for n in test:
            as_real, as_generated = (model.bits(tunes[n].text) for model in models)
            scores[n] = (as_real - as_generated) / len(tunes[n].text)
    return roc_auc(scores[labels == 1], scores[labels == 0]) if scores.any() else None


def _folds(
    labels: NDArray[np.int64], tunes: Sequence[LabeledTune], seed: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield indices to learn from and to judge, by family; nothing if there are too few."""
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415 - takes a second

    families = np.array([tune.family for tune in tunes])
    if min(np.unique(families[labels == label]).size for label in (0, 1)) < MIN_FAMILIES:
        return
    yield from StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(
        labels, labels, families
    )


def roc_auc(positive: Floats, negative: Floats) -> Estimate | None:
    """Return the area under the ROC curve, ties counting half, with its interval over tunes."""
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)  # (P, N)

    def statistic(first: Weights, second: Weights) -> Floats:
        return np.asarray(((first @ wins) * second).sum(axis=1) / first.sum(1) / second.sum(1))

    return bootstrap(statistic, wins.shape, bounds=UNIT_INTERVAL)


def _ngram_matrix(tunes: Sequence[LabeledTune]) -> Any:
    """Return tf-idf of character n-grams, a sparse array of shape (tunes, n-grams)."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - the same

    vectorizer = TfidfVectorizer(
        analyzer="char",
        ngram_range=NGRAM_LENGTHS,
        min_df=MIN_TEXTS,
        lowercase=False,
        sublinear_tf=True,
    )
    return vectorizer.fit_transform([tune.text for tune in tunes]).tocsr()


def _feature_matrix(tunes: Sequence[LabeledTune]) -> NDArray[np.float64]:
    """Return quantities and the shares of the commonest categories, shape (tunes, features)."""
    readable = [tune.features for tune in tunes if tune.features]
    columns = []
    for kind in CATEGORIES:
        # Those that occur in the most tunes, generated and real together.
        tune_counts = Counter(name for features in readable for name in features.counts[kind])
        commonest = sorted(tune_counts, key=lambda name: (-tune_counts[name], name))
        columns += [(kind, name) for name in commonest[:MAX_CATEGORIES]]
    table = np.full((len(tunes), len(QUANTITIES) + len(columns)), UNREADABLE)
    for row, tune in enumerate(tunes):
        if tune.features:
            counts, quantities = tune.features.counts, tune.features.quantities
            table[row] = [
                *(quantities[name] for name in QUANTITIES),
                *(counts[kind][name] / max(1, counts[kind].total()) for kind, name in columns),
            ]
    return table
