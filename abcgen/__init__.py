"""abcgen learns from a folder of tunes and writes new ones.

The public names are those of the notation, which load neither Keras nor music21;
``abcgen.pipeline`` holds the whole way from tunes to a printed page.
"""

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
