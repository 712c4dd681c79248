"""Modules that take a second to load, loaded when first used."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from importlib.util import LazyLoader
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

POSTPONED = re.compile(r"requests|music21\.test\.test_\w+")
"""What music21 imports only to fetch scores and to test itself: a third of its time to load."""


class LazyModule:
    """Stands for a module until something in it is asked for.

    So ``abcgen --help`` does not wait for music21.

    Args:
        name: The module's full name.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(load_module(self._name), attribute)


def load_module(name: str) -> ModuleType:
    """Import a module; what it imports and hardly uses waits until it is used.

    Args:
        name: The module's full name.
    """
    if name in sys.modules:
        return sys.modules[name]
    finder = _Postponing()
    sys.meta_path.insert(0, finder)
    try:
        return import_module(name)
    finally:
        sys.meta_path.remove(finder)


class _Postponing(MetaPathFinder):
    """Finds the modules called ``POSTPONED``, to be loaded when something in them is used."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = (
            PathFinder.find_spec(fullname, path, target) if POSTPONED.fullmatch(fullname) else None
        )
        if spec and spec.loader:
            spec.loader = LazyLoader(spec.loader)
        return spec
