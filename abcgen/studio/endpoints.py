"""The HTTP interface: a row of ``ENDPOINTS`` for each path and method, and the functions behind."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast, get_args

from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse

from abcgen import __version__
from abcgen.config import Schema
from abcgen.errors import InputError
from abcgen.notation.fields import RHYTHMS
from abcgen.notation.transpose import INSTRUMENTS
from abcgen.score.text import one_line
from abcgen.studio.bodies import (
    UPLOAD_BYTES,
    CheckBody,
    HarmoniseBody,
    NewTune,
    RenderBody,
    RewriteBody,
    SampleBody,
    TrainBody,
    TuneBody,
    TuneChange,
    VersionsBody,
)
from abcgen.studio.history import PAGE, Shelf, Tune
from abcgen.studio.http import JSON, NUMBER, client_of, content_of, number_of, read_body
from abcgen.studio.openapi import description_of
from abcgen.studio.queue import WorkerError
from abcgen.studio.training import FineTuning, TrainingState
from abcgen.wishes.levels import LEVELS
from abcgen.wishes.moods import MOODS
from abcgen.wishes.ragas import RAGAS
from abcgen.wishes.sounding import RANGE_NAMES, SCALES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request

    from abcgen.studio.history import History
    from abcgen.studio.queue import Job, JobQueue

MEDIA_TYPES = {
    "abc": "text/vnd.abc; charset=utf-8",
    "midi": "audio/midi",
    "musicxml": "application/vnd.recordare.musicxml+xml",
    "pdf": "application/pdf",
    "wav": "audio/wav",
    "html": "text/html; charset=utf-8",
    "svg": "image/svg+xml",
}
LINES = "application/x-ndjson"


@dataclass(slots=True)
class Studio:
    """What endpoints need: the history, and a queue for each kind of work."""

    history: History
    networks: JobQueue
    tunes: JobQueue
    training: FineTuning


class TunePage(Schema):
    """A page of the history."""

    tunes: list[Tune]
    more: bool = Field(description="Whether there are older ones.")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path and method, and what is asked and answered there."""

    method: str
    path: str
    answer: Callable[[Request], Awaitable[Response]]
    summary: str
    body: type[Schema] | None = None
    result: type[Schema] | None = None
    # Of the answer; several if the body decides.
    media: tuple[str, ...] = (JSON,)
    # Parameters of the query, each with its meaning.
    query: tuple[tuple[str, str], ...] = ()
    upload: bool = False


def _studio(request: Request) -> Studio:
    studio: Studio = request.app.state.studio
    return studio


# Composing.


async def sample(request: Request) -> Response:
    """Compose tunes."""
    body, studio = await read_body(request, SampleBody), _studio(request)
    job = studio.networks.submit(client_of(request), "sample", body.model_dump())
    events = _sampling(job, studio, keep=body.keep)
    if body.stream:
        return StreamingResponse(map_lines(events), media_type=LINES)
    return await _collected(events)


async def rewrite(request: Request) -> Response:
    """Draw bars of a tune anew."""
    return await _versions(request, "rewrite", await read_body(request, RewriteBody))


async def harmonise(request: Request) -> Response:
    """Add chord symbols or further voices to a tune."""
    return await _versions(request, "harmonise", await read_body(request, HarmoniseBody))


async def _versions(request: Request, task: str, body: VersionsBody) -> Response:
    """Return versions of a tune, which are not in the history."""
    studio = _studio(request)
    job = studio.networks.submit(client_of(request), task, body.model_dump())
    events = _sampling(job, studio, keep=False)
    if body.stream:
        return StreamingResponse(map_lines(events), media_type=LINES)
    return await _collected(events)


async def _sampling(job: Job, studio: Studio, *, keep: bool) -> AsyncIterator[dict[str, Any]]:
    """Yield the events of composing; each tune is in the history first."""
    try:
        async for event in job.events():
            if event["event"] == "tune" and keep:
                tune = await run_in_threadpool(studio.history.add, event["abc"], "composed")
                yield event | {"tune": tune.model_dump()}
            else:
                yield event
    finally:
        # Whoever goes away needs no more tunes.
        studio.networks.cancel(job)


async def map_lines(events: AsyncIterator[dict[str, Any]]) -> AsyncIterator[str]:
    """Yield events as lines of JSON."""
    async for event in events:
        yield json.dumps(event, ensure_ascii=False) + "\n"


async def _collected(events: AsyncIterator[dict[str, Any]]) -> Response:
    """Return all tunes of composing in one answer."""
    tunes: list[dict[str, Any]] = []
    facts: dict[str, Any] = {}
    async for event in events:
        kind = event["event"]
        told = {name: value for name, value in event.items() if name != "event"}
        if kind == "tune":
            tunes.append(told)
        elif kind == "start":
            facts = told
        elif kind == "error":
            error = WorkerError if event.get("fault") else InputError
            raise error(event["message"], hint=event.get("hint", ""))
    return JSONResponse({**facts, "tunes": tunes})


