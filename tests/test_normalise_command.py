"""``abcgen normalise`` as a new process: its report, its cache, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from abcgen.notation.tunebook import TuneBlock

TUNES = """X:1
T:Two bars too long
M:4/4
L:1/8
K:D
DEFG ABcd|edcB AGFE D2|DFAd fdAF G|D8|]

X:2
T:Not a tune
K:D
D@
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.abc").write_text(TUNES, encoding="utf-8")
    return tmp_path


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "abcgen", "normalise", *arguments],
        cwd=folder,
        env=os.environ | {"ABCGEN_CACHE": str(folder / "cache"), "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    process = start(folder, *arguments)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_it_ends_with_a_table_of_findings(folder: Path) -> None:
    code, out, err = run(folder, "in", "--report", "report.html")
    assert code == 0
    rows = [line.strip("│ ").split("│") for line in out.splitlines() if "│" in line]
    found = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}
    assert found["tunes read"] == ["1", "in 1 file"]
    assert found["bars that do not add up"] == ["2", "in 1 tune"]
    assert found["left out"][0] == "1"
    assert "in/a.abc:11: X:2 'Not a tune'" in err
    assert "report.html" in out
    assert "Two bars too long" in (folder / "report.html").read_text(encoding="utf-8")


def test_a_second_run_prints_and_writes_the_same(folder: Path) -> None:
    first = run(folder, "in", "--out", "out.abc", "--report", "report.json")
    written = [(folder / name).read_bytes() for name in ("out.abc", "report.json")]
    assert any((folder / "cache").rglob("*.jsonl"))
    again = ["in", "--out", "out.abc", "--report", "report.json", "--force"]
    for more in ([], ["--no-cache"]):
        assert run(folder, *again, *more) == first
        assert [(folder / name).read_bytes() for name in ("out.abc", "report.json")] == written


def test_no_cache_leaves_none_behind(folder: Path) -> None:
    assert run(folder, "in", "--no-cache")[0] == 0
    assert not (folder / "cache").exists()


def test_json_sums_it_up(folder: Path) -> None:
    code, out, _ = run(folder, "in", "--json", "--report", "report.json")
    assert code == 0
    facts = json.loads(out)
    assert (facts["tunes"], facts["wrong_bars"], facts["report"]) == (1, 2, "report.json")
    whole = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert [bar["bar"] for bar in whole["wrong_bars"]] == [2, 3]


@pytest.mark.parametrize("report", ["report.txt", "in/a.abc", "old.json"])
def test_an_unwritable_report_is_an_error_before_anything_is_read(
    report: str, folder: Path
) -> None:
    (folder / "old.json").write_text("{}", encoding="utf-8")
    code, _, err = run(folder, "in", "--report", report)
    assert code == 1
    assert report in err
    assert (folder / "old.json").read_text(encoding="utf-8") == "{}"
    assert not (folder / "output").exists()
    assert (folder / "in" / "a.abc").read_text(encoding="utf-8") == TUNES


def wait_for_children(pid: int) -> None:
    """Wait until a process has others read for it, or would have if it could."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    until = time.monotonic() + 30
    while time.monotonic() < until and not (children.exists() and children.read_text()):
        time.sleep(0.1)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing_behind(
    number: int, code: int, real_blocks: list[TuneBlock], folder: Path
) -> None:
    text = "\n\n".join(block.text for block in real_blocks)
    (folder / "in" / "many.abc").write_text("\n\n".join([text] * 20), encoding="utf-8")
    process = start(folder, "in", "--out", "out.abc", "--no-cache")
    wait_for_children(process.pid)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert err.strip()
    assert "Traceback" not in err
    assert {path.name for path in folder.iterdir()} == {"in"}


def test_the_tracks_of_a_midi_file_are_listed_and_nothing_is_written(folder: Path) -> None:
    case = Path(__file__).parent / "midi" / "cases" / "karaoke.mid"
    code, out, _ = run(folder, "--list-tracks", "--json", str(case))
    assert code == 0
    (rows,) = json.loads(out)["tracks"].values()
    assert [row["track"] for row in rows if row["use"] == "tune"] == ["4:4"]
    tune = next(row for row in rows if row["use"] == "tune")
    assert (tune["notes"], tune["lowest"], tune["highest"]) == (80, "G4", "E5")
    assert len(rows) == 9
    assert not (folder / "output").exists()


def test_what_was_inferred_is_told_apart_from_what_was_repaired(folder: Path) -> None:
    case = Path(__file__).parent / "midi" / "cases" / "wrong-signature.mid"
    code, out, err = run(folder, str(case), "--json", "--report", "report.json")
    assert code == 0
    assert (json.loads(out)["inferred"], json.loads(out)["repaired"]) == (1, 0)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["total"]["inferred"] == 1
    assert any("key Dmin" in finding["what"] for finding in report["inferred"])
    assert not report["repaired"]
    assert sum("key Dmin" in line for line in err.splitlines()) == 1
