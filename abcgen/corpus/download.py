"""Download a file that is known beforehand, so that nothing half-written is ever taken for whole.

It is written to a part file, continued there after an interruption, verified, and only then
renamed. The proxies that the environment names are used.
"""

from __future__ import annotations

import hashlib
import time
import urllib.request
from contextlib import suppress
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

import abcgen
from abcgen.errors import InputError, OutputError, reason_of, shown
from abcgen.files import open_regular, read_regular

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPResponse
    from pathlib import Path

    OnProgress = Callable[[int, int], None]  # bytes so far, bytes in all

MAX_BYTES = 32_000_000
MAX_SECONDS = 600.0  # of one file
WAIT_SECONDS = 30.0  # for the next bytes
ATTEMPTS = 4
PAUSE_SECONDS = 1.0  # before the second attempt; then twice as long each time
CHUNK = 65_536
MAX_MARK = 1_000
PARTIAL, RANGE_REFUSED, TOO_MANY = 206, 416, 429
CLIENT_ERROR, SERVER_ERROR = 400, 500
OFFLINE = "go online and try again, or install a copy at hand with --from FOLDER"
AGAIN = "run the same command again, and it continues where it stopped"


class _BrokenOffError(Exception):
    """A download that can be continued by trying again."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: a pinned address leads to its file."""

    def redirect_request(self, *_: Any) -> None:
        """Return nothing, so that the redirect becomes an HTTPError."""


