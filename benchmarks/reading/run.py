"""How rightly abcgen reads ABC: abc2midi plays the original and our canonical ABC of every tune.

Both are played as written, repeat signs taken out on both sides alike, and with repeats. Onsets,
pitches and durations of all notes must be equal. Run from the project's root:

    python -m benchmarks.reading.run [--every N]
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing import Pool
from pathlib import Path

from abcgen.corpus.collections import COLLECTIONS, collection_blocks
from abcgen.errors import NotationError
from abcgen.notation.reader import read_abc
from abcgen.notation.writer import write_abc
from tests.referee import ABC2MIDI, FIELD, Performance, perform

HERE = Path(__file__).parent
ESSEN_SIGN = re.compile(r"(?P<bar>\|)|(?P<note>[A-Ga-gz])[,']*(?P<length>\d*(?:/\d*)?)")
REPAIRED = re.compile(r"\((?:5:[^23]|6:[^2]|7:[^23]|9:[^23]):")
# What abc2midi says when it cannot follow, and what that means.
CAUSES = {
    "Cannot apply broken rhythm": "abc2midi refuses broken rhythm between unequal notes",
    "Broken rhythm not allowed": "abc2midi refuses broken rhythm at a chord",
    "Could not find note to be tied": "a tie that ends nowhere",
    "Too many notes in chord": "abc2midi loses count in a chord",
    "Chord already finished": "abc2midi takes a bracket for a chord's",
    "Malformed note": "a sign abc2midi does not know",
    "in repeat": "abc2midi doubts the repeats",
    "Expected end repeat": "abc2midi doubts the repeats",
    "different length": "chord of unequal lengths",
    "Error": "abc2midi reports another error",
}


@dataclass(frozen=True)
class Outcome:
    """What came of one tune."""

    collection: str
    place: str
    title: str
    left_out: str = ""
    as_written: bool = False
    played: bool = False
    cause: str = ""
    said: str = ""


def main() -> None:
    """Run the comparison and write its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only every Nth tune")
    every = parser.parse_args().every
    began = time.monotonic()
    jobs = list(_jobs())[::every]
    with Pool() as pool:
        outcomes = pool.map(_judge, jobs, chunksize=50)
    report = _report(outcomes)
    if every == 1:
        (HERE / "table.md").write_text(report, encoding="utf-8")
    print(report)
    print(f"{time.monotonic() - began:.0f} s")


def _jobs() -> list[tuple[str, str, str, int]]:
    return [
        (collection, file, block.text, block.line)
        for collection, file, block in collection_blocks()
    ]


def _judge(job: tuple[str, str, str, int]) -> Outcome:
    collection, file, text, line = job
    title = re.search(r"(?m)^T:\s*(.*)$", text)
    outcome = Outcome(collection, f"{file}:{line}", title[1].strip() if title else "")
    try:
        canonical = write_abc(read_abc(text, line=line))
    except NotationError as error:
        return Outcome(collection, outcome.place, outcome.title, left_out=str(error))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = perform(ABC2MIDI, without_repeats(canonical), folder)
        source = with_line_ends(text) if collection == "essen" else text
        theirs = perform(ABC2MIDI, without_repeats(source), folder)
        repeated = [perform(ABC2MIDI, abc, folder).notes for abc in (canonical, source)]
    played = repeated[0] == repeated[1]
    alike = ours.notes == theirs.notes
    cause = "" if alike else _cause(theirs, canonical)
    said = "" if alike else _first_error(theirs.said)
    return Outcome(collection, outcome.place, outcome.title, "", alike, played, cause, said)


