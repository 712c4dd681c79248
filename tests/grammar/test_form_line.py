from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abcgen.grammar import (
    END,
    Form,
    Grammar,
    HeaderConstraint,
    PrefixConstraint,
    Rules,
    SectionPlan,
)
from abcgen.grammar.form_line import (
    MAX_BARS,
    MAX_PICKUP,
    MAX_SECTIONS,
    AnnouncedForm,
    AnnouncedSection,
    BegunForm,
    FormLine,
    announced_form,
    read_form_line,
)
from abcgen.grammar.positions import (
    BARS_LEFT,
    LEFT,
    SECTIONS_LEFT,
    TIMES_LEFT,
    PositionTracker,
    begun_form,
    form_of_text,
    with_form_line,
)
from abcgen.model.positions import FORM_TABLES, PITCH_TABLES
from abcgen.model.vocabulary import Vocabulary
from abcgen.notation.model_text import decode_tune, encode_tune, without_form_line
from tests.grammar.test_grammar import walk

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

HEAD = "M:6/8\nK:Cmaj\n"
ALPHABET = frozenset("\n'(,-/0123456789:=ABCDEFGKMPR[]^_abcdefghijlmnoprstwxyz| ")

sections = st.builds(
    lambda bars, mark: AnnouncedSection(bars, bool(mark), mark == 2),
    st.integers(1, MAX_BARS),
    st.integers(0, 2),
)
forms = st.builds(
    AnnouncedForm,
    st.integers(0, MAX_PICKUP),
    st.lists(sections, min_size=1, max_size=MAX_SECTIONS).map(tuple),
)


@given(forms)
def test_a_form_line_is_read_as_written(form: AnnouncedForm) -> None:
    assert read_form_line(str(form)) == form


@given(forms)
def test_the_form_line_of_a_text_announces_its_form(form: AnnouncedForm) -> None:
    assert announced_form(f"{HEAD}{form}c6|d6|]\n") == form
    assert announced_form(f"{HEAD}c6|d6|]\n") == AnnouncedForm()


@pytest.mark.parametrize("line", ["", "P:", "P:0\n", "P:x,8\n", "P:0,0\n", "P:0,8:3\n"])
def test_anything_else_announces_nothing(line: str) -> None:
    assert read_form_line(line).sections == ()


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("|:G|c6|d6:|\n", "P:2,2:\n"),
        ("c6|d6|]\n", "P:0,2\n"),
        ("G|c6|d6||e6|f4|]\n", "P:2,2,2\n"),
        ("|:c6|d6::e6|f6|g6:|\n", "P:0,2:,3:\n"),
        ("|:c6|d6|1e6:|2f6|]\n", "P:0,3:2\n"),
        ("|:c/|c6|d6|1e6|f6:|2f6|g6||a6|]\n", "P:1,4:2,1\n"),
        ("c6|d6|\n", "P:0,2\n"),
    ],
)
def test_the_form_of_a_text(body: str, line: str) -> None:
    assert with_form_line(HEAD + body) == HEAD + line + body


def test_a_form_line_changes_no_tune(real_tunes: list[Tune]) -> None:
    for tune in real_tunes[:150]:
        text = encode_tune(tune).text
        with_form = with_form_line(text)
        assert with_form != text
        assert without_form_line(with_form) == text
        assert decode_tune(with_form) == decode_tune(text)


def left(text: str) -> list[list[int]]:
    """Sections, bars and time left after every character of the music."""
    vocabulary = Vocabulary.of([text])
    features = PositionTracker(vocabulary.tokens, LEFT).features_of(vocabulary.encode(text))
    rows: list[list[int]] = features[text.index("\n", text.index("P:")) :].tolist()
    return rows


def test_what_is_left_counts_down_to_the_last_bar() -> None:
    steps = left(HEAD + "P:2,2:,1\n" + "|:G|c6|d4:|e6|]\n")
    # Before the music: another section after this one, a pickup and two bars, two sixteenths.
    assert steps[0] == [1, 3, 2]
    # After G, bar line, c6, bar line, d4.
    assert [steps[index] for index in (3, 4, 6, 7, 9)] == [
        [1, 3, 0],
        [1, 2, 12],
        [1, 2, 0],
        [1, 1, 10],  # the pickup is completed
        [1, 1, 2],
    ]


