"""Collections of tunes: those inside the music21 package, and openly licensed ones on the web.

They are installed as tunebooks of their original text, or of canonical ABC where that is MusicXML;
only tunes without a source (``S:``) get one. Those of music21 are found without importing it. The
others are downloaded from their homes (``homes``), or taken from a copy of the same files or of the
cleaned tunebook.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from abcgen.corpus import homes
from abcgen.corpus.cache import NO_CACHE
from abcgen.corpus.download import MAX_BYTES, download
from abcgen.corpus.homes import VWML_CREDITS
from abcgen.corpus.reading import read_files
from abcgen.corpus.records import TUNE_RECORDS
from abcgen.corpus.tune_files import READERS
from abcgen.errors import InputError, reason_of
from abcgen.files import check_writable, open_regular, refuse_to_overwrite, write_atomically
from abcgen.notation.encoding import decode_text
from abcgen.notation.tunebook import TuneBlock, split_tunebook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from abcgen.corpus.homes import Home, HomeFile
    from abcgen.corpus.tune_files import Reader

MUSIC21 = "https://www.music21.org"
STEPS = 1000  # of progress in one file
DOWNLOADS = ".downloads"  # hidden, so that it is not searched for tunes


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection of tunes."""

    name: str  # on the command line
    folder: str  # in music21's corpus; empty if it is on the web
    title: str  # of the printed book it was taken from
    tunes: int  # in the cleaned copy, if it is on the web
    rights: str  # according to its files
    credits: str = "those named in the tunes (Z:)"  # who transcribed it
    home: Home | None = None  # if it is on the web
    suffix: str = ".abc"  # of its files in music21

    @property
    def origin(self) -> str:
        """Where it comes from, for people."""
        return self.home.page if self.home else MUSIC21


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
    Collection(
        "chorales",
        "bach",
        "Johann Sebastian Bach's four-part chorales",
        407,
        "music: public domain; files: (c) 2004 Margaret Greentree, used by permission in music21",
        "Margaret Greentree",
        suffix=".mxl",
    ),
    Collection(
        "dances",
        "",
        "English and Scottish dance books, 1740 to 1818",
        1368,
        "CC0 1.0; printed before 1819",
        VWML_CREDITS,
        homes.DANCES,
    ),
    Collection(
        "manuscripts",
        "",
        "English fiddlers' manuscripts, mostly of the 18th and early 19th century",
        867,
        "CC0 1.0; the part of Malchair also MIT, (c) 2022 Eric Conrad",
        VWML_CREDITS,
        homes.MANUSCRIPTS,
    ),
    Collection(
        "litten",
        "",
        "William Litten's fiddle tunes, 1800 to 1802",
        115,
        "Apache 2.0; share and publish with credit to the Village Music Project",
        "Anne Wride for the Village Music Project (2017), Gale Huntington (edition of 1977) and "
        "Lucas Gonze",
        homes.LITTEN,
    ),
    Collection(
        "festin",
        "",
        "Festin joyeux, ou la cuisine en musique, Paris 1738",
        50,
        "MIT, (c) 2022 Eric Conrad",
        "Eric Conrad",
        homes.FESTIN,
    ),
    Collection(
        "polskas",
        "",
        "Traditioner af Swenska Folk-Dansar, 1814 to 1815: polskas, upper line",
        49,
        "CC BY 2.5 or public domain, named in each tune (Z:)",
        "Erik Sjolund for the Mutopia Project",
        homes.POLSKAS,
    ),
)
COLLECTIONS = {collection.name: collection for collection in _TABLE}
IN_MUSIC21 = {
    name: collection
    for name, collection in COLLECTIONS.items()
    if collection.folder and collection.suffix == ".abc"
}
# Files of a collection that are something else: the prelude in C of the Well-Tempered Clavier.
_OTHERS = {"bach": frozenset({"bwv846.mxl"})}
_BWV = re.compile(r"(?m)^T:bwv(\d[\w.-]*?)(?:\.mxl)?$")


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


class _Original(NamedTuple):
    """The tunes of a collection, before they are installed."""

    blocks: list[TuneBlock]
    notes: list[str]  # on where they come from


