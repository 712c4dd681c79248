"""What tests share: real tunes, and abc2midi as a second opinion."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from abcgen.corpus.collections import collection_blocks
from abcgen.notation.reader import Reading, TuneBlock, read_block

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abcgen.notation.tune import Tune

# Random tunes are slow to draw on a busy machine; what they find does not depend on the clock.
settings.register_profile(
    "abcgen",
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
settings.load_profile("abcgen")

EVERY = 40


def pytest_configure() -> None:
    """Hear Ctrl-C: a shell that runs the tests in the background would have it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


# The files that take longest, which are begun first lest one process is left with one of them.
LONGEST = (
    "test_cli.py",
    "test_training.py",
    "test_network.py",
    "test_shares.py",
    "test_evaluating.py",
    "test_kills.py",
    "test_optimizers.py",
    "test_browser.py",
    "test_marks.py",
    "test_grammar.py",
    "test_sampling.py",
    "test_sample_command.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; the order within each stays."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks)))


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests read is not kept among what the user has read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ABCGEN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def real_blocks() -> list[TuneBlock]:
    """Every fortieth tune of all collections as it stands in its file: some 320."""
    return [found.block for found in collection_blocks()][::EVERY]


@pytest.fixture(scope="session")
def real_tunes(real_blocks: list[TuneBlock]) -> list[Tune]:
    """Those of them that can be read."""
    readings = map(read_block, real_blocks)
    return [reading.tune for reading in readings if isinstance(reading, Reading)]


@pytest.fixture(scope="session")
def abc2midi() -> Path:
    """The program of that name; tests that ask it are skipped where it is missing."""
    found = shutil.which("abc2midi")
    if found is None:
        pytest.skip("abc2midi (Debian package abcmidi) is not installed")
    return Path(found)
