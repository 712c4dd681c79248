"""Fixtures of all tests: their environment, real tunes, and abc2midi."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from abcgen.corpus.collections import collection_blocks
from abcgen.notation.reader import Reading, read_block
from abcgen.score.referee import Referee

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abcgen.notation.tune import Tune
    from abcgen.notation.tunebook import TuneBlock

# Random tunes are slow to draw on a busy machine; what they find does not depend on the clock.
settings.register_profile(
    "abcgen",
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
settings.load_profile("abcgen")

CHECKOUT = Path(__file__).parents[1]
EVERY = 40


def pytest_configure() -> None:
    """Enable Ctrl-C, which a shell disables for tests that run in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


# The slowest files run first, so that no process is left with one of them at the end.
LONGEST = (
    "test_cli.py",
    "test_training.py",
    "test_light_install.py",
    "test_network.py",
    "test_shares.py",
    "test_evaluating.py",
    "test_kills.py",
    "test_wishes.py",
    "test_refining.py",
    "test_api.py",
    "test_unchanged.py",
    "test_studio.py",
    "test_page.py",
    "test_browser.py",
    "test_shipped.py",
    "test_marks.py",
    "test_grammar.py",
    "test_sampling.py",
    "test_sample_command.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slowest files first; the order within a file stays."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks)))


@pytest.fixture(scope="session", autouse=True)
def own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's cache out of the tests, and have subprocesses import this checkout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ABCGEN_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("PYTHONPATH", str(CHECKOUT), prepend=os.pathsep)
        yield


@pytest.fixture(scope="session")
def real_blocks() -> list[TuneBlock]:
    """Return every fortieth tune of all collections as it is in its file, about 320."""
    return [found.block for found in collection_blocks()][::EVERY]


@pytest.fixture(scope="session")
def real_tunes(real_blocks: list[TuneBlock]) -> list[Tune]:
    """Return the real tunes that can be read."""
    readings = map(read_block, real_blocks)
    return [reading.tune for reading in readings if isinstance(reading, Reading)]


@pytest.fixture
def without_music21(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sampled tunes are not compared with music21, which takes a second to start.

    ``tests/score/test_referee.py`` tests it; on the command line it is asked.
    """
    monkeypatch.setattr(Referee, "disagreement", lambda *_: "")
    monkeypatch.setattr(Referee, "__enter__", lambda self: self)


@pytest.fixture(scope="session")
def abc2midi() -> Path:
    """Return the path of abc2midi; tests that need it are skipped without it."""
    program = shutil.which("abc2midi")
    if program is None:
        pytest.skip("abc2midi (Debian package abcmidi) is not installed")
    return Path(program)
