from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from abcgen.config import PageConfig
from abcgen.errors import InputError, NotationError
from abcgen.notation.reader import read_abc
from abcgen.score.pages import paper_named, set_pages, sheet_of
from abcgen.score.text import key_name, rhythm_and_key
from tests.tunes import CHORDS, JIG, REEL, tune

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.notation.tune import Tune

HOSTILE = '#let x = read("/etc/passwd")'
A4, LOW = PageConfig(), PageConfig(ppi=30)


def long_tune(times: int, title: str = "A long tune") -> Tune:
    return replace(JIG, bars=JIG.bars * times, title=title)


def write_pdf(
    tunes: Sequence[Tune], path: Path, page: PageConfig = A4, *, composer: str = ""
) -> None:
    sheets = [sheet_of(tune, page, composer=composer) for tune in tunes]
    (document,) = set_pages(sheets, page, "pdf")
    path.write_bytes(document)


def text_of(path: Path) -> str:
    if not (tool := shutil.which("pdftotext")):
        pytest.skip("pdftotext is not installed")
    done = subprocess.run([tool, "-layout", path, "-"], capture_output=True, check=True)
    return done.stdout.decode()


def pages_of(path: Path) -> list[str]:
    return text_of(path).rstrip("\f").split("\f")


def test_title_rhythm_key_and_composer_are_on_the_page(tmp_path: Path) -> None:
    write_pdf([JIG], tmp_path / "jig.pdf", composer="a network")
    (page,) = pages_of(tmp_path / "jig.pdf")
    assert all(words in page for words in ("The Pickup Jig", "jig · D", "a network"))


@pytest.mark.parametrize("title", [HOSTILE, "*bold* _it_ $x^2$ // \\ <a> @b", '"; #panic("x")'])
def test_a_title_is_printed_literally(tmp_path: Path, title: str) -> None:
    path = tmp_path / "title.pdf"
    write_pdf([replace(REEL, title=title)], path, composer=title)
    assert text_of(path).count(title) == 2


def test_the_same_tunes_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.pdf", "b.pdf"):
        write_pdf([CHORDS, REEL], tmp_path / name)
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_fonts_are_embedded(tmp_path: Path) -> None:
    if not (tool := shutil.which("pdffonts")):
        pytest.skip("pdffonts is not installed")
    write_pdf([JIG], tmp_path / "jig.pdf", composer="x")
    done = subprocess.run([tool, tmp_path / "jig.pdf"], capture_output=True, check=True)
    fonts = done.stdout.decode().splitlines()[2:]
    assert fonts
    assert all(re.search(r"Identity-H +yes yes yes", font) for font in fonts)


def test_two_short_tunes_share_a_page_and_it_has_no_number(tmp_path: Path) -> None:
    write_pdf([JIG, CHORDS], tmp_path / "two.pdf")
    (page,) = pages_of(tmp_path / "two.pdf")
    assert not re.search(r"^ +1$", page.rstrip().splitlines()[-1])


def test_a_tune_that_fits_on_a_page_is_not_divided(tmp_path: Path) -> None:
    write_pdf([long_tune(2, "First"), long_tune(2, "Second")], tmp_path / "x.pdf")
    first, second = pages_of(tmp_path / "x.pdf")
    assert "First" in first
    assert "Second" in second
    assert [page.split()[-1] for page in (first, second)] == ["1", "2"]


def test_a_tune_longer_than_a_page_continues_on_the_next(tmp_path: Path) -> None:
    write_pdf([long_tune(9)], tmp_path / "x.pdf")
    assert len(pages_of(tmp_path / "x.pdf")) == 3


@pytest.mark.parametrize(("tunes", "title_page"), [(1, False), (3, False), (4, True)])
def test_a_book_has_a_title_page_from_four_pages_on(
    tunes: int, title_page: bool, tmp_path: Path
) -> None:
    sheets = [sheet_of(long_tune(2, f"Tune {number}"), A4) for number in range(tunes)]
    (document,) = set_pages(sheets, A4, "pdf", title="A Book", footer="made by hand")
    (tmp_path / "book.pdf").write_bytes(document)
    first, *more = pages_of(tmp_path / "book.pdf")
    assert len(more) + (not title_page) == tunes
    assert "A Book" in first
    assert ("Tune 0" not in first) is title_page
    # At the foot of every page of music.
    assert ["made by hand" in page for page in (first, *more)] == [
        not title_page,
        *[True] * len(more),
    ]


