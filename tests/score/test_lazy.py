"""music21 without what it loads for its own tests, and with all of it when that is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from abcgen.system import LazyModule, load_module


def printed_by(code: str) -> list[str]:
    """What a fresh interpreter prints."""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return result.stdout.split()


def test_music21_is_loaded_without_what_only_its_own_tests_need() -> None:
    loaded = printed_by(
        "import sys\nfrom abcgen.system import load_module\n"
        "load_module('music21').note.Note('C4')\n"
        "print(*sys.modules, len(sys.meta_path))"
    )
    assert "music21.stream.base" in loaded
    assert not {"requests.sessions", "urllib3", "music21.test.commonTest"} & set(loaded)


def test_what_was_postponed_is_there_for_whoever_asks() -> None:
    assert printed_by(
        "from abcgen.system import load_module\nmusic21 = load_module('music21')\n"
        "print(music21.converter.requests.Session.__name__, music21.test.note.Test.__name__)"
    ) == ["Session", "Test"]


def test_nothing_stays_in_the_way_of_other_imports() -> None:
    assert printed_by(
        "import sys\nbefore = list(sys.meta_path)\nfrom abcgen.system import load_module\n"
        "load_module('music21')\nprint(sys.meta_path == before)"
    ) == ["True"]


def test_a_missing_module_is_missed_when_it_is_used() -> None:
    missing = LazyModule("abcgen_has_no_such_module")
    with pytest.raises(ModuleNotFoundError, match="abcgen_has_no_such_module"):
        _ = missing.anything
    with pytest.raises(ModuleNotFoundError):
        load_module("abcgen_has_no_such_module")
