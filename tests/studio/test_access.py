"""Who may ask: Host, Origin, Sec-Fetch-Site, token; and what every answer forbids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from abcgen.studio.access import COOKIE, Access, Guard

if TYPE_CHECKING:
    from starlette.requests import Request

HOST, TOKEN = "127.0.0.1:8765", "a-long-token"
NAVIGATION = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}


async def answer(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.method)


def client(token: str = "") -> TestClient:
    routes = [Route(path, answer, methods=["GET", "POST"]) for path in ("/", "/api/undo")]
    app = Starlette(routes=routes)
    app.add_middleware(Guard, access=Access(frozenset({HOST}), token))
    return TestClient(app, f"http://{HOST}", follow_redirects=False)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1", "127.0.0.1:80", "evil.example:8765", f"{HOST}.evil.example"],
)
def test_a_name_that_points_here_is_refused(host: str) -> None:
    assert client().get("/", headers={"host": host}).status_code == 403


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "https://127.0.0.1:8765", "http://127.0.0.1:80", ""],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pages_from_elsewhere_may_not_ask(origin: str, method: str) -> None:
    answer = client().request(method, "/api/undo", headers={"origin": origin})
    assert answer.status_code == 403


def test_our_own_page_and_programs_may_ask() -> None:
    own = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
    assert client().post("/api/undo", headers=own).text == "POST"
    assert client().post("/api/undo").text == "POST"


def test_a_link_from_elsewhere_opens_the_page_and_nothing_else() -> None:
    assert client().get("/", headers=NAVIGATION).status_code == 200
    assert client().get("/api/undo", headers=NAVIGATION).status_code == 403
    assert client().post("/", headers=NAVIGATION).status_code == 403
    image = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert client().get("/", headers=image).status_code == 403


def test_every_answer_has_the_policy() -> None:
    for answer in (
        client().get("/"),
        client().get("/missing"),
        client().get("/", headers={"host": "x"}),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


def test_without_the_token_nothing_is_answered() -> None:
    guarded = client(TOKEN)
    wrong: tuple[dict[str, str], ...] = (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer é".encode("latin-1").decode("latin-1")},
        {"authorization": TOKEN},
        {"cookie": f"{COOKIE}=wrong"},
        {"cookie": "\x7f=;;; ="},
    )
    for headers in wrong:
        for path in ("/", "/?token=wrong", "/api/undo", f"/api/undo?token={TOKEN}"):
            encoded = {name: value.encode("latin-1") for name, value in headers.items()}
            assert guarded.get(path, headers=encoded).status_code == 401, (headers, path)


def test_the_link_brings_a_cookie_and_loses_its_token() -> None:
    guarded = client(TOKEN)
    answer = guarded.get("/", params={"token": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert guarded.get("/").text == "GET"


def test_programs_send_the_token_in_a_header() -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    assert client(TOKEN).post("/api/undo", headers=headers).text == "POST"
