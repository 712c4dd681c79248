"""What the doctor finds, and whether one can go there."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from abcgen.corpus import report as report_files
from abcgen.corpus.cache import TextCache
from abcgen.corpus.doctor import Doctor
from abcgen.corpus.reading import read_files
from abcgen.corpus.records import TUNE_RECORDS
from abcgen.corpus.report import report_facts, report_page, report_writer
from abcgen.corpus.tune_files import READERS
from abcgen.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.corpus.doctor import Report
    from abcgen.notation.tunebook import TuneBlock

HEAD = "X:{0}\nT:{1}\nR:reel\nM:4/4\nL:1/8\nK:{2}\n"
FIRST = "DEFG ABcd|edcB AGFE|DFAd fdAF|G2 A2 D4|"
IN_G = "GABc defg|agfe dcBA|GBdg bgdB|c2 d2 G4|"
VARIANT = FIRST.replace("G2 A2 D4", "GFEF D4")
BOOK = {
    "a.abc": [
        HEAD.format(1, "The First", "D") + FIRST,
        HEAD.format(2, "Too Long", "D") + "d2 cA B2 AF|DEFG ABcd e|f3 f edcd|e8|",
        HEAD.format(3, "Broken", "D") + "D@",
    ],
    "b.abc": [
        HEAD.format(7, "The First, in G", "G") + IN_G,
        HEAD.format(8, "Nearly the First", "D") + VARIANT,
    ],
    "c.abc": ["words"],
}


def write(folder: Path, book: dict[str, list[str]]) -> None:
    for name, texts in book.items():
        (folder / name).write_text("\n\n".join(texts) + "\n", encoding="utf-8")


def examine(folder: Path, cache: TextCache | None = None) -> Report:
    doctor = Doctor()
    cache = cache or TextCache(None)
    for chunk in read_files(
        sorted(folder.glob("*.abc")), READERS, TUNE_RECORDS, cache, processes=1
    ):
        doctor.add(chunk)
    return doctor.report(0.5, cache)


@pytest.fixture
def report(tmp_path: Path) -> Report:
    write(tmp_path, BOOK)
    return examine(tmp_path)


def test_everything_is_counted(report: Report) -> None:
    total = report.total
    assert (total.tunes, total.left_out, total.wrong_bars, total.wrong_tunes) == (4, 2, 1, 1)
    assert (total.duplicates, total.relatives) == (1, 3)
    assert [file.tunes for file in report.files] == [2, 2, 0]
    assert [file.relatives for file in report.files] == [1, 2, 0]


def test_a_wrong_bar_is_named_by_file_line_tune_and_number(report: Report) -> None:
    (bar,) = report.wrong_bars
    assert bar.location.file.endswith("a.abc")
    assert (bar.location.line, bar.location.number, bar.location.title) == (9, "2", "Too Long")
    assert (bar.bar, bar.found, bar.expected) == (2, "9/8", "8/8")
    assert bar.music == "DEFG ABcd e"


def test_a_skipped_tune_is_named_by_file_line_tune_and_reason(report: Report) -> None:
    broken, words = report.left_out
    assert (broken.location.line, broken.location.number, broken.location.title) == (
        23,
        "3",
        "Broken",
    )
    assert "@" in broken.reason
    assert words.location.file.endswith("c.abc")
    assert "X:" in words.reason


def test_a_repair_is_named_by_its_own_line(tmp_path: Path) -> None:
    """Essen's files mean a bar line at a line's end."""
    text = HEAD.format(1, "Lines", "D") + "DEFG ABcd\nedcB AGFE\nDFAd fdAF|G2 A2 D4|]"
    write(tmp_path, {"a.abc": [HEAD.format(9, "Before", "D") + FIRST, text]})
    report = examine(tmp_path)
    assert report.total.repaired == 1
    (repaired,) = report.repaired
    assert repaired.location.title == "Lines"
    lines = (tmp_path / "a.abc").read_text(encoding="utf-8").split("\n")
    assert lines[repaired.location.line - 1] == "DEFG ABcd"


def test_duplicates_are_found_across_keys(report: Report) -> None:
    (group,) = report.duplicates
    assert [(tune.location.number, tune.key) for tune in group] == [("1", "D"), ("7", "G")]


def test_family_members_have_their_similarity(report: Report) -> None:
    (family,) = report.families
    alike = {tune.location.number: tune.alike for tune in family}
    assert alike["1"] == alike["7"] == 1
    assert 0.5 <= alike["8"] < 1


def test_distributions_count_every_tune(report: Report) -> None:
    assert report.distributions["metre"] == {"4/4": 4}
    assert report.distributions["key"] == {"D": 3, "G": 1}
    assert report.distributions["rhythm"] == {"reel": 4}
    for counts in report.distributions.values():
        assert sum(counts.values()) == 4


def test_families_from_the_cache_are_the_same(real_blocks: list[TuneBlock], tmp_path: Path) -> None:
    write(tmp_path, {"a.abc": [block.text for block in real_blocks[::4]]})
    cache = TextCache(tmp_path / "cache")
    assert examine(tmp_path, cache) == examine(tmp_path, cache) == examine(tmp_path)


def test_every_tune_of_a_large_family_has_its_similarity(tmp_path: Path) -> None:
    tunes = [HEAD.format(number, f"Copy {number}", "D") + FIRST for number in range(1, 41)]
    write(tmp_path, {"a.abc": tunes})
    report = examine(tmp_path)
    (family,) = report.families
    assert [tune.alike for tune in family] == [1.0] * 40


class _Text(HTMLParser):
    """The tags of a page, and its words."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - as it is called
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words += data


