"""Fine-tuning from the browser: files, a run of its own, its curve, and stopping it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from abcgen.errors import InputError
from abcgen.notation.writer import write_abc
from abcgen.studio import training
from abcgen.studio.bodies import TrainBody
from abcgen.studio.training import FineTuning
from tests.studio.running import SECONDS, running
from tests.tunes import JIG, REEL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.testclient import TestClient

ABC = write_abc(JIG).encode()
HOSTILE = "../../<img src=x onerror=alert(1)>.abc"


def add(client: Any, name: str, content: bytes = ABC) -> Any:
    return client.post("/api/training/files", params={"name": name}, content=content)


def test_files_are_kept_by_any_name_and_forgotten(client: TestClient) -> None:
    assert client.get("/api/training").json()["phase"] == "idle"
    add(client, "a.abc")
    state = add(client, HOSTILE).json()
    assert [file["name"] for file in state["files"]] == ["a.abc", HOSTILE]
    assert all(file["bytes"] == len(ABC) for file in state["files"])
    for wrong in ("a.exe", "", "a.abc/..", "x" * 300):
        assert add(client, wrong).status_code == 422
    assert client.delete("/api/training/files").json()["files"] == []


def test_files_are_bounded(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "MOST_FILES", 2)
    statuses = [add(client, f"{number}.abc").status_code for number in range(3)]
    assert statuses == [200, 200, 422]
    monkeypatch.setattr(training, "MOST_BYTES", 2 * len(ABC))
    client.delete("/api/training/files")
    assert add(client, "large.abc", ABC * 3).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "../../etc"},
        {"name": "A b"},
        {"name": "-x"},
        {"name": "x", "minutes": 0},
        {"name": "x", "network": "../pretrained"},
        {"name": "nothing-to-learn"},
    ],
)
def test_impossible_runs_are_refused(studio: httpx.Client, body: dict[str, Any]) -> None:
    answer = studio.post("/api/training", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]
    assert studio.get("/api/training").json()["phase"] == "idle"


@pytest.mark.parametrize("name", ["pretrained", "chorales"])
def test_the_names_of_our_networks_are_taken(name: str) -> None:
    tuning = FineTuning()
    tuning.add("a.abc", ABC)
    with pytest.raises(InputError, match=name):
        asyncio.run(tuning.start(TrainBody(name=name), ""))


# Stands for ``abcgen train``: notes what it is to learn, and leaves what METRICS says.
COMMAND = """#!/bin/sh
echo "$*" > learnt
run=$(echo "$*" | sed 's/.*--out \\([^ ]*\\).*/\\1/')
mkdir -p "$run"
[ -n "$METRICS" ] && echo "$METRICS" > "$run/metrics.jsonl"
[ -n "$SLEEP" ] && exec sleep "$SLEEP"
exit 1
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to train in, with a command that learns nothing."""
    path = tmp_path / "command"
    path.write_text(COMMAND)
    path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(path))
    monkeypatch.setattr(training, "environment", lambda: dict(os.environ))
    return tmp_path


async def trained(tuning: FineTuning, name: str, liked: str = "") -> str:
    await tuning.start(TrainBody(name=name, minutes=0.1), liked)
    while tuning.is_running:
        await asyncio.sleep(0.01)
    return tuning.state().problem


def test_a_run_frees_its_name_unless_it_has_learnt(
    command: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning = FineTuning()
    tuning.add("a.abc", ABC)
    asyncio.run(trained(tuning, "empty"))
    assert not (command / "checkpoints" / "empty").exists()
    monkeypatch.setenv("METRICS", "damaged")
    asyncio.run(trained(tuning, "damaged"))
    assert (command / "checkpoints" / "damaged" / "metrics.jsonl").exists()
    monkeypatch.delenv("METRICS")
    monkeypatch.setenv("SLEEP", "60")
    monkeypatch.setattr(training, "MORE_SECONDS", -5.0)
    assert "too long" in asyncio.run(trained(tuning, "endless"))
    assert not (command / "checkpoints" / "endless").exists()


def test_liked_tunes_are_learnt_by_one_run_only(command: Path) -> None:
    tuning = FineTuning()
    tuning.add("a.abc", ABC)
    asyncio.run(trained(tuning, "one", ABC.decode()))
    assert "liked.abc" in (command / "learnt").read_text()
    asyncio.run(trained(tuning, "two"))
    assert "liked.abc" not in (command / "learnt").read_text()
    assert [file.name for file in tuning.state().files] == ["a.abc"]


def test_a_run_is_ended_though_its_task_is_cancelled(
    command: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLEEP", "60")
    tuning = FineTuning()

    async def cancelled() -> None:
        await tuning.start(TrainBody(name="cancelled"), ABC.decode())
        while not (command / "learnt").exists():
            await asyncio.sleep(0.01)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await tuning.close()

    begun = time.monotonic()
    asyncio.run(cancelled())
    assert time.monotonic() - begun < training.END_SECONDS


def test_files_that_come_at_once_are_all_kept() -> None:
    tuning = FineTuning()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: tuning.add("!.abc", ABC), range(100)))
    assert len(tuning.state().files) == 100


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("studio")
    with (
        running(folder, cwd=folder) as link,
        httpx.Client(base_url=link, timeout=SECONDS) as client,
    ):
        yield client


def when(studio: httpx.Client, condition: Callable[[dict[str, Any]], Any], seconds: float) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = studio.get("/api/training").json()
        if condition(state):
            return state
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} seconds: {state}")


def test_what_cannot_be_learnt_says_why(studio: httpx.Client, tmp_path: Path) -> None:
    del tmp_path
    add(studio, "broken.abc", b"no tune\n")
    assert studio.post("/api/training", json={"name": "broken"}).json()["phase"] == "reading"
    refused = studio.post("/api/training", json={"name": "second"})
    assert refused.status_code == 422
    assert studio.delete("/api/training/files").status_code == 422
    state = when(studio, lambda state: state["phase"] == "failed", 4 * SECONDS)
    assert state["problem"]
    # Nothing is left of it: the name may be used again, and stopped at once.
    assert studio.post("/api/training", json={"name": "broken"}).status_code == 200
    studio.delete("/api/training")
    when(studio, lambda state: state["phase"] == "stopped", 4 * SECONDS)
    assert studio.delete("/api/training/files").json()["files"] == []
    assert "broken" not in {one["name"] for one in studio.get("/api/networks").json()["networks"]}


@pytest.mark.slow
def test_a_network_is_fine_tuned_stopped_and_then_composes(studio: httpx.Client) -> None:
    tune = studio.post("/api/history", json={"abc": write_abc(REEL)}).json()
    studio.patch(f"/api/history/{tune['id']}", json={"liked": True})
    add(studio, "jigs.abc", b"\n".join([ABC] * 3))
    studio.post("/api/training", json={"name": "mine", "minutes": 60, "liked": True})
    state = when(studio, lambda state: len(state["measured"]) >= 2, 8 * SECONDS)
    assert state["phase"] == "training"
    assert [file["name"] for file in state["files"]] == ["jigs.abc"]
    # Composing goes on beside it.
    small = {"bars": 2, "candidates": 1, "stream": False, "keep": False}
    assert studio.post("/api/sample", json=small).status_code == 200
    studio.delete("/api/training")
    state = when(studio, lambda state: state["phase"] == "stopped", 2 * SECONDS)
    points = state["measured"]
    assert points[-1]["epochs"] > points[0]["epochs"]
    assert "mine" in {one["name"] for one in studio.get("/api/networks").json()["networks"]}
    answer = studio.post("/api/sample", json={**small, "network": "mine"}).json()
    assert answer["network"] == "mine"
    assert answer["tunes"]
    taken = studio.post("/api/training", json={"name": "mine"})
    assert taken.status_code == 422
