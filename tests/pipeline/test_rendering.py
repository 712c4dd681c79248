from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from abcgen.config import PageConfig
from abcgen.corpus.reading import Corpus, load_corpus
from abcgen.errors import InputError, OutputError
from abcgen.notation.writer import write_tunebook
from abcgen.pipeline.formats import FORMATS, RenderOptions, formats_named
from abcgen.pipeline.rendering import (
    MIN_TUNES_FOR_WORKERS,
    Rendering,
    render_each,
    render_files,
    render_tunes,
    slug,
)
from abcgen.score.musicxml import musicxml_of
from abcgen.workers import WorkerPool
from tests.tunes import JIG, REEL, TOO_LOW, tune

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from abcgen.notation.tune import Tune

TOO_SHORT = tune("A/64 |]", title="Too short")
LOW = PageConfig(ppi=30)
MANY = [JIG, REEL, TOO_SHORT] * (MIN_TUNES_FOR_WORKERS // 3)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def corpus_of(folder: Path, tunes: Sequence[Tune], name: str = "two.abc") -> Corpus:
    path = folder / "in" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(write_tunebook(tunes), encoding="utf-8")
    return load_corpus([path])


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("The Tailor's Goose", "the-tailors-goose"),
        ("Ó Dubhthaigh's — 2nd", "o-dubhthaighs-2nd"),
        ("../../etc/passwd", "etc-passwd"),
        ("a\nb\0c", "a-b-c"),
        ("日本", ""),
        ("x" * 500, "x" * 60),
    ],
)
def test_a_title_is_harmless_in_a_file_name(title: str, name: str) -> None:
    assert slug(title) == name


def test_formats_are_named_once_each() -> None:
    assert formats_named("pdf, MIDI,pdf") == ["pdf", "midi"]
    for names in ("", ",", "pdf,docx"):
        with pytest.raises(InputError):
            formats_named(names)


def test_books_hold_all_tunes_and_the_rest_one_each(tmp_path: Path) -> None:
    done = render_tunes([JIG, REEL], list(FORMATS), tmp_path, "set", RenderOptions())
    assert done.left_out == []
    books = {f"set.{form.suffix}" for form in FORMATS.values() if form.bind}
    single = [form.suffix for form in FORMATS.values() if not form.bind]
    assert {"set.abc", "set.html", "set.pdf", "set.png"} <= books
    assert {path.name for path in done.files} == books | {
        f"{stem}.{suffix}"
        for stem in ("set-1-the-pickup-jig", "set-2-tuplets-in-d")
        for suffix in single
    }
    assert all(path.stat().st_size for path in done.files)


