"""The one family of errors a person can meet.

::

    AbcgenError
    ├── InputError           a file, folder or value the user gave cannot be used
    │   ├── NotationError    a tune that cannot be read faithfully
    │   └── CheckpointError  a checkpoint folder that is missing, damaged or from elsewhere
    └── OutputError          a result cannot be written where it was asked for

``abcgen.cli.main`` alone turns them into one red line and exit code 1.
"""

from __future__ import annotations

from reprlib import Repr
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

# Nesting too deep to be shown in full is not followed.
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 40


class AbcgenError(Exception):
    """Something the user can put right.

    Args:
        message: One sentence that names the file, the line and the value.
        hint: What to do about it, if there is one thing to do.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InputError(AbcgenError):
    """A file, folder or value that the user gave cannot be used."""


class NotationError(InputError):
    """A tune that cannot be read faithfully.

    Args:
        reason: What is wrong or not understood.
        line: Line in the file, counted from 1; 0 if not known.
        text: The offending text.
    """

    def __init__(self, reason: str, *, line: int = 0, text: str = "") -> None:
        where = f"line {line}: " if line else ""
        what = f": {text!r}" if text else ""
        super().__init__(f"{where}{reason}{what}")
        self.reason = reason
        self.line = line
        self.text = text


class CheckpointError(InputError):
    """A checkpoint folder that is missing, damaged or written by something else."""


class OutputError(AbcgenError):
    """A result cannot be written where it was asked for."""


def shown(value: object) -> str:
    """A value out of a stranger's file, short whatever it is."""
    return _SHORT.repr(value)


def reason_of(error: OSError) -> str:
    """What the system said was wrong, to end a sentence with."""
    return (error.strerror or str(error)).lower()


def first_problem(error: ValidationError) -> str:
    """Return the first problem of untrusted data, on one line and of bounded length."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{shown(place)}: {first['msg'][:200]}" if place else first["msg"][:200]
