"""``abcgen blindtest`` as a person meets it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from abcgen.cli import main
from abcgen.pipeline import blindtest
from abcgen.pipeline.blindtest_scoring import KEY_FORMAT, AnswerKey, KeyTune, read_key
from abcgen.score.blind import ANSWERS_FORMAT
from tests.pipeline.checkpoints import untrained

if TYPE_CHECKING:
    from pathlib import Path

    from _pytest.capture import CaptureFixture

KEY = AnswerKey(
    format=KEY_FORMAT,
    version=1,
    test="abcd1234",
    tunes={f"{n:08x}": KeyTune(real=n % 2 == 0, abc="X:1\n") for n in range(20)},
)
TUNE = "X:{0}\nT:Tune {0}\nM:4/4\nL:1/8\nK:D\n{1}\n"
BARS = ["dAFA dAFA", "BGdG BGdG", "cAeA cAeA", "dfaf d4", "gfed cBAG", "FAdf a4", "Bcde fgaf"]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "argv", ["abcgen", "blindtest", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to a folder with a key and two listeners' answers, all but five of them right."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key.json").write_text(KEY.to_json(), encoding="utf-8")
    for listener in (1, 2):
        answers = [
            {
                "tune": name,
                "by": "person" if tune.real != (n < 5) else "program",
                "rating": 1 + n % 5,
            }
            for n, (name, tune) in enumerate(KEY.tunes.items())
        ]
        data = {"format": ANSWERS_FORMAT, "version": 1, "test": KEY.test}
        data |= {"listener": f"{listener:016x}", "answers": answers}
        (tmp_path / f"answers-{listener}.json").write_text(json.dumps(data), encoding="utf-8")
    return tmp_path


SCORE = ("score", "answers-1.json", "answers-2.json", "--key", "key.json")


@pytest.mark.usefixtures("here")
def test_score_prints_a_table_with_intervals(
    monkeypatch: pytest.MonkeyPatch, capsys: CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *SCORE) == 0
    rows = [line.split("│") for line in capsys.readouterr().out.splitlines() if "│" in line]
    cells = [[cell.strip() for cell in row[2:5]] for row in rows]
    assert ["0.75", "0.53 to 0.87", "20"] in cells


@pytest.mark.usefixtures("here")
def test_json_holds_every_measure(
    monkeypatch: pytest.MonkeyPatch, capsys: CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *SCORE, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["listeners"] == 2
    assert found["told_apart"]["value"] == 0.75
    assert found["told_apart"]["interval"] == pytest.approx([0.533, 0.870], abs=1e-3)
    assert found["real_known"] is None


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("wrong", ["key.json", "nowhere.json"])
def test_wrong_answers_are_refused_in_one_line(
    wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "score", wrong, "--key", "key.json") == 1
    errors = capsys.readouterr().err
    assert errors.startswith("error:")
    assert errors.count("\n") == 1
    assert wrong in errors


def test_make_writes_page_and_key_and_overwrites_nothing(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: CaptureFixture[str]
) -> None:
    monkeypatch.setattr(blindtest, "web_tune_of", lambda *_: None)  # engraving is tested elsewhere
    monkeypatch.setattr(blindtest, "blind_page", lambda *_: b"<html>")
    untrained(here / "net")
    tunes = [TUNE.format(n, "|".join([*BARS[n:], *BARS[:n], "d8|]"])) for n in range(1, 7)]
    (here / "real.abc").write_text("\n".join(tunes), encoding="utf-8")
    options = ["make", "net", "--tunes", "real.abc", "--count", "2", "--seed", "5"]
    options += ["--fewest-bars", "1", "--most-bars", "200", "--temperature", "1", "--out", "test"]
    assert run(monkeypatch, *options, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["files"] == ["test/blindtest.html", "test/key.json"]
    key = read_key(here / "test" / "key.json")
    assert key.test == found["test"]
    assert [tune.real for tune in key.tunes.values()].count(True) == 2
    assert run(monkeypatch, *options) == 1
    assert "--force" in capsys.readouterr().err
    assert (here / "test" / "blindtest.html").read_bytes() == b"<html>"
