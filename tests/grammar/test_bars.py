"""The bars of model texts, and position features of texts with a gap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abcgen.example import GAP_MARK
from abcgen.grammar import Grammar, Rules
from abcgen.grammar.bars import bars_of
from abcgen.grammar.positions import LEFT, PITCH, POSITION, PositionTracker, with_form_line
from abcgen.model.vocabulary import BEGIN, Vocabulary
from abcgen.notation.model_text import encode_tune

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

HEAD = "M:4/4\nK:Cmaj\n"


@pytest.mark.parametrize(
    ("music", "bars"),
    [
        ("|:g|a2g2|[CE]4:|", ["g", "a2g2", "[CE]4"]),
        ("c4|1d4:|2e4|]", ["c4", "d4", "e4"]),
        ("c4:|[1,3d4:|[2e4::f4|]", ["c4", "d4", "e4", "f4"]),
        ("[M:3/4](3:2:4cdef|[M:2/4][K:Cmin]z4||g/a/|]", ["(3:2:4cdef", "z4", "g/a/"]),
        ('"Am"c4|"G7"[DG]2(3abc|', ['"Am"c4', '"G7"[DG]2(3abc']),
    ],
)
def test_bars_are_found_between_bar_lines(music: str, bars: list[str]) -> None:
    for form in ("", "P:0,8:\n"):
        text = f"{HEAD}{form}{music}\n"
        assert [text[start:stop] for start, stop in bars_of(text)] == bars


def test_real_tunes_have_as_many_bars_as_their_texts(real_tunes: list[Tune]) -> None:
    for tune in real_tunes[:100]:
        assert len(bars_of(encode_tune(tune).text)) == len(tune.bars)


@pytest.mark.parametrize("text", ["", "M:4/4\n", "abc|", "K:C", HEAD, f"{HEAD}|:\n"])
def test_a_text_without_music_has_no_bars(text: str) -> None:
    assert not bars_of(text)


BARS = ["c2d2e2f2", "[ce]4g'4", "(3cde(3efgC,4", "z8", "c'8", "D,D,4d'3"]
LINES = ["|", ":|", "::", "|:", "||", "|1", ":|2"]


@given(
    st.lists(st.sampled_from(BARS), min_size=4, max_size=12),
    st.lists(st.sampled_from(LINES), min_size=12, max_size=12),
    st.data(),
)
def test_features_outside_a_gap_tell_nothing_of_its_notes(
    bars: list[str], lines: list[str], data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(bars) - 1))
    last = data.draw(st.integers(first, len(bars) - 1))
    other = [*bars]
    other[first : last + 1] = [data.draw(st.sampled_from(BARS)) for _ in range(first, last + 1)]
    vocabulary = Vocabulary.of([HEAD, *BARS, *LINES, "P0,123456789:]"])
    tracker = PositionTracker(vocabulary.tokens, (*POSITION, *LEFT, *PITCH))
    seen = []
    for content in (bars, other):
        music = "".join(f"{bar}{line}" for bar, line in zip(content, lines, strict=False))
        text = with_form_line(f"{HEAD}{music}|]\n")
        ids = vocabulary.encode(text)
        spans = bars_of(text)
        start, stop = spans[first][0], spans[last][1]
        features = tracker.features_around(ids, start, stop)
        assert len(features) == len(ids) + 2
        outside = len(ids) - (stop - start) + 2
        seen.append(features[:outside])
        # Before the gap and in it, features are those of the whole text.
        plain = tracker.features_of(ids)
        assert np.array_equal(features[:start], plain[:start])
        assert np.array_equal(features[outside:], plain[start:stop])
        # After it too, but for pitch, which begins anew.
        position = len(POSITION) + len(LEFT)
        after = features[start + 1 : outside - 1]
        assert np.array_equal(after[:, :position], plain[stop:, :position])
        assert not after[0, position:].any()
        assert np.array_equal(features[start], features[outside - 1])
    assert np.array_equal(seen[0], seen[1])


@pytest.mark.parametrize("form_line", [False, True])
def test_the_grammar_never_allows_the_mark_of_a_gap(form_line: bool) -> None:
    text = 'R:reel\nM:4/4\nK:Cmaj\n|:"Am"c4d2(3efg|[ce]8:|f8|]\n'
    text = with_form_line(text) if form_line else text
    alphabet = frozenset(text + "0123456789P,:|" + GAP_MARK)
    grammar = Grammar(Rules(alphabet, form_line=form_line))
    state = Grammar.start
    for character in text:
        assert GAP_MARK not in grammar.following(state)
        state = grammar.advance(state, character)
    assert GAP_MARK not in grammar.following(state)


def test_the_mark_of_a_gap_changes_no_position() -> None:
    vocabulary = Vocabulary.of([HEAD, "abc|:"]).extended([GAP_MARK])
    tracker = PositionTracker(vocabulary.tokens, (*POSITION, *LEFT, *PITCH))
    ids = np.array([BEGIN, *vocabulary.encode(f"{HEAD}|:abc|{GAP_MARK}:")], np.int32)
    features = tracker.features_of(ids)
    assert np.array_equal(features[-2], features[-3])
    assert np.array_equal(features[-1], tracker.features_of(np.delete(ids, -2))[-1])
