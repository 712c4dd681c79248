"""Tunes kept, found, changed and changed back, also after a restart or a damaged file."""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

from abcgen.errors import InputError
from abcgen.studio import history as module
from abcgen.studio.history import FILE, History, MissingTuneError, with_title

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ABC = "X:1\nT:{title}\nR:{rhythm}\nM:4/4\nL:1/8\nK:Dmix\nDEFG|]\n"
HOSTILE = "<script>alert(1)</script>\r\nK:C\n'; DROP TABLE tunes; --"


def abc(title: str, rhythm: str = "reel") -> str:
    return ABC.format(title=title, rhythm=rhythm)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History(tmp_path)
    yield opened
    opened.close()


def titles(history: History, **query: str) -> list[str]:
    return [tune.title for tune in history.tunes(**query)]  # type: ignore[arg-type]


def test_a_tune_has_the_facts_of_its_header(history: History) -> None:
    tune = history.add(abc("The Gate"), "composed")
    facts = (tune.title, tune.rhythm, tune.metre, tune.key, tune.liked, tune.binned)
    assert facts == ("The Gate", "reel", "4/4", "Dmix", False, False)
    assert history.tune(tune.id) == tune


def test_the_newest_comes_first_and_pages_follow(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    numbers = [history.add(abc(name), "composed").id for name in "abcde"]
    first = history.tunes()
    second = history.tunes(before=first[-1].id)
    assert [tune.id for tune in first + second] == numbers[:0:-1]


def test_every_word_of_a_search_must_be_there(history: History) -> None:
    history.add(abc("Äpfel im Wind", "jig"), "composed")
    history.add(abc("Wind and Rain"), "composed")
    assert titles(history, search="WIND") == ["Wind and Rain", "Äpfel im Wind"]
    assert titles(history, search="wind äpfel") == ["Äpfel im Wind"]
    assert titles(history, search="jig dmix") == ["Äpfel im Wind"]
    assert titles(history, search="%") == []


def test_liked_and_binned_tunes_are_on_their_shelves(history: History) -> None:
    one, two, three = (history.add(abc(name), "composed").id for name in "123")
    history.change(one, {"liked": True})
    history.change(two, {"binned": True})
    history.change(three, {"liked": True, "binned": True})
    assert titles(history) == ["1"]
    assert titles(history, shelf="liked") == ["1"]
    assert titles(history, shelf="bin") == ["3", "2"]


def test_changes_are_undone_in_turn_also_after_a_restart(tmp_path: Path) -> None:
    history = History(tmp_path)
    number = history.add(abc("First"), "composed").id
    for changes in ({"liked": True}, {"title": "Second"}, {"binned": True}, {"liked": True}):
        history.change(number, changes)  # the last changes nothing
    history.close()
    history = History(tmp_path)
    undone = [history.undo() for _ in range(4)]
    history.close()
    states = [tune and (tune.title, tune.liked, tune.binned) for tune in undone]
    assert states == [
        ("Second", True, False),
        ("First", True, False),
        ("First", False, False),
        None,
    ]


def test_a_title_changes_in_the_abc_and_stays_one_line(history: History) -> None:
    number = history.add(abc("Old"), "composed").id
    tune = history.change(number, {"title": HOSTILE})
    assert tune.abc.count("\n") == ABC.count("\n")
    assert tune.abc.splitlines()[1] == f"T:{' '.join(HOSTILE.split())}"
    assert tune.key == "Dmix"
    assert titles(history, search="drop table") == [tune.title]


@pytest.mark.parametrize("before", ["X:1\nM:4/4\nK:D\nDEFG|]\n", "M:4/4\nK:D\nDEFG|]\n"])
def test_a_tune_without_a_title_gets_one(before: str) -> None:
    assert with_title(before, "New").startswith("X:1\nT:New\nM:4/4\n")


def test_unknown_tunes_are_not_there(history: History) -> None:
    with pytest.raises(MissingTuneError):
        history.tune(1)
    with pytest.raises(MissingTuneError):
        history.change(1, {"liked": True})


def test_what_nobody_liked_makes_room(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 3)
    liked = history.add(abc("liked"), "composed").id
    history.change(liked, {"liked": True})
    binned = [history.add(abc(name), "composed").id for name in ("old", "binned")][1]
    history.change(binned, {"binned": True})
    history.add(abc("new"), "composed")
    assert titles(history) == ["new", "old", "liked"]
    history.add(abc("newer"), "composed")
    assert titles(history) == ["newer", "new", "liked"]
    assert titles(history, shelf="bin") == []


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    history = History(tmp_path)
    assert titles(history) == []
    history.close()
    assert str(tmp_path / f"{FILE}.damaged-1") in history.warning
    assert (tmp_path / f"{FILE}.damaged-1").stat().st_size == 11_000


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    History(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(InputError):
        History(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError) as caught:
        History(tmp_path / "file" / "below")
    assert str(tmp_path) in caught.value.message


def test_threads_share_it(history: History) -> None:
    threads = [
        threading.Thread(target=lambda: [history.add(abc("x"), "composed") for _ in range(20)])
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({tune.id for tune in history.tunes()}) == module.PAGE