def read_page(page: str) -> _Text:
    parser = _Text()
    parser.feed(page)
    return parser


def test_markup_in_tunes_is_escaped(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script><img src=x onerror='alert(2)'>&amp \"{{ 7*7 }}"
    bad = HEAD.format(f"1{evil}", evil, "D") + "D@" + evil
    folder = tmp_path / "<b onclick=x>"
    folder.mkdir()
    name = "<i>.abc"
    write(folder, {name: [bad, HEAD.format(2, evil, "D").replace("reel", evil) + FIRST] * 2})
    report = examine(folder)
    page = read_page(report_page(report))
    assert not {"script", "img", "b", "i"} & set(page.tags)
    assert evil in page.words
    assert name in page.words


def test_the_page_is_self_contained(report: Report) -> None:
    page = report_page(report)
    assert not re.search(r"(?i)src=|url\(|@import|<link|<script|https?:", page)
    assert read_page(page).tags.count("h1") == 1


def test_the_page_shows_every_finding(report: Report) -> None:
    words = read_page(report_page(report)).words
    for expected in ("Broken", "Too Long", "DEFG ABcd e", "9/8", "The First, in G", "c.abc"):
        assert expected in words


def test_a_long_page_is_cut_and_says_where_the_rest_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small:
        report_rows = 5

    monkeypatch.setattr(report_files, "LIMITS", Small)
    write(
        tmp_path,
        {"a.abc": [HEAD.format(n, f"Bad {n}", "D") + "D@" for n in range(1, 21)] + BOOK["a.abc"]},
    )
    words = read_page(report_page(examine(tmp_path))).words
    assert "Bad 5" in words
    assert "Bad 6" not in words
    assert "Only the first 5 of 21" in words


def test_the_json_has_all_findings(report: Report, tmp_path: Path) -> None:
    report_writer(tmp_path / "r.json")(report)
    found = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert found == json.loads(json.dumps(report_facts(report)))
    assert found["wrong_bars"][0]["line"] == 9
    assert found["families"][0][1]["key"] == "G"
    assert found["total"]["tunes"] == 4


def test_another_kind_of_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.html or \.json"):
        report_writer(tmp_path / "report.pdf")
