"""Compare abc2midi's performances of the original text and of abcgen's canonical ABC.

Every tune is played as written, without repeat signs on either side, and with repeats. Onsets,
pitches and durations of all notes must be equal. Run from the project's root, for the collections
inside music21, or for the tunebooks of a folder:

    python -m benchmarks.reading.run [--every N]
    python -m benchmarks.reading.run --folder corpora
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from multiprocessing import Pool
from pathlib import Path
from typing import TYPE_CHECKING

from abcgen.corpus.collections import CollectionBlock, collection_blocks
from abcgen.notation.encoding import decode_text
from abcgen.notation.reader import Reading, read_block
from abcgen.notation.tunebook import split_tunebook
from abcgen.notation.writer import write_abc
from tests.referee import ABC2MIDI, FIELD, Performance, perform

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
ESSEN_SYMBOL = re.compile(r"(?P<bar>\|)|(?P<note>[A-Ga-gz])[,']*(?P<length>\d*(?:/\d*)?)")
REPAIRED = re.compile(r"\((?:5:[^23]|6:[^2]|7:[^23]|9:[^23]):")
UNITS = ("1/4", "1/8", "1/16")
FAULTY_BAR = "time units while the time signature has"
# Parts of abc2midi's messages, and what they mean.
CAUSES = {
    "Cannot apply broken rhythm": "abc2midi refuses broken rhythm between unequal notes",
    "Broken rhythm not allowed": "abc2midi refuses broken rhythm at a chord",
    "Could not find note to be tied": "a tie that ends nowhere",
    "Too many notes in chord": "abc2midi loses count in a chord",
    "Chord already finished": "abc2midi takes a bracket for a chord's",
    "Malformed note": "a symbol abc2midi does not know",
    "in repeat": "abc2midi doubts the repeats",
    "Expected end repeat": "abc2midi doubts the repeats",
    "different length": "chord of unequal lengths",
    "Error": "abc2midi reports another error",
}


@dataclass(frozen=True)
class ReadingResult:
    """The comparison of one tune."""

    collection: str
    # File and line
    location: str
    title: str
    # Why the tune cannot be read; empty if it can
    left_out: str = ""
    # Whether all notes are equal without repeat signs
    same_as_written: bool = False
    # Whether all notes are equal with repeats
    same_with_repeats: bool = False
    # Why it is left out, or the likely cause of a difference and abc2midi's message
    cause: str = ""
    message: str = ""


def main() -> None:
    """Run the comparison and write its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=int, default=1, help="compare every N-th tune only")
    parser.add_argument("--folder", type=Path, help="compare the tunebooks in this folder")
    parser.add_argument("--processes", type=int, help="by default all processors")
    options = parser.parse_args()
    start = time.monotonic()
    found = tunebook_blocks(options.folder) if options.folder else collection_blocks()
    jobs = list(found)[:: options.every]
    with Pool(options.processes) as pool:
        results = pool.map(_compare, jobs, chunksize=50)
    report = _report(results)
    if options.every == 1:
        name = "tunebooks.md" if options.folder else "table.md"
        (HERE / name).write_text(report, encoding="utf-8")
    print(report)
    print(f"{time.monotonic() - start:.0f} s")


def tunebook_blocks(folder: Path) -> Iterator[CollectionBlock]:
    """Yield the text of every tune in the tunebooks of a folder and its subfolders."""
    for path in sorted(folder.rglob("*.abc")):
        for block in split_tunebook(decode_text(path.read_bytes())):
            yield CollectionBlock(path.stem, path.name, block)


def _compare(found: CollectionBlock) -> ReadingResult:
    collection, file, block = found
    # What the file states for all its tunes comes after the number.
    text = "\n".join((*block.lines[:1], *block.book_lines, *block.lines[1:]))
    title = re.search(r"(?m)^T:\s*(.*)$", text)
    result = ReadingResult(collection, f"{file}:{block.line}", title[1].strip() if title else "")
    reading = read_block(block)
    if not isinstance(reading, Reading):
        return replace(result, left_out=reading.reason, cause=reading.reason.partition(":")[0])
    canonical = write_abc(reading.tune)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = perform(ABC2MIDI, without_repeats(canonical), folder)
        source = with_line_ends(text) if collection == "essen" else text
        if any(repair.what.startswith("no L:") for repair in reading.repairs):
            source = with_fitting_unit(source, folder)
        theirs = perform(ABC2MIDI, without_repeats(source), folder)
        repeated = [perform(ABC2MIDI, abc, folder).notes for abc in (canonical, source)]
    same = ours.notes == theirs.notes
    return replace(
        result,
        same_as_written=same,
        same_with_repeats=repeated[0] == repeated[1],
        cause="" if same else _cause(theirs, canonical),
        message="" if same else _first_error(theirs.messages),
    )


