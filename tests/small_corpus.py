"""Write a small corpus that a small network memorizes in seconds."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CELLS = {"6/8": ["ABc", "c2A", "def", "fed", "A2d", "gfe"], "4/4": ["ABcd", "dcBA", "d2fd", "gfed"]}
TUNES = 24


def write_small_corpus(folder: Path) -> Path:
    """Write a file of different tunes of eight bars."""
    generator = random.Random(1)
    tunes = []
    for number in range(1, TUNES + 1):
        metre = "6/8" if number % 2 else "4/4"
        rhythm = "jig" if number % 2 else "reel"
        bars = ["".join(generator.choices(CELLS[metre], k=2)) for _ in range(8)]
        body = f"|:{'|'.join(bars[:4])}:|\n|:{'|'.join(bars[4:])}:|"
        head = f"X:{number}\nT:Tune {number}\nR:{rhythm}\nM:{metre}\nL:1/8\nK:D"
        tunes.append(f"{head}\n{body}\n")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "small.abc"
    path.write_text("\n".join(tunes), encoding="utf-8")
    return path
