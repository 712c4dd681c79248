"""The HTTP interface, with quick fake workers."""

from __future__ import annotations

import json
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest

from abcgen.studio import queue
from abcgen.studio.bodies import BODY_BYTES, MOST_TUNES
from abcgen.studio.endpoints import ENDPOINTS
from abcgen.studio.server import SHARED, STATIC

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

HOSTILE = "<img src=x onerror=alert(1)>"
ABC = f"X:1\nT:{HOSTILE}\nM:4/4\nL:1/8\nK:D\nDEFG ABcd |]\n"


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_composing_is_answered_line_by_line_and_kept(client: TestClient) -> None:
    answer = client.post("/api/sample", json={"count": 2, "seed": 7})
    events = lines(answer.text)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [event["event"] for event in events] == ["queued", "start", "tune", "tune", "done"]
    kept = client.get("/api/history").json()["tunes"]
    assert [tune["id"] for tune in kept] == [event["tune"]["id"] for event in events[3:1:-1]]
    assert all(tune["origin"] == "composed" for tune in kept)


def test_composing_is_answered_at_once_if_wished(client: TestClient) -> None:
    answer = client.post("/api/sample", json={"count": 2, "stream": False, "keep": False}).json()
    assert [tune["abc"].split("\n")[1] for tune in answer["tunes"]] == ["T:Tune 0", "T:Tune 1"]
    assert client.get("/api/history").json()["tunes"] == []


def test_a_worker_that_dies_loses_no_tune(client: TestClient, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.touch()
    events = lines(client.post("/api/sample", json={"count": 3, "prime": str(trap)}).text)
    assert [event["event"] for event in events].count("tune") == 3
    assert len(client.get("/api/history").json()["tunes"]) == 3


@pytest.mark.parametrize(
    "body",
    [
        {"count": 0},
        {"count": MOST_TUNES + 1},
        {"count": "1"},
        {"unknown": 1},
        {"temperature": 99},
        {"network": "x" * 1000},
        {"prime": "x" * 100_000},
        [],
    ],
)
def test_impossible_wishes_are_refused_with_a_reason(client: TestClient, body: Any) -> None:
    answer = client.post("/api/sample", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_only_json_is_read_and_only_so_much(client: TestClient) -> None:
    as_form = client.post("/api/undo", data={"a": "b"})
    assert as_form.status_code == 409  # reads no body
    assert client.post("/api/check", data={"abc": "x"}).status_code == 415
    too_large = b'{"abc": "' + b"x" * BODY_BYTES + b'"}'
    headers = {"content-type": "application/json"}
    assert client.post("/api/check", content=too_large, headers=headers).status_code == 413
    deep = b"[" * 100_000
    assert client.post("/api/check", content=deep, headers=headers).status_code == 422


def test_a_full_queue_is_answered_with_busy(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(client.post("/api/sample", json={"bars": 30, "stream": False}).status_code)

    jobs = client.app.state.studio.networks  # type: ignore[attr-defined]
    monkeypatch.setattr(jobs, "_most_waiting", 2)
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200, 503}
    assert client.get("/api/health").json()["networks"]["waiting"] == 0
    busy = [503] * statuses.count(503)
    assert len(busy) >= 3


def test_busy_tells_when_to_come_back(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = client.app.state.studio.networks  # type: ignore[attr-defined]
    monkeypatch.setattr(jobs, "_most_waiting", 0)
    answer = client.post("/api/sample", json={})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == str(queue.RETRY_SECONDS)


def test_the_history_over_http(client: TestClient) -> None:
    made = client.post("/api/history", json={"abc": ABC})
    number = made.json()["id"]
    assert (made.status_code, made.json()["title"]) == (201, HOSTILE)
    changed = client.patch(f"/api/history/{number}", json={"liked": True, "title": "Mine"}).json()
    assert (changed["liked"], changed["title"]) == (True, "Mine")
    assert client.get("/api/history", params={"shelf": "liked"}).json()["tunes"] == [changed]
    assert client.post("/api/undo").json() == made.json()
    assert client.post("/api/undo").status_code == 409
    assert client.get(f"/api/history/{number}").json() == made.json()


@pytest.mark.parametrize("number", ["999", "0", "-1", "x", "9" * 30, "1%2F..%2F2"])
def test_tunes_that_are_not_there(client: TestClient, number: str) -> None:
    assert client.get(f"/api/history/{number}").status_code == 404
    body = {"liked": True}
    assert client.patch(f"/api/history/{number}", json=body).status_code == 404


@pytest.mark.parametrize(
    "query", ["shelf=none", "before=x", "before=-1", "before=²", "before=" + "9" * 30]
)
def test_bad_queries_are_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/api/history?{query}").status_code == 422


def test_the_page_and_its_parts_are_served_and_nothing_else(client: TestClient) -> None:
    page = client.get("/").text
    parts = re.findall(r'(?:src|href)="(/[^"]+)"', page)
    assert len(parts) >= 5
    assert all(client.get(part).status_code == 200 for part in parts)
    for path in ("/static/../server.py", "/static/%2e%2e/server.py", "/shared/web.py", "/api/none"):
        assert client.get(path).status_code == 404
    assert not re.search(r"https?://(?!www\.w3\.org)|<script>|<style|style=| on\w+=", page)


def test_the_page_is_small() -> None:
    assert sum(path.stat().st_size for path in [*STATIC.iterdir(), *SHARED.values()]) < 400_000


def test_the_description_has_every_endpoint(client: TestClient) -> None:
    description = client.get("/api/openapi.json").json()
    assert description["openapi"].startswith("3.1")
    operations = [
        (method.upper(), path)
        for path, by_method in description["paths"].items()
        for method in by_method
    ]
    assert sorted(operations) == sorted((one.method, one.path) for one in ENDPOINTS)
    names = [
        operation["operationId"]
        for by_method in description["paths"].values()
        for operation in by_method.values()
    ]
    assert len(names) == len(set(names))
    text = json.dumps(description)
    for reference in set(re.findall(r"#/components/schemas/(\w+)", text)):
        assert reference in description["components"]["schemas"]
    # Every setting is explained.
    wishes = description["components"]["schemas"]["SampleBody"]["properties"]
    assert all("description" in wish for wish in wishes.values())


def test_answers_are_as_described(client: TestClient) -> None:
    description = client.get("/api/openapi.json").json()
    tune = client.post("/api/history", json={"abc": ABC}).json()
    schemas = description["components"]["schemas"]
    assert set(tune) == set(schemas["Tune"]["properties"])
    assert set(client.get("/api/history").json()) == set(schemas["TunePage"]["properties"])
    missing = client.get("/api/history/999").json()
    assert set(missing) == set(schemas["Error"]["properties"])
