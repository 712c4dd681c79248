from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from abcgen.corpus.overlap import TrainingFacts, melody_sequence
from abcgen.corpus.records import extract_of
from abcgen.errors import InputError
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import transpose
from abcgen.notation.tune import Key
from tests.strategies import tunes

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune


def tune(body: str, metre: str = "4/4") -> Tune:
    return read_abc(f"T:Example\nR:reel\nM:{metre}\nL:1/8\nK:C\n{body}\n")


@given(tunes())
def test_a_tune_looks_the_same_in_every_key(any_tune: Tune) -> None:
    assert melody_sequence(transpose(any_tune, Key("E"))) == melody_sequence(any_tune)


def test_lengths_and_steps_matter() -> None:
    line = melody_sequence(tune("c2d2e4|f8|")).symbols
    assert line == melody_sequence(tune("d2e2^f4|g4g4|")).symbols[: len(line)]
    assert line != melody_sequence(tune("c2d2e2f2|f8|")).symbols[: len(line)]
    assert line != melody_sequence(tune("c2d2_e4|f8|")).symbols[: len(line)]


def test_the_last_note_leads_nowhere_and_is_left_out() -> None:
    assert len(melody_sequence(tune("c4d4|e8|"))) == 2
    assert len(melody_sequence(tune("c8|"))) == 0


def test_ties_are_joined_and_rests_count() -> None:
    assert melody_sequence(tune("c4-c4|d8|")).symbols == melody_sequence(tune("c8|d8|")).symbols
    assert len(melody_sequence(tune("c4z4|d8|"))) == 2


def test_passages_are_measured_in_bars() -> None:
    line = melody_sequence(tune("cdef gabc'|c'8|c8|"))
    assert line.bars(0, 8) == 1
    assert line.bars(4, 5) == 1.5


def test_a_tune_of_nothing_but_rests_has_no_passages() -> None:
    assert len(melody_sequence(tune("z8|z8|"))) == 0


def test_facts_come_back_as_they_were_written() -> None:
    facts = TrainingFacts.of([extract_of(tune("c8|")), extract_of(tune("c6|", "6/8"))], [2.5, 1.0])
    assert facts.metres == {"4/4": 1, "6/8": 1}
    assert facts.modes == {"maj": 2}
    assert facts.rhythms == {"reel": 2}
    assert facts.shared == (1.0, 2.5)
    assert TrainingFacts.from_json(facts.to_json()) == facts


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        {"names": [1], "metres": {}, "modes": {}, "rhythms": {}, "shared": []},
        {"names": [], "metres": {"4/4": "x"}, "modes": {}, "rhythms": {}, "shared": []},
        {"names": [], "metres": {}, "modes": {}, "rhythms": {}, "shared": ["x"]},
    ],
)
def test_facts_that_are_none_are_refused(data: object) -> None:
    with pytest.raises(InputError):
        TrainingFacts.from_json(data)
