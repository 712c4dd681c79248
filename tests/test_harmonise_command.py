"""``abcgen harmonise`` adds chords or voices to a tune, which stays as it was, or says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from abcgen.cli import app
from abcgen.notation.reader import read_abc, read_tunebook
from abcgen.notation.tune import Note, Tune
from abcgen.notation.writer import write_tunebook
from abcgen.pipeline.replaying import replay_file
from abcgen.score.referee import Referee
from tests.notation.test_ensemble import FOUR
from tests.pipeline.checkpoints import untrained
from tests.tunes import tune

if TYPE_CHECKING:
    from pathlib import Path

TUNE = tune("|: G2 | c2{d}e2 (3gag e2 |1 c6 :|2 [ce]6 |]", key="C", title="The Kesh")


@pytest.fixture(scope="module")
def choir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory.mktemp("checkpoints") / "choir", choir=True)


@pytest.fixture(autouse=True)
def _without_music21(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Referee, "disagreement", lambda _self, _tune, _abc: "")
    monkeypatch.setattr(Referee, "__enter__", lambda self: self)


def run(tmp_path: Path, abc: str, *options: str) -> Any:
    path = tmp_path / "tune.abc"
    path.write_text(abc, encoding="utf-8")
    line = ["harmonise", str(path), "--seed", "3", "-o", str(tmp_path / "out"), "--to", "none"]
    return CliRunner().invoke(app, [*line, *options])


def written(tmp_path: Path) -> list[Tune]:
    found = read_tunebook((tmp_path / "out" / "tunes.abc").read_text("utf-8"))
    return [each for each in found if isinstance(each, Tune)]


def test_versions_with_chords_are_written(tmp_path: Path) -> None:
    answer = run(tmp_path, write_tunebook([TUNE]), "--count", "2")
    assert answer.exit_code == 0, answer.output
    versions = written(tmp_path)
    assert len({str(version.bars) for version in versions}) == len(versions) >= 1
    for version in versions:
        assert any(note.marks and note.marks.chord_symbol for note in version.notes)
        notes = [(type(note), note.duration) for note in version.notes]
        assert notes == [(type(note), note.duration) for note in TUNE.notes]


def test_chords_are_made_again_from_their_recipes(tmp_path: Path) -> None:
    assert run(tmp_path, write_tunebook([TUNE]), "--count", "3").exit_code == 0
    replays = list(replay_file(tmp_path / "out" / "tunes.abc"))
    assert len(replays) == len(written(tmp_path)) >= 2
    assert all(replay.is_same for replay in replays)


def test_chords_above_several_voices_lose_none(tmp_path: Path) -> None:
    answer = run(tmp_path, FOUR)
    assert answer.exit_code == 0, answer.output
    before, (after,) = read_abc(FOUR), written(tmp_path)
    assert after.others == before.others
    assert any(note.marks and note.marks.chord_symbol for note in after.notes)


@pytest.mark.parametrize(
    ("voices", "names"),
    [
        ("alto,tenor,bass", ["Soprano", "Alto", "Tenor", "Bass"]),
        ("bass", ["Soprano", "Bass"]),
        ("auto", ["Soprano", "Alto", "Tenor", "Bass"]),
    ],
)
def test_voices_are_added_and_the_tune_stays_to_the_note(
    tmp_path: Path, choir: Path, voices: str, names: list[str]
) -> None:
    answer = run(
        tmp_path, write_tunebook([TUNE]), "--voices", voices, "-c", str(choir), "--candidates", "2"
    )
    assert answer.exit_code == 0, answer.output
    (after,) = written(tmp_path)
    assert [voice.name for voice in after.voices] == names
    assert after.bars == TUNE.bars
    assert [after.title, after.key, after.metre] == [TUNE.title, TUNE.key, TUNE.metre]
    for voice in after.others:
        assert [bar.duration for bar in voice.bars] == [bar.duration for bar in TUNE.bars]
        assert [bar.line for bar in voice.bars] == [bar.line for bar in TUNE.bars]
        assert any(isinstance(note, Note) for note in voice.notes)
    again = CliRunner().invoke(
        app, ["replay", str(tmp_path / "out" / "tunes.abc"), "-c", str(choir)]
    )
    assert again.exit_code == 0, again.output


@pytest.mark.parametrize(
    ("abc", "options"),
    [
        ("X:1\nM:none\nL:1/4\nK:C\nCDEF|\n", ()),
        ("X:1\nM:none\nL:1/4\nK:C\nCDEF|\n", ("--voices", "auto")),
        ("X:1\nM:4/4\nL:1/4\nK:C\nV:1\nCDEF|\nV:2\nCDEF|\n", ("--voices", "auto")),
        ("X:1\nM:4/4\nL:1/4\nK:C\nz4|\n", ("--voices", "auto")),
        ("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|\n", ("--voices", "tuba")),
        ("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|\n", ("--voices", "30")),
        ("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|\n", ("--tune", "9")),
    ],
)
def test_what_cannot_be_harmonised_is_refused_in_a_line(
    tmp_path: Path, choir: Path, abc: str, options: tuple[str, ...]
) -> None:
    answer = run(tmp_path, abc, *options, "-c", str(choir))
    assert answer.exit_code != 0
    assert type(answer.exception).__name__ == "InputError"
    assert "\n" not in answer.exception.message
    assert not (tmp_path / "out" / "tunes.abc").exists()


def test_a_network_of_one_voice_adds_none(tmp_path: Path) -> None:
    one = untrained(tmp_path / "net", "0")
    answer = run(tmp_path, write_tunebook([TUNE]), "--voices", "alto", "-c", str(one))
    assert type(answer.exception).__name__ == "InputError"
