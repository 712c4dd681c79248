"""What a fuzzer found: one input for each kind of thing that went wrong."""

from __future__ import annotations

import hashlib
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SLOW = 2.0  # seconds of computing; what fuzzers make is read in a hundredth


class Findings:
    """Keeps one input for each kind of thing that went wrong.

    Args:
        folder: Where the inputs go.
        suffix: What their names end in.
        check: Raises if something is wrong with an input.
    """

    def __init__(self, folder: Path, suffix: str, check: Callable[[bytes], None]) -> None:
        self._folder, self._suffix, self._check = folder, suffix, check
        folder.mkdir(parents=True, exist_ok=True)

    def try_input(self, data: bytes) -> None:
        """Check an input, and how long that takes."""
        began = time.process_time()
        try:
            self._check(data)
            assert time.process_time() - began < SLOW, "slow"
        except Exception as error:  # noqa: BLE001 - anything at all is a finding
            self._keep(data, error)

    def _keep(self, data: bytes, error: Exception) -> None:
        place = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__}:{Path(place.filename).name}:{place.lineno}"
        name = hashlib.sha256(kind.encode()).hexdigest()[:12] + self._suffix
        path = self._folder / name
        if not path.exists():
            path.write_bytes(data)
            print(f"found {kind} {error}: {path}", flush=True)
