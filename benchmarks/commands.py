"""Commands of abcgen in copies of a process that has loaded Keras's backend; short tunes.

Loading it takes half of the time of a command that works for some seconds, and compiling steps most
of the rest, so steps are computed eagerly unless wanted otherwise. With ``KERAS_BACKEND=torch`` a
command takes a tenth of the time that it takes with TensorFlow.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from contextlib import nullcontext
from importlib import import_module
from itertools import count, islice
from multiprocessing import get_context
from typing import TYPE_CHECKING

from abcgen import cli
from abcgen.model.backend import backend_name, load_keras, quietly
from tests.model.eager import run_eagerly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.context import ForkProcess
    from pathlib import Path

FORK = get_context("fork")
MODULES = ("training", "normalising", "sampling")


def load_backend() -> None:
    """Load what copies of this process will need, of Keras and its backend what they can use."""
    for name in MODULES:
        import_module(f"abcgen.pipeline.{name}")
    with quietly():
        backend = import_module(backend_name())
    # TensorFlow starts threads when it is set up, and a copy of the process would not have them.
    if backend_name() == "torch":
        backend.set_num_threads(1)
        load_keras()


def start_command(
    command: Sequence[str],
    log: Path,
    *,
    folder: Path | None = None,
    prepare: Callable[[], None] = lambda: None,
    graph: bool = False,
) -> ForkProcess:
    """Start a command of abcgen in a copy of this process, its output in a file.

    Args:
        command: Its arguments.
        log: The file of its output.
        folder: Where it runs, if elsewhere.
        prepare: Called in the new process.
        graph: Compile the steps of training, where TensorFlow computes them.
    """

    def run() -> None:
        # A shell starts what runs in the background with Ctrl-C ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with log.open("wb") as file:
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
        if folder:
            os.chdir(folder)
            os.environ["ABCGEN_CACHE"] = str(folder / "cache")
        sys.argv = ["abcgen", *command]
        prepare()
        eager = command[0] == "train" and backend_name() == "tensorflow" and not graph
        with run_eagerly() if eager else nullcontext():
            cli.main()

    process = FORK.Process(target=run)
    process.start()
    return process


def short_tunes(number: int) -> str:
    """Return a tunebook of tunes of two bars, so that steps are short."""
    generator = random.Random(0)  # noqa: S311 - guards no secret
    bars = ("".join(generator.choices("CDEFGABc", k=4)) for _ in count())
    return "\n\n".join(
        f"X:{n}\nT:Tune {n}\nM:4/4\nL:1/4\nK:C\n{'|'.join(islice(bars, 2))}|]"
        for n in range(1, number + 1)
    )
