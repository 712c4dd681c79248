"""Fuzz the reader, guided by the code that each text reaches.

Starts from real tunes and from the files of ``tests/notation/cases``. For every text the reader
must quickly return tunes or reasons, and a tune that it accepts must be the same after canonical
ABC and after model text. Needs atheris (``pip install atheris``). Run from the project's root:

    python -m tests.fuzz.reading --seconds 3600 --findings findings/
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import islice
from pathlib import Path

import atheris

from tests.fuzz.findings import Findings

with atheris.instrument_imports(include=["abcgen"]):
    from abcgen.corpus.collections import collection_blocks
    from abcgen.notation.encoding import decode_text
    from abcgen.notation.model_text import decode_tune, encode_tune
    from abcgen.notation.reader import Reading, read_abc, read_block
    from abcgen.notation.transpose import pitches_of
    from abcgen.notation.tunebook import split_tunebook
    from abcgen.notation.walk import sounding_notes
    from abcgen.notation.writer import write_abc

EVERY = 40  # start from every N-th real tune
MAX_LENGTH = 800  # characters of a text; longer ones take long and find little more
WORDS = (
    "X:1 K:C M:3/4 M:none L:1/16 V:1 [V:2] [K:Gm] [M:6/8] |: :| :: |1 :|2 [1 || |] [|] (3 (5:4:5 "
    ">> << ^^ __ = - -| Z4 z x {g} {/g} !trill! !fine! +E3A3+ [CEG]4 ~ . \\ % =20 y & w: P:A exp "
    "(& &) [CE-G] [12 [1,3 (10 (1:2:2 !8va(! !8va)! !ped! !D.C.alfine! $ [P:B] [Q:1/4=90] "
    "[I:octave=1] clef=treble-8 octave=-1 transpose=3 sound=Bc shift=CD t=-2 middle=d K:none "
    "^f M:2/4+3/8 [r:x] \u201c \xa0 &gt; &eacute; \\'e N.C. C6/9 D;G"
)
# Fields and directives stand on lines of their own.
LINES = (
    "I:propagate-accidentals not", "U:T=!upbow!", "m:~n3=no/n", "w:a-b_ * la|", "W:verse",
    "Q:1/4=90", 'Q:"Slow" 3/8=40', "P:A2(BC)", "P:A", "+:more", "T:two", "C:me", "H:what",
    "s:!f! * *", "M:C|", "%%begintext", "%%endtext", "%%MIDI transpose 2", "%%score (1 2)",
    "%%abc-charset iso-8859-2", "V:2 clef=bass octave=-2", "L:1/16", "Repeat first part", "",
)  # fmt: skip
CASES = Path(__file__).parents[1] / "notation" / "cases"


def main() -> None:
    """Fuzz for some seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    options = parser.parse_args()
    findings = Findings(options.findings, ".abc", lambda data: check(decode_text(data)))
    with tempfile.TemporaryDirectory() as name:
        seeds, words = Path(name, "seeds"), Path(name, "words")
        _write_seeds(seeds)
        words.write_text("".join(f'"{word}"\n' for word in _dictionary()), encoding="ascii")
        limits = [f"-max_total_time={options.seconds}", f"-max_len={MAX_LENGTH}", "-timeout=60"]
        quiet = ["-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={options.findings}/"]
        atheris.Setup(
            [sys.argv[0], str(seeds), f"-dict={words}", *limits, *quiet], findings.try_input
        )
        atheris.Fuzz()


def check(text: str) -> None:
    """Check that every tune of a text is read exactly, or left out with a reason."""
    for block in split_tunebook(text):
        result = read_block(block)
        if not isinstance(result, Reading):
            assert result.reason
            continue
        canonical = write_abc(result.tune)
        again = read_abc(canonical)
        assert write_abc(again) == canonical, "normalising twice changes something"
        assert sounding_notes(again) == sounding_notes(result.tune), (
            "canonical ABC sounds otherwise"
        )
        model = encode_tune(result.tune)
        decoded = decode_tune(model.text)
        assert len(pitches_of(decoded)) == model.notes, "model text loses notes"
        assert encode_tune(decoded).text == model.text, "model text and back differs"


def _write_seeds(folder: Path) -> None:
    folder.mkdir()
    for number, found in enumerate(islice(collection_blocks(), 0, None, EVERY)):
        (folder / str(number)).write_bytes(found.block.text.encode()[:MAX_LENGTH])
    for path in CASES.glob("*.abc"):
        (folder / path.stem).write_bytes(path.read_bytes()[:MAX_LENGTH])


def _dictionary() -> list[str]:
    """Return words and lines as libFuzzer's dictionaries spell them."""
    entries = [*WORDS.split(" "), *(f"\n{line}\n" for line in LINES)]
    return ["".join(_escaped(byte) for byte in entry.encode()) for entry in entries]


def _escaped(byte: int) -> str:
    return chr(byte) if 0x20 <= byte < 0x7F and chr(byte) not in '"\\' else f"\\x{byte:02x}"


if __name__ == "__main__":
    main()
