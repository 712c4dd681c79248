"""Fuzz the reading of MusicXML with scores that no program would write.

Starts from the cases of the tests and from tunes that we write, and takes out, doubles, moves and
changes their elements. Whatever a file is, it must give a tune or a reason, soon, and the tune must
come back the same from its canonical ABC. Run from the project's root:

    python -m tests.fuzz.musicxml --seconds 3600 --findings findings/
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from abcgen.errors import NotationError
from abcgen.notation.model_text import encode_tune
from abcgen.notation.reader import read_abc
from abcgen.notation.writer import write_abc
from abcgen.score.musicxml import musicxml_of
from abcgen.score.read_musicxml import read_musicxml
from tests.fuzz.findings import Findings
from tests.marked_tunes import DUET
from tests.tunes import CHORDS, JIG, REEL

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

CASES = Path(__file__).parents[1] / "score" / "cases"
TEXTS = (
    "0",
    "1",
    "2",
    "3",
    "-1",
    "7",
    "16",
    "0.5",
    "1e9",
    "999999999",
    "",
    "x",
    "C",
    "none",
    "é\0",
)
MOST_CHANGES = 6


def main() -> None:
    """Fuzz for some seconds and report findings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    findings = Findings(options.findings, ".musicxml", check)
    generator = random.Random(options.seed)
    seeds, tried, end = _seeds(), 0, time.monotonic() + options.seconds
    while time.monotonic() < end:
        findings.try_input(mutated(generator.choice(seeds), generator))
        tried += 1
    print(f"stat::number_of_executed_units: {tried}", file=sys.stderr)


def check(data: bytes) -> None:
    """Check that a file gives a tune or a reason.

    Raises:
        AssertionError: if a tune does not come back as it was written.
    """
    try:
        tune = read_musicxml(data).tune
    except NotationError as error:
        assert str(error)
        return
    canonical = write_abc(tune)
    try:
        again = write_abc(read_abc(canonical))
    except NotationError as error:
        raise AssertionError(f"its ABC is not read: {error}") from error
    assert again == canonical, "its ABC is read otherwise"
    encode_tune(tune)


def mutated(seed: bytes, generator: random.Random) -> bytes:
    """Return a score with a few changes, or now and then with damaged bytes."""
    root = ElementTree.fromstring(seed)  # noqa: S314 - our own
    for _ in range(generator.randint(1, MOST_CHANGES)):
        # The root may have lost all that was in it.
        if parents := [element for element in root.iter() if len(element)]:
            _change(generator.choice(parents), generator)
    data = ElementTree.tostring(root)
    if generator.random() < 0.05:
        place = generator.randrange(len(data))
        data = data[:place] + generator.randbytes(generator.randint(0, 3)) + data[place + 1 :]
    return data


def _change(parent: Element, generator: random.Random) -> None:
    index = generator.randrange(len(parent))
    child = parent[index]
    kind = generator.randrange(6)
    if kind == 0:
        parent.remove(child)
    elif kind == 1:
        parent.insert(generator.randint(0, len(parent)), child)
    elif kind == 2:
        parent[index], parent[-1] = parent[-1], child
    elif kind == 3:
        child.text = generator.choice(TEXTS)
    elif kind == 4 and child.attrib:
        child.set(generator.choice(list(child.attrib)), generator.choice(TEXTS))
    else:
        other = generator.choice(list(parent.iter()))
        other.tag, child.tag = child.tag, other.tag


def _seeds() -> list[bytes]:
    written = [musicxml_of(tune) for tune in (JIG, REEL, CHORDS, DUET)]
    cases = [path.read_bytes() for path in sorted(CASES.glob("*.musicxml"))]
    return written + cases


if __name__ == "__main__":
    main()