def test_without_an_announced_form_nothing_is_known() -> None:
    unknown = [SECTIONS_LEFT - 1, BARS_LEFT - 1]
    steps = left(HEAD + "P:nonsense\n" + "|:G|c6|d4:|e6|]\n")
    assert {tuple(step[:2]) for step in steps} == {tuple(unknown)}


@settings(max_examples=200)
@given(st.text(alphabet=sorted(ALPHABET), max_size=200))
def test_any_text_has_features_within_their_tables(text: str) -> None:
    vocabulary = Vocabulary.of([HEAD + "P:2,8:,8:\n" + text])
    names = (*LEFT, "interval", "height")
    tracker = PositionTracker(vocabulary.tokens, names)
    tables = FORM_TABLES | PITCH_TABLES
    ids = vocabulary.encode(HEAD + "P:2,8:,8:\n" + text)
    features = tracker.features_of(ids)
    for column, name in enumerate(names):
        assert features[:, column].max() < tables[name][0]
    # One character at a time gives the same.
    states = tracker.start(1)
    for id_, row in zip(ids, features, strict=True):
        states = tracker.advance(states, np.array([id_]))
        assert tracker.features(states)[0].tolist() == row.tolist()


def test_sizes_of_the_tables() -> None:
    sizes = [FORM_TABLES[name][0] for name in LEFT]
    assert sizes == [SECTIONS_LEFT, BARS_LEFT, TIMES_LEFT]


def test_heights_and_intervals_of_notes() -> None:
    text = HEAD + "P:0,1\n" + 'Cc\'"A"G,[ce]z|\n'
    vocabulary = Vocabulary.of([text])
    tracker = PositionTracker(vocabulary.tokens, ("interval", "height"))
    rows = tracker.features_of(vocabulary.encode(text))[len(HEAD) + 6 :].tolist()
    assert rows == [
        [0, 14],  # C
        [16 + 7, 21],  # c
        [16 + 14, 28],  # c'
        *[[16 + 14, 28]] * 3,  # a chord symbol is no note
        [16 - 10, 18],  # G
        [1, 11],  # G, is 17 steps lower, which counts as 15
        [1, 11],
        [16 + 10, 21],  # c
        [16 + 2, 23],  # e
        *[[16 + 2, 23]] * 4,
    ]
    heights = dict(zip(vocabulary.tokens, tracker.token_heights.tolist(), strict=True))
    assert (heights["C"], heights["c"], heights["z"], heights["|"]) == (14, 21, 0, 0)


def random_line(rules: Rules, seed: int, header: str = HEAD) -> str:
    grammar, chance = Grammar(rules), np.random.default_rng(seed)
    state, line = grammar.read(header), ""
    while not line.endswith("\n"):
        line += chance.choice(sorted(grammar.following(state)))
        state = grammar.advance(state, line[-1])
    return line


@pytest.mark.parametrize("seed", range(20))
def test_form_lines_keep_what_is_asked_for(seed: int) -> None:
    free = read_form_line(random_line(Rules(ALPHABET, form_line=True), seed))
    assert free.sections
    assert free.pickup < 12
    bars = read_form_line(random_line(Rules(ALPHABET, form_line=True, form=Form(32)), seed))
    assert sum(section.bars for section in bars.sections) == 32
    plan = (SectionPlan(8, repeated=True), SectionPlan(0, repeated=False))
    parts = random_line(Rules(ALPHABET, form_line=True, form=Form(0, plan)), seed)
    first, second = read_form_line(parts).sections
    assert (first.bars, first.repeated, second.repeated) == (8, True, False)