def test_progress_counts_every_tune_in_every_format(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    render_tunes(
        [JIG, REEL],
        ["abc", "midi", "pdf"],
        tmp_path,
        "set",
        RenderOptions(),
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(number, 6) for number in range(1, 7)]


@pytest.mark.parametrize("there", ["set.pdf", "set-1.png", "set-2-tuplets-in-d.mid"])
def test_nothing_is_overwritten_without_force(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")
    formats = ["png"] if there.endswith("png") else ["midi", "pdf"]
    tunes = [JIG, REEL] * (4 if there.endswith("png") else 1)
    with pytest.raises(OutputError, match=there):
        render_tunes(tunes, formats, tmp_path, "set", RenderOptions(LOW))
    assert names_in(tmp_path) == {there}
    assert (tmp_path / there).read_text() == "mine"
    done = render_tunes(tunes, formats, tmp_path, "set", RenderOptions(LOW), force=True)
    assert tmp_path / there in done.files
    assert (tmp_path / there).read_bytes() != b"mine"


@pytest.mark.parametrize(
    ("name", "form"), [("x.PDF", "pdf"), ("x.ABC", "abc"), ("x.Png", "png"), ("x.MID", "midi")]
)
def test_the_file_named_is_the_file_written(tmp_path: Path, name: str, form: str) -> None:
    lower = tmp_path / f"x.{FORMATS[form].suffix}"
    lower.write_text("mine")
    out = tmp_path / name
    corpus = corpus_of(tmp_path, [JIG])
    assert render_files(corpus, [form], out, RenderOptions(LOW)) == Rendering([out], [])
    assert lower.read_text() == "mine"
    with pytest.raises(OutputError, match=name):
        render_files(corpus, [form], out, RenderOptions(LOW))
    assert render_files(corpus, [form], out, RenderOptions(LOW), force=True).files == [out]


def test_one_file_cannot_hold_the_sound_of_two_tunes(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, [JIG, REEL])
    for form in ("midi", "musicxml", "svg"):
        with pytest.raises(InputError):
            render_files(corpus, [form], tmp_path / f"t.{FORMATS[form].suffix}", RenderOptions())
    assert names_in(tmp_path) == set()


def test_several_png_pages_are_numbered_after_the_file_named(tmp_path: Path) -> None:
    (tmp_path / "x-2.png").write_text("mine")
    corpus, out = corpus_of(tmp_path, [JIG, REEL] * 4), tmp_path / "x.png"
    with pytest.raises(OutputError, match=r"x-2\.png"):
        render_files(corpus, ["png"], out, RenderOptions(LOW))
    assert names_in(tmp_path) == {"x-2.png"}
    files = render_files(corpus, ["png"], out, RenderOptions(LOW), force=True).files
    assert [path.name for path in files] == [f"x-{page}.png" for page in range(1, len(files) + 1)]


def test_two_results_of_one_name_are_refused(tmp_path: Path) -> None:
    corpus_of(tmp_path, [JIG, REEL], "set.abc")
    corpus_of(tmp_path, [JIG], "set-1-the-pickup-jig.abc")
    with pytest.raises(InputError, match=r"set-1-the-pickup-jig\.mid"):
        render_files(load_corpus([tmp_path / "in"]), ["midi"], tmp_path / "out", RenderOptions())
    assert not (tmp_path / "out").exists()


def test_a_tune_that_cannot_be_printed_stops_no_other(tmp_path: Path) -> None:
    done = render_tunes([TOO_SHORT, JIG], list(FORMATS), tmp_path, "set", RenderOptions(LOW))
    forms = ("pdf", "png", "svg", "html", "musicxml")
    for form, message in zip(forms, done.left_out, strict=True):
        assert message.startswith("X:1 'Too short': ")
        assert all(part in message for part in (form, "1/512"))
    assert {path.name for path in done.files} == names_in(tmp_path)
    assert names_in(tmp_path) >= {
        *("set.abc", "set.html", "set.pdf", "set.png"),
        *("set-1-too-short.mid", "set-1-too-short.wav"),
        *(f"set-2-the-pickup-jig.{suffix}" for suffix in ("mid", "musicxml", "svg", "wav")),
    }
    assert not {"set-1-too-short.svg", "set-1-too-short.musicxml"} & names_in(tmp_path)


def test_a_tune_beyond_midi_is_left_out_of_midi_alone(tmp_path: Path) -> None:
    done = render_tunes([JIG, TOO_LOW], ["midi", "svg"], tmp_path, "set", RenderOptions())
    (line,) = done.left_out
    assert line.startswith("X:1 'Too low': not in midi: a note lies outside")
    assert "set-2-too-low.svg" in names_in(tmp_path)
    assert "set-2-too-low.mid" not in names_in(tmp_path)


def test_what_is_left_out_is_named_with_its_file(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, [JIG, TOO_SHORT])
    source = tmp_path / "in" / "two.abc"
    for out in (tmp_path / "out", tmp_path / "book.pdf"):
        (line,) = render_files(corpus, ["pdf"], out, RenderOptions()).left_out
        assert line.startswith(f"{source}: X:1 'Too short': not in pdf: ")


def test_a_tune_that_the_engraver_refuses_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def musicxml(tune: Tune, **_options: object) -> bytes:
        return b"<html/>" if tune is JIG else musicxml_of(tune)

    monkeypatch.setattr("abcgen.score.pages.musicxml_of", musicxml)
    done = render_tunes([JIG, REEL], ["pdf"], tmp_path, "set", RenderOptions())
    assert done.files == [tmp_path / "set.pdf"]
    assert done.left_out == [
        "X:1 'The Pickup Jig': not in pdf: the engraver cannot read this MusicXML"
    ]


def test_progress_counts_what_is_left_out(tmp_path: Path) -> None:
    seen: list[int] = []
    render_tunes(
        [TOO_SHORT, JIG],
        ["pdf", "musicxml"],
        tmp_path,
        "set",
        RenderOptions(),
        on_progress=lambda done, _total: seen.append(done),
    )
    assert seen == [1, 2, 3, 4]


def test_it_is_an_error_if_nothing_can_be_written(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for form in ("pdf", "png", "svg"):
        with pytest.raises(InputError, match=r"Too short.*1/512.*\b1\b"):
            render_tunes([TOO_SHORT, TOO_SHORT], [form], out, "set", RenderOptions())
    with pytest.raises(InputError):
        render_tunes([], list(FORMATS), out, "set", RenderOptions())
    assert not out.exists()


def test_an_unknown_paper_is_an_error_rather_than_tunes_left_out(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a0"):
        render_tunes([JIG], ["pdf"], tmp_path, "set", RenderOptions(PageConfig(paper="a0")))


def test_nothing_is_ever_removed(tmp_path: Path) -> None:
    (tmp_path / "set-3-the-old-one.mid").write_text("old")
    render_tunes([JIG, REEL], ["midi"], tmp_path, "set", RenderOptions(), force=True)
    assert (tmp_path / "set-3-the-old-one.mid").read_text() == "old"


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for form in ("pdf", "midi"):
        with pytest.raises(OutputError, match="file/out"):
            render_tunes([JIG], [form], tmp_path / "file" / "out", "set", RenderOptions())


def test_several_processes_write_the_same_book_in_the_same_order(tmp_path: Path) -> None:
    seen: list[int] = []
    alone = render_tunes(MANY, ["pdf"], tmp_path / "alone", "book", RenderOptions(LOW))
    together = render_tunes(
        MANY,
        ["pdf"],
        tmp_path / "together",
        "book",
        RenderOptions(LOW),
        processes=2,
        on_progress=lambda done, _: seen.append(done),
    )
    assert together.left_out == alone.left_out
    assert len(alone.left_out) == MANY.count(TOO_SHORT)
    assert together.files[0].read_bytes() == alone.files[0].read_bytes()
    assert seen == list(range(1, len(MANY) + 1))


def test_few_tunes_and_quick_formats_start_no_process() -> None:
    with WorkerPool(8) as workers:
        assert len(list(render_each([JIG], "svg", RenderOptions(LOW), workers))) == 1
        assert len(list(render_each(MANY, "midi", RenderOptions(LOW), workers))) == len(MANY)
        assert not workers.is_started


def test_a_tune_that_cannot_be_rendered_has_a_reason() -> None:
    with WorkerPool(1) as workers:
        good, bad = render_each([JIG, TOO_SHORT], "musicxml", RenderOptions(LOW), workers)
    assert (good.error, bad.content) == ("", None)
    assert "1/512" in bad.error
