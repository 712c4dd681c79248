"""The front door keeps what the README and docs/python.md show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import abcgen
from abcgen import PlayableTune, Tunebook

ROOT = Path(__file__).parents[1]
JIG = "X:1\nT:A Jig\nM:6/8\nL:1/8\nK:D\n|: DFA dAF | GBG FAF :|\n"


@pytest.fixture(scope="module")
def sampled() -> Tunebook:
    return abcgen.load("pretrained").sample(metre="6/8", key="G", bars=16, count=2, seed=1)


@pytest.fixture
def jig(tmp_path: Path) -> PlayableTune:
    path = tmp_path / "jig.abc"
    path.write_text(JIG, encoding="utf-8")
    return abcgen.read(path)[0]


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_every_example_runs_as_written(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "jig.abc").write_text(JIG, encoding="utf-8")
    monkeypatch.setenv("ABCGEN_CACHE", "off")
    names: dict[str, object] = {}
    blocks = re.findall(
        r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL
    )
    assert blocks
    for block in blocks:
        exec(block, names)  # noqa: S102 - our own documentation


def test_sampled_tunes_are_tunes_with_their_recipe(sampled: Tunebook) -> None:
    assert all(isinstance(tune, abcgen.Tune) for tune in sampled)
    assert all(tune.metre.beats == 6 and len(tune.bars) >= 16 for tune in sampled)
    assert all('"seed": 1' in tune.abc for tune in sampled)


def test_a_sampled_tune_is_printed_with_what_its_abc_leaves_to_players(
    sampled: Tunebook, jig: PlayableTune, tmp_path: Path
) -> None:
    printed = abcgen.read(sampled[0].to_musicxml(tmp_path / "sampled.musicxml"))[0]
    assert str(printed.words.tempo) == "3/8=112"
    assert sampled[0].words.tempo is None
    # What a person wrote is left as it is.
    written = abcgen.read(jig.to_musicxml(tmp_path / "written.musicxml"))[0]
    assert written.words.tempo is None


def test_the_same_seed_gives_the_same_tunes(sampled: Tunebook) -> None:
    again = abcgen.load("pretrained").sample(metre="6/8", key="G", bars=16, count=2, seed=1)
    assert again.abc == sampled.abc


def test_a_written_tune_is_read_back_the_same(jig: PlayableTune, tmp_path: Path) -> None:
    files = [jig.to_abc(tmp_path / "t.abc"), jig.to_musicxml(tmp_path / "t.musicxml")]
    for path in files:
        assert abcgen.read(path)[0].bars == jig.bars


def test_sheet_music_and_sound_are_written(jig: PlayableTune, tmp_path: Path) -> None:
    assert jig.to_pdf(tmp_path / "t.pdf").read_bytes().startswith(b"%PDF")
    assert jig.to_wav(tmp_path / "t.wav").read_bytes().startswith(b"RIFF")
    assert b"<svg" in jig.to_html(tmp_path / "t.html").read_bytes()


def test_a_notebook_shows_every_tune_in_a_sandboxed_frame(sampled: Tunebook) -> None:
    shown = sampled._repr_html_()
    assert shown.startswith("<iframe")
    assert 'sandbox="allow-scripts' in shown
    assert all(tune.title.split("'")[0] in shown for tune in sampled)
    # The page is escaped into an attribute of the frame.
    assert "<script" not in shown


def test_one_midi_file_holds_one_tune(sampled: Tunebook, tmp_path: Path) -> None:
    with pytest.raises(abcgen.AbcgenError) as caught:
        sampled.to_midi(tmp_path / "t.mid")
    assert "to_midi" in caught.value.hint
    assert not list(tmp_path.iterdir())


def test_an_unknown_setting_is_refused_before_anything_is_read() -> None:
    with pytest.raises(abcgen.AbcgenError):
        abcgen.train("nowhere", layer=2)


def test_an_unknown_wish_is_refused() -> None:
    with pytest.raises(abcgen.AbcgenError):
        abcgen.load("pretrained").sample(tempo=120)


def test_tunes_that_cannot_be_read_are_listed(tmp_path: Path) -> None:
    (tmp_path / "book.abc").write_text(f"{JIG}\nX:2\nT:Bad\nK:nonsense\nABc\n", encoding="utf-8")
    book = abcgen.read(tmp_path)
    assert [tune.title for tune in book] == ["A Jig"]
    assert [tune.cause.number for tune in book.left_out] == ["2"]


def test_slices_are_tunebooks(sampled: Tunebook) -> None:
    assert isinstance(sampled[:1], Tunebook)
    assert len(sampled[:1]) == 1
    assert sampled[0].title in repr(sampled)