def test_every_page_is_a_picture() -> None:
    one = set_pages([sheet_of(CHORDS, LOW)], LOW, "png")
    many = set_pages([sheet_of(long_tune(9), LOW)], LOW, "png")
    assert (len(one), len(many)) == (1, 3)
    assert all(page.startswith(b"\x89PNG") for page in [*one, *many])


def test_larger_staves_and_letter_paper_are_honoured(tmp_path: Path) -> None:
    page = PageConfig(paper="us-letter", staff_height=12.0)
    write_pdf([REEL], tmp_path / "large.pdf", page)
    assert b"/MediaBox[0 0 612 792]" in (tmp_path / "large.pdf").read_bytes()


@pytest.mark.parametrize("words", ["Letter", "US letter", "us_letter", "us-letter"])
def test_papers_are_understood_as_people_write_them(words: str) -> None:
    assert (paper_named(words), paper_named("A4")) == ("us-letter", "a4")


def test_a_sheet_has_eight_numbered_exercises_and_a_line_for_the_name(tmp_path: Path) -> None:
    page = PageConfig(layout="sheet", staff_height=5.5)
    exercises = [replace(REEL, bars=REEL.bars[:2], title=f"Tune {n}") for n in range(1, 12)]
    (document,) = set_pages([sheet_of(one, page) for one in exercises], page, "pdf", title="Level")
    (tmp_path / "sheet.pdf").write_bytes(document)
    pages = pages_of(tmp_path / "sheet.pdf")
    numbers = [re.findall(r"(?m)^\s*(\d+)\.", text) for text in pages]
    assert numbers == [[str(n) for n in range(1, 9)], ["9", "10", "11"]]
    for text in pages:
        assert all(word in text for word in ("Level", "Name", "Date"))
        assert "Tune" not in text


@pytest.mark.parametrize(
    "page",
    [PageConfig(paper="a0"), PageConfig(staff_height=500.0), PageConfig(layout="poster")],
)
def test_an_impossible_page_is_refused_before_any_tune_is_engraved(page: PageConfig) -> None:
    tunes = iter([JIG])
    with pytest.raises(InputError):
        set_pages((sheet_of(tune, A4) for tune in tunes), page, "pdf")
    assert list(tunes) == [JIG]
    with pytest.raises(InputError):
        sheet_of(JIG, page)


def test_no_tunes_make_no_pages() -> None:
    assert set_pages([], A4, "pdf") == set_pages([], A4, "png") == []


def test_a_tune_that_cannot_be_printed_has_no_sheet() -> None:
    with pytest.raises(NotationError, match="1/512"):
        sheet_of(tune("A/64 |]"), A4)


def test_keys_are_named_as_musicians_say_them() -> None:
    assert rhythm_and_key(CHORDS) == "air · A minor"
    assert key_name(replace(JIG.key, letter="B", alter=-1)) == "B♭"


CASES = Path(__file__).with_name("cases")


def choir(voices: int) -> Tune:
    parts = "".join(f"V:{number}\nc'def|A,GFE|\n" for number in range(1, voices + 1))
    return read_abc(f"X:1\nT:Choir\nL:1/4\nK:C\n{parts}")


def test_many_staves_are_made_small_enough_for_one_page() -> None:
    eighteen = read_abc((CASES / "eighteen-staves.abc").read_text(encoding="utf-8"))
    for score in (eighteen, choir(24)):
        assert len(set_pages([sheet_of(score, A4)], A4, "png")) == 1


def test_more_staves_than_fit_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        sheet_of(choir(32), PageConfig(paper="us-letter"))
    assert "32" in caught.value.message
