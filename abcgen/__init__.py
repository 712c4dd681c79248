"""abcgen learns from a folder of tunes and composes new ones.

::

    import abcgen

    tunes = abcgen.load("pretrained").sample(metre="6/8", key="D", count=2, seed=7)
    tunes.to_pdf("jigs.pdf")

Names are imported when first used, so that ``import abcgen`` loads neither NumPy nor Keras.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from abcgen.api import Network, PlayableTune, Tunebook, load, read, train
    from abcgen.errors import AbcgenError
    from abcgen.notation.reader import read_abc, read_tunebook
    from abcgen.notation.tune import Tune
    from abcgen.notation.writer import write_abc, write_tunebook

__version__ = "0.1.0"
__all__ = [
    "AbcgenError",
    "Network",
    "PlayableTune",
    "Tune",
    "Tunebook",
    "__version__",
    "load",
    "read",
    "read_abc",
    "read_tunebook",
    "train",
    "write_abc",
    "write_tunebook",
]
_MODULES = {
    "AbcgenError": "abcgen.errors",
    "Network": "abcgen.api",
    "PlayableTune": "abcgen.api",
    "Tune": "abcgen.notation.tune",
    "Tunebook": "abcgen.api",
    "load": "abcgen.api",
    "read": "abcgen.api",
    "read_abc": "abcgen.notation.reader",
    "read_tunebook": "abcgen.notation.reader",
    "train": "abcgen.api",
    "write_abc": "abcgen.notation.writer",
    "write_tunebook": "abcgen.notation.writer",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
