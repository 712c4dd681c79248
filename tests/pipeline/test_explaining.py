"""How a network reads a tune: expectations, attention, the nearest training tune."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from abcgen.corpus.overlap import SuffixArray, TrainingFacts, TrainingTunes, melody_sequence
from abcgen.errors import InputError
from abcgen.model.scoring import log_probabilities
from abcgen.notation.analysis import melody_of
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import transpose_by
from abcgen.notation.tune import FREE_METRE
from abcgen.notation.validation import bar_problems
from abcgen.pipeline.checkpoints import LoadedNetwork
from abcgen.pipeline.explaining import bars_looked_at, expectations_of, nearest_tune, steps_of
from abcgen.pipeline.surprise import surprise_of
from tests.pipeline.checkpoints import untrained
from tests.tunes import JIG, REEL

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.notation.tune import Tune

PICKUP = read_abc(
    "X:1\nT:Pickup\nM:3/4\nL:1/8\nK:Dm\nA2 | d3e f2 | (3efe d2 A2 | z2 d>e f-f | A6 | d4 |]\n"
)
RESTS = read_abc("X:1\nT:Rests\nM:4/4\nL:1/8\nK:G\nz2 GA BcdB | z4 G4- | G4 z2 AB | G8 |]\n")
TUNES = [JIG, REEL, PICKUP, RESTS]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> LoadedNetwork:
    return LoadedNetwork(untrained(tmp_path_factory.mktemp("checkpoints") / "net", "0"))


def known(tunes: list[Tune]) -> TrainingTunes:
    index = SuffixArray.of([melody_sequence(tune).symbols for tune in tunes])
    return TrainingTunes(index, TrainingFacts(tuple(one.title for one in tunes), {}, {}, {}, ()))


@pytest.mark.parametrize("semitones", [-3, 0, 2])
@pytest.mark.parametrize("tune", TUNES, ids=lambda tune: tune.title)
def test_the_nearest_tune_is_found_in_any_key_and_shown_in_that_of_the_tune(
    tune: Tune, semitones: int
) -> None:
    mine = transpose_by(tune, semitones)
    nearest = nearest_tune(known(TUNES), mine)
    assert nearest
    assert nearest.title == tune.title
    assert nearest.tune.key == mine.key
    assert not bar_problems(nearest.tune)
    # All but the last note's length is in the index.
    theirs, whole = melody_of(nearest.tune.bars), melody_of(mine.bars)
    assert theirs[: len(whole) - 1] == whole[:-1]
    assert theirs[-1].midi == whole[-1].midi
    assert nearest.here == nearest.there
    assert nearest.here[0] == 0


def test_a_passage_is_found_where_it_is() -> None:
    other = replace(REEL, bars=REEL.bars[:2] + JIG.bars[:1] + REEL.bars[2:])
    nearest = nearest_tune(known([REEL]), other)
    assert nearest
    first, last = nearest.here
    assert 0 <= first <= last < len(other.bars)
    shift = nearest.there[0] - first
    assert melody_of(nearest.tune.bars[first + shift + 1 : last + shift]) == melody_of(
        other.bars[first + 1 : last]
    )


def test_free_metre_and_strange_tunes_are_no_obstacle() -> None:
    free = replace(REEL, metre=FREE_METRE)
    assert nearest_tune(known([REEL]), free)
    alone = read_abc("X:1\nM:4/4\nL:1/1\nK:C\nC |]\n")
    assert nearest_tune(known([REEL]), alone) is None
    assert nearest_tune(known([]), JIG) is None
    silent = read_abc("X:1\nM:4/4\nL:1/4\nK:C\nz z z z | z4 |]\n")
    assert nearest_tune(known([silent, JIG]), silent) is None
    # The passage is of rests only.
    mine, other = (
        read_abc(f"X:1\nM:4/4\nL:1/4\nK:C\nz4 | z4 | {end} |]\n") for end in ("z G E2", "z2 cA")
    )
    nearest = nearest_tune(known([other]), mine)
    assert nearest
    assert nearest.here == (0, 1)


def test_networks_of_several_voices_are_not_asked(tmp_path: Path) -> None:
    choir = LoadedNetwork(untrained(tmp_path / "choir", choir=True))
    for explain in (steps_of, bars_looked_at, surprise_of):
        with pytest.raises(InputError, match="one voice"):
            explain(choir, JIG)


def test_expectations_are_the_probabilities_of_the_network(network: LoadedNetwork) -> None:
    steps, bars = steps_of(network, JIG)
    text = "".join(step.character for step in steps)
    (nats,) = log_probabilities(network.steps, network.vocabulary, [text])
    # Expectations leave out what is never drawn, so that they are a little larger.
    for step, value in zip(steps, nats, strict=True):
        assert step.probability >= math.exp(value) - 1e-9
        assert [share for _, share in step.likeliest] == sorted(
            (share for _, share in step.likeliest), reverse=True
        )
    assert bars[0] == -1
    assert bars == sorted(bars)
    assert bars[-1] == len(JIG.bars) - 1
    end = expectations_of(network).read("")
    assert 0 < end.probability < 1


def test_attention_goes_back_only(network: LoadedNetwork, tmp_path: Path) -> None:
    shares = bars_looked_at(network, JIG)
    assert shares
    assert len(shares) == len(JIG.bars)
    for bar, row in enumerate(shares):
        assert all(share == 0 for share in row[bar + 1 :])
        assert 0 < sum(row) <= 1
    without = LoadedNetwork(untrained(tmp_path / "plain", "0", attention=False))
    assert bars_looked_at(without, JIG) is None


def test_endless_tunes_are_refused(network: LoadedNetwork) -> None:
    endless = replace(JIG, bars=JIG.bars * 60)
    for explain in (steps_of, bars_looked_at):
        with pytest.raises(InputError):
            explain(network, endless)
