"""Many clients ask the studio at once, while its workers are killed now and then.

Every client goes through the requests of an hour without a pause. Each request must be answered
with what was asked for, or with a clear "busy". Run from the project's root:

    python -m benchmarks.studio.load [--clients 200] [--seconds 120] [--kills 3] [--write]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from abcgen.studio.processes import WORKER
from benchmarks.machine import processor

HERE = Path(__file__).parent
START_SECONDS, TIMEOUT = 120.0, 600.0
ABC = "X:1\nT:Load\nR:jig\nM:6/8\nL:1/8\nK:D\n|: DFA dAF | GBd edB | A2F E2D | FDE D3 :|\n"
# Requests by how often people make them: name, path, body; a GET where there is no body.
REQUESTS: tuple[tuple[int, str, str, dict[str, Any] | None], ...] = (
    (4, "list", "/api/history", None),
    (4, "check", "/api/check", {"abc": ABC}),
    (3, "draw", "/api/render", {"abc": ABC}),
    (1, "midi", "/api/render", {"abc": ABC, "to": "midi"}),
    (2, "compose", "/api/sample", {"bars": 4, "parts": "A", "metre": "6/8", "candidates": 2}),
    (1, "rewrite", "/api/rewrite", {"abc": ABC, "bars": [[1, 2]], "count": 2, "candidates": 2}),
    (1, "harmonise", "/api/harmonise", {"abc": ABC, "count": 2}),
    (1, "explain", "/api/explain", {"abc": ABC}),
)


@dataclass
class Tally:
    """Answers to one kind of request."""

    answered: int = 0
    busy: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def row(self, name: str) -> str:
        """Return a line of the table."""
        ranked = sorted(self.seconds)
        middle, most = (
            (ranked[len(ranked) // 2], ranked[int(len(ranked) * 0.95)]) if ranked else (0.0, 0.0)
        )
        return (
            f"| {name} | {self.answered} | {self.busy} | {len(self.wrong)} "
            f"| {middle:.2f} s | {most:.2f} s |"
        )


def kind_of(answer: httpx.Response) -> str:
    """Return whether a request was answered, told to come back, or neither."""
    if answer.status_code == 503 and answer.headers.get("retry-after"):
        return "busy"
    if answer.status_code != 200:
        return f"{answer.status_code}: {answer.text[:100]}"
    if "ndjson" in answer.headers["content-type"]:
        last = json.loads(answer.text.splitlines()[-1])
        return "answered" if last["event"] == "done" else str(last)
    return "answered"


async def client(
    http: httpx.AsyncClient, number: int, end: float, tallies: dict[str, Tally]
) -> None:
    """Ask until the end."""
    chance = random.Random(number)  # noqa: S311 - guards no secret
    weights = [weight for weight, *_ in REQUESTS]
    headers = {"x-client": str(number)}
    while time.monotonic() < end:
        _, name, path, body = chance.choices(REQUESTS, weights)[0]
        begun = time.monotonic()
        try:
            asked = http.post(path, json=body, headers=headers) if body else http.get(path)
            kind = kind_of(await asked)
        except httpx.HTTPError as error:
            kind = repr(error)
        tally = tallies[name]
        if kind == "answered":
            tally.answered += 1
            tally.seconds.append(time.monotonic() - begun)
        elif kind == "busy":
            tally.busy += 1
            # Nobody presses a button a hundred times a second.
            await asyncio.sleep(1.0)
        else:
            tally.wrong.append(kind)


def workers_of(parent: int) -> list[int]:
    """Return the process numbers of a studio's workers."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="utf-8").split()
    found = []
    for child in children:
        with suppress(OSError):
            if WORKER.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


def megabytes(pid: int) -> float:
    """Return the memory that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    match = re.search(r"VmRSS:\s+(\d+)", status)
    return int(match[1]) / 1000 if match else 0.0


async def load(
    link: str, pid: int, clients: int, seconds: float, kills: int
) -> tuple[dict[str, Tally], list[float], list[list[float]]]:
    """Run the clients; return the answers, and the memory of server and workers over time."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=link, timeout=TIMEOUT, limits=limits) as http:
        begun = time.monotonic()
        asking = [
            asyncio.create_task(client(http, number, begun + seconds, tallies))
            for number in range(clients)
        ]
        server, workers = await watch(pid, begun, seconds, kills)
        await asyncio.gather(*asking)
    return tallies, server, workers


async def watch(
    pid: int, begun: float, seconds: float, kills: int
) -> tuple[list[float], list[list[float]]]:
    """Look at the memory ten times, and kill a worker after every third look."""
    server, workers = [], []
    for tenth in range(10):
        await asyncio.sleep(max(0.0, begun + (tenth + 1) * seconds / 11 - time.monotonic()))
        server.append(megabytes(pid))
        pids = workers_of(pid)
        workers.append([megabytes(worker) for worker in pids])
        if pids and tenth % 3 == 2 and tenth // 3 < kills:
            os.kill(random.choice(pids), signal.SIGKILL)  # noqa: S311 - guards no secret
    return server, workers


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write load.md")
    options = parser.parse_args()
    command = [sys.executable, "-m", "abcgen", "studio", "--no-browser", "--port", "0"]
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        with subprocess.Popen(  # noqa: S603 - our own program
            [*command, "--data", folder], stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                line = process.stderr.readline() if process.stderr else ""
                open_seconds = time.monotonic() - begun
                match = re.search(r"http://\S+", line)
                if match is None:
                    sys.exit(line)
                link = match[0]
                while httpx.get(f"{link}api/health").json()["networks"]["ready"] == 0:
                    time.sleep(0.1)
                ready_seconds = time.monotonic() - begun
                tallies, server, workers = asyncio.run(
                    load(link, process.pid, options.clients, options.seconds, options.kills)
                )
                kept = httpx.get(f"{link}api/history", timeout=TIMEOUT).json()["tunes"]
                restarts = httpx.get(f"{link}api/health").json()
            finally:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=START_SECONDS)
    wrong = [reason for tally in tallies.values() for reason in tally.wrong]
    restarted = sum(restarts[name]["restarts"] for name in ("networks", "tunes"))
    lines = [
        (
            f"{options.clients} clients for {options.seconds:g} seconds on {os.cpu_count()} cores "
            f"of {processor()}; {options.kills} workers killed, {restarted} started again. "
            f"The page could be opened {open_seconds:.1f} s after the command, the network was "
            f"ready after {ready_seconds:.1f} s."
        ),
        "",
        "| request | answered | busy | wrong | median | 95% |",
        "|---|---|---|---|---|---|",
        *(tallies[name].row(name) for _, name, *_ in REQUESTS),
        "",
        "Memory of the server in MB, at ten moments: "
        + ", ".join(f"{value:.0f}" for value in server)
        + "; of its workers together: "
        + ", ".join(f"{sum(values):.0f}" for values in workers)
        + f". In the history: {'50 or more' if len(kept) == 50 else len(kept)} tunes.",
    ]
    print("\n".join(lines))
    if options.write:
        (HERE / "load.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for reason in wrong[:10]:
        print(reason, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