@pytest.mark.parametrize("seed", range(20))
def test_form_lines_agree_with_the_tune_to_continue(seed: int) -> None:
    begun = begun_form(HEAD + "|:G|c6|d6|1e6:|2f6|:g6|a6|b")
    assert begun == BegunForm(2, (AnnouncedSection(3, True, True),), 3, repeated=True)
    rules = Rules(ALPHABET, form_line=True, form=Form(16), begun=begun)
    form = read_form_line(random_line(rules, seed))
    assert form.pickup == 2
    assert form.sections[0] == begun.sections[0]
    assert form.sections[1].bars >= 3
    assert form.sections[1].repeated
    assert sum(section.bars for section in form.sections) == 16


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 256).map(Form)
    | st.lists(st.tuples(st.integers(0, MAX_BARS), st.booleans()), min_size=1, max_size=8).map(
        lambda plans: Form(0, tuple(SectionPlan(*plan) for plan in plans))
    ),
    st.integers(0, 2**32 - 1),
)
def test_every_beginning_of_a_form_line_can_be_completed(form: Form, seed: int) -> None:
    line, chance = FormLine(form, ALPHABET), np.random.default_rng(seed)
    text = ""
    while not text.endswith("\n"):
        following = line.after(text, MAX_PICKUP)
        assert following
        text += chance.choice(list(following))
    assert str(read_form_line(text)) == text
    assert len(text) <= FormLine.LONGEST


def test_a_header_is_completed_and_then_ends() -> None:
    header = HeaderConstraint(Grammar(Rules(ALPHABET, form_line=True)))
    text = header.completed(HEAD)
    assert read_form_line(text.removeprefix(HEAD)).sections
    state = header.start
    for character in text:
        assert character in header.allowed(state, 0)
        state = header.advance(state, character)
    assert header.allowed(state, 0) == {END}


def test_whole_texts_with_form_lines_are_accepted(real_tunes: list[Tune]) -> None:
    plain = Grammar(Rules(ALPHABET))
    grammar = Grammar(Rules(ALPHABET, form_line=True))
    texts = [encode_tune(tune).text for tune in real_tunes[:150] if not tune.others]
    accepted = [text for text in texts if plain.accepts(text)]
    assert len(accepted) > 80
    for text in accepted:
        assert grammar.accepts(with_form_line(text))
        assert not grammar.accepts(text)


def with_endings(form: AnnouncedForm) -> list[bool]:
    return [section.endings for section in form.sections]


def test_real_tunes_have_the_endings_that_their_form_announces(real_tunes: list[Tune]) -> None:
    grammar = Grammar(Rules(ALPHABET, form_line=True, keeps_endings=True))
    plain = Grammar(Rules(ALPHABET))
    texts = [encode_tune(tune).text for tune in real_tunes if not tune.others]
    texts = [text for text in texts if any(with_endings(form_of_text(text)))]
    accepted = [text for text in texts if plain.accepts(text)]
    assert len(accepted) > 4
    for text in accepted:
        assert grammar.accepts(with_form_line(text)), text


@pytest.mark.parametrize("line", ["P:0,4:2\n", "P:1,3:,8:2\n", "P:2,2:2,2,4:2\n"])
def test_texts_have_the_endings_that_they_announce(line: str) -> None:
    grammar = Grammar(Rules(ALPHABET, neat=True, form_line=True, keeps_endings=True))
    announced = with_endings(read_form_line(line))
    for seed in range(8):
        for limit in (60, 150, 400):
            text = walk(grammar, random.Random(f"{line} {seed}"), limit, HEAD + line)
            form = form_of_text(without_form_line(text))
            # There may be more sections than announced, or fewer.
            for section, endings in zip(form.sections, announced, strict=False):
                assert section.endings or not endings, text


def test_a_tune_to_continue_has_its_form_line_before_it() -> None:
    beginning = HEAD + "|:G|c6|"
    rules = Rules(ALPHABET, form_line=True, begun=begun_form(beginning))
    grammar = Grammar(rules)
    prefix = HeaderConstraint(grammar).completed(HEAD) + beginning.removeprefix(HEAD)
    constraint = PrefixConstraint(grammar, grammar, prefix)
    assert constraint.fits(300)
    assert form_of_text(prefix).sections == ()  # a header with a form line is none of a plain text
