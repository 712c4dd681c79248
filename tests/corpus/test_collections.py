from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import pytest

from abcgen.corpus import download
from abcgen.corpus.collections import (
    COLLECTIONS,
    IN_MUSIC21,
    Collection,
    collection_named,
    credits_of,
    install_collection,
    tunes_in,
)
from abcgen.corpus.homes import Home, HomeFile
from abcgen.corpus.reading import load_corpus
from abcgen.errors import InputError, OutputError
from abcgen.notation.tunebook import split_tunebook
from tests.corpus.web import Server, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.parametrize("name", IN_MUSIC21)
def test_an_installed_collection_has_all_its_tunes(name: str, tmp_path: Path) -> None:
    collection = collection_named(name)
    path = install_collection(collection, tmp_path / "corpora")
    text = path.read_text(encoding="utf-8")
    blocks = list(split_tunebook(text))
    assert len(blocks) == collection.tunes
    assert all(any(line.startswith("S:") for line in block.lines) for block in blocks)
    assert f"% Rights: {collection.rights}" in text


def test_limited_rights_are_stated() -> None:
    assert "non-commercial" in COLLECTIONS["essen"].rights


def test_installing_again_changes_nothing(tmp_path: Path) -> None:
    misc = collection_named("misc")
    first = install_collection(misc, tmp_path)
    assert install_collection(misc, tmp_path) == first


def test_another_file_of_that_name_is_kept(tmp_path: Path) -> None:
    own = tmp_path / "misc.abc"
    own.write_text("X:1\nK:C\nA\n", encoding="utf-8")
    with pytest.raises(OutputError, match=r"misc\.abc") as caught:
        install_collection(collection_named("misc"), tmp_path)
    assert "--force" in caught.value.hint
    install_collection(collection_named("misc"), tmp_path, force=True)
    assert own.stat().st_size > 1000


def test_the_error_for_an_unknown_collection_lists_the_known() -> None:
    with pytest.raises(InputError, match="oneills"):
        collection_named("thesession")


# Collections on the web

