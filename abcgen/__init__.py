"""abcgen learns from a folder of tunes and writes new ones.

The public names are those of the notation, loaded when first asked for; ``abcgen.pipeline`` holds
the whole way from tunes to a printed page.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from abcgen.errors import AbcgenError
    from abcgen.notation.reader import read_abc, read_tunebook
    from abcgen.notation.tune import Tune
    from abcgen.notation.writer import write_abc, write_tunebook

__version__ = "0.1.0"
__all__ = [
    "AbcgenError",
    "Tune",
    "__version__",
    "read_abc",
    "read_tunebook",
    "write_abc",
    "write_tunebook",
]
_HOMES = {
    "AbcgenError": "abcgen.errors",
    "Tune": "abcgen.notation.tune",
    "read_abc": "abcgen.notation.reader",
    "read_tunebook": "abcgen.notation.reader",
    "write_abc": "abcgen.notation.writer",
    "write_tunebook": "abcgen.notation.writer",
}


def __getattr__(name: str) -> Any:
    """Load a public name (PEP 562)."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
