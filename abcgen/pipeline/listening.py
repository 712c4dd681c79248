"""What the answers to a blind test come to: whether people hear who wrote a tune."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.evaluation.intervals import bootstrap, ratio_of, share_of
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
    "told_apart": "told apart: verdicts that are right",
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

    Shares are of single verdicts, with Wilson's interval, which takes them to be independent.
    Ratings are means over all answers; their intervals are by tune, since the answers to one tune
    are alike.

    Args:
        key: What the names stand for.
        sheets: The answers of each listener.
    """
    answers = [answer for sheet in sheets for answer in sheet.answers]
    strange = [answer for answer in answers if answer.known is not True]
    real = [answer for answer in answers if key.tunes[answer.tune].real]
    generated = [answer for answer in answers if not key.tunes[answer.tune].real]
    figures = (
        share_of(_rights(key, answers)),
        share_of(_rights(key, strange)),
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


def _rights(key: Key, answers: Iterable[Answer]) -> list[bool]:
    """Of every verdict, whether it is right."""
    return [one.real == key.tunes[one.tune].real for one in answers if one.real is not None]


def _ratings(answers: Iterable[Answer]) -> Ratings:
    """For each tune that was rated, the sum of its ratings and their number."""
    tunes: dict[str, list[int]] = {}
    for answer in answers:
        if answer.rating is not None:
            tunes.setdefault(answer.tune, []).append(answer.rating)
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
