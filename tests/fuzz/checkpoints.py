"""Hands abcgen checkpoints that no training wrote, guided by which code each reaches.

Starts from a whole small checkpoint, of which one file at a time is another. Whatever it holds,
the checkpoint must be used or refused in one line, soon and in little memory. Needs atheris
(``pip install atheris``). Run from the project's root:

    python -m tests.fuzz.checkpoints --seconds 3600 --findings findings/
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from pathlib import Path

import atheris

from tests.fuzz.findings import Findings

with atheris.instrument_imports(include=["abcgen"]):
    from tests.strangers import FILES, open_all, variables_of, whole_checkpoint

LONGEST = 50_000  # bytes of a file
MEMORY = 4_000_000_000  # bytes that the process may take in all
WORDS = (
    '"network" "units" "layers" "embedding" "sequence_length" "heads" "kind" "window" "stream" '
    '"bidirectional" "attention" "training" "about" "split" "format_version" "characters" '
    '"first_character" "unknown" "steps" "weights" "counts" "low" "shared" "names" "metres" '
    "true false null 1e999 -1 1e308 NaN [[[[[[[[ {} [] 99999999999999999999 "
    "F32 F64 BF16 F8_E4M3 U8 I32 "
    '"dtype" "shape" "data_offsets" "__metadata__" "position" "epoch" "measurement" ../../x'
)


def main() -> None:
    """Fuzz for so many seconds; exit with 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as name:
        seeds, words = Path(name, "seeds"), Path(name, "words")
        stranger = Stranger(Path(name, "checkpoint"))
        stranger.write_seeds(seeds)
        quoted = (word.replace('"', '\\"') for word in WORDS.split())
        words.write_text("".join(f'"{word}"\n' for word in quoted), encoding="ascii")
        limits = [f"-max_total_time={options.seconds}", f"-max_len={LONGEST}", "-timeout=60"]
        quiet = ["-verbosity=0", "-print_final_stats=1", "-rss_limit_mb=4000"]
        findings = Findings(options.findings, ".checkpoint", stranger.check)
        atheris.Setup(
            [sys.argv[0], str(seeds), f"-dict={words}", *limits, *quiet], findings.try_input
        )
        atheris.Fuzz()


class Stranger:
    """Puts another file into a checkpoint, and takes it out again.

    Args:
        folder: The checkpoint.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = whole_checkpoint(folder)
        self._right = {name: (folder / name).read_bytes() for name in FILES}
        self._variables = variables_of(folder)

    def write_seeds(self, folder: Path) -> None:
        """Each file as it should be, behind a byte that says which it is."""
        folder.mkdir()
        for number, name in enumerate(FILES):
            (folder / str(number)).write_bytes(bytes([number]) + self._right[name][: LONGEST - 1])

    def check(self, data: bytes) -> None:
        """Use the checkpoint with another file in it.

        Raises:
            RuntimeError: for whatever is not an exception but should be none either.
        """
        name = FILES[data[0] % len(FILES)] if data else FILES[0]
        (self._folder / name).write_bytes(data[1:])
        try:
            open_all(self._folder, self._variables)
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as error:  # a library's panic is no Exception
            raise RuntimeError(repr(error)) from error
        finally:
            (self._folder / name).write_bytes(self._right[name])


if __name__ == "__main__":
    main()