def without_repeats(abc: str) -> str:
    """The music as written: every repeat sign a bar line, no endings."""
    head: list[str] = []
    body: list[str] = []
    for line in re.sub(r"\\[ \t]*(?:%.*)?\n", "\\\\\n", abc).splitlines():
        (head if FIELD.match(line) and not body else body).append(line)
    # A line that goes on is joined to the next, but for a field between them.
    music = re.sub(r"\\\n(?!\s*[A-Za-z]:[^:|])", "", "\n".join(body))
    music = re.sub(r'"[^"\n]*"', "", music)
    music = re.sub(r":*\[?\|+[\]:]*|::", "|", music)
    music = re.sub(r"\|\s*\[?\d[\d,.-]*|\[\d[\d,.-]*", "|", music)
    # A line of annotations alone must not become the blank line that ends the tune.
    music = re.sub(r"\n\s*\n", "\n", f"\n{music}").strip("\n")
    return "\n".join([*head, music])


def with_line_ends(abc: str) -> str:
    """Essen's text with a bar line at every line's end that leaves a full bar.

    The collection writes none there and means one. Its music has only notes, rests, lengths and
    triplets, so that a few lines of arithmetic, other than the reader's, can find them.
    """
    metre, unit = (re.search(rf"(?m)^{name}:\s*(\d+)/(\d+)", abc) for name in "ML")
    if not metre or not unit:
        return abc
    full = Fraction(int(metre[1]), int(metre[2])) / Fraction(int(unit[1]), int(unit[2]))
    lines, since = [], Fraction(0)
    for line in abc.splitlines():
        if not FIELD.match(line):
            for sign in ESSEN_SIGN.finditer(line):
                since = Fraction(0) if sign["bar"] else since + _length(sign)
            if since == full:
                lines.append(f"{line} |")
                since = Fraction(0)
                continue
        lines.append(line)
    return "\n".join(lines)


def _length(sign: re.Match[str]) -> Fraction:
    if not sign["note"]:
        return Fraction(0)
    number, _, divisor = sign["length"].partition("/")
    return Fraction(int(number or 1), int(divisor or 2) if "/" in sign["length"] else 1)


def _cause(performance: Performance, canonical: str) -> str:
    if REPAIRED.search(canonical):
        return "a tuplet's length put right by bar arithmetic"
    for words, cause in CAUSES.items():
        if words in performance.said:
            return cause
    return "not explained"


def _first_error(said: str) -> str:
    found = re.search(r"(?m)^Error in line-char [\d-]+ :\s*(.*)$", said)
    return f" (abc2midi: {found[1].strip()})" if found else ""


def _report(outcomes: list[Outcome]) -> str:
    lines = [
        "| collection | tunes | read | alike as written | alike with repeats |",
        "|---|---|---|---|---|",
    ]
    for name in [*COLLECTIONS, "all"]:
        own = [outcome for outcome in outcomes if name in {outcome.collection, "all"}]
        read = [outcome for outcome in own if not outcome.left_out]
        alike = sum(outcome.as_written for outcome in read)
        played = sum(outcome.played for outcome in read)
        lines.append(
            f"| {name} | {len(own)} | {share(len(read), len(own))} | "
            f"{share(alike, len(read))} | {share(played, len(read))} |"
        )
    differing = [one for one in outcomes if not one.left_out and not one.as_written]
    lines += ["", "## Read otherwise than abc2midi reads them, by cause", ""]
    lines += [f"- {count}: {cause}" for cause, count in _counted(one.cause for one in differing)]
    lines += ["", *(f"- {one.place} {one.title}: {one.cause}{one.said}" for one in differing)]
    left = [one for one in outcomes if one.left_out]
    lines += ["", "## Left out", ""]
    lines += [f"- {one.place} {one.title}: {one.left_out}" for one in left]
    return "\n".join(lines) + "\n"


def _counted(words: object) -> list[tuple[str, int]]:
    return Counter(words).most_common()  # type: ignore[call-overload, no-any-return]


def share(part: int, whole: int) -> str:
    """A count with its percentage."""
    return f"{part} ({100 * part / whole:.2f}%)" if whole else "0"


if __name__ == "__main__":
    main()