# Tunes.


async def render(request: Request) -> Response:
    """Show tunes, or write them in a file format."""
    body = await read_body(request, RenderBody)
    result = await _studio(request).tunes.result(client_of(request), "render", body.model_dump())
    if "data" not in result:
        return JSONResponse(result)
    name = f"tunes.{result['suffix']}"
    return Response(
        base64.b64decode(result["data"]),
        media_type=MEDIA_TYPES[body.to],
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


async def check(request: Request) -> Response:
    """Return what is wrong with ABC, by line."""
    body = await read_body(request, CheckBody)
    result = await _studio(request).tunes.result(client_of(request), "check", body.model_dump())
    return JSONResponse(result)


async def surprise(request: Request) -> Response:
    """Return how surprised a network is at each note of a tune."""
    return await _read_by_network(request, "surprise")


async def explain(request: Request) -> Response:
    """Return how a network reads a tune."""
    return await _read_by_network(request, "explain")


async def _read_by_network(request: Request, task: str) -> Response:
    body = await read_body(request, TuneBody)
    result = await _studio(request).networks.result(client_of(request), task, body.model_dump())
    return JSONResponse(result)


async def read(request: Request) -> Response:
    """Read an uploaded file of tunes."""
    content = await content_of(request, UPLOAD_BYTES)
    name = one_line(request.query_params.get("name", ""))
    body = {"name": name, "data": base64.b64encode(content).decode()}
    return JSONResponse(await _studio(request).tunes.result(client_of(request), "read", body))


async def networks(request: Request) -> Response:
    """Return the networks that can be named."""
    return JSONResponse(await _studio(request).tunes.result(client_of(request), "networks", {}))


# Training.


async def training(request: Request) -> Response:
    """Return what is to be learnt, and how far that is."""
    return await _trained(request)


async def add_training_file(request: Request) -> Response:
    """Keep a file to learn from."""
    content = await content_of(request, UPLOAD_BYTES)
    name = one_line(request.query_params.get("name", ""))
    await run_in_threadpool(_studio(request).training.add, name, content)
    return await _trained(request)


async def clear_training_files(request: Request) -> Response:
    """Forget the files to learn from."""
    await run_in_threadpool(_studio(request).training.clear)
    return await _trained(request)


async def start_training(request: Request) -> Response:
    """Fine-tune a network."""
    body, studio = await read_body(request, TrainBody), _studio(request)
    known = await studio.tunes.result(client_of(request), "networks", {})
    if body.network and body.network not in {one["name"] for one in known["networks"]}:
        raise InputError(f"unknown network {body.network[:80]!r}")
    liked = ""
    if body.liked:
        tunes = await run_in_threadpool(studio.history.liked)
        liked = "\n\n".join(tune.abc for tune in tunes)
    await studio.training.start(body, liked)
    return await _trained(request)


async def stop_training(request: Request) -> Response:
    """Stop training, and keep what is learnt."""
    await _studio(request).training.stop()
    return await _trained(request)


async def _trained(request: Request) -> Response:
    return _answer(await run_in_threadpool(_studio(request).training.state))


async def choices(_request: Request) -> Response:
    """Return the words that wishes can be made of."""
    return JSONResponse(
        {
            "rhythms": list(RHYTHMS),
            "instruments": list(INSTRUMENTS),
            "ranges": list(RANGE_NAMES),
            "scales": list(SCALES),
            "ragas": list(RAGAS),
            "moods": list(MOODS),
            "levels": {number: level.description for number, level in LEVELS.items()},
        }
    )


async def health(request: Request) -> Response:
    """Return whether the workers are ready, and how many jobs wait."""
    studio = _studio(request)
    queues = {"networks": studio.networks, "tunes": studio.tunes}
    return JSONResponse(
        {
            "version": __version__,
            "warning": studio.history.warning,
            **{
                name: {"ready": queue.ready, "waiting": queue.waiting, "restarts": queue.restarts}
                for name, queue in queues.items()
            },
        }
    )


# The history.


async def list_tunes(request: Request) -> Response:
    """Return a page of the history."""
    query = request.query_params
    shelf = query.get("shelf", "all")
    if shelf not in get_args(Shelf):
        raise InputError("shelf must be one of all, liked, bin")
    before = query.get("before", "")
    if before and not NUMBER.fullmatch(before):
        raise InputError("before must be the number of a tune")
    tunes = await run_in_threadpool(
        _studio(request).history.tunes,
        cast("Shelf", shelf),
        query.get("search", "")[:200],
        int(before) if before else None,
    )
    return _answer(TunePage(tunes=tunes, more=len(tunes) == PAGE))


async def add_tune(request: Request) -> Response:
    """Add a tune to the history."""
    body = await read_body(request, NewTune)
    history = _studio(request).history
    tune = await run_in_threadpool(history.add, body.abc, body.origin, body.parent)
    return _answer(tune, 201)


async def get_tune(request: Request) -> Response:
    """Return a tune of the history."""
    return _answer(await run_in_threadpool(_studio(request).history.tune, number_of(request)))


async def change_tune(request: Request) -> Response:
    """Change title, ABC, liked or binned of a tune."""
    body = await read_body(request, TuneChange)
    changes = {name: value for name, value in body.model_dump().items() if value is not None}
    history = _studio(request).history
    return _answer(await run_in_threadpool(history.change, number_of(request), changes))


async def undo(request: Request) -> Response:
    """Undo the last change of a tune."""
    tune = await run_in_threadpool(_studio(request).history.undo)
    if tune is None:
        raise HTTPException(409, "there is nothing to undo")
    return _answer(tune)


def _answer(result: Schema, status: int = 200) -> Response:
    return JSONResponse(result.model_dump(), status)


async def openapi(_request: Request) -> Response:
    """Return this interface's description."""
    return JSONResponse(description_of(ENDPOINTS))


ENDPOINTS = (
    Endpoint("POST", "/api/sample", sample, "Compose tunes.", SampleBody, media=(LINES, JSON)),
    Endpoint(
        "POST",
        "/api/rewrite",
        rewrite,
        "Draw bars of a tune anew.",
        RewriteBody,
        media=(LINES, JSON),
    ),
    Endpoint(
        "POST",
        "/api/harmonise",
        harmonise,
        "Add chord symbols or further voices to a tune.",
        HarmoniseBody,
        media=(LINES, JSON),
    ),
    Endpoint(
        "POST",
        "/api/render",
        render,
        "Show tunes, or write them in a file format.",
        RenderBody,
        media=(JSON, *(media.partition(";")[0] for media in MEDIA_TYPES.values())),
    ),
    Endpoint("POST", "/api/check", check, "What is wrong with ABC, by line.", CheckBody),
    Endpoint(
        "POST",
        "/api/surprise",
        surprise,
        "How surprised a network is at each note, in bits, by bar.",
        TuneBody,
    ),
    Endpoint(
        "POST",
        "/api/explain",
        explain,
        "How a network reads a tune: the probability of each character and the likeliest in its "
        "place, how much attention each bar pays to each, and the nearest training tune.",
        TuneBody,
    ),
    Endpoint(
        "POST",
        "/api/read",
        read,
        "Read a file of tunes: .abc, .mid or .musicxml.",
        query=(("name", "The name of the file, whose ending tells its kind."),),
        upload=True,
    ),
    Endpoint("GET", "/api/networks", networks, "The networks that can be named."),
    Endpoint("GET", "/api/training", training, "How far training is.", result=TrainingState),
    Endpoint(
        "POST",
        "/api/training",
        start_training,
        "Fine-tune a network on the files added, and on liked tunes.",
        TrainBody,
        TrainingState,
    ),
    Endpoint(
        "DELETE",
        "/api/training",
        stop_training,
        "Stop training; what is learnt is kept.",
        result=TrainingState,
    ),
    Endpoint(
        "POST",
        "/api/training/files",
        add_training_file,
        "Add a file to learn from: .abc, .mid or .musicxml.",
        result=TrainingState,
        query=(("name", "The name of the file, whose ending tells its kind."),),
        upload=True,
    ),
    Endpoint(
        "DELETE",
        "/api/training/files",
        clear_training_files,
        "Forget the files to learn from.",
        result=TrainingState,
    ),
    Endpoint("GET", "/api/choices", choices, "The words that wishes can be made of."),
    Endpoint(
        "GET",
        "/api/history",
        list_tunes,
        "A page of the history, the newest tune first.",
        result=TunePage,
        query=(
            ("shelf", "all (but the bin), liked or bin."),
            ("search", "Words that title, rhythm, metre or key must have."),
            ("before", "The number of the last tune of the page before."),
        ),
    ),
    Endpoint("POST", "/api/history", add_tune, "Add a tune.", NewTune, Tune),
    Endpoint("GET", "/api/history/{number}", get_tune, "A tune of the history.", result=Tune),
    Endpoint("PATCH", "/api/history/{number}", change_tune, "Change a tune.", TuneChange, Tune),
    Endpoint("POST", "/api/undo", undo, "Undo the last change of a tune.", result=Tune),
    Endpoint("GET", "/api/health", health, "Whether the studio is ready."),
    Endpoint("GET", "/api/openapi.json", openapi, "This description."),
)
