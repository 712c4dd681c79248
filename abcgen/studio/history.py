"""The history of a studio: every tune composed or brought, in one SQLite file.

Each change of a tune is recorded, so that it can be undone, also after a restart.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from abcgen.config import Schema
from abcgen.errors import InputError
from abcgen.score.text import LONGEST_TITLE, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "studio.sqlite"
VERSION = 1
# Beyond these, the oldest tunes that nobody liked are forgotten, binned ones first.
MOST_KEPT = 20_000
MOST_CHANGES = 2_000
PAGE = 50  # tunes of one answer
BUSY_SECONDS = 5.0  # another studio may be writing
TABLES = """
CREATE TABLE IF NOT EXISTS tunes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created TEXT NOT NULL,
    origin TEXT NOT NULL,
    parent INTEGER,
    title TEXT NOT NULL,
    abc TEXT NOT NULL,
    searched TEXT NOT NULL,
    liked INTEGER NOT NULL DEFAULT 0,
    binned INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tune INTEGER NOT NULL,
    before TEXT NOT NULL
);
"""
COLUMNS = "id, created, origin, parent, title, abc, liked, binned"
_FIELD = re.compile(r"(?m)^([TRMK]):[ \t]*(.*?)[ \t]*$")
_TITLE = re.compile(r"(?m)^T:.*$")
_REFERENCE = re.compile(r"(?m)^X:.*$")

Shelf = Literal["all", "liked", "bin"]


class MissingTuneError(LookupError):
    """There is no tune with a number."""


class Tune(Schema):
    """A tune of the history."""

    id: int
    created: str
    # ``composed``, ``brought``, ``written`` or ``rewritten``.
    origin: str
    parent: int | None
    title: str
    abc: str
    rhythm: str
    metre: str
    key: str
    liked: bool
    binned: bool


class History:
    """The tunes of a studio; threads may share it.

    Args:
        folder: Where the file is, or will be.

    Raises:
        InputError: if it cannot be opened, or was written by a later version.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.warning = ""  # what was wrong with the file found
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                self._database = self._opened()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                aside = self._set_aside()
                self._database = self._opened()
                self.warning = f"the history was damaged; it is now {aside}, and a new one begun"
        except (OSError, sqlite3.Error) as error:
            raise InputError(f"cannot open the history {self.path}: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=BUSY_SECONDS, check_same_thread=False)
        try:
            database.row_factory = sqlite3.Row
            self._check_version(database)
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(TABLES)
            database.execute(f"PRAGMA user_version = {VERSION}")
        except BaseException:
            database.close()
            raise
        return database

    def _check_version(self, database: sqlite3.Connection) -> None:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise InputError(
                f"{self.path} was written by a later version of abcgen",
                hint="name another folder with --data",
            )

    def _set_aside(self) -> Path:
        """Rename a damaged file, and return its new path."""
        number = 1
        while (aside := self.path.with_name(f"{FILE}.damaged-{number}")).exists():
            number += 1
        self.path.rename(aside)
        for suffix in ("-wal", "-shm"):
            self.path.with_name(FILE + suffix).unlink(missing_ok=True)
        return aside

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._database:
            yield self._database

    def add(self, abc: str, origin: str, parent: int | None = None) -> Tune:
        """Add a tune."""
        facts = facts_of(abc)
        values = (now(), origin, parent, facts["title"], abc, searched(facts))
        with self._transaction() as database:
            cursor = database.execute(
                "INSERT INTO tunes (created, origin, parent, title, abc, searched)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )
            # What nobody liked makes room.
            database.execute(
                "DELETE FROM tunes WHERE id IN (SELECT id FROM tunes WHERE NOT liked"
                " ORDER BY binned DESC, id LIMIT max(0, (SELECT count(*) FROM tunes) - ?))",
                (MOST_KEPT,),
            )
            return self._tune(database, cursor.lastrowid or 0)

    def tune(self, number: int) -> Tune:
        """Return a tune.

        Raises:
            MissingTuneError: if there is none with that number.
        """
        with self._transaction() as database:
            return self._tune(database, number)

    def tunes(
        self, shelf: Shelf = "all", search: str = "", before: int | None = None
    ) -> list[Tune]:
        """Return a page of tunes, the newest first.

        Args:
            shelf: ``liked`` or ``bin``; ``all`` is all but the bin.
            search: Words that title, rhythm, metre or key must have.
            before: Only tunes with a lower number.
        """
        where = {"all": "NOT binned", "liked": "liked AND NOT binned", "bin": "binned"}[shelf]
        values: list[Any] = []
        for word in search.casefold().split()[:10]:
            where += " AND instr(searched, ?)"
            values.append(word)
        if before is not None:
            where += " AND id < ?"
            values.append(before)
        query = f"SELECT {COLUMNS} FROM tunes WHERE {where} ORDER BY id DESC LIMIT {PAGE}"  # noqa: S608 - from literals
        with self._transaction() as database:
            return [as_tune(row) for row in database.execute(query, values)]

    def liked(self) -> list[Tune]:
        """Return all liked tunes, the newest first."""
        found: list[Tune] = []
        while page := self.tunes("liked", before=found[-1].id if found else None):
            found += page
        return found

    def change(self, number: int, changes: dict[str, Any]) -> Tune:
        """Change title, liked, binned or ABC of a tune, so that it can be undone.

        Raises:
            MissingTuneError: if there is no such tune.
        """
        with self._transaction() as database:
            old = self._tune(database, number)
            new: dict[str, Any] = {"abc": old.abc, "liked": old.liked, "binned": old.binned} | {
                name: value for name, value in changes.items() if name != "title"
            }
            if "title" in changes:
                new["abc"] = with_title(new["abc"], changes["title"])
            before = {name: getattr(old, name) for name in new}
            if before == new:
                return old
            database.execute(
                "INSERT INTO changes (tune, before) VALUES (?, ?)", (number, json.dumps(before))
            )
            database.execute(
                "DELETE FROM changes WHERE id <= (SELECT max(id) FROM changes) - ?",
                (MOST_CHANGES,),
            )
            self._write(database, number, new)
            return self._tune(database, number)

    def undo(self) -> Tune | None:
        """Undo the last change, and return its tune; None if there is nothing to undo."""
        with self._transaction() as database:
            row = database.execute(
                "SELECT changes.id, tune, before FROM changes JOIN tunes ON tunes.id = tune"
                " ORDER BY changes.id DESC LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            self._write(database, row["tune"], json.loads(row["before"]))
            database.execute("DELETE FROM changes WHERE id = ?", (row["id"],))
            return self._tune(database, row["tune"])

    @staticmethod
    def _write(database: sqlite3.Connection, number: int, values: dict[str, Any]) -> None:
        facts = facts_of(values["abc"])
        database.execute(
            "UPDATE tunes SET abc = ?, title = ?, searched = ?, liked = ?, binned = ? WHERE id = ?",
            (
                values["abc"],
                facts["title"],
                searched(facts),
                values["liked"],
                values["binned"],
                number,
            ),
        )

    @staticmethod
    def _tune(database: sqlite3.Connection, number: int) -> Tune:
        query = f"SELECT {COLUMNS} FROM tunes WHERE id = ?"  # noqa: S608 - from literals
        row = database.execute(query, (number,)).fetchone()
        if row is None:
            raise MissingTuneError(number)
        return as_tune(row)


def as_tune(row: sqlite3.Row) -> Tune:
    """Return a row of the table as a tune."""
    facts = facts_of(row["abc"])
    return Tune(
        id=row["id"],
        created=row["created"],
        origin=row["origin"],
        parent=row["parent"],
        title=row["title"],
        abc=row["abc"],
        rhythm=facts["rhythm"],
        metre=facts["metre"],
        key=facts["key"],
        liked=bool(row["liked"]),
        binned=bool(row["binned"]),
    )


def facts_of(abc: str) -> dict[str, str]:
    """Return title, rhythm, metre and key as the header of a tune has them."""
    fields: dict[str, str] = {}
    for letter, value in _FIELD.findall(abc[:10_000]):
        fields.setdefault(letter, one_line(value, LONGEST_TITLE))
    names = {"title": "T", "rhythm": "R", "metre": "M", "key": "K"}
    return {name: fields.get(letter, "") for name, letter in names.items()}


def searched(facts: dict[str, str]) -> str:
    """Return the text in which words are searched."""
    return " ".join(facts.values()).casefold()


def with_title(abc: str, title: str) -> str:
    """Return ABC with another first title, on one line."""
    line = f"T:{one_line(title, LONGEST_TITLE)}"
    if _TITLE.search(abc):
        return _TITLE.sub(lambda _: line, abc, count=1)
    if _REFERENCE.search(abc):
        return _REFERENCE.sub(lambda match: f"{match[0]}\n{line}", abc, count=1)
    return f"X:1\n{line}\n{abc}"


def now() -> str:
    """Return the time in ISO format."""
    return datetime.now(UTC).isoformat(timespec="seconds")
