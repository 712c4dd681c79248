"""Extracts hold all that training looks at, and foreign cache entries are refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from abcgen.corpus.cache import TextCache
from abcgen.corpus.overlap import melody_sequence
from abcgen.corpus.reading import load_corpus
from abcgen.corpus.records import extract_corpus, extract_format, extract_of
from abcgen.corpus.tune_files import READERS
from abcgen.errors import InputError
from abcgen.notation.fields import rhythm_named
from abcgen.notation.model_text import encode_tune, read_header
from tests.strategies import tunes as any_tunes

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.notation.tune import Tune
    from abcgen.notation.tunebook import TuneBlock

BROKEN = "X:9\nT:Broken\nM:4/4\nK:C\nCD@F|"


@pytest.fixture
def book(real_blocks: list[TuneBlock], tmp_path: Path) -> Path:
    """A tunebook with a tune in it that cannot be read."""
    path = tmp_path / "tunes" / "book.abc"
    path.parent.mkdir()
    texts = [block.text for block in real_blocks[::20]]
    path.write_text("\n\n".join([BROKEN, *texts]), encoding="utf-8")
    return path


def check(tune: Tune) -> None:
    """See that an extract tells what its tune does."""
    extract = extract_of(tune)
    again = extract.tune()
    assert melody_sequence(again) == melody_sequence(tune)
    assert len(again.bars) == len(tune.bars)
    header = read_header(extract.example.text)
    assert header == (rhythm_named(tune.rhythm), again.metre, tune.key.mode.abbreviation)
    assert (header.metre.beats, header.metre.unit) == (tune.metre.beats, tune.metre.unit)


def test_an_extract_has_the_melody_and_header_of_its_tune(real_tunes: list[Tune]) -> None:
    for tune in real_tunes:
        check(tune)


@settings(max_examples=15)
@given(any_tunes())
def test_an_extract_has_the_melody_and_header_of_any_tune(tune: Tune) -> None:
    check(tune)


def test_a_corpus_of_extracts_has_all_its_tunes_and_losses(book: Path) -> None:
    corpus = load_corpus([book])
    found = extract_corpus([book.parent], READERS, TextCache(None))
    assert list(found.tunes) == [extract_of(tune) for tune in corpus.tunes]
    assert found.skipped == corpus.skipped
    assert found.files == {book: len(corpus.tunes)}


def test_cached_extracts_are_the_same_with_and_without_chord_symbols(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.write_text('X:1\nT:One\nM:4/4\nL:1/8\nK:D\n"D"ABcd dcBA|\n', encoding="utf-8")
    cache = TextCache(tmp_path / "cache")
    plain = extract_corpus([book], READERS, cache)
    with_chords = extract_corpus([book], READERS, cache, chord_symbols=True)
    monkeypatch.setattr("abcgen.corpus.records.encode_tune", None)  # nothing is read anew
    assert extract_corpus([book], READERS, cache) == plain
    assert extract_corpus([book], READERS, cache, chord_symbols=True) == with_chords
    assert ['"' in one.tunes[0].example.text for one in (plain, with_chords)] == [False, True]


def test_a_corpus_without_readable_tunes_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.abc").write_text(BROKEN, encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.abc"):
        extract_corpus([tmp_path], READERS, TextCache(None))


def test_foreign_text_is_refused(real_tunes: list[Tune]) -> None:
    extracts = extract_format(chord_symbols=False)
    extract = extract_of(real_tunes[0])
    text = extracts.encode([extract], [])
    assert extracts.decode(text) == ([extract], [])
    ((fields,), _) = json.loads(text)
    for name in fields:
        with pytest.raises(ValueError, match=name):
            extracts.decode(json.dumps([[fields | {name: None}], []]))
        with pytest.raises(ValueError, match=name):
            extracts.decode(
                json.dumps([[{key: fields[key] for key in fields.keys() - {name}}], []])
            )
    with pytest.raises(ValueError, match="symbols"):
        extracts.decode(json.dumps([[fields | {"symbols": "ä"}], []]))
    for foreign in ("[]", "{}", "nonsense", "[" * 9999, '[["a"], []]', "[[], [[1, 2, 3, 4]]]"):
        with pytest.raises(ValidationError):
            extracts.decode(foreign)
    assert extract.example == encode_tune(real_tunes[0])
