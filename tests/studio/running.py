"""``abcgen studio`` as a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from abcgen.studio.processes import environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 120.0  # a busy machine is slow


@contextmanager
def running(folder: Path, *arguments: str, port: int = 0, cwd: Path | None = None) -> Iterator[str]:
    """Run a studio with its history in a folder; yield its link, and stop it in the end.

    Networks are looked for, and trained, in ``cwd``.
    """
    command = [sys.executable, "-m", "abcgen", "studio", "--no-browser", "--port", str(port)]
    with subprocess.Popen(
        [*command, "--data", str(folder), *arguments],
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=environment(),
    ) as process:
        assert process.stderr
        line = process.stderr.readline()
        link = re.search(r"http://\S+", line)
        assert link, line + process.stderr.read()
        try:
            yield link[0]
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=SECONDS)
    assert process.returncode == 0
