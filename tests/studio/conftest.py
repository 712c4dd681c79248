"""A studio with quick fake workers, asked in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from abcgen.studio import processes
from abcgen.studio.access import Access
from abcgen.studio.history import History
from abcgen.studio.server import make_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "127.0.0.1:8765"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(processes, "WORKER", "tests.studio.fake_worker")
    yield from opened(tmp_path)


def opened(folder: Path, token: str = "") -> Iterator[TestClient]:
    """Yield a client of a studio whose history is in a folder."""
    app = make_app(History(folder), Access(frozenset({HOST}), token))
    with TestClient(app, f"http://{HOST}", raise_server_exceptions=False) as client:
        yield client
