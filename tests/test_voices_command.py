"""What cannot be done with several voices is said in one line, and nothing else is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from abcgen.cli import app
from abcgen.config import LIMITS
from abcgen.corpus.cache import TextCache
from abcgen.corpus.records import extract_corpus
from abcgen.corpus.tune_files import READERS
from abcgen.errors import InputError
from abcgen.notation.reader import read_tunebook
from abcgen.notation.tune import Tune
from tests.notation.test_ensemble import FOUR
from tests.pipeline.checkpoints import untrained

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "X:{}\nT:{}\nM:4/4\nL:1/4\nK:C\n"
BEYOND = LIMITS.voices + 1
# Broken pieces by the words of the reason.
BROKEN = {
    "voice 2 has 1 bars, not 2": "V:1\nCDEF|GABc|]\nV:2\nC4|]\n",
    "bar 2 of voice 2 lasts": "V:1\nCDEF|GABc|]\nV:2\nC4|C2|]\n",
    "rests throughout": "V:1\nCDEF|]\nV:2\nz4|]\n",
    f"more than {LIMITS.voices} voices": "".join(f"V:{n}\nCDEF|]\n" for n in range(BEYOND)),
    "1 of 2 voices": "CDEF|]\n",
}


@pytest.fixture(scope="module")
def choir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory.mktemp("checkpoints") / "choir", choir=True)


@pytest.fixture(scope="module")
def fiddler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory.mktemp("checkpoints") / "fiddler")


@pytest.mark.parametrize("voices", ["1", "3", "30", "viola", "soprano,viola", "-1", ","])
def test_voices_that_a_network_has_not_are_refused_in_a_line(
    choir: Path, tmp_path: Path, voices: str
) -> None:
    line = ["sample", "--checkpoint", str(choir), "--voices", voices, "-o", str(tmp_path / "out")]
    error = CliRunner().invoke(app, line).exception
    assert isinstance(error, InputError)
    assert "\n" not in error.message
    assert not list(tmp_path.glob("out/*"))


def test_four_voices_of_a_network_of_one_are_refused(fiddler: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    line = ["sample", "--checkpoint", str(fiddler), "--voices", "4", "-o", out]
    error = CliRunner().invoke(app, line).exception
    assert isinstance(error, InputError)
    assert "one voice" in error.message


def test_pieces_whose_voices_do_not_fit_are_named_and_the_others_learnt(tmp_path: Path) -> None:
    book = tmp_path / "book.abc"
    broken = [
        HEAD.format(number, f"Broken {number}") + music
        for number, music in enumerate(BROKEN.values(), start=1)
    ]
    book.write_text("\n".join([*broken, FOUR]), encoding="utf-8")
    corpus = extract_corpus([book], READERS, TextCache(None), voices=2)
    assert len(corpus.tunes) == 1
    reasons = [skipped.cause.reason for skipped in corpus.skipped]
    assert len(reasons) == len(BROKEN)
    for expected, reason in zip(BROKEN, reasons, strict=True):
        assert expected in reason
        assert "\n" not in reason


def test_no_voice_is_lost_where_a_file_is_normalised(tmp_path: Path) -> None:
    book = tmp_path / "book.abc"
    unlike = HEAD.format(1, "Unlike") + "V:1\nCDEF|GABc|]\nV:2\nC4|]\nV:3\nz4|z4|]\n"
    book.write_text(unlike, encoding="utf-8")
    out = tmp_path / "out"
    assert CliRunner().invoke(app, ["normalise", str(book), "-o", str(out)]).exit_code == 0
    found = read_tunebook((out / "book.abc").read_text("utf-8"))
    (tune,) = [each for each in found if isinstance(each, Tune)]
    assert [len(voice.bars) for voice in tune.voices] == [2, 1, 2]
