"""The studio's server: ``make_app`` joins endpoints, page and guard; ``serve`` runs it."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
import uvicorn
from starlette.applications import Starlette
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from abcgen.errors import InputError, reason_of
from abcgen.studio.access import Access, Guard
from abcgen.studio.endpoints import ENDPOINTS, Studio
from abcgen.studio.history import History
from abcgen.studio.http import ERRORS
from abcgen.studio.queue import JobQueue
from abcgen.studio.training import FineTuning
from abcgen.system import cores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

HERE = Path(__file__).parent
STATIC = HERE / "static"
# What the page shares with the pages that ``abcgen render`` writes.
SHARED = {name: HERE.parent / "score" / name for name in ("player.js", "sheet.css")}
LOOPBACK = ("127.0.0.1", "localhost")
PORT = 8765
PORTS_TRIED = 20
MOST_CONNECTIONS = 512
WAITING_CONNECTIONS = 256  # to be accepted
# Programs close idle connections after five seconds; one that we close just then fails a request.
KEEP_ALIVE_SECONDS = 20
MANY_CORES = 4


@dataclass(frozen=True, slots=True)
class Opened:
    """A server that is about to run.

    Attributes:
        link: The link that opens the page, with the token if there is one.
        lan_link: That for other machines on the network; empty if it is only for this one.
    """

    link: str
    lan_link: str


def make_app(history: History, access: Access) -> Starlette:
    """Return the application."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        engravers = 2 if cores() >= MANY_CORES else 1
        async with JobQueue("networks") as networks, JobQueue("tunes", engravers) as tunes:
            training = FineTuning()
            app.state.studio = Studio(history, networks, tunes, training)
            try:
                yield
            finally:  # also if it is cancelled, as by SIGHUP
                await training.close()
        history.close()

    routes = [
        Route(endpoint.path, endpoint.answer, methods=[endpoint.method]) for endpoint in ENDPOINTS
    ]
    pages = [
        Route("/", page),
        Route("/shared/{name}", shared),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    app = Starlette(routes=[*routes, *pages], lifespan=lifespan, exception_handlers=ERRORS)
    app.add_middleware(Guard, access=access)
    return app


async def page(_request: Request) -> Response:
    """Return the page."""
    return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})


async def shared(request: Request) -> Response:
    """Return a file that the page shares with others."""
    path = SHARED.get(request.path_params["name"])
    return FileResponse(path) if path else Response(status_code=404)


def data_folder() -> Path:
    """Return the folder of the user's history."""
    return platformdirs.user_data_path("abcgen", appauthor=False)


def open_socket(port: int | None, *, lan: bool) -> socket.socket:
    """Return a socket at a port, or at the first free one from ``PORT`` on.

    Raises:
        InputError: if it is not free.
    """
    address = "0.0.0.0" if lan else "127.0.0.1"  # noqa: S104 - asked for by --lan
    ports = range(PORT, PORT + PORTS_TRIED) if port is None else (port,)
    for number in ports:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, number))
            listener.listen(WAITING_CONNECTIONS)
        except (OSError, OverflowError) as error:
            listener.close()
            if number == ports[-1]:
                reason = reason_of(error) if isinstance(error, OSError) else str(error)
                raise InputError(
                    f"cannot open port {number}: {reason}", hint="name another with --port"
                ) from error
        else:
            return listener
    raise AssertionError


def lan_address() -> str:
    """Return this machine's address on the local network; empty if it has none."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Nothing is sent: connecting only chooses the interface.
        probe.connect(("192.0.2.1", 9))
        address = str(probe.getsockname()[0])
        if not ipaddress.ip_address(address).is_loopback:
            return address
    return ""


def serve(folder: Path, port: int | None, *, lan: bool, on_open: Callable[[Opened], None]) -> None:
    """Serve until the user stops it.

    Args:
        folder: Where the history is.
        port: The port; a free one if None.
        lan: Whether other machines on the network may ask, with the token.
        on_open: Called once the page can be opened.

    Raises:
        InputError: if the port is taken, or the history cannot be opened.
    """
    with open_socket(port, lan=lan) as listener:
        number = listener.getsockname()[1]
        token = secrets.token_urlsafe(16) if lan else ""
        address = lan_address() if lan else ""
        names = [*LOOPBACK, *([address] if address else [])]
        access = Access(frozenset(f"{name}:{number}" for name in names), token)
        query = f"?token={token}" if token else ""
        opened = Opened(
            f"http://{LOOPBACK[0]}:{number}/{query}",
            f"http://{address}:{number}/{query}" if address else "",
        )
        config = uvicorn.Config(
            make_app(History(folder), access),
            log_level="error",
            access_log=False,
            lifespan="on",
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=2,
            server_header=False,
        )
        _Server(config, lambda: on_open(opened)).run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that tells when it is open."""

    def __init__(self, config: uvicorn.Config, on_open: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_open = on_open

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open, and tell of it."""
        await super().startup(sockets)
        if self.started:
            self._on_open()