FIRST = """\
Some words about the book.

X: 1
T: The First
%%VWML:1
M: 6/8
L: 1/8
K: D
A | def fed | ABc d2 :|
W: hands across
%%endtext
T: The Second
%R: reel
Z: A. Nother
M: C|
L: 1/8
K: F
F2 A2 c2 A2 | F8 |]
"""
SECOND = """\
X:7
T:The Third
T:also the Fourth
S:A manuscript
M:4/4
L:1/8
K:G
GABc d2d2|
T:Trio
K:C
c8|]
"""
CLEANED = "X:1\nT:The First\nM:6/8\nL:1/8\nK:D\nA|def fed|ABc d2:|\n"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server, reached without a proxy, that has the files of a collection."""
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving() as server:
        server.send("first%20book.abc", FIRST.encode())
        server.send("second.abc", SECOND.encode())
        yield server


@pytest.fixture
def book(server: Server) -> Collection:
    """A collection on that server."""
    files = (HomeFile("first book.abc"), HomeFile("second.abc", hash_of(SECOND)))
    cleaned = HomeFile("cleaned.abc", hash_of(CLEANED))
    home = Home(server.address, "https://example.org/book", files, cleaned)
    return Collection("book", "", "A Book, 1750", 3, "CC0 1.0", "A. Nother", home)


def hash_of(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def check_installed(path: Path, book: Collection, *files: tuple[str, str]) -> None:
    """See that a tunebook tells its rights, credits and files."""
    text = path.read_text(encoding="utf-8")
    head = text.partition("X:")[0]
    facts = [book.title, book.rights, book.credits, book.origin]
    facts += [part for name, content in files for part in (name, hash_of(content))]
    assert all(fact in head for fact in facts)
    # Nothing else is left in the folder.
    assert list(path.parent.iterdir()) == [path]


def test_a_collection_on_the_web_is_installed(
    server: Server, book: Collection, tmp_path: Path
) -> None:
    path = install_collection(book, tmp_path / "corpora")
    check_installed(path, book, ("first book.abc", FIRST), ("second.abc", SECOND))
    tunes = load_corpus([path.parent]).tunes
    assert [tune.title for tune in tunes] == ["The First", "The Second", "The Third"]
    assert [str(tune.metre) for tune in tunes] == ["6/8", "C|", "4/4"]
    assert [len(tune.bars) for tune in tunes] == [3, 2, 2]
    assert [tune.source for tune in tunes] == [book.title, book.title, "A manuscript"]
    assert tunes_in(path) == 3
    # Once is enough, unless it is to be fetched again.
    server.asked.clear()
    assert install_collection(book, tmp_path / "corpora") == path
    assert server.asked == []
    install_collection(book, tmp_path / "corpora", force=True)
    assert len(server.asked) == 2


def test_an_interrupted_installation_continues_and_shows_no_tunes(
    server: Server, book: Collection, tmp_path: Path
) -> None:
    corpora = tmp_path / "corpora"
    server.send("second.abc", SECOND.encode(), sent=10, ranges=False)
    with pytest.raises(InputError, match=r"second\.abc"):
        install_collection(book, corpora)
    with pytest.raises(InputError, match="no tunes"):
        load_corpus([corpora])
    server.asked.clear()
    server.send("second.abc", SECOND.encode())
    path = install_collection(book, corpora)
    assert [name for name, _ in server.asked] == ["/second.abc"]
    check_installed(path, book, ("first book.abc", FIRST), ("second.abc", SECOND))


@pytest.mark.parametrize("name", ["first book.abc", "second.abc"])
def test_what_is_no_tunebook_or_another_is_not_installed(
    name: str, server: Server, book: Collection, tmp_path: Path
) -> None:
    server.send(name.replace(" ", "%20"), b"<html>Log in first</html>")
    with pytest.raises(InputError, match=name):
        install_collection(book, tmp_path)
    assert not list(tmp_path.glob("*.abc"))
    for part, text in (("first%20book.abc", FIRST), ("second.abc", SECOND)):
        server.send(part, text.encode())
    assert tunes_in(install_collection(book, tmp_path)) == 3


def test_another_file_is_kept_before_anything_is_fetched(
    server: Server, book: Collection, tmp_path: Path
) -> None:
    own = tmp_path / "book.abc"
    own.write_text("X:1\nK:C\nA\n", encoding="utf-8")
    with pytest.raises(OutputError, match=r"book\.abc"):
        install_collection(book, tmp_path)
    assert own.read_text(encoding="utf-8") == "X:1\nK:C\nA\n"
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        install_collection(book, tmp_path / "file")
    assert server.asked == []


def test_a_copy_at_hand_is_installed_and_verified(
    server: Server, book: Collection, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    with pytest.raises(InputError, match=r"cleaned\.abc"):
        install_collection(book, tmp_path / "none", copy=copy)
    # The files of its home.
    (copy / "first book.abc").write_text(FIRST, encoding="utf-8")
    with pytest.raises(InputError, match=r"second\.abc"):
        install_collection(book, tmp_path / "half", copy=copy)
    (copy / "second.abc").write_text(SECOND + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"second\.abc"):
        install_collection(book, tmp_path / "altered", copy=copy)
    (copy / "second.abc").write_text(SECOND, encoding="utf-8")
    path = install_collection(book, tmp_path / "raw" / "corpora", copy=copy)
    check_installed(path, book, ("first book.abc", FIRST), ("second.abc", SECOND))
    # The cleaned tunebook, in a folder of its name or not.
    for place in (copy / "cleaned" / "cleaned.abc", copy / "cleaned.abc"):
        place.parent.mkdir(exist_ok=True)
        place.write_text(CLEANED, encoding="utf-8")
        path = install_collection(book, tmp_path / place.parent.name / "corpora", copy=copy)
        check_installed(path, book, ("cleaned.abc", CLEANED))
        place.write_text(CLEANED.replace("A", "B"), encoding="utf-8")
        with pytest.raises(InputError, match=hash_of(CLEANED.replace("A", "B"))):
            install_collection(book, tmp_path / "altered", copy=copy)
        place.unlink()
    assert not any((tmp_path / name).exists() for name in ("none", "half", "altered"))
    assert server.asked == []


def test_a_home_that_abcgen_cannot_read_needs_a_copy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="polskas") as caught:
        install_collection(collection_named("polskas"), tmp_path)
    assert "--from" in caught.value.hint
    with pytest.raises(InputError, match=r"swedish-1814\.abc"):
        install_collection(collection_named("polskas"), tmp_path, copy=tmp_path)


def test_every_home_is_pinned_and_every_collection_credited() -> None:
    for collection in COLLECTIONS.values():
        text = credits_of([collection])
        for fact in (collection.title, collection.rights, collection.credits, collection.origin):
            assert fact in text
        if home := collection.home:
            assert re.search(r"^https://.*/[0-9a-f]{40}/.*$", home.address)
            assert home.address.endswith("/")
            hashes = [file.sha256 for file in (home.copy, *home.files) if file.sha256]
            assert home.copy.sha256 in hashes
            assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in hashes)
    assert len(credits_of(list(COLLECTIONS.values())).splitlines()) == len(COLLECTIONS)
