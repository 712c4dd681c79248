"""The page of a blind test: tunes without names to be heard, and what is asked of each.

Which tune is whose is not in the page: it holds numbers drawn by chance, and a key kept apart says
what they stand for. Answers stay in the browser until they are saved as a small JSON file.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, NamedTuple

from abcgen.score.web import Questions, read_part, web_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.score.web import WebTune

TITLE = "Who wrote these tunes?"
ANSWERS_FORMAT = "abcgen blind test: answers"
PERSON, PROGRAM = "person", "program"
RATINGS = range(1, 6)


class Question(NamedTuple):
    """One thing that is asked of a tune, with one answer to choose.

    Attributes:
        name: What it is called in the answers.
        words: The question.
        choices: The answers: as they are saved, and as they are read.
    """

    name: str
    words: str
    choices: tuple[tuple[str, str], ...]


QUESTIONS = (
    Question("by", "Who wrote it?", ((PERSON, "a person"), (PROGRAM, "a program"))),
    Question(
        "rating",
        "How good is it?",
        tuple(
            (str(mark), {1: "1 (poor)", 5: "5 (very good)"}.get(mark, str(mark)))
            for mark in RATINGS
        ),
    ),
    Question("known", "Did you know it?", (("no", "no"), ("yes", "yes"))),
)


def blind_page(test: str, names: Sequence[str], tunes: Sequence[WebTune]) -> bytes:
    """Put tunes on a page that asks of each who wrote it, how good it is and whether it is known.

    Args:
        test: What the test is called in the answers.
        names: What each tune is called in the answers, letters and digits.
        tunes: The tunes, at least one.
    """
    forms = tuple(_form(name, tune) for name, tune in zip(names, tunes, strict=True))
    questions = Questions(
        before=_introduction(len(tunes)),
        under=forms,
        after=_saving(test),
        style=read_part("blind.css"),
        script=read_part("blind.js"),
    )
    (page,) = web_page(tunes, title=TITLE, questions=questions)
    return page


def _introduction(count: int) -> str:
    return (
        f'<p class="introduction">Here are {count} tunes. Some were written by people, some by a '
        "program; nothing but the music tells which. Play each, or read it, and answer the three "
        "questions under it; leave out what you cannot say. Your answers stay in this browser "
        "until you save them as a file, to be sent to whoever gave you this page.</p>"
    )


def _form(name: str, tune: WebTune) -> str:
    fields = "\n".join(_field(question) for question in QUESTIONS)
    label = f"Your answers on {html.escape(tune.title)}"
    return f'<form class="answer" data-tune="{name}" aria-label="{label}">\n{fields}\n</form>'


def _field(question: Question) -> str:
    choices = "\n".join(
        f'<label><input type="radio" name="{question.name}" value="{value}"> {words}</label>'
        for value, words in question.choices
    )
    return f"<fieldset><legend>{question.words}</legend>\n{choices}\n</fieldset>"


def _saving(test: str) -> str:
    return f"""<footer class="saving" data-test="{test}" data-format="{ANSWERS_FORMAT}">
<output id="answered"></output>
<button type="button" id="save">Save answers</button>
<button type="button" id="anew">Start anew</button>
</footer>"""
