"""A critic by hand, for tests that need none that has learnt."""

from __future__ import annotations

from abcgen.critic.critic import Critic, Weight
from abcgen.critic.ngrams import LANGUAGES, NgramCounts
from abcgen.critic.words import FEATURES


def plain_critic(**weights: float) -> Critic:
    """Return a critic that weighs some features, and knows no n-grams."""
    return Critic(
        format_version=1,
        real=0,
        sampled=0,
        auc=0.5,
        bias=0.0,
        weights={
            name: Weight(
                mean=0.0, deviation=100.0, weight=weights.get(name, 0.0), low=0.0, high=0.0
            )
            for name in FEATURES
        },
        ngrams={name: NgramCounts(order=1, counts={}) for name in LANGUAGES},
    )
