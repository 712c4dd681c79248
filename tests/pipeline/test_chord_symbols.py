"""Networks trained with chord symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from abcgen.config import Request, SampleConfig
from abcgen.corpus.reading import load_corpus
from abcgen.corpus.records import extract_of
from abcgen.pipeline.sampling import Composer
from abcgen.score.referee import Referee
from tests.pipeline.checkpoints import untrained

if TYPE_CHECKING:
    from pathlib import Path

TUNE = 'X:1\nT:Test\nM:4/4\nL:1/8\nK:D\n"D"ABcd "A7/E"dcBA|\n'
CONFIG = SampleConfig(count=1, max_characters=50)


@pytest.mark.parametrize(("kept", "body"), [(True, '"C"GAB'), (False, "GAB")])
def test_chord_symbols_are_learned_only_if_requested(kept: bool, body: str, tmp_path: Path) -> None:
    (tmp_path / "tune.abc").write_text(TUNE, encoding="utf-8")
    tunes = load_corpus([tmp_path]).tunes
    (example,) = [extract_of(tune, chord_symbols=kept).example for tune in tunes]
    assert example.text.splitlines()[2].startswith(body)
    assert example.notes == 8


def test_a_network_that_writes_chord_symbols_keeps_to_the_grammar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Referee, "disagreement", lambda _self, _tune, _abc: "")
    monkeypatch.setattr(Referee, "__enter__", lambda self: self)
    folder = untrained(tmp_path / "net", more='"')
    config = SampleConfig(count=2, max_characters=300, temperature=1.0)
    with Composer(folder, config, 1, Request(bars=4, metre="3/4")) as composer:
        made = list(composer.compose())
    assert len(made) == composer.tally.sampled == 2
    music = [line for one in made for line in one.abc.splitlines() if not line.startswith("%")]
    assert any('"' in line for line in music)
