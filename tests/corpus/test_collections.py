from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from abcgen.corpus.collections import COLLECTIONS, collection_named, install_collection
from abcgen.errors import InputError, OutputError
from abcgen.notation.reader import split_tunebook

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", COLLECTIONS)
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
