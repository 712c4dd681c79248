from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abcgen.grammar.positions import BARS, NO_TIME, SECTIONS, TIMES, PositionTracker
from abcgen.model.positions import POSITION_TABLES
from abcgen.model.vocabulary import BEGIN, END, UNKNOWN, Vocabulary

HEAD = "M:4/4\nK:Cmaj\n"


def positions_of(text: str) -> list[tuple[int, int, int]]:
    """Section, bar and time after every character of the music."""
    vocabulary = Vocabulary.of([HEAD + text])
    features = PositionTracker(vocabulary.tokens).features_of(vocabulary.encode(HEAD + text))
    return [tuple(row) for row in features[len(HEAD) :].tolist()]


def times(text: str) -> list[int]:
    return [time for _, _, time in positions_of(text)]


@pytest.mark.parametrize(
    ("text", "sixteenths"),
    [
        ("ab", [2, 4]),
        ("a2b", [2, 4, 6]),
        ("a'3/b", [2, 2, 6, 3, 5]),
        ("a/4", [2, 1, 0]),
        ("a//b", [2, 1, 0, 2]),
        ("a12b", [2, 2, 24, 26]),
        ("(3abcd", [0, 0, 1, 2, 4, 6]),
        ("ABc(2:3:2de|", [2, 4, 6, 6, 6, 6, 6, 6, 6, 9, 12, 0]),
        ("(3:2:2B2c|", [0, 0, 0, 0, 0, 0, 1, 2, 4, 0]),
        ("(5:4:5abcdef", [0, 0, 0, 0, 0, 0, 1, 3, 4, 6, 8, 10]),
        ("a|b", [2, 0, 2]),
        ("[ce]2d", [0, 2, 2, 2, 4, 6]),
        ("[c2e2]d", [0, 2, 4, 2, 4, 4, 6]),
        ("^a,b", [0, 2, 2, 4]),
        ('"Am7"a{gab}b', [0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 4]),
        ("a[K:Amin]b", [2, 2, 2, 2, 2, 2, 2, 2, 2, 4]),
        ("z2z", [2, 4, 6]),
        ("a2:|", [2, 4, 0, 0]),
        ("a:|2b", [2, 0, 0, 0, 2]),
        ("a|[1b", [2, 0, 0, 0, 2]),
    ],
)
def test_time_runs_from_the_bar_line(text: str, sixteenths: list[int]) -> None:
    assert times(text) == sixteenths


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("c|d|e||f|", [(0, 0), (0, 1), (0, 1), (0, 2), (0, 2), (0, 3), (1, 0), (1, 0), (1, 1)]),
        ("|:c|d:|e", [(0, 0), (0, 0), (0, 0), (0, 1), (0, 1), (0, 1), (1, 0), (1, 0)]),
        ("c|d|]|:e", [(0, 0), (0, 1), (0, 1), (0, 2), (1, 0), (1, 0), (1, 0), (1, 0)]),
        (
            "c|1d:|2e||f",
            [
                *[(0, 0), (0, 1), (0, 1), (0, 1), (0, 1), (1, 0)],
                *[(0, 1), (0, 1), (0, 2), (1, 0), (1, 0)],
            ],
        ),
        ("c|d::e|", [(0, 0), (0, 1), (0, 1), (0, 1), (1, 0), (1, 0), (1, 1)]),
        ("c|d||:e", [(0, 0), (0, 1), (0, 1), (0, 2), (1, 0), (1, 0), (1, 0)]),
    ],
)
def test_bars_are_counted_from_the_section(text: str, states: list[tuple[int, int]]) -> None:
    assert [(section, bar) for section, bar, _ in positions_of(text)] == states


def test_the_header_has_no_time() -> None:
    vocabulary = Vocabulary.of([HEAD])
    features = PositionTracker(vocabulary.tokens).features_of(vocabulary.encode(HEAD))
    assert features[:, 2].tolist() == [NO_TIME] * (len(HEAD) - 1) + [0]


def test_the_model_has_a_row_for_every_value() -> None:
    assert [rows for rows, _ in POSITION_TABLES.values()] == [SECTIONS, BARS, TIMES]


TEXTS = st.text("abcdefgABz0123456789/|:[](){}\"!'_^=-,K \n", max_size=80)


@given(st.booleans(), TEXTS)
def test_any_text_has_positions(has_head: bool, text: str) -> None:
    text = HEAD * has_head + text
    vocabulary = Vocabulary.of([text, "M"])
    features = PositionTracker(vocabulary.tokens).features_of(vocabulary.encode(text))
    assert features.shape == (len(text), 3)
    assert (features < (SECTIONS, BARS, TIMES)).all()


@given(TEXTS, TEXTS)
def test_step_by_step_gives_the_same_and_sees_no_future(first: str, second: str) -> None:
    vocabulary = Vocabulary.of([HEAD, first, second, "x"])
    tracker = PositionTracker(vocabulary.tokens)
    both = [vocabulary.encode(HEAD + text + "x" * 80)[:90] for text in (first, second)]
    states = tracker.start(2)
    for number, ids in enumerate(zip(*both, strict=True)):
        states = tracker.advance(states, np.array(ids, np.int32))
        whole = [tracker.features_of(row[: number + 1])[-1] for row in both]
        assert np.array_equal(tracker.features(states), whole)


def test_emptying_the_cache_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD + "|:ab(3cde|f2:|[2g4||" * 3
    vocabulary = Vocabulary.of([text])
    ids = vocabulary.encode(text)
    whole = PositionTracker(vocabulary.tokens).features_of(ids)
    monkeypatch.setattr("abcgen.grammar.positions.MAX_CACHED", 3)
    tracker = PositionTracker(vocabulary.tokens)
    states, alone = tracker.start(1), []
    for number in ids.tolist():
        states = tracker.advance(states, np.array([number], np.int32))
        alone.append(tracker.features(states)[0])
    assert np.array_equal(alone, whole)
    assert np.array_equal(tracker.features_of(ids), whole)


def test_special_tokens_and_unknown_characters_change_nothing() -> None:
    vocabulary = Vocabulary("MK:Cmaj4/\nb|")
    ids = vocabulary.encode(HEAD + "b|bb")
    padded = np.insert(ids, [0, 5, 16, 17], [BEGIN, UNKNOWN, UNKNOWN, END])
    tracker = PositionTracker(vocabulary.tokens)
    features = tracker.features_of(np.asarray(padded, np.int32))
    assert np.array_equal(features[padded >= vocabulary.special_tokens], tracker.features_of(ids))
