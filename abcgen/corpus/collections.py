"""The tune collections that come with the music21 package.

They are found without importing music21, and installed as tunebooks of their original text; only
tunes without a source (``S:``) get one.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import InputError
from abcgen.files import refuse_to_overwrite, write_atomically
from abcgen.notation.reader import TuneBlock, decode_text, split_tunebook

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection of tunes."""

    name: str  # on the command line
    folder: str  # in music21's corpus
    title: str  # of the printed book it was taken from
    tunes: int
    rights: str  # according to its files


class CollectionBlock(NamedTuple):
    """A tune's text inside the installed music21, with its collection and file."""

    collection: str
    file: str
    block: TuneBlock


_NO_LICENCE = "no licence text; transcribers credited in the tunes (Z:)"
_TABLE = (
    Collection(
        "oneills", "oneills1850", "O'Neill's Music of Ireland, Chicago 1903", 2009, _NO_LICENCE
    ),
    Collection(
        "ryans", "ryansMammoth", "Ryan's Mammoth Collection, Boston 1883", 1059, _NO_LICENCE
    ),
    Collection(
        "airds",
        "airdsAirs",
        "A Selection of Scotch, English, Irish and Foreign Airs, Glasgow 1778-1801",
        1180,
        _NO_LICENCE,
    ),
    Collection(
        "misc",
        "miscFolk",
        "American fife tunes; Northumbrian Minstrelsy, Newcastle 1882",
        185,
        _NO_LICENCE,
    ),
    Collection(
        "essen",
        "essenFolksong",
        "Essen Folksong Collection, ed. Helmut Schaffrath",
        8514,
        "non-commercial use only",
    ),
)
COLLECTIONS = {collection.name: collection for collection in _TABLE}


def collection_named(name: str) -> Collection:
    """Return the collection of that name.

    Raises:
        InputError: if there is none.
    """
    try:
        return COLLECTIONS[name.lower()]
    except KeyError as error:
        known = ", ".join(COLLECTIONS)
        raise InputError(f"unknown collection {name!r}", hint=f"one of {known}") from error


def install_collection(collection: Collection, folder: Path, *, force: bool = False) -> Path:
    """Write a collection as one tunebook, unless that exists already, and return its path.

    Args:
        collection: The collection.
        folder: The folder for the tunebook.
        force: Whether to overwrite a different file of that name.

    Raises:
        InputError: if this installation of music21 lacks the collection.
        OutputError: if a different file has that name, or the tunebook cannot be written.
    """
    path = folder / f"{collection.name}.abc"
    tunes = []
    for _, _, block in collection_blocks(collection):
        lines = [line.rstrip() for line in block.lines]
        if not any(line.startswith("S:") for line in lines):
            lines.insert(1, f"S:{collection.title}")  # after the X:
        tunes.append("\n".join(lines))
    head = (
        f"%abc-2.1\n"
        f"% {collection.title}\n"
        f"% {len(tunes)} tunes as they come with music21 (https://www.music21.org)\n"
        f"% Rights: {collection.rights}"
    )
    data = ("\n\n".join([head, *tunes]) + "\n").encode()
    if path.is_file() and path.read_bytes() == data:
        return path
    refuse_to_overwrite(path, force=force)
    write_atomically(path, data)
    return path


def collection_blocks(*collections: Collection) -> Iterator[CollectionBlock]:
    """Yield the text of every tune in the given collections, by default all, file by file.

    Raises:
        InputError: if this installation of music21 lacks one.
    """
    for collection in collections or COLLECTIONS.values():
        for file in collection_files(collection):
            for block in split_tunebook(decode_text(file.read_bytes())):
                yield CollectionBlock(collection.name, file.name, block)


def collection_files(collection: Collection) -> list[Path]:
    """Return the files of a collection inside the installed music21.

    Raises:
        InputError: if there are none.
    """
    spec = find_spec("music21")
    packages = spec.submodule_search_locations if spec else None
    files = [
        file
        for package in packages or ()
        for file in (Path(package) / "corpus" / collection.folder).glob("*.abc")
    ]
    if not files:
        raise InputError(
            f"the installed music21 has no collection {collection.name!r}",
            hint="install the version of music21 that abcgen requires, with its corpus",
        )
    return sorted(files)
