"""A server on the loopback that a test tells what to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

# Answers a request; gets the handler, with its path and headers.
Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers by path, and keeps what was asked."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}/"
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str | None]] = []  # paths, and the ranges wanted

    def send(self, name: str, data: bytes, **how: Any) -> None:
        """Answer requests for a file with some bytes; see `file_answer`."""
        self.answers[f"/{name}"] = file_answer(data, **how)


def file_answer(
    data: bytes,
    *,
    sent: int | None = None,
    status: int = 200,
    etag: str = '"1"',
    ranges: bool = True,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Return an answer with a file.

    Args:
        data: The file.
        sent: Bytes after which the connection breaks; None to send all.
        status: Of the answer to a request for the whole file.
        etag: Names the version of the file.
        ranges: Whether parts of it can be had.
        headers: More headers, or others; those with an empty value are left out.
    """

    def answer(request: BaseHTTPRequestHandler) -> None:
        begin, code = 0, status
        wanted = request.headers.get("Range")
        if wanted and ranges and request.headers.get("If-Range", etag) == etag:
            begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
            code = 206 if begin < len(data) else 416
        body = data[begin:] if code != 416 else b""
        fields = {"Content-Length": str(len(body)), "ETag": etag}
        if code == 206:
            fields["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        request.send_response(code)
        for name, value in (fields | (headers or {})).items():
            if value:
                request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body if sent is None else body[:sent])

    return answer


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server until the end of the context."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append((self.path, self.headers.get("Range")))
            answer = server.answers.get(self.path)
            if answer is None:
                self.send_error(404)
            else:
                answer(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        server = Server(listener.server_address[1])
        thread = Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()
