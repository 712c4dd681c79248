"""Networks that learn the chords above the notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from abcgen.config import SampleConfig
from abcgen.corpus.loading import load_corpus
from abcgen.errors import InputError
from abcgen.pipeline.requests import Request
from abcgen.pipeline.sampling import Composer
from abcgen.pipeline.training import examples_of
from tests.pipeline.checkpoints import untrained

if TYPE_CHECKING:
    from pathlib import Path

TUNE = 'X:1\nT:Test\nM:4/4\nL:1/8\nK:D\n"D"ABcd "A7/E"dcBA|\n'
CONFIG = SampleConfig(count=1, max_characters=50)


@pytest.mark.parametrize(("kept", "body"), [(True, '"C"GAB'), (False, "GAB")])
def test_chords_are_learnt_only_if_asked(kept: bool, body: str, tmp_path: Path) -> None:
    (tmp_path / "tune.abc").write_text(TUNE, encoding="utf-8")
    tunes = load_corpus([tmp_path]).tunes
    (example,) = examples_of(tunes, chord_symbols=kept)
    assert example.text.splitlines()[2].startswith(body)
    assert example.notes == 8


def test_a_network_that_writes_chords_draws_without_the_grammar(tmp_path: Path) -> None:
    folder = untrained(tmp_path / "net", more='"')
    composer = Composer(folder, CONFIG, 1, Request())
    assert "chord symbols" in composer.warnings[-1]
    with pytest.raises(InputError, match="no chord symbols"):
        Composer(folder, CONFIG, 1, Request(bars=8))
