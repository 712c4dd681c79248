"""Save the inputs that a fuzzer found, one for each kind of failure."""

from __future__ import annotations

import hashlib
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_SECONDS = 2.0  # of processor time; a fuzzer's input usually takes a hundredth


class Findings:
    """Saves one input for each kind of failure.

    Args:
        folder: The folder of the inputs.
        suffix: The end of their names.
        check: Raises an exception if an input fails.
    """

    def __init__(self, folder: Path, suffix: str, check: Callable[[bytes], None]) -> None:
        self._folder, self._suffix, self._check = folder, suffix, check
        folder.mkdir(parents=True, exist_ok=True)

    def try_input(self, data: bytes) -> None:
        """Check an input, and the time that this takes."""
        start = time.process_time()
        try:
            self._check(data)
            assert time.process_time() - start < MAX_SECONDS, "slow"
        except Exception as error:  # noqa: BLE001 - anything at all is a finding
            self._save(data, error)

    def _save(self, data: bytes, error: Exception) -> None:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__}:{Path(frame.filename).name}:{frame.lineno}"
        name = hashlib.sha256(kind.encode()).hexdigest()[:12] + self._suffix
        path = self._folder / name
        if not path.exists():
            path.write_bytes(data)
            print(f"found {kind} {error}: {path}", flush=True)
