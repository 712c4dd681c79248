"""Check that the engraver and music21 read the notes of a tune from its MusicXML.

verovio exports the symbols that it draws as MEI. In both, every note's onset, pitch and duration
must be those of the tune. Every tenth document is also validated against the MusicXML 4.0 schema.
Run from the project's root:

    python -m benchmarks.rendering.agreement [--every N]
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from itertools import islice
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple

from abcgen.corpus.collections import IN_MUSIC21, collection_blocks
from abcgen.errors import NotationError
from abcgen.notation.reader import read_abc
from abcgen.notation.walk import sounding_notes
from abcgen.score.layout import parts_of
from abcgen.score.musicxml import musicxml_of
from tests.musicxml_readers import read_with_music21, read_with_verovio, schema_errors

HERE = Path(__file__).parent
EVERY = 6
SCHEMA_EVERY = 10


class AgreementJob(NamedTuple):
    """A tune to check."""

    collection: str
    location: str
    text: str
    line: int
    against_schema: bool


class AgreementResult(NamedTuple):
    """The result for one tune; texts are empty if all is well."""

    collection: str
    location: str
    left_out: str = ""
    engraved: str = ""
    read_back: str = ""
    schema: str | None = None


def main() -> None:
    """Check every tune sampled and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--every", type=int, default=EVERY, help="check every N-th tune only")
    every = parser.parse_args().every
    start = time.monotonic()
    with Pool() as pool:
        results = pool.map(_compare, _jobs(every), chunksize=20)
    report = _report(results)
    if every <= EVERY:
        (HERE / "agreement.md").write_text(report, encoding="utf-8")
    print(report)
    print(f"{time.monotonic() - start:.0f} s")


def _jobs(every: int) -> list[AgreementJob]:
    return [
        AgreementJob(
            name, f"{file}:{block.line}", block.text, block.line, number % SCHEMA_EVERY == 0
        )
        for number, (name, file, block) in enumerate(islice(collection_blocks(), 0, None, every))
    ]


def _compare(job: AgreementJob) -> AgreementResult:
    result = AgreementResult(job.collection, job.location)
    try:
        tune = read_abc(job.text, line=job.line)
        document = musicxml_of(tune)
    except NotationError as error:
        return result._replace(left_out=str(error))
    expected = [sounding_notes(part) for part in parts_of(tune)]
    try:
        engraved = "" if read_with_verovio(document) == expected else "other notes"
        read_back = "" if read_with_music21(document) == expected else "other notes"
    except Exception as error:  # noqa: BLE001 - any failure of a reader is a result
        return result._replace(engraved=f"{type(error).__name__}: {error}")
    schema = "; ".join(schema_errors(document)[:1]) if job.against_schema else None
    return result._replace(engraved=engraved, read_back=read_back, schema=schema)


def _report(results: list[AgreementResult]) -> str:
    lines = [
        "| collection | tunes | read | same in verovio | same in music21 | by schema | valid |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in [*IN_MUSIC21, "all"]:
        own = [result for result in results if name in {result.collection, "all"}]
        read = [result for result in own if not result.left_out]
        checked = [result for result in read if result.schema is not None]
        figures = [
            len(own),
            len(read),
            sum(not result.engraved for result in read),
            sum(not result.read_back for result in read),
            len(checked),
            sum(not result.schema for result in checked),
        ]
        lines.append(f"| {name} | {' | '.join(map(str, figures))} |")
    lines.append("")
    lines += [
        f"- {result.location}: {difference}"
        for result in results
        if (difference := result.engraved or result.read_back or result.schema)
    ]
    reasons = Counter(each.left_out.partition(": ")[2] for each in results if each.left_out)
    lines += [f"- left out, {count}: {reason}" for reason, count in reasons.most_common()]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    main()
