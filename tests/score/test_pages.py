from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from abcgen.config import PageConfig
from abcgen.errors import InputError, OutputError
from abcgen.score.pages import write_pdf, write_pngs
from abcgen.score.text import key_name, kind_and_key
from tests.tunes import CHORDS, JIG, REEL

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.notation.tune import Tune

HOSTILE = '#let x = read("/etc/passwd")'
LOW = PageConfig(ppi=30)


def long_tune(times: int, title: str = "A long tune") -> Tune:
    return replace(JIG, bars=JIG.bars * times, title=title)


def text_of(path: Path) -> str:
    if not (tool := shutil.which("pdftotext")):
        pytest.skip("pdftotext is not installed")
    done = subprocess.run([tool, "-layout", path, "-"], capture_output=True, check=True)  # noqa: S603
    return done.stdout.decode()


def pages_of(path: Path) -> list[str]:
    return text_of(path).rstrip("\f").split("\f")


def test_a_page_says_title_rhythm_key_and_composer(tmp_path: Path) -> None:
    write_pdf([JIG], tmp_path / "jig.pdf", PageConfig(), composer="a network")
    (page,) = pages_of(tmp_path / "jig.pdf")
    assert all(words in page for words in ("The Pickup Jig", "jig · D", "a network"))


@pytest.mark.parametrize("title", [HOSTILE, "*bold* _it_ $x^2$ // \\ <a> @b", '"; #panic("x")'])
def test_a_title_prints_as_the_words_it_is(tmp_path: Path, title: str) -> None:
    path = tmp_path / "title.pdf"
    write_pdf([replace(REEL, title=title)], path, PageConfig(), composer=title, heading=title)
    assert text_of(path).count(title) == 2


def test_the_same_tunes_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.pdf", "b.pdf"):
        write_pdf([CHORDS, REEL], tmp_path / name, PageConfig())
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_fonts_are_embedded(tmp_path: Path) -> None:
    if not (tool := shutil.which("pdffonts")):
        pytest.skip("pdffonts is not installed")
    write_pdf([JIG], tmp_path / "jig.pdf", PageConfig(), composer="x")
    done = subprocess.run([tool, tmp_path / "jig.pdf"], capture_output=True, check=True)  # noqa: S603
    fonts = done.stdout.decode().splitlines()[2:]
    assert fonts
    assert all(re.search(r"Identity-H +yes yes yes", font) for font in fonts)


def test_two_short_tunes_share_a_page_and_it_has_no_number(tmp_path: Path) -> None:
    write_pdf([JIG, CHORDS], tmp_path / "two.pdf", PageConfig())
    (page,) = pages_of(tmp_path / "two.pdf")
    assert not re.search(r"^ +1$", page.rstrip().splitlines()[-1])


def test_a_tune_that_fits_on_a_page_is_not_divided(tmp_path: Path) -> None:
    write_pdf([long_tune(2, "First"), long_tune(2, "Second")], tmp_path / "x.pdf", PageConfig())
    first, second = pages_of(tmp_path / "x.pdf")
    assert "First" in first
    assert "Second" in second
    assert [page.split()[-1] for page in (first, second)] == ["1", "2"]


def test_a_tune_longer_than_a_page_goes_on_over_the_page(tmp_path: Path) -> None:
    write_pdf([long_tune(9)], tmp_path / "x.pdf", PageConfig())
    assert len(pages_of(tmp_path / "x.pdf")) == 3


def test_a_book_has_a_title_page_with_contents(tmp_path: Path) -> None:
    tunes = [replace(CHORDS, title=f"Tune {number}") for number in range(1, 10)]
    write_pdf(tunes, tmp_path / "book.pdf", PageConfig(), heading="A #Book")
    write_pdf(tunes[:8], tmp_path / "few.pdf", PageConfig(), heading="A #Book")
    title_page = pages_of(tmp_path / "book.pdf")[0]
    assert "A #Book" in title_page
    assert re.search(r"Tune 9[ .\u2060]+\d", title_page)
    assert "A #Book" not in text_of(tmp_path / "few.pdf")


def test_png_pages_are_numbered_where_there_are_several(tmp_path: Path) -> None:
    (one,) = write_pngs([CHORDS], tmp_path / "one.png", LOW)
    many = write_pngs([long_tune(9)], tmp_path / "many.png", LOW)
    assert one == tmp_path / "one.png"
    assert [path.name for path in many] == ["many-1.png", "many-2.png", "many-3.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in [one, *many])


def test_larger_staves_and_letter_paper_are_honoured(tmp_path: Path) -> None:
    page = PageConfig(paper="us-letter", staff_height=12.0)
    write_pdf([REEL], tmp_path / "large.pdf", page)
    assert b"/MediaBox[0 0 612 792]" in (tmp_path / "large.pdf").read_bytes()


@pytest.mark.parametrize("page", [PageConfig(paper="a0"), PageConfig(staff_height=500.0)])
def test_a_page_that_cannot_be_is_refused(tmp_path: Path, page: PageConfig) -> None:
    with pytest.raises(InputError):
        write_pdf([JIG], tmp_path / "x.pdf", page)
    assert not list(tmp_path.iterdir())


def test_no_tunes_make_no_pages(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no tune"):
        write_pdf([], tmp_path / "x.pdf", PageConfig())


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"x\.pdf"):
        write_pdf([CHORDS], tmp_path / "file" / "x.pdf", PageConfig())


def test_keys_are_named_as_musicians_say_them() -> None:
    assert kind_and_key(CHORDS) == "air · A minor"
    assert key_name(replace(JIG.key, letter="B", alter=-1)) == "B♭"
