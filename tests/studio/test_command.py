"""``abcgen studio`` on the command line: link, token, code, port, and what is missing."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from abcgen.cli.display import Display
from abcgen.cli.studio import _show_code
from abcgen.errors import InputError
from abcgen.studio.server import lan_address, open_socket
from tests.studio.running import SECONDS

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = (sys.executable, "-m", "abcgen", "studio", "--no-browser")


def test_on_the_network_the_link_has_a_token_and_nothing_goes_without(tmp_path: Path) -> None:
    command = [*COMMAND, "--lan", "--json", "--port", "0", "--data", str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            opened = json.loads(process.stdout.readline())
            bare, _, token = opened["link"].partition("?token=")
            assert len(token) > 15
            with httpx.Client(base_url=bare, timeout=SECONDS) as client:
                assert client.get("/").status_code == 401
                assert client.post("/api/sample", json={}).status_code == 401
                bearer = {"authorization": f"Bearer {token}"}
                assert client.get("/api/history", headers=bearer).json()["tunes"] == []
                assert client.get("/", params={"token": token}).status_code == 303
                assert client.get("/").status_code == 200
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    # The link for others, or that there is none.
    assert (opened["lan_link"] or "no address") in " ".join(errors.split())


def test_the_link_is_a_code_for_the_telephone(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("segno")
    _show_code("http://192.168.1.2:8765/?token=abc", Display())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len([line for line in captured.err.splitlines() if "\u2588" in line]) > 10


def test_without_the_library_the_link_alone_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    _show_code("http://192.168.1.2:8765/?token=abc", Display())
    assert "pip install segno" in capsys.readouterr().err


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = subprocess.run(
            [*COMMAND, "--port", port, "--data", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert result.returncode == 1
    assert port in result.stderr
    assert len(result.stderr.strip().splitlines()) <= 2


def test_the_next_free_port_is_taken_if_none_is_named() -> None:
    with open_socket(None, lan=False) as first, open_socket(None, lan=False) as second:
        assert first.getsockname()[1] < second.getsockname()[1]
    with pytest.raises(InputError):
        open_socket(70_000, lan=False)


def test_only_this_machine_is_listened_to() -> None:
    with open_socket(0, lan=False) as local, open_socket(0, lan=True) as everywhere:
        assert local.getsockname()[0] == "127.0.0.1"
        assert everywhere.getsockname()[0] == "0.0.0.0"  # noqa: S104 - looked at
    assert lan_address() != "127.0.0.1"