def without_repeats(abc: str) -> str:
    """Return the music as written: repeat signs become bar lines, endings are removed."""
    header: list[str] = []
    body: list[str] = []
    for line in re.sub(r"\\[ \t]*(?:%.*)?\n", "\\\\\n", abc).splitlines():
        (header if FIELD.match(line) and not body else body).append(line)
    # A continued line is joined to the next unless a field comes between them.
    music = re.sub(r"\\\n(?!\s*[A-Za-z]:[^:|])", "", "\n".join(body))
    music = re.sub(r'"[^"\n]*"', "", music)
    music = re.sub(r":*\[?\|+[\]:]*|::", "|", music)
    music = re.sub(r"\|\s*\[?\d[\d,.-]*|\[\d[\d,.-]*", "|", music)
    # A line of annotations alone must not become the blank line that ends the tune.
    music = re.sub(r"\n\s*\n", "\n", f"\n{music}").strip("\n")
    return "\n".join([*header, music])


def with_line_ends(abc: str) -> str:
    """Return Essen's text with a bar line at the end of every line that leaves a full bar.

    The collection omits these bar lines. Its music has only notes, rests, lengths and triplets, so
    a few lines of arithmetic, independent of the reader's, can find them.
    """
    metre, unit = (re.search(rf"(?m)^{name}:\s*(\d+)/(\d+)", abc) for name in "ML")
    if not metre or not unit:
        return abc
    full = Fraction(int(metre[1]), int(metre[2])) / Fraction(int(unit[1]), int(unit[2]))
    lines, duration = [], Fraction(0)  # since the last bar line
    for line in abc.splitlines():
        if not FIELD.match(line):
            for symbol in ESSEN_SYMBOL.finditer(line):
                duration = Fraction(0) if symbol["bar"] else duration + _length(symbol)
            if duration == full:
                lines.append(f"{line} |")
                duration = Fraction(0)
                continue
        lines.append(line)
    return "\n".join(lines)


def with_fitting_unit(abc: str, folder: Path) -> str:
    """Return a tune without L: with the one by which abc2midi finds the fewest faulty bars."""
    texts = [abc, *(re.sub(r"(?m)^K:", f"L:{unit}\nK:", abc, count=1) for unit in UNITS)]
    return min(texts, key=lambda text: perform(ABC2MIDI, text, folder).messages.count(FAULTY_BAR))


def _length(symbol: re.Match[str]) -> Fraction:
    number, _, divisor = symbol["length"].partition("/")
    return Fraction(int(number or 1), int(divisor or 2) if "/" in symbol["length"] else 1)


def _cause(performance: Performance, canonical: str) -> str:
    if REPAIRED.search(canonical):
        return "a tuplet's length corrected by bar arithmetic"
    for words, cause in CAUSES.items():
        if words in performance.messages:
            return cause
    return "not explained"


def _first_error(messages: str) -> str:
    found = re.search(r"(?m)^Error in line-char [\d-]+ :\s*(.*)$", messages)
    return f" (abc2midi: {found[1].strip()})" if found else ""


def _report(results: list[ReadingResult]) -> str:
    lines = [
        "| collection | tunes | read | same as written | same with repeats |",
        "|---|---|---|---|---|",
    ]
    for name in [*dict.fromkeys(result.collection for result in results), "all"]:
        own = [result for result in results if name in {result.collection, "all"}]
        read = [result for result in own if not result.left_out]
        as_written = sum(result.same_as_written for result in read)
        with_repeats = sum(result.same_with_repeats for result in read)
        lines.append(
            f"| {name} | {len(own)} | {share(len(read), len(own))} | "
            f"{share(as_written, len(read))} | {share(with_repeats, len(read))} |"
        )
    differing = [result for result in results if not result.left_out and not result.same_as_written]
    causes = Counter(result.cause for result in differing)
    lines += ["", "## Read differently by abc2midi, by cause", ""]
    lines += [f"- {count}: {cause}" for cause, count in causes.most_common()]
    lines.append("")
    lines += [
        f"- {result.location} {result.title}: {result.cause}{result.message}"
        for result in differing
    ]
    left_out = [result for result in results if result.left_out]
    causes = Counter(result.cause for result in left_out)
    lines += ["", "## Left out, by cause", ""]
    lines += [f"- {count}: {cause}" for cause, count in causes.most_common()]
    lines.append("")
    lines += [f"- {result.location} {result.title}: {result.left_out}" for result in left_out]
    return "\n".join(lines) + "\n"


def share(part: int, whole: int) -> str:
    """Return a count with its percentage."""
    return f"{part} ({100 * part / whole:.2f}%)" if whole else "0"


if __name__ == "__main__":
    main()
