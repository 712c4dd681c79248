"""What a stranger's words can do in a browser: nothing, wherever a tune has words."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from abcgen.evaluation.measures import MEASURES
from abcgen.evaluation.report import FREE, Evaluation, report_of
from abcgen.evaluation.statistics import Estimate
from abcgen.notation.transpose import INSTRUMENTS
from abcgen.score.blind import blind_page
from abcgen.score.performance import PlaybackOptions
from abcgen.score.web import page_around, web_page, web_tune_of
from tests.hostile import PAYLOADS, TAKEN, check_nothing_ran, everywhere, open_quietly, words_on

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.evaluation.measures import Figures

PLAYING = PlaybackOptions(INSTRUMENTS["fiddle"])


def report_page(folder: Path) -> bytes:
    """The report on tunes, some of them faulty, with the payloads in their fields."""
    text = "".join(
        f"X:{number}\nT:{words}\nC:{words}\nR:{words}\nM:4/4\nK:C\n{music}\n\n"
        for words in PAYLOADS.values()
        for number, music in enumerate(("CDEF GABc|", "CDEF GABc|", "CDE|F|", "C\\9|", words), 1)
    )
    source = folder / f"<img src=x onerror={TAKEN}>.abc".replace("/", "")
    source.write_text(text, encoding="utf-8")
    command = ["normalise", source.name, "--out", "out.abc", "--report", "report.html"]
    subprocess.run(
        [sys.executable, "-m", "abcgen", *command, "--no-cache"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return (folder / "report.html").read_bytes()


def evaluation_page(_folder: Path) -> bytes:
    """A page of an evaluation with the payloads in every text."""
    words = tuple(PAYLOADS.values())
    figures: Figures = dict.fromkeys(MEASURES, Estimate(0.5, 0.4, 0.6, 100))
    evaluation = Evaluation(
        facts={"checkpoint": words[0]},
        figures={FREE: figures},
        verdicts={},
        notes=words,
        title=words[0],
        introduction=words[1],
        sources={FREE: words[1]},
        heard=(FREE,),
    )
    parts = report_of(evaluation, {}, words[0])
    tunes = [web_tune_of(everywhere(each), PLAYING) for each in words]
    return page_around(tunes, title=evaluation.title, **parts._asdict())


def tunes_page(_folder: Path) -> bytes:
    tunes = [web_tune_of(everywhere(words), PLAYING, composer=words) for words in PAYLOADS.values()]
    return web_page(tunes, title=PAYLOADS["script"])[0]


def blind_test_page(_folder: Path) -> bytes:
    tunes = [web_tune_of(everywhere(words), PLAYING) for words in PAYLOADS.values()]
    return blind_page("deadbeef", [f"{number:08x}" for number in range(len(tunes))], tunes)


@pytest.mark.parametrize("make", [tunes_page, blind_test_page, report_page, evaluation_page])
def test_payloads_are_words(make: Any, started: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_bytes(make(tmp_path))
    open_quietly(started, page.as_uri())
    check_nothing_ran(started, (page.as_uri(),))
    words = words_on(started)
    assert "{{7*7}}" in words
    assert "onerror" in words
