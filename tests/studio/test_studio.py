"""The real studio over HTTP: it composes, draws, checks and reads, and refuses what is hostile."""

from __future__ import annotations

import json
import math
import re
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from abcgen.api import load
from abcgen.config import Request
from abcgen.midi import read_midi
from abcgen.notation.analysis import melody_of, sections_of
from abcgen.notation.reader import read_abc
from abcgen.notation.tune import Mode
from abcgen.notation.tunebook import split_tunebook
from abcgen.notation.writer import write_abc
from abcgen.pipeline.barnumbers import numbers_of
from abcgen.score.read_musicxml import read_musicxml
from abcgen.score.web import ACCOMPANIMENT
from abcgen.wishes.checking import delivered
from tests.studio.running import SECONDS, running
from tests.tunes import JIG, REEL

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of ``abcgen studio``, started as people start it."""
    with (
        running(tmp_path_factory.mktemp("studio")) as link,
        httpx.Client(base_url=link, timeout=SECONDS) as client,
    ):
        yield client


def rendered(studio: httpx.Client, abc: str, to: str = "staff", **more: Any) -> httpx.Response:
    answer = studio.post("/api/render", json={"abc": abc, "to": to, **more})
    assert answer.status_code == 200, answer.text
    return answer


def test_it_composes_what_is_wished_for_and_shows_it_while_it_is_written(
    studio: httpx.Client,
) -> None:
    wishes = {"rhythm": "jig", "key": "Em", "bars": 8, "parts": "AB", "seed": 3, "candidates": 2}
    with studio.stream("POST", "/api/sample", json=wishes) as answer:
        events = [json.loads(line) for line in answer.iter_lines()]
    names = [event["event"] for event in events]
    assert names[:2] == ["queued", "start"]
    assert names[-2:] == ["tune", "done"]
    drafts = [event["abc"] for event in events if event["event"] == "draft"]
    lengths = [len(read_abc(abc).bars) for abc in drafts]
    assert lengths == sorted(lengths)
    made = read_abc(events[-2]["abc"])
    assert lengths[-1] == len(made.bars)
    assert (made.rhythm, str(made.metre), str(made.key)) == ("jig", "6/8", "Emin")
    sections = sections_of(made)
    assert [(section.bars, section.repeated) for section in sections] == [(4, False)] * 2
    assert studio.get("/api/history").json()["tunes"][0]["abc"] == events[-2]["abc"]


def test_the_same_seed_gives_the_tunes_of_the_command_line(studio: httpx.Client) -> None:
    wishes: dict[str, Any] = {
        "bars": 4,
        "parts": "A",
        "metre": "4/4",
        "seed": 5,
        "candidates": 1,
        "count": 2,
    }
    answer = studio.post("/api/sample", json={**wishes, "stream": False, "keep": False}).json()
    book = load(answer["network"]).sample(**wishes)
    assert "\n".join(made["abc"] for made in answer["tunes"]) == book.abc


def test_bars_are_rewritten_and_all_else_stays(studio: httpx.Client) -> None:
    body = {"abc": write_abc(JIG), "bars": [[4, 5]], "count": 2, "candidates": 2, "seed": 1}
    answer = studio.post("/api/rewrite", json={**body, "stream": False}).json()
    assert 1 <= len(answer["tunes"]) <= 2
    for version in answer["tunes"]:
        tune = read_abc(version["abc"])
        changed = [index for index, bar in enumerate(tune.bars) if bar != JIG.bars[index]]
        assert changed
        assert set(changed) <= {4, 5}
        assert len(read_abc(version["excerpt"]).bars) == 2
    setting = studio.post("/api/rewrite", json={**body, "bars": [], "count": 1, "stream": False})
    (varied,) = setting.json()["tunes"]
    assert read_abc(varied["abc"]).bars[0] == JIG.bars[0]
    assert read_abc(varied["abc"]).bars != JIG.bars
    body["bars"] = [[400, 401]]
    assert studio.post("/api/rewrite", json={**body, "stream": False}).status_code == 422


def test_a_part_is_drawn_anew_and_an_ending_on_the_tonic(studio: httpx.Client) -> None:
    abc = write_abc(JIG)
    assert rendered(studio, abc).json()["tunes"][0]["parts"] == ["A", "B"]
    body = {"abc": abc, "count": 1, "candidates": 2, "seed": 1, "stream": False}
    answer = studio.post("/api/rewrite", json={**body, "part": "B"}).json()
    first, last = answer["span"]
    new = read_abc(answer["tunes"][0]["abc"]).bars
    changed = [index for index, bar in enumerate(new) if bar != JIG.bars[index]]
    assert changed
    assert first <= changed[0]
    assert changed[-1] <= last == len(JIG.bars) - 1
    answer = studio.post("/api/rewrite", json={**body, "end_on_tonic": True}).json()
    assert answer["span"] == [len(JIG.bars) - 2, len(JIG.bars) - 1]
    assert sections_of(read_abc(answer["tunes"][0]["abc"]))[-1].on_tonic
    last = len(JIG.bars) - 1
    both = {**body, "end_on_tonic": True, "bars": [[last, last]]}
    answer = studio.post("/api/rewrite", json=both).json()
    assert answer["span"] == [last, last]
    assert sections_of(read_abc(answer["tunes"][0]["abc"]))[-1].on_tonic
    refused = studio.post("/api/rewrite", json={**both, "bars": [[0, 0]]})
    assert refused.status_code == 422
    assert numbers_of(JIG)[last] in refused.json()["hint"]
    assert studio.post("/api/rewrite", json={**body, "part": "Z"}).status_code == 422


def test_chords_and_voices_are_added_and_the_tune_stays(studio: httpx.Client) -> None:
    body = {"abc": write_abc(JIG), "count": 2, "candidates": 1, "seed": 1, "stream": False}
    for version in studio.post("/api/harmonise", json=body).json()["tunes"]:
        tune = read_abc(version["abc"])
        assert any(note.marks and note.marks.chord_symbols for note in tune.notes)
        assert melody_of(tune.bars) == melody_of(JIG.bars)
    answer = studio.post("/api/harmonise", json={**body, "voices": "bass", "count": 1}).json()
    (version,) = answer["tunes"]
    tune = read_abc(version["abc"])
    assert len(tune.others) == 1
    assert melody_of(tune.bars) == melody_of(JIG.bars)
    refused = studio.post("/api/harmonise", json={**body, "voices": "kazoo"})
    assert refused.status_code == 422
    rework = studio.post("/api/rewrite", json={"abc": version["abc"], "bars": [[0, 1]]})
    assert json.loads(rework.text.splitlines()[-1])["event"] == "error"


def test_ragas_and_moods_are_wishes(studio: httpx.Client) -> None:
    body = {"bars": 4, "parts": "A", "metre": "4/4", "seed": 2, "candidates": 1, "stream": False}
    answer = studio.post("/api/sample", json={**body, "raga": "des", "key": "D"}).json()
    assert delivered(read_abc(answer["tunes"][0]["abc"]), Request(raga="des")) == {"raga": True}
    # A tanpura plays under it, and not under its neighbour in a book.
    book = answer["tunes"][0]["abc"] + "\n" + write_abc(REEL)
    raga, reel = (
        [kind for _, _, _, kind in shown["data"]["notes"]].count(ACCOMPANIMENT)
        for shown in rendered(studio, book).json()["tunes"]
    )
    assert raga > 0 == reel
    answer = studio.post("/api/sample", json={**body, "mood": "sad"}).json()
    tune = read_abc(answer["tunes"][0]["abc"])
    assert tune.key.mode in {Mode.MINOR, Mode.DORIAN}
    assert tune.words.tempo
    clash = studio.post("/api/sample", json={**body, "raga": "des", "scale": "pentatonic"})
    assert clash.status_code == 422


def test_how_a_tune_is_read_is_explained(studio: httpx.Client) -> None:
    explained = studio.post("/api/explain", json={"abc": write_abc(JIG)}).json()
    surprise = studio.post("/api/surprise", json={"abc": write_abc(JIG)}).json()["bits"]
    steps, bars = explained["steps"], explained["bars"]
    assert len(steps) == len(bars)
    assert set(bars) == {-1, *range(len(JIG.bars))}
    for _, probability, likeliest in steps:
        shares = [share for _, share in likeliest]
        assert shares == sorted(shares, reverse=True)
        assert 0 < probability <= shares[0] + 1e-3
        assert sum(shares) < 1.001
    # The bits of the notes are part of those of all characters.
    bits = sum(-math.log2(probability) for _, probability, _ in steps)
    assert sum(map(sum, surprise)) < bits
    attention = explained["attention"]
    for bar, row in enumerate(attention):
        assert all(share == 0 for share in row[bar + 1 :])
        assert 0 < sum(row) < 1
    nearest = explained["nearest"]
    theirs = read_abc(nearest["abc"])
    first, last = nearest["there"]
    assert 0 <= first <= last < len(theirs.bars)
    # The notes of the passage are the same in both.
    mine = [note.midi for note in melody_of(JIG.bars[slice(nearest["here"][0], None)])]
    other = [note.midi for note in melody_of(theirs.bars[first:])]
    assert shared_run(mine, other) >= 3


def shared_run(mine: list[int | None], other: list[int | None]) -> int:
    """Return the length of the longest run of notes in both."""
    return max(
        length
        for length in range(len(mine))
        for start in range(len(mine) - length)
        if any(
            other[at : at + length] == mine[start : start + length]
            for at in range(len(other) - length + 1)
        )
    )


def test_expectations_are_told_while_a_tune_is_written(studio: httpx.Client) -> None:
    wishes = {"bars": 4, "parts": "A", "metre": "4/4", "seed": 3, "candidates": 2, "explain": True}
    with studio.stream("POST", "/api/sample", json=wishes) as answer:
        events = [json.loads(line) for line in answer.iter_lines()]
    drafts = [event for event in events if event["event"] == "draft"]
    written = "".join(step[0] for draft in drafts for step in draft["steps"])
    assert written == drafts[-1]["text"]


def test_staff_and_files_are_of_the_tune(studio: httpx.Client) -> None:
    shown = rendered(studio, write_abc(JIG)).json()["tunes"][0]
    assert shown["title"] == JIG.title
    assert shown["wide"].startswith("<svg")
    names = {name for _, name in shown["data"]["steps"]}
    assert names <= set(re.findall(r'data-note="(\w+)"', shown["narrow"]))
    midi = read_midi(rendered(studio, write_abc(REEL), "midi").content)
    assert midi.tune.metre == REEL.metre
    musicxml = read_musicxml(rendered(studio, write_abc(REEL), "musicxml").content)
    assert musicxml.tune.bars[0] == REEL.bars[0]
    for to, begins in (("pdf", b"%PDF"), ("wav", b"RIFF"), ("html", b"<!DOCTYPE")):
        answer = rendered(studio, write_abc(REEL), to)
        assert answer.content.startswith(begins)
        assert answer.headers["content-disposition"].startswith("attachment")


def test_a_book_has_all_tunes_and_moves_them(studio: httpx.Client) -> None:
    book = f"{write_abc(JIG)}\n{write_abc(REEL)}"
    moved = rendered(studio, book, "abc", semitones=2).text
    keys = [str(read_abc(block.text).key.letter) for block in split_tunebook(moved)]
    assert len(keys) == 2
    assert keys != [JIG.key.letter, REEL.key.letter]
    refused = studio.post("/api/render", json={"abc": book, "to": "midi"})
    assert refused.status_code == 422


def test_files_are_read_and_what_is_no_tune_is_refused(studio: httpx.Client) -> None:
    def read(name: str, content: bytes) -> httpx.Response:
        return studio.post("/api/read", params={"name": name}, content=content)

    midi = rendered(studio, write_abc(REEL), "midi").content
    for name, content in (("a.abc", write_abc(REEL).encode()), ("b.MID", midi)):
        (found,) = read(name, content).json()["tunes"]
        assert read_abc(found["abc"]).metre == REEL.metre
    broken = read("a.abc", b"X:1\nT:Broken\nK:D\n[[[\n").json()
    assert (broken["tunes"], broken["left_out"][0]["title"]) == ([], "Broken")
    for name in ("a.exe", "../../etc/passwd", "", "a.abc/.."):
        assert read(name, b"x").status_code == 422


def test_the_doctor_and_the_networks_answer(studio: httpx.Client) -> None:
    messages = studio.post(
        "/api/check", json={"abc": "X:1\nM:4/4\nL:1/8\nK:D\nDEFG|DE|DEFG|]\n"}
    ).json()
    assert [message["line"] for message in messages["messages"]] == [5]
    networks = studio.get("/api/networks").json()["networks"]
    assert [one["name"] for one in networks if one["default"]]


@pytest.mark.parametrize(
    "wishes",
    [
        {"network": "/etc"},
        {"network": "../../etc"},
        {"prime": "/etc/passwd.abc"},
        {"prime": "x.mid"},
        {"key": "nonsense"},
        {"parts": "ZZ"},
        {"rhythm": "<script>"},
    ],
)
def test_impossible_wishes_are_refused_and_no_path_is_opened(
    studio: httpx.Client, wishes: dict[str, Any]
) -> None:
    answer = studio.post("/api/sample", json={**wishes, "stream": False})
    assert answer.status_code == 422, answer.text
    assert "passwd" not in answer.text or "read" not in answer.text


def test_a_client_that_goes_away_frees_the_network(studio: httpx.Client) -> None:
    with studio.stream("POST", "/api/sample", json={"count": 6, "keep": False}) as answer:
        next(answer.iter_lines())
    begun = time.monotonic()
    small = {"bars": 2, "candidates": 1, "stream": False, "keep": False, "seed": 1}
    assert studio.post("/api/sample", json=small).status_code == 200
    assert time.monotonic() - begun < SECONDS / 2
    assert studio.get("/api/health").json()["networks"]["restarts"] == 0