def install_collection(
    collection: Collection,
    folder: Path,
    *,
    force: bool = False,
    copy: Path | None = None,
    readers: Mapping[str, Reader] = READERS,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Path:
    """Write a collection as one tunebook, unless that exists already, and return its path.

    Args:
        collection: The collection.
        folder: The folder for the tunebook.
        force: Whether to overwrite a different file of that name.
        copy: A folder that has the files of a collection on the web, or its cleaned tunebook.
        readers: Readers by suffix, for collections that are not in ABC.
        on_progress: Called with the share of a download that is done, and of what.

    Raises:
        InputError: if the collection cannot be had, or is not what it should be.
        OutputError: if a different file has that name, or the tunebook cannot be written.
    """
    path = folder / f"{collection.name}.abc"
    if collection.home is None:
        if collection.suffix == ".abc":
            blocks = [block for _, _, block in collection_blocks(collection)]
        elif not force and installed_in(folder, collection):
            return path
        else:
            blocks = _blocks_read(collection, readers, on_progress)
        data = _tunebook(collection, _Original(blocks, []))
        if path.is_file() and path.read_bytes() == data:
            return path
        refuse_to_overwrite(path, force=force)
        write_atomically(path, data)
        return path
    if not force and installed_in(folder, collection):
        return path
    refuse_to_overwrite(path, force=force)
    check_writable(path)
    downloads = folder / DOWNLOADS / collection.name
    try:
        if copy is not None:
            original = _from_copy(collection.home, copy)
        else:
            original = _from_home(collection, downloads, on_progress)
        write_atomically(path, _tunebook(collection, original))
        shutil.rmtree(downloads, ignore_errors=True)
    finally:
        for empty in (downloads, downloads.parent):
            with suppress(OSError):  # it is not empty, or there is none
                empty.rmdir()
    return path


def _blocks_read(
    collection: Collection,
    readers: Mapping[str, Reader],
    on_progress: Callable[[int, int], None],
) -> list[TuneBlock]:
    """Return the tunes of a collection that is not in ABC, in canonical ABC."""
    files = collection_files(collection)
    blocks: list[TuneBlock] = []
    for chunk in read_files(files, readers, TUNE_RECORDS, NO_CACHE, on_progress=on_progress):
        for record in chunk.records:
            abc = _BWV.sub(r"T:BWV \1", record.abc.rstrip())
            blocks.append(TuneBlock(1, (f"X:{len(blocks) + 1}", *abc.splitlines())))
    return blocks


def _tunebook(collection: Collection, original: _Original) -> bytes:
    """Return a collection as a tunebook."""
    tunes = []
    for block in original.blocks:
        lines = [line.rstrip() for line in block.lines]
        if not any(line.startswith("S:") for line in lines):
            lines.insert(1, f"S:{collection.title}")  # after the X:
        tunes.append("\n".join(lines))
    head = ["%abc-2.1", f"% {collection.title}"]
    if collection.home is None:
        head.append(f"% {len(tunes)} tunes as they come with music21 ({MUSIC21})")
    else:
        head.append(f"% {len(tunes)} tunes from {collection.origin}")
    head.append(f"% Rights: {collection.rights}")
    if collection.home is not None:
        head += [f"% Transcribed by {collection.credits}", *original.notes]
    return ("\n\n".join(["\n".join(head), *tunes]) + "\n").encode()


def installed_in(folder: Path, collection: Collection) -> bool:
    """Return whether a collection is installed in a folder."""
    try:
        with (folder / f"{collection.name}.abc").open(encoding="utf-8", errors="replace") as file:
            return [file.readline(1000).strip() for _ in range(2)][1] == f"% {collection.title}"
    except OSError:
        return False


def tunes_in(tunebook: Path) -> int:
    """Return the number of tunes in a tunebook."""
    return sum(1 for _ in split_tunebook(decode_text(tunebook.read_bytes())))


def _from_home(
    collection: Collection, folder: Path, on_progress: Callable[[int, int], None]
) -> _Original:
    """Download the files of a collection."""
    home = collection.home
    if home is None or not home.files:
        raise InputError(
            f"the home of {collection.name} has files of a kind that abcgen does not read",
            hint=f"see {collection.origin}, or install a cleaned copy with --from FOLDER",
        )
    files = []
    for number, file in enumerate(home.files):
        target = folder / file.name

        def show(done: int, total: int, before: int = number * STEPS) -> None:
            on_progress(before + STEPS * done // max(1, total), STEPS * len(home.files))

        download(home.address_of(file), target, sha256=file.sha256, on_progress=show)
        files.append((file, _read(target)))
        try:
            _check_tunebook(*files[-1])
        except InputError:
            target.unlink(missing_ok=True)
            raise
    return _original(files)


def _from_copy(home: Home, folder: Path) -> _Original:
    """Read a collection from a copy of its files, or of the cleaned tunebook."""
    places = (folder, folder / Path(home.copy.name).stem)
    cleaned = [place / home.copy.name for place in places if (place / home.copy.name).is_file()]
    if cleaned:
        return _original([(home.copy, _read(cleaned[0], home.copy))])
    missing = [file.name for file in home.files if not (folder / file.name).is_file()]
    if missing or not home.files:
        others = f" nor the {len(home.files)} files of its home" if home.files else ""
        lacking = f"; {missing[0]!r} is missing" if 0 < len(missing) < len(home.files) else ""
        raise InputError(f"{folder} has neither {home.copy.name}{others}{lacking}")
    files = [(file, _read(folder / file.name, file)) for file in home.files]
    for file, data in files:
        _check_tunebook(file, data)
    return _original(files)


def _read(path: Path, expected: HomeFile | None = None) -> bytes:
    """Read a file, and check that it is the one expected, as far as that is known."""
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason_of(error)}") from error
    if len(data) > MAX_BYTES:
        raise InputError(f"{path} has over {MAX_BYTES:,} bytes")
    found = hashlib.sha256(data).hexdigest()
    if expected and expected.sha256 not in {"", found}:
        raise InputError(
            f"{path} is not the file that it should be: its SHA-256 is {found}",
            hint=f"expected: {expected.sha256}",
        )
    return data


def _check_tunebook(file: HomeFile, data: bytes) -> None:
    if not any(split_tunebook(decode_text(data))):
        raise InputError(f"{file.name} is not a tunebook: there is no tune in it")


def _original(files: Sequence[tuple[HomeFile, bytes]]) -> _Original:
    """Return the tunes of some files."""
    blocks: list[TuneBlock] = []
    notes = []
    for file, data in files:
        notes.append(f"% {file.name}: SHA-256 {hashlib.sha256(data).hexdigest()}")
        for block in split_tunebook(decode_text(data)):
            blocks += _separate(block)
    return _Original(blocks, notes)


def _separate(block: TuneBlock) -> Iterator[TuneBlock]:
    """Divide a block that has several tunes under one ``X:``, each with a title, metre and key."""
    lines = block.lines
    starts = [0]
    for index, line in enumerate(lines):
        if not _field(line, "T"):
            continue
        before = lines[starts[-1] : index]
        head = _head(lines[index:])
        if any(_field(text, "K") for text in before) and {"M", "K"} <= head:
            starts.append(index)
    for start, end in pairwise([*starts, len(lines)]):
        number = lines[:1] if start else ()  # its X:
        yield TuneBlock(block.line + start, (*number, *lines[start:end]))


def _field(line: str, name: str) -> bool:
    return line.lstrip().startswith(f"{name}:")


def _head(lines: Sequence[str]) -> set[str]:
    """Return the names of the fields before the first line of music."""
    names = set()
    for line in lines:
        text = line.strip()
        if text.startswith("%"):
            continue
        if text[1:2] != ":" or not text[0].isalpha():
            break
        names.add(text[0])
        if text[0] == "K":
            break
    return names


def credits_of(collections: Sequence[Collection]) -> str:
    """Return what a model card says of the collections that a network learnt from, as Markdown."""
    return "\n".join(
        f"- *{collection.title}* (`{collection.name}`, {collection.tunes:,} tunes). "
        f"Rights: {collection.rights}. Transcribed by {collection.credits}. "
        f"From <{collection.origin}>."
        for collection in collections
    )


def collection_blocks(*collections: Collection) -> Iterator[CollectionBlock]:
    """Yield the text of every tune in the given collections, by default all of music21.

    Raises:
        InputError: if this installation of music21 lacks one.
    """
    for collection in collections or IN_MUSIC21.values():
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
        for file in (Path(package) / "corpus" / collection.folder).glob(f"*{collection.suffix}")
        if file.name not in _OTHERS.get(collection.folder, ())
    ]
    if not files:
        raise InputError(
            f"the installed music21 has no collection {collection.name!r}",
            hint="install the version of music21 that abcgen requires, with its corpus",
        )
    return sorted(files)
