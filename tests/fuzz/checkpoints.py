"""Fuzz checkpoints, guided by the code that each reaches.

Starts from a complete small checkpoint and replaces one file at a time. The checkpoint must be used
or refused with an error for users, quickly and in little memory. Needs atheris
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
    from tests.untrusted_checkpoints import FILES, complete_checkpoint, use_checkpoint, variables_of

MAX_LENGTH = 50_000  # bytes of a file
MAX_MEMORY = 4_000_000_000  # bytes of the process
WORDS = (
    '"network" "units" "layers" "embedding" "sequence_length" "heads" "kind" "window" "stream" '
    '"bidirectional" "attention" "training" "about" "split" "format_version" "characters" '
    '"first_character" "unknown" "steps" "weights" "counts" "low" "shared" "names" "metres" '
    "true false null 1e999 -1 1e308 NaN [[[[[[[[ {} [] 99999999999999999999 "
    "F32 F64 BF16 F8_E4M3 U8 I32 "
    '"dtype" "shape" "data_offsets" "__metadata__" "position" "epoch" "measurement" ../../x'
)


def main() -> None:
    """Fuzz for some seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    with tempfile.TemporaryDirectory() as name:
        seeds, words = Path(name, "seeds"), Path(name, "words")
        fuzzed = FuzzedCheckpoint(Path(name, "checkpoint"))
        fuzzed.write_seeds(seeds)
        quoted = (word.replace('"', '\\"') for word in WORDS.split())
        words.write_text("".join(f'"{word}"\n' for word in quoted), encoding="ascii")
        limits = [f"-max_total_time={options.seconds}", f"-max_len={MAX_LENGTH}", "-timeout=300"]
        quiet = ["-verbosity=0", "-print_final_stats=1", "-rss_limit_mb=4000"]
        findings = Findings(options.findings, ".checkpoint", fuzzed.check)
        atheris.Setup(
            [sys.argv[0], str(seeds), f"-dict={words}", *limits, *quiet], findings.try_input
        )
        atheris.Fuzz()


class FuzzedCheckpoint:
    """A checkpoint in which one file is replaced for each check."""

    def __init__(self, folder: Path) -> None:
        self._folder = complete_checkpoint(folder)
        self._originals = {name: (folder / name).read_bytes() for name in FILES}
        self._variables = variables_of(folder)

    def write_seeds(self, folder: Path) -> None:
        """Write each original file after a byte with its number."""
        folder.mkdir()
        for number, name in enumerate(FILES):
            (folder / str(number)).write_bytes(
                bytes([number]) + self._originals[name][: MAX_LENGTH - 1]
            )

    def check(self, data: bytes) -> None:
        """Use the checkpoint with one file replaced.

        Raises:
            RuntimeError: for a library's panic, which is no ``Exception``.
        """
        name = FILES[data[0] % len(FILES)] if data else FILES[0]
        (self._folder / name).write_bytes(data[1:])
        try:
            use_checkpoint(self._folder, self._variables)
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise RuntimeError(repr(error)) from error
        finally:
            (self._folder / name).write_bytes(self._originals[name])


if __name__ == "__main__":
    main()
