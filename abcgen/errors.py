"""The errors that users see.

::

    AbcgenError
    ├── InputError           a file, folder or value the user gave cannot be used
    │   ├── NotationError    a tune that cannot be read faithfully
    │   └── CheckpointError  a checkpoint folder that is missing, damaged or not abcgen's
    └── OutputError          a result cannot be written to the place given

``abcgen.cli.main`` alone turns them into one red line and the class's exit code.
"""

from __future__ import annotations

from reprlib import Repr
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

# Shortens strings and lists, and stops at deeply nested values.
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 40


class AbcgenError(Exception):
    """An error that the user can correct.

    Args:
        message: One sentence that names the file, the line and the value.
        hint: What the user can do about it, if anything.
    """

    exit_code = 1  # of the command line

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
        reason: The reason, without the line.
        line: Line in the file, counted from 1; 0 if not known.
        text: The offending text.
    """

    def __init__(self, reason: str, *, line: int = 0, text: str = "") -> None:
        place = f"line {line}: " if line else ""
        quoted = f": {text!r}" if text else ""
        super().__init__(f"{place}{reason}{quoted}")
        self.reason = reason
        self.line = line
        self.text = text


class CheckpointError(InputError):
    """A checkpoint folder that is missing, damaged or written by something else."""


class OutputError(AbcgenError):
    """A result cannot be written to the place given."""


def shown(value: object) -> str:
    """Return a value of an untrusted file as text of bounded length."""
    return _SHORT.repr(value)


def reason_of(error: OSError) -> str:
    """Return the system's reason for an error, in lower case for the end of a sentence."""
    return (error.strerror or str(error)).lower()


def first_problem(error: ValidationError) -> str:
    """Return the first problem of untrusted data, on one line and of bounded length."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{shown(place)}: {first['msg'][:200]}" if place else first["msg"][:200]
