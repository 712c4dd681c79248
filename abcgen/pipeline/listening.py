"""What the answers to a blind test come to: whether people hear who wrote a tune."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.evaluation.intervals import bootstrap, mean_of, ratio_of, share_of, wilson
from abcgen.score.blind import RATINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from abcgen.evaluation.intervals import Estimate, Floats, Weights
    from abcgen.pipeline.answers import Answer, Key, Sheet

    Ratings = tuple[list[float], list[float]]

CHANCE = 0.5
BETTER, WORSE, GUESSING = (
    "better than chance",
    "worse than chance",
    "not better than chance: they could be guessing",
)


MEASURES = {
    "told_apart": "told apart: right verdicts, mean of both kinds",
    "told_apart_if_not_known": "the same, of tunes not known before",
    "real_taken_for_real": "held-out tunes taken for a person's",
    "generated_taken_for_real": "generated tunes taken for a person's",
    "real_rating": "rating of held-out tunes, 1 to 5",
    "generated_rating": "rating of generated tunes, 1 to 5",
    "rating_difference": "held-out tunes rated higher by",
    "real_known": "held-out tunes known before",
    "generated_known": "generated tunes known before",
}
"""What is reckoned, in words."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What listeners heard.

    Attributes:
        listeners: How many there were.
        measures: A figure for each of ``MEASURES``; None where too little was said.
    """

    listeners: int
    measures: Mapping[str, Estimate | None]

    @property
    def verdict(self) -> str:
        """Whether they told apart what they did not know before better than a coin would."""
        return against_chance(self.measures["told_apart_if_not_known"])


def against_chance(share: Estimate | None) -> str:
    """How a share told apart compares with guessing, by its 95% interval."""
    if share is None:
        return "nobody said"
    if share.low > CHANCE:
        return BETTER
    return WORSE if share.high < CHANCE else GUESSING


def heard(key: Key, sheets: Sequence[Sheet]) -> Heard:
    """Score answers.

    Verdicts are told apart as often as real and generated tunes are on average, each kind counting
    half: a listener who says the same of all is right by half, however many there are of each.
    These figures and ratings have intervals by tune, however many listeners there are, since the
    answers to one tune are alike. The other shares are of single answers, with Wilson's interval,
    which takes them to be independent.

    Args:
        key: What the names stand for.
        sheets: The answers of each listener.
    """
    answers = [answer for sheet in sheets for answer in sheet.answers]
    strange = [answer for answer in answers if answer.known is not True]
    real = [answer for answer in answers if key.tunes[answer.tune].real]
    generated = [answer for answer in answers if not key.tunes[answer.tune].real]
    figures = (
        _told_apart(key, answers),
        _told_apart(key, strange),
        share_of(_said(answer.real for answer in real)),
        share_of(_said(answer.real for answer in generated)),
        _mean(_ratings(real)),
        _mean(_ratings(generated)),
        _difference(_ratings(real), _ratings(generated)),
        share_of(_said(answer.known for answer in real)),
        share_of(_said(answer.known for answer in generated)),
    )
    return Heard(len(sheets), dict(zip(MEASURES, figures, strict=True)))


def _said(opinions: Iterable[bool | None]) -> list[bool]:
    return [opinion for opinion in opinions if opinion is not None]


def _told_apart(key: Key, answers: Sequence[Answer]) -> Estimate | None:
    """The mean of how often verdicts on real and on generated tunes are right."""
    given = [one for one in answers if one.real is not None]
    sides = [
        _by_tune(
            (one.tune, one.real == is_real) for one in given if key.tunes[one.tune].real is is_real
        )
        for is_real in (True, False)
    ]
    if not all(sums for sums, _ in sides):
        return None
    return mean_of(*(wilson(len(own) * sum(own) / sum(said), len(own)) for own, said in sides))


def _ratings(answers: Iterable[Answer]) -> Ratings:
    """For each tune that was rated, the sum of its ratings and their number."""
    return _by_tune((one.tune, one.rating) for one in answers if one.rating is not None)


def _by_tune(answers: Iterable[tuple[str, int]]) -> Ratings:
    """For each tune, the sum of what was said of it and how often something was."""
    tunes: dict[str, list[int]] = {}
    for tune, value in answers:
        tunes.setdefault(tune, []).append(value)
    return [float(sum(own)) for own in tunes.values()], [float(len(own)) for own in tunes.values()]


def _mean(ratings: Ratings) -> Estimate | None:
    sums, numbers = ratings
    return ratio_of(sums, numbers, bounds=(RATINGS[0], RATINGS[-1])) if sums else None


def _difference(real: Ratings, generated: Ratings) -> Estimate | None:
    if not real[0] or not generated[0]:
        return None
    (high, highs), (low, lows) = real, generated

    def difference(first: Weights, second: Weights) -> Floats:
        return first @ high / (first @ highs) - second @ low / (second @ lows)

    span = RATINGS[-1] - RATINGS[0]
    return bootstrap(difference, [len(high), len(low)], bounds=(-span, span))
