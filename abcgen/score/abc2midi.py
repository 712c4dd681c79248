"""What abc2midi (Debian package abcmidi), where it is installed, has against a piece of ABC."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

SECONDS = 10.0
_COMPLAINT = re.compile(r"^(?:Error|Warning) in line.*", re.MULTILINE)


def abc2midi_path() -> Path | None:
    """Where the program is; None if it is not installed."""
    found = shutil.which("abc2midi")
    return Path(found) if found else None


def complaint(program: Path, abc: str) -> str:
    """The first error or warning over one tune; empty if there is none.

    Args:
        program: Where abc2midi is.
        abc: The tune.
    """
    try:
        result = subprocess.run(  # noqa: S603 - a known program; the tune goes in as a file
            [str(program), "-", "-c"],
            input=abc,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer after {SECONDS:g} seconds"
    if result.returncode:
        return f"ended with {result.returncode}"
    found = _COMPLAINT.search(result.stdout)
    return found[0] if found else ""
