"""Tunes in several voices, sampled from networks of random weights under the grammar."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from abcgen.config import Request, SampleConfig
from abcgen.errors import CheckpointError, InputError
from abcgen.model.checkpoint import write_description
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import pitches_of
from abcgen.notation.tune import Note
from abcgen.notation.validation import bar_problems, repeat_problems
from abcgen.pipeline.networks import choose_network
from abcgen.pipeline.replaying import replay_file
from abcgen.pipeline.sampling import Composer
from abcgen.score.clefs import clef_named
from abcgen.score.referee import Referee
from tests.pipeline.checkpoints import CHOIR, untrained

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.notation.tune import Tune

SHORT = SampleConfig(count=1, max_characters=300, temperature=1.0)
# A network of random weights comes to an end only by request.
TWO_BARS: dict[str, str | int] = {"bars": 2, "metre": "2/4"}
MANY = SHORT.replace(count=1000, batch_size=64)


@pytest.fixture(scope="module")
def choir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory.mktemp("checkpoints") / "choir", choir=True)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave music21 out."""
    monkeypatch.setattr(Referee, "disagreement", lambda _self, _tune, _abc: "")
    monkeypatch.setattr(Referee, "__enter__", lambda self: self)


def composed(folder: Path, config: SampleConfig = SHORT, **wishes: str | int) -> list[Tune]:
    request = Request.model_validate(TWO_BARS | wishes)
    with Composer(folder, config, 5, request) as composer:
        return [sampled.tune for sampled in composer.compose()]


def check(tune: Tune) -> None:
    """See that all bars of all voices are right, and every note in its voice's range."""
    voices = [replace(tune, bars=voice.bars, others=()) for voice in tune.voices]
    for voice, limits in zip(voices, CHOIR, strict=True):
        assert not bar_problems(voice)
        assert not repeat_problems(voice)
        assert [bar.duration for bar in voice.bars] == [bar.duration for bar in tune.bars]
        low, high = int(str(limits["lowest"])), int(str(limits["highest"]))
        assert all(low <= key <= high for key in pitches_of(voice))
        notes = [note for note in voice.notes if isinstance(note, Note)]
        assert all(abs(pitch.alter) < 2 for note in notes for pitch in note.pitches)


@pytest.mark.usefixtures("quick")
def test_all_bars_of_all_voices_are_right_and_in_range(choir: Path) -> None:
    tunes = composed(choir, SHORT.replace(count=3))
    assert len(tunes) == 3
    for tune in tunes:
        check(tune)


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_all_bars_of_all_voices_of_a_thousand_tunes_are_right(choir: Path) -> None:
    tunes = composed(choir, MANY)
    assert len(tunes) == 1000
    for tune in tunes:
        check(tune)


def test_music21_reads_the_same_notes_in_every_voice(choir: Path) -> None:
    for tune in composed(choir, SHORT.replace(count=1)):
        check(tune)


@pytest.mark.usefixtures("quick")
def test_voices_have_names_clefs_and_staves_in_a_bracket(choir: Path) -> None:
    (tune, *_) = composed(choir)
    assert [voice.name for voice in tune.voices] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert [voice.clef for voice in tune.voices] == ["treble", "treble", "treble-8", "bass"]
    assert all(clef_named(voice.clef) for voice in tune.voices)
    assert [staff.bracket for staff in tune.staves] == [1] * 4


@pytest.mark.usefixtures("quick")
def test_some_of_the_voices_are_those_of_the_whole(choir: Path) -> None:
    (whole,), (two,), (melody,) = (
        composed(choir, voices=wanted) for wanted in ("4", "bass, melody", "soprano")
    )
    assert [voice.name for voice in two.voices] == ["Soprano", "Bass"]
    assert (two.bars, two.others[0].bars) == (whole.bars, whole.others[2].bars)
    assert (melody.bars, melody.others, melody.staves) == (whole.bars, (), ())


@pytest.mark.usefixtures("quick")
def test_wishes_hold_for_all_voices(choir: Path) -> None:
    (tune, *_) = composed(choir, parts="AB", metre="3/8", key="Gm")
    assert (str(tune.key), str(tune.metre)) == ("Gmin", "3/8")
    check(tune)
    assert len(tune.bars) >= 2


@pytest.mark.parametrize("voices", ["3", "30", "soprano,treble", ",", "one", "0"])
def test_voices_that_the_network_has_not_are_refused(choir: Path, voices: str) -> None:
    with pytest.raises(InputError):
        Composer(choir, SHORT, 5, Request(voices=voices))


def test_several_voices_of_a_network_of_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        Composer(untrained(tmp_path / "net"), SHORT, 5, Request(voices="4"))
    assert Composer(tmp_path / "net", SHORT, 5, Request(voices="1")).candidates == 1


@pytest.mark.parametrize("wishes", [{"metre": "none"}, {"beginning": "M:4/4\nK:Cmaj\nC2"}])
def test_what_voices_cannot_do_is_refused(choir: Path, wishes: dict[str, str]) -> None:
    with pytest.raises(InputError):
        Composer(choir, SHORT, 5, Request.model_validate(wishes))


def test_a_network_that_does_not_tell_its_voices_is_refused(choir: Path, tmp_path: Path) -> None:
    from abcgen.model.checkpoint import load_checkpoint, write_weights  # noqa: PLC0415

    checkpoint = replace(load_checkpoint(choir), about={"voices": CHOIR[:3]})
    write_description(checkpoint, tmp_path)
    write_weights(checkpoint.weights, tmp_path)
    with pytest.raises(InputError):
        Composer(tmp_path, SHORT, 5, Request())


@pytest.mark.usefixtures("quick")
def test_tunes_in_voices_are_replayed(choir: Path, tmp_path: Path) -> None:
    path = tmp_path / "tunes.abc"
    request = Request.model_validate({**TWO_BARS, "voices": "soprano,bass"})
    with Composer(choir, SHORT, 5, request) as composer:
        (sampled,) = composer.compose()
    path.write_text(sampled.abc, encoding="utf-8")
    (replay,) = replay_file(path, choir)
    assert replay.abc == sampled.abc
    assert len(read_abc(replay.abc).voices) == 2


def test_a_network_of_voices_is_found_where_voices_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("abcgen.pipeline.checkpoints.SHIPPED_FOLDERS", (tmp_path / "shipped",))
    monkeypatch.setattr("abcgen.pipeline.checkpoints.CHORALES_FOLDERS", ())
    untrained(tmp_path / "checkpoints" / "tunes")
    with pytest.raises(CheckpointError):
        choose_network(None, voices="4")
    folder = untrained(tmp_path / "checkpoints" / "choir", choir=True)
    assert choose_network(None, voices="4").folder.resolve() == folder
