"""A download is whole and the right file, or there is none."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from abcgen.corpus import download as module
from abcgen.corpus.download import download
from abcgen.errors import InputError, OutputError
from tests.corpus.web import Server, file_answer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler

DATA = bytes(range(256)) * 1000
OTHER = DATA[::-1]
SHA256 = hashlib.sha256(DATA).hexdigest()
NAME = "tunes.abc"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server, reached without a proxy, whose client does not pause."""
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving() as server:
        yield server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where the file is to go."""
    return tmp_path / "downloads" / NAME


def names_in(folder: Path) -> set[str]:
    """The names of what is in a folder."""
    return {path.name for path in folder.iterdir()}


def refused(server: Server, target: Path, match: str = NAME, **options: Any) -> InputError:
    """See that a download fails, and leaves nothing that could be taken for the file."""
    with pytest.raises(InputError, match=match) as caught:
        download(server.address + NAME, target, **options)
    assert "\n" not in str(caught.value)
    assert not target.exists()
    return caught.value


@pytest.mark.parametrize("sha256", ["", SHA256])
def test_a_file_is_downloaded_once(sha256: str, server: Server, target: Path) -> None:
    server.send(NAME, DATA)
    progress: list[tuple[int, int]] = []
    for _ in range(2):
        download(
            server.address + NAME, target, sha256=sha256,
            on_progress=lambda done, total: progress.append((done, total)),
        )  # fmt: skip
        assert target.read_bytes() == DATA
    assert server.asked == [("/" + NAME, None)]
    assert names_in(target.parent) == {NAME}
    assert progress == sorted(progress)
    assert {total for _, total in progress} == {len(DATA)} == {progress[-1][0]}


@pytest.mark.parametrize("sha256", ["", SHA256])
def test_an_altered_file_that_is_there_is_replaced_if_its_hash_is_known(
    sha256: str, server: Server, target: Path
) -> None:
    server.send(NAME, DATA)
    target.parent.mkdir()
    target.write_bytes(OTHER)
    download(server.address + NAME, target, sha256=sha256)
    assert target.read_bytes() == (DATA if sha256 else OTHER)


@pytest.mark.parametrize("sha256", ["", SHA256])
def test_what_breaks_off_again_and_again_continues(
    sha256: str, server: Server, target: Path
) -> None:
    server.send(NAME, DATA, sent=50_000)
    error = refused(server, target, "200,000", sha256=sha256)
    assert "again" in error.hint
    ranges = [wanted for _, wanted in server.asked]
    assert ranges == [None, "bytes=50000-", "bytes=100000-", "bytes=150000-"]
    server.send(NAME, DATA)
    download(server.address + NAME, target, sha256=sha256)
    assert target.read_bytes() == DATA
    assert server.asked[4:] == [("/" + NAME, "bytes=200000-")]
    assert names_in(target.parent) == {NAME}


@pytest.mark.parametrize(
    ("first", "then", "sha256"),
    [
        ({}, {"ranges": False}, ""),  # it sends everything
        ({}, {"etag": '"2"'}, ""),  # another version
        ({"etag": ""}, {}, ""),  # which version is not known
        ({"etag": 'W/"1"'}, {}, ""),  # perhaps not the same bytes
        ({"etag": ""}, {"ranges": False}, SHA256),
    ],
)
def test_what_cannot_be_continued_begins_again(
    first: dict[str, Any], then: dict[str, Any], sha256: str, server: Server, target: Path
) -> None:
    before = DATA if sha256 else OTHER
    server.send(NAME, before, sent=50_000, **({"ranges": False} | first))
    refused(server, target)
    server.send(NAME, DATA, **then)
    download(server.address + NAME, target, sha256=sha256)
    assert target.read_bytes() == DATA


def test_a_part_larger_than_the_file_is_thrown_away(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.with_name(NAME + ".part").write_bytes(DATA + b"more")
    server.send(NAME, DATA)
    download(server.address + NAME, target, sha256=SHA256)
    assert target.read_bytes() == DATA


@pytest.mark.parametrize("there", [0, 50_000])
def test_an_altered_file_is_refused_and_thrown_away(
    there: int, server: Server, target: Path
) -> None:
    target.parent.mkdir()
    if there:
        target.with_name(NAME + ".part").write_bytes(DATA[:there])
    server.send(NAME, OTHER)
    error = refused(server, target, sha256=SHA256)
    assert SHA256 in error.hint
    assert names_in(target.parent) == set()


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": ""},
        {"Content-Length": "-5"},
        {"Content-Length": "many"},
        {"Content-Length": "99999999999"},
        {"Content-Encoding": "gzip"},
    ],
    ids=str,
)
def test_a_file_of_unknown_or_excessive_length_is_refused(
    headers: dict[str, str], server: Server, target: Path
) -> None:
    server.send(NAME, DATA, headers=headers)
    refused(server, target)
    assert names_in(target.parent) == set()


@pytest.mark.parametrize("there", ["bytes 0-5/256000", "bytes 9-5", "", "bytes 50000-/x", "lines"])
def test_another_part_than_asked_for_is_refused(there: str, server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.with_name(NAME + ".part").write_bytes(DATA[:50_000])
    server.send(NAME, DATA, headers={"Content-Range": there})
    refused(server, target, sha256=SHA256)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int, server: Server, target: Path) -> None:
    server.send("other.abc", DATA)
    server.send(NAME, b"", status=status, headers={"Location": server.address + "other.abc"})
    refused(server, target, str(status))
    assert server.asked == [("/" + NAME, None)]


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_file_that_is_gone_is_said_to_be(status: int, server: Server, target: Path) -> None:
    server.send(NAME, b"gone", status=status)
    assert "--from" in refused(server, target, str(status)).hint
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(status: int, server: Server, target: Path) -> None:
    server.send(NAME, b"busy", status=status)
    refused(server, target, str(status))
    assert len(server.asked) == module.ATTEMPTS
    server.send(NAME, DATA)
    download(server.address + NAME, target)
    assert target.read_bytes() == DATA


def test_being_offline_is_one_clear_line(target: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/{NAME}"
        with pytest.raises(InputError, match=r"127\.0\.0\.1") as caught:
            download(address, target)
    assert "--from" in caught.value.hint
    assert "\n" not in str(caught.value)
    assert names_in(target.parent) == set()


def test_a_server_that_talks_nonsense_is_refused(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def talk(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"nonsense\r\n" * 9)

    server.answers["/" + NAME] = talk
    refused(server, target)
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(InputError):
        download(f"http://127.0.0.1:{silent.getsockname()[1]}/{NAME}", target)
    assert not target.exists()


def test_a_slow_server_is_left_in_time(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.send(NAME, DATA)
    monkeypatch.setattr(module, "MAX_SECONDS", -1.0)
    assert "again" in refused(server, target, "too long").hint
    monkeypatch.undo()
    download(server.address + NAME, target)
    assert target.read_bytes() == DATA
    assert server.asked[1][1] is not None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_and_nothing_is_kept(server: Server, target: Path) -> None:
    server.send(NAME, DATA)
    target.parent.mkdir()
    target.with_name(NAME + ".part").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="space"):
        download(server.address + NAME, target)
    assert names_in(target.parent) == set()


def test_a_folder_that_cannot_be_made_is_told(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        download(server.address + NAME, tmp_path / "file" / NAME)
    assert server.asked == []


def test_the_proxy_of_the_environment_is_used(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "http://tunes.invalid/tunes.abc"
    server.answers[address] = file_answer(DATA)
    monkeypatch.setenv("http_proxy", server.address)
    monkeypatch.delenv("no_proxy", raising=False)
    download(address, target, sha256=SHA256)
    assert target.read_bytes() == DATA
    assert server.asked == [(address, None)]
