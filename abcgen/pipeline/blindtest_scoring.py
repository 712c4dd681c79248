"""Score a blind test: the accuracy of its raters against chance, and their ratings.

``read_key`` and ``read_answers`` read untrusted files, bounded in size and validated;
``score_answers`` computes a row of ``RATER_MEASURES`` each.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from abcgen.config import LIMITS
from abcgen.errors import InputError, first_problem, reason_of
from abcgen.evaluation.statistics import Estimate, bootstrap, mean_of, proportion, ratio, wilson
from abcgen.files import read_regular
from abcgen.score.blind import ANSWERS_FORMAT, PERSON, PROGRAM, RATINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from abcgen.evaluation.statistics import Floats, Weights

KEY_FORMAT = "abcgen blind test: key"
Name = Annotated[str, Field(pattern="^[0-9a-f]{4,40}$")]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class KeyTune(_Record):
    """A tune of the test."""

    # True for a held-out tune, False for one that a network wrote.
    real: bool
    # The tune as the page shows it.
    abc: str = ""


class AnswerKey(_Record):
    """The key to a blind test: which of its tunes are real."""

    format: str = Field(pattern=f"^{KEY_FORMAT}$")
    version: Literal[1]
    # Identifies the test.
    test: Name
    # How the test was made.
    about: dict[str, Any] = Field(default_factory=dict)
    # The tunes by their name on the page, in its order.
    tunes: dict[Name, KeyTune] = Field(min_length=1)

    def to_json(self) -> str:
        """Return the key as a file."""
        return json.dumps(self.model_dump(), indent=1, ensure_ascii=False) + "\n"


class Answer(_Record):
    """The answers of one rater to the questions about one tune; None if not answered."""

    tune: Name
    # Who the rater thinks wrote it, a person or a program.
    by: str | None = Field(None, pattern=f"^({PERSON}|{PROGRAM})$")
    # How good it is, from 1 to 5.
    rating: int | None = Field(None, ge=RATINGS[0], le=RATINGS[-1])
    # Whether the rater knew it before.
    known: bool | None = None

    @property
    def says_real(self) -> bool | None:
        """True if the rater says that a person wrote the tune; None if not answered."""
        return None if self.by is None else self.by == PERSON


class AnswerSheet(_Record):
    """All answers of one rater, as the page saves them."""

    format: str = Field(pattern=f"^{ANSWERS_FORMAT}$")
    version: Literal[1]
    # Identifies the test.
    test: Name
    # A random number.
    rater: Name = Field(alias="listener")
    # At most one for each tune.
    answers: tuple[Answer, ...]


def read_key(path: Path) -> AnswerKey:
    """Read the key of a test.

    Raises:
        InputError: if the file is not a key.
    """
    return _read(path, AnswerKey)


def read_answers(paths: Iterable[Path], key: AnswerKey) -> list[AnswerSheet]:
    """Read the answers of several raters.

    Raises:
        InputError: if a file does not contain answers to this test, or two have the same rater.
    """
    sheets: dict[Path, AnswerSheet] = {}
    for path in paths:
        sheet = _read(path, AnswerSheet)
        if sheet.test != key.test:
            raise _unusable(path, f"'test' is {sheet.test!r}, but the key's is {key.test!r}")
        answered: set[str] = set()
        for answer in sheet.answers:
            if answer.tune not in key.tunes:
                raise _unusable(path, f"{answer.tune!r} is not a tune of the test")
            if answer.tune in answered:
                raise _unusable(path, f"{answer.tune!r} is answered twice")
            answered.add(answer.tune)
        for other_path, other in sheets.items():
            if other.rater == sheet.rater:
                raise InputError(
                    f"{path} and {other_path} are from the same listener",
                    hint="give only the later one",
                )
        sheets[path] = sheet
    return list(sheets.values())


_Model = TypeVar("_Model", bound=_Record)


def _read(path: Path, model: type[_Model]) -> _Model:
    try:
        content = read_regular(path, LIMITS.answers_bytes)
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason_of(error)}") from error
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise _unusable(path, first_problem(error)) from error


def _unusable(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path}: {reason}", hint="give the answers saved by the page, and the key written with it"
    )


class AllAnswers(NamedTuple):
    """The answers of all raters."""

    # Those on held-out tunes.
    real: list[Answer]
    # Those on tunes of the network.
    generated: list[Answer]


def _by_tune(values: Iterable[tuple[str, int | None]]) -> tuple[list[float], list[float]]:
    """Return, tune by tune, the sums of the values and their numbers; None does not count."""
    tunes: dict[str, list[int]] = {}
    for tune, value in values:
        if value is not None:
            tunes.setdefault(tune, []).append(value)
    sums = [float(sum(tune_values)) for tune_values in tunes.values()]
    return sums, [float(len(tune_values)) for tune_values in tunes.values()]


def _accuracy(answers: AllAnswers) -> Estimate | None:
    """Estimate the balanced accuracy: the mean of the accuracies on real and generated tunes.

    Its interval is over tunes, not over single answers, because answers to one tune are correlated.
    """
    sides = []
    for side, is_real in ((answers.real, True), (answers.generated, False)):
        correct, number = _by_tune(
            (answer.tune, None if answer.by is None else answer.says_real is is_real)
            for answer in side
        )
        if not correct:
            return None
        sides.append(wilson(len(correct) * sum(correct) / sum(number), len(correct)))
    return mean_of(*sides)


def _accuracy_on_unknown(answers: AllAnswers) -> Estimate | None:
    return _accuracy(AllAnswers(*([a for a in side if not a.known] for side in answers)))


def _mean_rating(answers: Sequence[Answer]) -> Estimate | None:
    sums, numbers = _by_tune((answer.tune, answer.rating) for answer in answers)
    return ratio(sums, numbers, bounds=(RATINGS[0], RATINGS[-1])) if sums else None


def _rating_difference(answers: AllAnswers) -> Estimate | None:
    (real, real_n), (generated, generated_n) = (
        _by_tune((answer.tune, answer.rating) for answer in side) for side in answers
    )
    if not real or not generated:
        return None

    def statistic(first: Weights, second: Weights) -> Floats:
        return first @ real / (first @ real_n) - second @ generated / (second @ generated_n)

    span = RATINGS[-1] - RATINGS[0]
    return bootstrap(statistic, [len(real), len(generated)], bounds=(-span, span))


class BlindTestMeasure(NamedTuple):
    """A row of the result: its label, and its computation, which may return None."""

    label: str
    compute: Callable[[AllAnswers], Estimate | None]


# By their name in JSON. The interval of a share of answers is Wilson's, as if the answers were
# independent.
RATER_MEASURES = {
    "told_apart": BlindTestMeasure("told apart: right verdicts, mean of both kinds", _accuracy),
    "told_apart_if_not_known": BlindTestMeasure(
        "the same, of tunes not known before", _accuracy_on_unknown
    ),
    "real_taken_for_real": BlindTestMeasure(
        "held-out tunes taken for a person's", lambda a: proportion(b.says_real for b in a.real)
    ),
    "generated_taken_for_real": BlindTestMeasure(
        "generated tunes taken for a person's",
        lambda a: proportion(b.says_real for b in a.generated),
    ),
    "real_rating": BlindTestMeasure(
        "rating of held-out tunes, 1 to 5", lambda a: _mean_rating(a.real)
    ),
    "generated_rating": BlindTestMeasure(
        "rating of generated tunes, 1 to 5", lambda a: _mean_rating(a.generated)
    ),
    "rating_difference": BlindTestMeasure("held-out tunes rated higher by", _rating_difference),
    "real_known": BlindTestMeasure(
        "held-out tunes known before", lambda a: proportion(b.known for b in a.real)
    ),
    "generated_known": BlindTestMeasure(
        "generated tunes known before", lambda a: proportion(b.known for b in a.generated)
    ),
}

BETTER, WORSE, GUESSING = (
    "better than chance",
    "worse than chance",
    "not better than chance: they could be guessing",
)


def against_chance(accuracy: Estimate | None) -> str:
    """Return a comparison of an accuracy with guessing, by its 95% interval."""
    if accuracy is None:
        return "nobody said"
    if accuracy.low > 0.5:
        return BETTER
    return WORSE if accuracy.high < 0.5 else GUESSING


@dataclass(frozen=True, slots=True)
class BlindTestResult:
    """The result of a blind test."""

    raters: int
    # One for each of ``RATER_MEASURES``; None where too little was answered.
    estimates: Mapping[str, Estimate | None]

    @property
    def verdict(self) -> str:
        """The comparison with chance, for tunes that raters did not know before."""
        return against_chance(self.estimates["told_apart_if_not_known"])


def score_answers(key: AnswerKey, sheets: Sequence[AnswerSheet]) -> BlindTestResult:
    """Score the answers of all raters."""
    answers = AllAnswers([], [])
    for sheet in sheets:
        for answer in sheet.answers:
            side = answers.real if key.tunes[answer.tune].real else answers.generated
            side.append(answer)
    estimates = {name: measure.compute(answers) for name, measure in RATER_MEASURES.items()}
    return BlindTestResult(len(sheets), estimates)
