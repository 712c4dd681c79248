"""Run commands with faulty inputs, outputs, limits and settings, and look at how they end.

A command must succeed, or fail with one line that begins with ``error:`` and exit code 1 or 2; it
must not take more than ten seconds of processor time, nor show a traceback. Run from the project's
root:

    python -m benchmarks.faults.run --write
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from abcgen.files import DRAFT
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import INSTRUMENTS
from abcgen.score.midi import midi_of
from abcgen.score.musicxml import musicxml_of
from abcgen.score.performance import PlaybackOptions
from benchmarks.commands import short_tunes, start_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
NETWORK = HERE.parents[1] / "checkpoints" / "pretrained"
MAX_SECONDS = 10.0  # of processor time
PATIENCE = 300.0  # seconds until a command counts as hanging, on a busy machine
NOBODY = 65534
MEGABYTE = 1_000_000
# Loaded once, for all copies of this process.
MODULES = ("rendering", "normalising", "sampling", "replaying", "rewriting", "plotting", "varying")

SAMPLE = ("sample", "--candidates=1", "--count=1", "--bars=2", "--to=abc", "--seed=1")
# Commands that read a file, and those that write one.
READING = {
    "render": ("render", "{}", "--to=abc,midi,musicxml", "--out=out"),
    "normalise": ("normalise", "{}", "--out=out.abc"),
    "list tracks": ("normalise", "{}", "--list-tracks"),
    "check": ("check", "{}"),
    "replay": ("replay", "{}", "--out=out"),
    "rewrite": ("rewrite", "{}", "--bars=1", "--out=out"),
    "vary": ("vary", "{}", "--out=out"),
    "sample --prime": (*SAMPLE, "--prime", "{}", "--out=out"),
    "sample --checkpoint": (*SAMPLE, "--checkpoint", "{}", "--out=out"),
    "plot": ("plot", "{}", "--out=out"),
    "evaluate": ("evaluate", "{}", "--samples=20"),
    "evaluate --samples": ("evaluate", "--samples={}"),
    "blindtest": ("blindtest", "make", "{}", "--out=out"),
    "train": ("train", "{}", "--epochs=1", "--out=out"),
    "critic": ("critic", "{}", "corpus.abc"),
    "corpus install --from": ("corpus", "install", "litten", "--from={}", "--corpora=out"),
}
WRITING = {
    "render": ("render", "tune.abc", "--to=abc,midi", "--out={}"),
    "render page": ("render", "tune.abc", "--to=svg", "--out={}"),
    "normalise": ("normalise", "corpus.abc", "--out={}"),
    "sample": (*SAMPLE, "--out={}"),
    "rewrite": ("rewrite", "tune.abc", "--bars=1", "--candidates=1", "--to=abc", "--out={}"),
}


class Fault(NamedTuple):
    """A command, and what is done to its process."""

    kind: str
    name: str
    command: tuple[str, ...]
    prepare: Callable[[], None] = lambda: None


class End(NamedTuple):
    """How a command ended."""

    fault: Fault
    code: int | None
    seconds: float
    processor_seconds: float
    output: str
    drafts: int

    def problem(self) -> str:
        """Return what is wrong with it, or nothing."""
        if self.code is None:
            return f"hangs for {self.seconds:.0f} s"
        if "Traceback" in self.output:
            return "traceback: " + self.output.strip().rpartition("\n")[2][:150]
        if self.code not in {0, 1, 2}:
            return f"exit {self.code}: {self.output[-150:]!r}"
        errors = re.findall(r'(?m)^(?:error:|.*"error":)', self.output)
        is_silent = self.fault.name.startswith(("stdout", "stderr"))
        if self.code == 1 and len(errors) != 1 and not is_silent:
            return f"{len(errors)} lines of error: {self.output[-200:]!r}"
        if self.processor_seconds > MAX_SECONDS:
            return f"{self.processor_seconds:.0f} s of processor time"
        return f"{self.drafts} half-written files" if self.drafts else ""


def main() -> None:
    """Try every fault and write the table; exit with 1 if a command ended badly."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="only faults whose kind begins so")
    parser.add_argument("--write", action="store_true", help="write table.md")
    options = parser.parse_args()
    for name in MODULES:
        import_module(f"abcgen.pipeline.{name}")
    ends = []
    with tempfile.TemporaryDirectory() as root:
        for number, fault in enumerate(faults()):
            if fault.kind.startswith(options.only):
                ends.append(_run(fault, Path(root, str(number))))
                if problem := ends[-1].problem():
                    print(fault.kind, fault.name, *fault.command, problem, sep=" | ", flush=True)
    table = _table(ends)
    print(table)
    if options.write:
        (HERE / "table.md").write_text(table, encoding="utf-8")
    sys.exit(any(end.problem() for end in ends))


