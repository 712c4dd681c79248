"""Time a book of a hundred tunes in every format, and a single tune.

The tunes are every twentieth of O'Neill's that can be read. If abcm2ps and ps2pdf are installed,
they engrave the same file. Run from the project's root:

    python -m benchmarks.rendering.run
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from abcgen.config import PageConfig
from abcgen.corpus.collections import COLLECTIONS, collection_blocks
from abcgen.notation.reader import Reading, read_block
from abcgen.notation.writer import write_tunebook
from abcgen.pipeline.formats import FORMATS
from abcgen.score.pages import set_pages, sheet_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.notation.tune import Tune

HERE = Path(__file__).parent
TUNES, EVERY = 100, 20
PAGE = PageConfig()


def main() -> None:
    """Time everything and write the table."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    readings = [read_block(found.block) for found in collection_blocks(COLLECTIONS["oneills"])]
    tunes = [reading.tune for reading in readings if isinstance(reading, Reading)][::EVERY][:TUNES]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        book = folder / "book.abc"
        book.write_text(write_tunebook(tunes), encoding="utf-8")
        rows = [_format_row(name, book, folder) for name in FORMATS]
        rows += _peer_rows(book, folder)
    rows.append(_one_tune_row(tunes))
    report = _report(rows, tunes)
    (HERE / "table.md").write_text(report, encoding="utf-8")
    print(report)


def _format_row(name: str, book: Path, folder: Path) -> list[str]:
    out = folder / f"out-{name}"
    command = [sys.executable, "-m", "abcgen", "render", str(book), "--to", name]
    seconds, cpu = _timed([*command, "--title", "A hundred tunes", "--out", str(out)])
    files = list(out.iterdir())
    size = sum(file.stat().st_size for file in files)
    return [f"`abcgen render --to {name}`", seconds, cpu, f"{len(files)}", f"{size / 1e6:.1f}"]


def _peer_rows(book: Path, folder: Path) -> list[list[str]]:
    if not shutil.which("abcm2ps") or not shutil.which("ps2pdf"):
        return []
    script, pdf = folder / "book.ps", folder / "book.pdf"
    command = 'abcm2ps -q -O "$1" "$2" && ps2pdf "$1" "$3"'
    seconds, cpu = _timed(["sh", "-c", command, "sh", str(script), str(book), str(pdf)])
    return [["abcm2ps and ps2pdf", seconds, cpu, "1", f"{pdf.stat().st_size / 1e6:.1f}"]]


def _one_tune_row(tunes: Sequence[Tune]) -> list[str]:
    set_pages([sheet_of(tunes[0], PAGE)], PAGE, "pdf")  # loads the libraries
    start, cpu_start = time.perf_counter(), time.process_time()
    set_pages([sheet_of(tunes[1], PAGE)], PAGE, "pdf")
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    return ["one tune to PDF, libraries loaded", f"{seconds:.2f}", f"{cpu:.2f}", "1", ""]


def _timed(command: list[str]) -> tuple[str, str]:
    """Return wall seconds and CPU seconds of a command."""
    before, start = os.times(), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own arguments
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return f"{time.perf_counter() - start:.1f}", f"{cpu:.1f}"


def _report(rows: list[list[str]], tunes: Sequence[Tune]) -> str:
    bars = sum(len(tune.bars) for tune in tunes)
    names = ("abcgen", "music21", "verovio", "typst")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    machine = f"{os.cpu_count()} cores of {platform.machine()}, load {os.getloadavg()[0]:.1f}"
    versions = f"Python {platform.python_version()}, {versions}"
    lines = [
        f"{len(tunes)} tunes, {bars} bars; {machine}; {versions}.",
        "",
        "| | seconds | CPU seconds | files | MB |",
        "|---|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
