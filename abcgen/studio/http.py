"""Requests and answers: reads bodies within bounds, tells clients apart, and answers errors."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from abcgen.config import Schema
from abcgen.errors import InputError
from abcgen.studio.bodies import BODY_BYTES
from abcgen.studio.history import MissingTuneError
from abcgen.studio.queue import RETRY_SECONDS, BusyError, WorkerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

Body = TypeVar("Body", bound=Schema)

JSON = "application/json"
BODY_SECONDS = 30.0  # that a client may take to send a body
CLIENT = "x-client"  # the header by which tabs and programs are told apart for their turns
NUMBER = re.compile(r"[0-9]{1,18}")  # of a tune


async def content_of(request: Request, limit: int) -> bytes:
    """Return the body of a request.

    Raises:
        HTTPException: if it is too large, or too slow in coming.
    """
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                data += chunk
                if len(data) > limit:
                    raise HTTPException(413, f"more than {limit // 1_000_000} MB")
    except TimeoutError:
        raise HTTPException(408, "the request took too long to arrive") from None
    return bytes(data)


async def read_body(request: Request, schema: type[Body]) -> Body:
    """Return the JSON body of a request.

    Raises:
        HTTPException: if it is no JSON, or too large.
        InputError: if a value is unknown or out of bounds.
    """
    # A form of another site can send anything but this type.
    if request.headers.get("content-type", "").partition(";")[0].strip() != JSON:
        raise HTTPException(415, f"the body must be {JSON}")
    return schema.from_json(await content_of(request, BODY_BYTES))


def client_of(request: Request) -> str:
    """Return the name of a client for its turns."""
    address = request.client.host if request.client else ""
    return f"{address} {request.headers.get(CLIENT, '')[:64]}"


def number_of(request: Request) -> int:
    """Return the number of a tune in a path.

    Raises:
        MissingTuneError: if it is none.
    """
    text = request.path_params["number"]
    if not NUMBER.fullmatch(text):
        raise MissingTuneError
    return int(text)


# Errors.


def problem(message: str, hint: str = "", status: int = 422, **headers: str) -> JSONResponse:
    """Return an error as every endpoint returns it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse({"error": message, "hint": hint}, status, headers=named)


async def on_input_error(_request: Request, error: Exception) -> Response:
    """Answer a request for the impossible."""
    assert isinstance(error, InputError)  # noqa: S101 - it is registered for these
    return problem(error.message, error.hint)


async def on_busy(_request: Request, error: Exception) -> Response:
    """Answer when too many are waiting."""
    return problem(str(error), status=503, retry_after=str(RETRY_SECONDS))


async def on_worker_error(_request: Request, error: Exception) -> Response:
    """Answer when a worker failed."""
    return problem(str(error), status=500)


async def on_http_error(_request: Request, error: Exception) -> Response:
    """Answer a request for what is not there, or is too large."""
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these
    return problem(str(error.detail).lower(), status=error.status_code)


async def on_missing(_request: Request, _error: Exception) -> Response:
    """Answer a request for a tune that is not there."""
    return problem("no such tune", status=404)


ERRORS: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    InputError: on_input_error,
    BusyError: on_busy,
    WorkerError: on_worker_error,
    HTTPException: on_http_error,
    MissingTuneError: on_missing,
}