def faults() -> Iterator[Fault]:
    """Yield all faults."""
    for command in READING.values():
        for name in BAD_INPUTS:
            yield Fault("input", name, tuple(part.replace("{}", name) for part in command))
    for command in WRITING.values():
        for name in BAD_OUTPUTS:
            yield Fault("output", name[:40], tuple(part.replace("{}", name) for part in command))
    plain = {name: _filled(command, "result") for name, command in WRITING.items()}
    plain["plot"] = ("plot", str(NETWORK), "--out=result")
    for kind, cases in {"stream": STREAMS, "limit": LIMITS, "setting": SETTINGS}.items():
        for name, prepare in cases.items():
            for command in plain.values():
                yield Fault(kind, name, command, prepare)

    many = (*SAMPLE[:2], "--count=500", *SAMPLE[3:], "--out=result")
    yield Fault("limit", "a disk that fills", many, partial(_limit, resource.RLIMIT_FSIZE, 5000))


def _filled(command: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(part.replace("{}", name) for part in command)


def _fill(folder: Path) -> None:
    """Make good and bad files in a folder."""
    tune = "X:1\nT:Tune\nM:4/4\nL:1/4\nK:D\nDEFA|dfed|BAFE|D4|]\n"
    (folder / "tune.abc").write_text(tune, encoding="utf-8")
    (folder / "corpus.abc").write_text(short_tunes(20), encoding="utf-8")
    read = read_abc(tune)
    midi = midi_of(read, PlaybackOptions(INSTRUMENTS["fiddle"]))
    (folder / "half.mid").write_bytes(midi[: len(midi) // 2])
    score = musicxml_of(read)
    (folder / "half.musicxml").write_bytes(score[: len(score) // 2])
    (folder / "full").mkdir()
    os.mkfifo(folder / "pipe.abc")
    os.mkfifo(folder / "pipe")
    (folder / "device.abc").symlink_to("/dev/zero")
    (folder / "nowhere.abc").symlink_to("missing")
    (folder / "loop.abc").symlink_to("loop.abc")
    (folder / "empty.abc").touch()
    (folder / "empty").mkdir()
    (folder / "folder.abc").mkdir()
    (folder / "noise.abc").write_bytes(bytes(range(256)) * 40)
    (folder / "noise.mid").write_bytes(b"MThd" + bytes(range(256)) * 40)
    (folder / "odd\nname\x1b[31m.abc").write_text(tune, encoding="utf-8")
    (folder / os.fsdecode(b"\xff\xfe.abc")).write_text(tune, encoding="utf-8")
    (folder / f"{'n' * 251}.abc").write_text(tune, encoding="utf-8")


BAD_INPUTS = (
    *("pipe.abc", "pipe", "device.abc", "/dev/zero", "/dev/stdin", "/proc/self/mem"),
    *("nowhere.abc", "loop.abc", "missing", "empty.abc", "empty", "folder.abc", "noise.abc"),
    *("noise.mid", "half.mid", "half.musicxml", "odd\nname\x1b[31m.abc"),
    *(os.fsdecode(b"\xff\xfe.abc"), f"{'n' * 251}.abc", "n" * 256, ""),
)
BAD_OUTPUTS = (
    *("tune.abc/under", "/dev/full/under", "/proc/under", "/sys/under.abc", "pipe", "/dev/full"),
    *("loop.abc", "nowhere.abc", "o" * 251, "o" * 255, "o" * 256, f"{'o' * 247}.abc", "ü" * 127),
    *("odd\nname", os.fsdecode(b"\xff\xfe"), "empty", "folder.abc"),
)


def _redirect(stream: int, to: str | None) -> None:
    if to is None:
        os.close(stream)
        setattr(sys, ("stdin", "stdout", "stderr")[stream], None)
    else:
        os.dup2(os.open(to, os.O_RDWR), stream)


STREAMS = {
    "stdout is closed": partial(_redirect, 1, None),
    "stdout is full": partial(_redirect, 1, "/dev/full"),
    "stderr is closed": partial(_redirect, 2, None),
    "stderr is full": partial(_redirect, 2, "/dev/full"),
    "stdin is closed": partial(_redirect, 0, None),
}


def _limit_memory(megabytes: int) -> None:
    """Allow some memory more than there is."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    size = pages * resource.getpagesize() + megabytes * MEGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _limit(kind: int, number: int) -> None:
    resource.setrlimit(kind, (number, number))


def _allow_processes(number: int) -> None:
    """Become a user who may start only so many processes and threads; root always may."""
    Path().chmod(0o777)
    for path in Path().iterdir():
        if not path.is_symlink():
            path.chmod(0o777)
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    resource.setrlimit(resource.RLIMIT_NPROC, (number, number))


LIMITS = {
    **{f"{n} MB": partial(_limit_memory, n) for n in (1, 8, 32, 64, 128, 256, 512, 1024)},
    **{f"{n} open files": partial(_limit, resource.RLIMIT_NOFILE, n) for n in (4, 6, 8, 16, 32)},
    **{f"{n} bytes a file": partial(_limit, resource.RLIMIT_FSIZE, n) for n in (5000, 20_000)},
    **{f"{n} processes": partial(_allow_processes, n) for n in (1, 2, 3, 5)},
}


def _set(name: str, value: str) -> None:
    os.environ[name] = value
    tempfile.tempdir = None  # it is remembered


SETTINGS = {
    f"{name}={value}": partial(_set, name, value)
    for name, value in (
        ("MPLBACKEND", "nonsense"),
        ("TMPDIR", "/nowhere"),
        ("TMPDIR", "/proc"),
        ("ABCGEN_CACHE", "/dev/full/under"),
        ("ABCGEN_CACHE", "/proc/under"),
        ("HOME", "/nowhere"),
        ("KERAS_BACKEND", "nonsense"),
        ("OMP_NUM_THREADS", "many"),
        ("OMP_NUM_THREADS", "0"),
        ("COLUMNS", "0"),
        ("COLUMNS", "wide"),
        ("TERM", "nonsense"),
        ("MPLCONFIGDIR", "/proc/under"),
    )
}


def _run(fault: Fault, folder: Path) -> End:
    folder.mkdir()
    _fill(folder)
    log = folder.with_suffix(".log")
    began, before = time.monotonic(), _processor_seconds()
    process = start_command(fault.command, log, folder=folder, prepare=fault.prepare)
    process.join(PATIENCE)
    seconds = time.monotonic() - began
    code = process.exitcode
    if code is None:
        process.kill()
        process.join()
    output = log.read_text(encoding="utf-8", errors="replace")
    drafts = len(list(folder.rglob(f".*{DRAFT}")))
    return End(fault, code, seconds, _processor_seconds() - before, output, drafts)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _table(ends: list[End]) -> str:
    lines = ["| faults of | tried | failed with one line | bad ends | longest, s of processor |"]
    lines.append("|---|---|---|---|---|")
    kinds = Counter(end.fault.kind for end in ends)
    for kind, number in kinds.items():
        own = [end for end in ends if end.fault.kind == kind]
        failed = sum(end.code != 0 for end in own)
        bad = sum(bool(end.problem()) for end in own)
        longest = max(end.processor_seconds for end in own)
        lines.append(f"| {kind} | {number} | {failed} | {bad} | {longest:.1f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
