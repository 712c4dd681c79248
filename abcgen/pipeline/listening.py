"""The key of a blind test, the answers of its listeners, and what they come to.

Both are files from elsewhere: of bounded size, and nothing in them is trusted.

What the answers to a blind test come to: whether people hear who wrote a tune.
"""

from __future__ import annotations

import json
import re
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from abcgen.config import LIMITS
from abcgen.errors import InputError, reason_of
from abcgen.evaluation.statistics import bootstrap, mean_of, ratio_of, share_of, wilson
from abcgen.score.blind import ANSWERS_FORMAT, PERSON, PROGRAM, RATINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from abcgen.evaluation.statistics import Estimate, Floats, Weights

    Ratings = tuple[list[float], list[float]]


KEY_FORMAT = "abcgen blind test: key"
VERSION = 1
NAME = re.compile(r"[0-9a-f]{4,40}")


@dataclass(frozen=True, slots=True)
class KeyTune:
    """What a name on the page stands for.

    Attributes:
        real: Whether it is a held-out tune; otherwise a network wrote it.
        abc: The tune, as it is on the page.
    """

    real: bool
    abc: str


@dataclass(frozen=True, slots=True)
class Key:
    """What the page of a blind test does not tell.

    Attributes:
        test: What the test is called.
        tunes: What every name stands for, in the order of the page.
        about: How the test was made.
    """

    test: str
    tunes: Mapping[str, KeyTune]
    about: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> str:
        """The key as a file."""
        tunes = {name: {"real": tune.real, "abc": tune.abc} for name, tune in self.tunes.items()}
        data = {"format": KEY_FORMAT, "version": VERSION, "test": self.test}
        data |= {"about": dict(self.about), "tunes": tunes}
        return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one listener says of one tune; None for what was left open.

    Attributes:
        tune: Its name.
        real: Whether it is taken for a person's.
        rating: How good it is, from 1 to 5.
        known: Whether the listener knew it before.
    """

    tune: str
    real: bool | None = None
    rating: int | None = None
    known: bool | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """The answers of one listener.

    Attributes:
        listener: A number drawn by chance.
        answers: One for each tune that something is said of.
    """

    listener: str
    answers: tuple[Answer, ...]


def read_key(path: Path) -> Key:
    """Read the key of a test.

    Raises:
        InputError: if it is none.
    """
    data = _read(path, KEY_FORMAT)
    tunes: Any = data.get("tunes")
    _demand(isinstance(tunes, dict) and bool(tunes), path, "it has no tunes")
    for name, tune in tunes.items():
        is_one = isinstance(tune, dict) and type(tune.get("real")) is bool
        _demand(is_one and bool(NAME.fullmatch(name)), path, f"{name[:40]!r} is no tune")
    about = data.get("about")
    return Key(
        data["test"],
        {name: KeyTune(tune["real"], str(tune.get("abc", ""))) for name, tune in tunes.items()},
        about if isinstance(about, dict) else {},
    )


def read_answers(path: Path, key: Key) -> Sheet:
    """Read the answers that a listener saved.

    Raises:
        InputError: if they are none, or not to this test.
    """
    data = _read(path, ANSWERS_FORMAT)
    _demand(data["test"] == key.test, path, "it answers another test than the key is for")
    listener: Any = data.get("listener")
    answers: Any = data.get("answers")
    _demand(_is_name(listener), path, "it does not tell whose it is")
    is_list = isinstance(answers, list) and len(answers) <= len(key.tunes)
    _demand(is_list, path, f"'answers' is no list of at most {len(key.tunes)}")
    found = tuple(_answer(path, one, key) for one in answers)
    _demand(len({one.tune for one in found}) == len(found), path, "a tune is answered twice")
    return Sheet(listener, found)


def read_sheets(paths: list[Path], key: Key) -> list[Sheet]:
    """Read the answers of several listeners, each of whom counts once.

    Raises:
        InputError: if a file cannot be used, or two are of one listener.
    """
    sheets: dict[str, Path] = {}
    found = []
    for path in paths:
        sheet = read_answers(path, key)
        if sheet.listener in sheets:
            raise InputError(
                f"{path} and {sheets[sheet.listener]} are of the same listener",
                hint="give only the later one",
            )
        sheets[sheet.listener] = path
        found.append(sheet)
    return found


def _answer(path: Path, data: Any, key: Key) -> Answer:
    _demand(isinstance(data, dict), path, "an answer is no object")
    name, by, rating, known = (data.get(part) for part in ("tune", "by", "rating", "known"))
    _demand(_is_name(name) and name in key.tunes, path, f"{str(name)[:40]!r} is no tune of it")
    _demand(by in (None, PERSON, PROGRAM), path, f"{name}: 'by' is {PERSON!r} or {PROGRAM!r}")
    fits = rating is None or (type(rating) is int and rating in RATINGS)
    _demand(fits, path, f"{name}: a rating is from {RATINGS[0]} to {RATINGS[-1]}")
    _demand(known is None or type(known) is bool, path, f"{name}: 'known' is true or false")
    return Answer(name, None if by is None else by == PERSON, rating, known)


def _is_name(data: object) -> bool:
    return isinstance(data, str) and bool(NAME.fullmatch(data))


def _read(path: Path, form: str) -> dict[str, Any]:
    """A JSON object of that format and of a test."""
    try:
        data: Any = json.loads(_content(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON: {str(error)[:100]}") from error
    _demand(isinstance(data, dict) and data.get("format") == form, path, f"it is no {form!r}")
    _demand(data.get("version") == VERSION, path, f"version {VERSION} expected")
    _demand(_is_name(data.get("test")), path, "it does not tell which test it belongs to")
    found: dict[str, Any] = data
    return found


def _content(path: Path) -> bytes:
    try:
        found = path.stat()
        if found.st_size > LIMITS.answers_bytes or not stat.S_ISREG(found.st_mode):
            raise InputError(f"{path} is no file of at most {LIMITS.answers_bytes:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason_of(error)}") from error


def _demand(fits: bool, path: Path, reason: str) -> None:
    """Refuse a file.

    Raises:
        InputError: if it does not fit.
    """
    if not fits:
        raise InputError(
            f"{path}: {reason}", hint="give what the page saved, and the key made with it"
        )


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
