"""A judge that learns to tell generated tunes from real ones.

Two judges vote: a logistic regression on character n-grams, which knows turns of phrase, and
randomised trees on the measures of whole tunes, which know form and repetition. Each tune is judged
by judges that saw neither it nor any version of it. The area under the ROC curve is how often a
generated tune looks more generated than a real one: 0.5 where none can be told, 1 where all can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from abcgen.evaluation.features import KINDS, QUANTITIES
from abcgen.evaluation.statistics import SHARE, Estimate, bootstrap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from abcgen.evaluation.features import TuneFeatures
    from abcgen.evaluation.statistics import Floats, Weights

FOLDS = 5
FEWEST = 20  # tunes on either side
GRAMS = (2, 5)  # characters to an n-gram
FEWEST_TEXTS = 3  # that an n-gram must be in
TREES = 300
UNKNOWN = -1.0
LEAST = 0.005  # chance that a judge can think of
CATEGORIES = 60  # the commonest of each kind that count


class LabeledTune(NamedTuple):
    """A tune to be judged.

    Attributes:
        text: Its text.
        traits: Its measures; None if it cannot be read.
        family: The same number for versions of one another.
    """

    text: str
    traits: TuneFeatures | None
    family: int


def discriminator_auc(
    generated: Sequence[LabeledTune], real: Sequence[LabeledTune], *, seed: int = 0
) -> Estimate | None:
    """How easily generated tunes are told from real ones; None if there are too few.

    Args:
        generated: The tunes of one sample.
        real: Those of the other.
        seed: Of how they are dealt into folds.
    """
    exhibits = [*generated, *real]
    labels = np.array([1] * len(generated) + [0] * len(real))
    families = np.array([exhibit.family for exhibit in exhibits])
    fewest = min(np.unique(families[labels == side]).size for side in (0, 1))
    if fewest < FEWEST:
        return None
    scores = _out_of_fold(exhibits, labels, families, seed)
    return area(scores[labels == 1], scores[labels == 0])


def area(positive: Floats, negative: Floats) -> Estimate | None:
    """The area under the ROC curve, ties counting half, by tune."""
    above = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)

    def curve(first: Weights, second: Weights) -> Floats:
        return np.asarray(((first @ above) * second).sum(axis=1) / first.sum(1) / second.sum(1))

    return bootstrap(curve, above.shape, bounds=SHARE)


def _out_of_fold(
    exhibits: Sequence[LabeledTune], labels: NDArray[Any], families: NDArray[Any], seed: int
) -> Floats:
    """How generated each tune looks to judges that do not know it."""
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415 - takes a second

    judges = ((_reader(seed), _grams(exhibits)), (_listener(seed), _measures(exhibits)))
    scores = np.zeros(len(exhibits))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for known, unknown in folds.split(labels, labels, families):
        for judge, data in judges:
            judge.fit(data[known], labels[known])
            found = _log_odds(judge.predict_proba(data[unknown])[:, 1])
            scores[unknown] += found - found.mean()  # each judge has a level of its own
    return scores


def _reader(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - likewise

    return LogisticRegression(
        C=30.0, class_weight="balanced", solver="liblinear", dual=True, random_state=seed
    )


def _listener(seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier  # noqa: PLC0415 - likewise

    return ExtraTreesClassifier(
        TREES, min_samples_leaf=2, class_weight="balanced", random_state=seed
    )


def _log_odds(chances: Floats) -> Floats:
    """What two judges think can be added up so."""
    chances = np.clip(chances, LEAST, 1 - LEAST)
    return np.asarray(np.log(chances / (1 - chances)))


def _grams(exhibits: Sequence[LabeledTune]) -> Any:
    """Character n-grams by tf-idf, a sparse array of shape (tunes, n-grams)."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - likewise

    grams = TfidfVectorizer(
        analyzer="char", ngram_range=GRAMS, min_df=FEWEST_TEXTS, lowercase=False, sublinear_tf=True
    )
    return grams.fit_transform([exhibit.text for exhibit in exhibits]).tocsr()


def _measures(exhibits: Sequence[LabeledTune]) -> Floats:
    """Quantities, and shares of the commonest categories, shape (tunes, measures).

    A tune that cannot be read has a value that no other has.
    """
    columns = [(kind, name) for kind in KINDS for name in _commonest(exhibits, kind)]
    table = np.full((len(exhibits), len(QUANTITIES) + len(columns)), UNKNOWN)
    for row, exhibit in enumerate(exhibits):
        traits = exhibit.traits
        if traits is None:
            continue
        shares = [traits.counts[kind][name] / max(1, traits.counts[kind].total())
                  for kind, name in columns]  # fmt: skip
        table[row] = [*(traits.quantities[name] for name in QUANTITIES), *shares]
    return table


def _commonest(exhibits: Sequence[LabeledTune], kind: str) -> list[str]:
    """Those in most tunes; which tunes are real plays no part."""
    tunes: dict[str, int] = {}
    for exhibit in exhibits:
        for name in exhibit.traits.counts[kind] if exhibit.traits else ():
            tunes[name] = tunes.get(name, 0) + 1
    return sorted(tunes, key=lambda name: (-tunes[name], name))[:CATEGORIES]
