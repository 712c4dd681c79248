"""Fine-tuning from the browser: files, a run of its own, its curve, and stopping it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from abcgen.notation.writer import write_abc
from abcgen.studio import training
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
    assert [file["name"] for file in state["files"]] == ["jigs.abc", "liked.abc"]
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
