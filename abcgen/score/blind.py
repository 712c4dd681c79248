"""The page of a blind test: anonymous tunes to listen to, with three questions about each.

The page does not reveal who wrote a tune: it names tunes by random numbers, and another file, the
key, tells which are real. Answers stay in the browser until they are saved as a JSON file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from abcgen.score.web import read_part, render_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.score.web import WebTune

TITLE = "Who wrote these tunes?"
ANSWERS_FORMAT = "abcgen blind test: answers"
PERSON, PROGRAM = "person", "program"
RATINGS = range(1, 6)


class Question(NamedTuple):
    """A question about a tune, with a choice of answers."""

    # Its name in the answers.
    name: str
    # The question.
    words: str
    # The answers, each as it is saved and as it is shown.
    choices: tuple[tuple[str, str], ...]


_RATING_WORDS = {1: "1 (poor)", 5: "5 (very good)"}
QUESTIONS = (
    Question("by", "Who wrote it?", ((PERSON, "a person"), (PROGRAM, "a program"))),
    Question(
        "rating",
        "How good is it?",
        tuple((str(rating), _RATING_WORDS.get(rating, str(rating))) for rating in RATINGS),
    ),
    Question("known", "Did you know it?", (("no", "no"), ("yes", "yes"))),
)


def blind_page(test: str, names: Sequence[str], tunes: Sequence[WebTune]) -> bytes:
    """Put tunes on a page that asks who wrote each, how good it is and whether it is known.

    Args:
        test: The test's name in the answers.
        names: Each tune's name in the answers, letters and digits.
        tunes: The tunes, at least one.
    """
    return render_page(
        "blind.html",
        list(tunes),
        # With the ABC a rater could look the tune up.
        [{name: value for name, value in tune.data.items() if name != "abc"} for tune in tunes],
        TITLE,
        read_part("blind.css"),
        read_part("blind.js"),
        test=test,
        names=names,
        questions=QUESTIONS,
        answers_format=ANSWERS_FORMAT,
    )
