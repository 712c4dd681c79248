"""How surprised the network that comes with abcgen is at each note."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from abcgen.example import Example
from abcgen.grammar.positions import with_form_line
from abcgen.model.scoring import measure_each
from abcgen.notation.model_text import encode_tune
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import transpose_by
from abcgen.pipeline.checkpoints import LoadedNetwork, find_checkpoint
from abcgen.pipeline.surprise import surprise_of
from tests.tunes import JIG

HEAD = "X:1\nR:reel\nM:4/4\nL:1/8\nK:G\n"


@pytest.fixture(scope="module")
def network() -> LoadedNetwork:
    return LoadedNetwork(find_checkpoint(None))


def test_every_note_and_rest_has_its_bits(network: LoadedNetwork) -> None:
    surprise = surprise_of(network, JIG)
    assert [len(bar) for bar in surprise] == [len(list(bar.notes)) for bar in JIG.bars]
    bits = [value for bar in surprise for value in bar]
    assert all(value >= 0 for value in bits)
    # Bar lines, header and end take the rest.
    example = Example(with_form_line(encode_tune(JIG).text))
    (whole,) = measure_each(network.steps, network.vocabulary, [example])
    assert 0.5 * whole.total < math.fsum(bits) < whole.total


def test_a_wrong_note_is_the_most_surprising(network: LoadedNetwork) -> None:
    music = "|: GABc d2 Bd | g2 fg a2 ^C,2 | GABc d2 Bd | e2 dc B2 G2 :|\n"
    surprise = surprise_of(network, read_abc(HEAD + music))
    most = max((value, bar) for bar, values in enumerate(surprise) for value in values)
    assert most[1] == 1
    assert max(surprise[1]) == surprise[1][-1]


def test_the_notes_of_a_tuplet_share_its_bits_and_only_music_matters(
    network: LoadedNetwork,
) -> None:
    tune = read_abc(f"{HEAD}(3GAB c2 d2 e2 | d4 z4 |]\n")
    surprise = surprise_of(network, tune)
    assert [len(bar) for bar in surprise] == [6, 2]
    assert len(set(surprise[0][:3])) == 1
    moved = transpose_by(replace(tune, title="Another"), 2)
    assert surprise_of(network, moved) == surprise
