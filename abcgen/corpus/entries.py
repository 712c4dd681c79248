"""What is kept of what was read: records of tunes, and what was left out, as lines of JSON.

They go through other processes and the cache, and nothing in them is believed on the way back that
is not of its type.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from abcgen.notation.reader import LeftOut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from abcgen.notation.reader import Reading

Record = TypeVar("Record")

_LOSS = [int, str, str, str]


@dataclass(frozen=True, slots=True)
class Kind(Generic[Record]):
    """A kind of record; other processes are sent it, so it holds functions of modules only.

    Attributes:
        name: What the cache knows it by.
        make: The record of a tune, given the name of its file.
        fields: A record's fields, for JSON; not as many as those of what was left out.
        read: The record of such fields, and how many lines to add to each that it names. Raises
            ValueError if they are anything else.
    """

    name: str
    make: Callable[[Reading, str], Record]
    fields: Callable[[Record], list[object]]
    read: Callable[[list[object], int], Record]

    def encode(self, entries: Iterable[Record | LeftOut]) -> str:
        """Entries as text, a line of JSON to each."""
        rows = (
            [entry.line, entry.number, entry.title, entry.reason]
            if isinstance(entry, LeftOut)
            else self.fields(entry)
            for entry in entries
        )
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    def decode(self, text: str, line: int = 1) -> list[Record | LeftOut]:
        """Entries from text.

        Args:
            text: What ``encode`` made.
            line: Number in the file of what the entries count as line 1.

        Raises:
            ValueError: if it is anything else.
        """
        return [self._entry(json.loads(row), line - 1) for row in text.split("\n") if row]

    def _entry(self, fields: object, before: int) -> Record | LeftOut:
        if not isinstance(fields, list):
            raise ValueError("no entry")  # noqa: TRY004 - whatever is wrong with it, it is no entry
        if len(fields) == len(_LOSS):
            line, number, title, reason = checked(fields, _LOSS)
            return LeftOut(moved(line, before), number, title, reason)
        return self.read(fields, before)


def checked(fields: object, types: list[type]) -> list:  # type: ignore[type-arg] # JSON is anything
    """Fields that are as many as expected and of these types.

    Raises:
        ValueError: if they are not.
    """
    if not isinstance(fields, list) or [type(field) for field in fields] != types:
        raise ValueError("no entry")
    return fields


def moved(line: int, before: int) -> int:
    """A line's number, counted from the beginning of the file; 0 is no line."""
    return line + before if line else 0