class _Part(NamedTuple):
    """A file of which some bytes are there, and the mark by which a server knows its version."""

    path: Path
    mark: Path

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def remove(self) -> None:
        """Remove what was downloaded."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
            self.mark.unlink(missing_ok=True)


def download(
    address: str,
    target: Path,
    *,
    sha256: str = "",
    on_progress: OnProgress = lambda _done, _total: None,
) -> None:
    """Download a file, or continue to, unless it is there already.

    Args:
        address: Where it is.
        target: The file to write; its folder is created if missing.
        sha256: Of its content; empty if not known, so that only its length is checked.
        on_progress: Called with the bytes so far and the total.

    Raises:
        InputError: if it cannot be had, or is another file than expected.
        OutputError: if it cannot be written.
    """
    if target.is_file() and sha256 in {"", sha256_of(target)}:
        return
    part = _Part(target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.mark"))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {target.parent}: {reason_of(error)}") from error
    deadline = time.monotonic() + MAX_SECONDS
    for attempt in range(ATTEMPTS):
        try:
            total = _continue(address, part, deadline, on_progress, any_version=bool(sha256))
            break
        except _BrokenOffError as error:
            if attempt == ATTEMPTS - 1:
                so_far = f"after {part.size:,} bytes: {error}"
                raise InputError(f"{address} broke off {so_far}", hint=AGAIN) from error
            time.sleep(PAUSE_SECONDS * 2**attempt)
    found = sha256_of(part.path)
    if part.size != total or found != (sha256 or found):
        size = part.size
        part.remove()
        raise InputError(
            f"{address} is not the file that it should be: {size:,} bytes with SHA-256 {found}",
            hint=f"it was thrown away; expected: {sha256 or f'{total:,} bytes'}",
        )
    try:
        part.path.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {reason_of(error)}") from error
    part.remove()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason_of(error)}") from error


def _continue(
    address: str, part: _Part, deadline: float, on_progress: OnProgress, *, any_version: bool
) -> int:
    """Download the missing part of a file, and return the length of all of it.

    Args:
        address: Where it is.
        part: What is there.
        deadline: When to give up.
        on_progress: Called with the bytes so far and the total.
        any_version: Whether to continue even if the server does not say that the file is the
            same as before, because its SHA-256 is known.
    """
    headers = {"User-Agent": f"abcgen/{abcgen.__version__}", "Accept-Encoding": "identity"}
    so_far, mark = part.size, _mark_of(part)
    if so_far and (mark or any_version):
        headers["Range"] = f"bytes={so_far}-"
        headers |= {"If-Range": mark} if mark else {}
    request = urllib.request.Request(address, headers=headers)  # noqa: S310 - from our own table
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        response = opener.open(request, timeout=WAIT_SECONDS)
    except HTTPError as error:
        raise _refused(address, error, part) from error
    except URLError as error:
        host = urlsplit(address).hostname
        raise InputError(
            f"cannot reach {host}: {shown(str(error.reason))}", hint=OFFLINE
        ) from error
    except (HTTPException, OSError) as error:
        raise _BrokenOffError(shown(str(error) or type(error).__name__)) from error
    with response:
        begin = so_far if response.status == PARTIAL else 0
        total = _length_of(response, begin)
        if total is None or total > MAX_BYTES:
            size = "does not say how long it is" if total is None else f"has {total:,} bytes"
            raise InputError(
                f"{address} {size}", hint=f"at most {MAX_BYTES:,} bytes are downloaded"
            )
        _write_mark(part, response.headers.get("ETag") or "")
        _save(response, part, (begin, total), deadline, on_progress)
    return total


def _refused(address: str, error: HTTPError, part: _Part) -> Exception:
    """Return the exception for an answer that is no file."""
    if error.code == RANGE_REFUSED:  # more is there than the file has
        part.remove()
    if error.code in {RANGE_REFUSED, TOO_MANY} or error.code >= SERVER_ERROR:
        return _BrokenOffError(f"HTTP {error.code}")
    what = "redirects to elsewhere" if error.code < CLIENT_ERROR else "cannot be had"
    return InputError(
        f"{address} {what} (HTTP {error.code})",
        hint="install a copy at hand with --from FOLDER",
    )


def _length_of(response: Any, begin: int) -> int | None:
    """Return the length of the whole file, if the server says so."""
    length = response.headers.get("Content-Length", "")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        return None
    if response.status != PARTIAL:
        return int(length) if length.isdecimal() else None
    covered, _, total = response.headers.get("Content-Range", "").partition("/")
    if not covered.startswith(f"bytes {begin}-") or not total.isdecimal():
        return None
    return int(total)


def _save(
    response: Any,
    part: _Part,
    bounds: tuple[int, int],
    deadline: float,
    on_progress: OnProgress,
) -> None:
    """Append what a server sends to the part of a file, from one length to another."""
    so_far, total = bounds
    try:
        with part.path.open("ab" if so_far else "wb") as file:
            while so_far < total:
                on_progress(so_far, total)
                data = _next_bytes(response, min(CHUNK, total - so_far))
                so_far += file.write(data)
                if time.monotonic() > deadline:
                    raise InputError(f"{so_far:,} of {total:,} bytes took too long", hint=AGAIN)
    except OSError as error:
        part.remove()  # perhaps it filled the disk
        raise OutputError(f"cannot write {part.path}: {reason_of(error)}") from error
    on_progress(total, total)


def _next_bytes(response: HTTPResponse, count: int) -> bytes:
    try:
        # What has come so far: waiting for all of it could outlast the deadline many times.
        data = response.read1(count)
    except (HTTPException, OSError) as error:
        raise _BrokenOffError(shown(str(error) or type(error).__name__)) from error
    if not data:
        raise _BrokenOffError("the connection was closed")
    return data


def _mark_of(part: _Part) -> str:
    try:
        return read_regular(part.mark, MAX_MARK).decode("ascii")
    except (OSError, ValueError):
        return ""


def _write_mark(part: _Part, mark: str) -> None:
    """Keep the mark of a version, if it identifies exactly the same bytes (a strong ETag)."""
    is_strong = mark.startswith('"') and mark.isascii() and mark.isprintable()
    try:
        if is_strong:
            part.mark.write_text(mark, encoding="ascii")
        else:
            part.mark.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {part.mark}: {reason_of(error)}") from error
