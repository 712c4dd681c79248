"""The critic as plain numbers (``Critic``), and what it says of a tune (``Judgement``)."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PrivateAttr, model_validator

from abcgen.config import Schema, Share
from abcgen.critic.features import measure
from abcgen.critic.ngrams import LANGUAGES, NgramCounts, Ngrams
from abcgen.critic.outline import outline_of
from abcgen.critic.places import place_of
from abcgen.critic.words import FEATURES
from abcgen.errors import InputError, shown

if TYPE_CHECKING:
    from typing import Self

    from abcgen.notation.tune import Tune

# Numbers far beyond any feature of a real tune would hide all others.
MOST_DEVIATIONS = 3.0
MAX_REASONS = 4
MAX_OF_GROUP = 2
LEAST_REASON = 0.1  # in log odds

FORMAT_VERSION: Literal[1] = 1  # of the file: other features make another one

_Number = Annotated[float, Field(ge=-1e6, le=1e6)]


class Weight(Schema):
    """What a feature is worth."""

    # The mean and standard deviation of tunes, real and sampled together.
    mean: _Number
    deviation: Annotated[float, Field(ge=1e-9, le=1e6)]
    # Log odds that a tune is real, for each standard deviation above the mean.
    weight: _Number
    # Four in five real tunes are between these.
    low: _Number
    high: _Number

    def log_odds(self, value: float) -> float:
        """Return what a value adds to the log odds that a tune is real."""
        deviations = (value - self.mean) / self.deviation
        return self.weight * max(-MOST_DEVIATIONS, min(MOST_DEVIATIONS, deviations))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the critic says of a tune."""

    # That it is a real tune, if real and sampled ones are equally frequent, as log odds.
    log_odds: float
    # Sentences in a musician's words: what is unlike real tunes, the weightiest first.
    reasons: tuple[str, ...]

    @property
    def probability(self) -> float:
        """The probability that it is a real tune."""
        return 1 / (1 + math.exp(-self.log_odds))


class Critic(Schema):
    """Judges whether a tune could be a real one. Its file is untrusted, so all is bounded."""

    format_version: Literal[1]
    # Learnt from so many tunes.
    real: Annotated[int, Field(ge=0, le=10**9)]
    sampled: Annotated[int, Field(ge=0, le=10**9)]
    # How well it tells real from sampled tunes that it has not seen (area under the ROC curve).
    auc: Share
    # Log odds of a tune whose features are all at their means.
    bias: _Number
    weights: dict[str, Weight]
    ngrams: dict[str, NgramCounts]

    _tables: dict[str, Ngrams] | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        """Refuse other features than those that are measured."""
        for found, expected in ((self.weights, FEATURES), (self.ngrams, LANGUAGES)):
            if wrong := found.keys() ^ expected.keys():
                raise InputError(f"{shown(min(wrong))} is missing or unknown")
        return self

    def score(self, tune: Tune) -> float:
        """Return the log odds that a tune is real."""
        values = measure(outline_of(tune), self._ngrams)
        return self.bias + sum(
            weight.log_odds(values[name]) for name, weight in self.weights.items()
        )

    def judge(self, tune: Tune) -> Judgement:
        """Judge a tune, and say why."""
        outline = outline_of(tune)
        values = measure(outline, self._ngrams)
        worth = {name: weight.log_odds(values[name]) for name, weight in self.weights.items()}
        reasons: list[str] = []
        groups: Counter[str] = Counter()
        for name in sorted(worth, key=lambda name: worth[name]):
            weight, value, feature = self.weights[name], values[name], FEATURES[name]
            if worth[name] > -LEAST_REASON or len(reasons) == MAX_REASONS:
                break
            # Features of one group often say the same.
            if weight.low <= value <= weight.high or groups[feature.group] == MAX_OF_GROUP:
                continue
            groups[feature.group] += 1
            place = place_of(name, outline, self._ngrams) if value > weight.high else ""
            sentence = feature.sentence(value, weight.low, weight.high)
            reasons.append(f"{sentence} ({place})" if place else sentence)
        return Judgement(self.bias + sum(worth.values()), tuple(reasons))

    @property
    def _ngrams(self) -> dict[str, Ngrams]:
        if self._tables is None:
            self._tables = {name: Ngrams(table) for name, table in self.ngrams.items()}
        return self._tables
