from __future__ import annotations

import doctest
import random
import string
from typing import TYPE_CHECKING

import pytest

import abcgen.grammar
from abcgen.corpus.collections import IN_MUSIC21, collection_files
from abcgen.errors import InputError
from abcgen.grammar import ANY_METRE, END, Form, Grammar, Rules, SectionPlan
from abcgen.notation.encoding import decode_text
from abcgen.notation.model_text import decode_tune, encode_tune
from abcgen.notation.reader import Reading, read_block
from abcgen.notation.transpose import pitches_of
from abcgen.notation.tune import BarLine, Metre, Mode
from abcgen.notation.tunebook import split_tunebook
from abcgen.notation.validation import bar_problems, repeat_problems

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

# What the printed collections need.
ALPHABET = frozenset("\n'(,-/123456789:=ABCDEFGKMR[]^_abcdefghijlmnoprstwxyz| ")
COMMON = (Metre(4, 4), Metre(6, 8), Metre(3, 4), Metre(2, 4), Metre(9, 8))
HEAD = "M:4/4\nK:Cmaj\n"


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return Grammar(Rules(ALPHABET, metres=COMMON))


@pytest.fixture(scope="module")
def with_chords() -> Grammar:
    return Grammar(Rules(ALPHABET | frozenset('"#u'), metres=COMMON))


def test_the_example_of_the_module_is_true() -> None:
    assert doctest.testmod(abcgen.grammar).failed == 0


def is_valid(tune: Tune) -> bool:
    return not bar_problems(tune) and not repeat_problems(tune)


def agrees_with_validation(grammar: Grammar, tune: Tune) -> bool:
    """Return whether the grammar accepts a tune if and only if it is valid."""
    text = encode_tune(tune).text
    return grammar.accepts(text) == is_valid(decode_tune(text))


def test_every_real_tune_that_is_valid_is_accepted_and_no_other(real_tunes: list[Tune]) -> None:
    single = [tune for tune in real_tunes if not tune.others]
    grammar = Grammar(Rules(ALPHABET | {"0"}, metres=ANY_METRE))
    assert [tune.title for tune in single if not agrees_with_validation(grammar, tune)] == []
    assert sum(is_valid(tune) for tune in single) > 250


@pytest.mark.slow
def test_every_tune_of_the_collections_that_is_valid_is_accepted_and_no_other() -> None:
    grammar = Grammar(Rules(ALPHABET | {"0"}, metres=ANY_METRE))
    readings = (
        read_block(block)
        for collection in IN_MUSIC21.values()
        for file in collection_files(collection)
        for block in split_tunebook(decode_text(file.read_bytes()))
    )
    tunes = [r.tune for r in readings if isinstance(r, Reading) and not r.tune.others]
    assert [tune.title for tune in tunes if not agrees_with_validation(grammar, tune)] == []


WALKS = {
    "anything": Rules(ALPHABET, metres=COMMON),
    "any metre": Rules(ALPHABET, metres=ANY_METRE),
    "two parts of eight bars": Rules(
        ALPHABET,
        metres=(Metre(6, 8),),
        form=Form(sections=(SectionPlan(8, repeated=True), SectionPlan(8, repeated=True))),
        changes=False,
    ),
    "parts of any length": Rules(
        ALPHABET,
        metres=(Metre(4, 4),),
        form=Form(sections=(SectionPlan(0, repeated=True), SectionPlan(0, repeated=False))),
        changes=False,
    ),
    "sixteen bars": Rules(ALPHABET, metres=COMMON, form=Form(16), changes=False),
    "a range": Rules(
        frozenset("M:3/4\nKCdor|,'=^ABcdefgz2:1[]"),
        metres=(Metre(3, 4),),
        modes=(Mode.DORIAN,),
        ranges={Mode.DORIAN: ((62, 86),)},
    ),
    "neat sections": Rules(ALPHABET, metres=COMMON, neat=True),
    "neat sections in any metre": Rules(ALPHABET, metres=ANY_METRE, neat=True),
    "neat sections of few characters": Rules(
        frozenset("M:KCmaj\n|z2/4(3AB"), metres=(Metre(2, 4), Metre(7, 4)), neat=True
    ),
    "neat parts": Rules(
        ALPHABET,
        metres=(Metre(6, 8),),
        form=Form(sections=(SectionPlan(4, repeated=True), SectionPlan(4, repeated=False))),
        changes=False,
        neat=True,
    ),
    "chord symbols": Rules(ALPHABET | frozenset('"#m7M+'), metres=COMMON, neat=True),
    "chord symbols in a range": Rules(
        ALPHABET | {'"'},
        metres=(Metre(3, 4),),
        modes=(Mode.DORIAN,),
        ranges={Mode.DORIAN: ((62, 86),)},
    ),
    "announced endings": Rules(ALPHABET | set("P,"), neat=True, form_line=True, keeps_endings=True),
    "few characters": Rules(frozenset("M:KCmaj\n|z2/4AB"), metres=(Metre(2, 4), Metre(4, 4))),
}


def walk(grammar: Grammar, chance: random.Random, limit: int, text: str = "") -> str:
    """Return a text continued at random, mostly by notes so that it fills bars."""
    state = grammar.read(text)
    wild = chance.choice([0.05, 0.3, 1.0])
    while True:
        allowed = sorted(grammar.allowed(state, limit - len(text)))
        assert allowed, f"in a corner after {text!r}"
        tame = [
            character for character in allowed if character and character in "ABCDEFGabcdefg2|z"
        ]
        character = chance.choice(allowed if chance.random() < wild else tame or allowed)
        if character == END:
            return text
        text += character
        state = grammar.advance(state, character)


@pytest.mark.parametrize("name", WALKS)
def test_any_walk_through_the_grammar_is_a_valid_tune_within_its_limit(name: str) -> None:
    grammar = Grammar(WALKS[name])
    chance = random.Random(name)
    shortest = int(grammar.distance_to_end(grammar.start))
    for limit in [shortest, shortest + 7, max(shortest, 160)]:
        text = walk(grammar, chance, limit)
        assert len(text) <= limit
        assert grammar.accepts(text)
        tune = decode_tune(text)
        assert is_valid(tune), text


@pytest.mark.parametrize("name", WALKS)
def test_every_state_has_a_completion_of_the_promised_length(name: str) -> None:
    grammar = Grammar(WALKS[name])
    chance = random.Random(name)
    for _ in range(8):
        state, text = grammar.start, ""
        for _ in range(chance.randrange(120)):
            characters = sorted(set(grammar.following(state)) - {END})
            if not characters:
                break
            character = chance.choice(characters)
            text, state = text + character, grammar.advance(state, character)
        length = int(grammar.distance_to_end(state))
        assert length <= grammar.max_distance(state)
        for _ in range(length):
            character = grammar.completion(state)
            text, state = text + character, grammar.advance(state, character)
        assert grammar.completion(state) == END
        assert is_valid(decode_tune(text)), text


@pytest.mark.parametrize(
    ("before", "may", "may_not"),
    [
        ("", "RM", "KX|A"),
        ("M:4/4\n", "K", "RML|"),
        (HEAD, "|Az^_=[(", ":\n-2]"),
        (HEAD + "c", "2468/|'cz-", ",]"),
        (HEAD + "c4d", "2345/", "68,]"),
        (HEAD + "c4d3", "/|c", "12"),
        (HEAD + "c8", "|-", "cz(["),
        (HEAD + "c8|c4", "c|:", "\n,"),
        (HEAD + "c8|c4|", "|]:\n", "cz[1"),  # a short bar: a section must end here
        (HEAD + "c4|", "c[|:\n", "12"),  # a pickup
        (HEAD + "|:c8", "|:", "\n"),
        (HEAD + "|:c8|", "1c|]", ":\n2"),
        (HEAD + "|:c8|1c8", "|:", "2"),
        (HEAD + "|:c8|1c8:|", "2", "1\nc|"),
        (HEAD + "|:c8:|", "\nc", "1:|2"),
        (HEAD + "[c", "egCB^'", "]|2-"),
        (HEAD + "[ce", "g]", "|2-"),
        (HEAD + "[ce]", "2-c|", "]"),
        (HEAD + "(3cd", "/2e", "|("),
        (HEAD + "(3cde", "|f(", "\n"),
        (HEAD + "(3c4d4", "e", "|"),
        (HEAD + "c-", "cz|", "-2"),
        (HEAD + "z", "2|c", "-,'"),
        (HEAD + "^", "^C", "_=z|2"),
        (HEAD + "c8|[", "MKce", "1|z]"),
        (HEAD + "c8|[M:", "46", "n0"),
        (HEAD + "|:c8||[", "1MKc", "2z"),
    ],
)
def test_what_may_come_next(grammar: Grammar, before: str, may: str, may_not: str) -> None:
    following = set(grammar.following(grammar.read(before)))
    assert set(may) <= following
    assert not set(may_not) & following


@pytest.mark.parametrize(
    "body",
    [
        "c8|c8|",
        "|:G2|c8|c6:|",
        "G2|c8|c6||G2|c8|c6|]",
        "|:c8|1c8:|2d8|",
        "|:c8||[1c8:|2d8|]|:c8:|",
        "|:[1c8:|2d8|",
        "|:c8::c8:|",
        "c8:|",
        "c4:|d8|",
        "(3cdec6|",
        "(5:4:5cdefgc4|",
        "[ceg]4-[ceg]4|c8|",
        "c8|[M:6/8][K:Gmaj]c6|",
        "c7/4c/4c6|",
        "|:c8|1c8:|2d8:|3e8|",
        '"C"c4"Am7/G"[ce]2(3"Gsus4"ccc|"Dmaj7"z8|',
        '|:"Bbm"c8|[M:2/4]"F#dim"c4:|',
    ],
)
def test_valid_tunes_are_accepted(with_chords: Grammar, body: str) -> None:
    assert with_chords.accepts(f"{HEAD}{body}\n")
    assert is_valid(decode_tune(f"{HEAD}{body}\n"))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "c8",
        "c9|",
        "c8|c4|c8|",
        "|:c8|",
        "|:c8|1c8:|",
        "|:c8|:c8:|",
        "|:c8:|2c8|",
        "c8|1c8|",
        "(3cd|",
        "[c]8|",
        "c8|[M:6/8]c8|",
        "|:c8:|2d8|",
        "|:c8|1c8:|2d8:|3e8:|4f8|",
        '"C|c8|',
        '""c8|',
        '"H"c8|',
        '"Cma"c8|',
        '"C"|c8|',
        '"C""G"c8|',
        'c8"C"|',
        '["C"ce]8|',
        '"C"(3ccc c6|',
    ],
)
def test_invalid_tunes_are_rejected(with_chords: Grammar, body: str) -> None:
    assert not with_chords.accepts(f"{HEAD}{body}\n")


def test_the_requested_form_is_kept() -> None:
    grammar = Grammar(WALKS["two parts of eight bars"])
    for seed in range(2):
        tune = decode_tune(walk(grammar, random.Random(seed), 700))
        starts = [bar.repeat_start for bar in tune.bars]
        assert sum(starts) == 2
        first = tune.bars[: starts.index(True, 1)]
        full = [bar for bar in first if 2 not in bar.ending]
        pickup = first[0].duration < tune.metre.bar_duration and first[0].line is BarLine.SINGLE
        second_endings = _bars_of_second_endings(first)
        assert len(first) - second_endings - pickup == 8, full


def _bars_of_second_endings(bars: tuple[object, ...]) -> int:
    count, within = 0, False
    for bar in bars:
        ending = getattr(bar, "ending", ())
        within = within or 2 in ending
        count += within
    return count


def test_neat_rules_allow_no_tie_across_the_end_of_a_section() -> None:
    grammar = Grammar(WALKS["neat sections"])
    state = grammar.read("M:4/4\nK:Cmaj\n|:C8-")
    assert grammar.following(state) == {"|"}
    assert not {"|", "]", ":"} & set(grammar.following(grammar.advance(state, "|")))
    assert "1" not in grammar.following(grammar.read("|[", state))
    assert {"-", "D"} <= set(grammar.following(grammar.read("C4", grammar.advance(state, "|"))))
    assert ":" in grammar.following(grammar.read("|C8", state))
    parts = Grammar(WALKS["neat parts"])
    begun = "M:6/8\nK:Cmaj\n|:C6|C6|C6-|C3C3"
    assert "-" not in parts.following(parts.read(begun))
    assert "-" in parts.following(parts.read(begun[:-2]))


def test_every_note_is_in_one_of_the_ranges() -> None:
    ranges = ((55, 67), (60, 74), (72, 84))
    rules = Rules(ALPHABET, metres=(Metre(4, 4),), modes=(Mode.MINOR,), ranges={Mode.MINOR: ranges})
    grammar = Grammar(rules)
    for seed in range(2):
        pitches = pitches_of(decode_tune(walk(grammar, random.Random(seed), 150)))
        held = [low <= min(pitches) and max(pitches) <= high for low, high in ranges if pitches]
        assert any(held) or not pitches


def test_the_colons_of_a_tuplet_do_not_cancel_accidentals() -> None:
    rules = Rules(ALPHABET, metres=COMMON, ranges={Mode.MAJOR: ((60, 84),)})
    grammar = Grammar(rules)
    head = "M:4/4\nK:Cmaj\n"
    assert not grammar.accepts(f"{head}^c4(5:4:5c'bagf|c8|\n")
    assert grammar.accepts(f"{head}^c4(5:4:5cbagf|c'8|\n")
    assert grammar.accepts(f"{head}|:^c8::c'8:|\n")


def test_ranges_consider_key_accidentals_and_ties() -> None:
    rules = Rules(ALPHABET, metres=COMMON, modes=(Mode.MINOR,), ranges={Mode.MINOR: ((60, 71),)})
    grammar = Grammar(rules)
    head = "M:4/4\nK:Cmin\n"
    assert grammar.accepts(f"{head}C4B4|C8|\n")  # B flat
    assert not grammar.accepts(f"{head}C4c4|\n")
    assert grammar.accepts(f"{head}=B8|\n")
    assert not grammar.accepts(f"{head}^B8|\n")
    assert not grammar.accepts(f"{head}_C8|\n")
    assert not grammar.accepts(f"{head}=B4-B4|c8|\n")


def test_a_text_turns_towards_its_end_in_time() -> None:
    grammar = Grammar(Rules(ALPHABET, metres=COMMON))
    state = grammar.read(f"{HEAD}|:c8|1d4")
    distance = int(grammar.distance_to_end(state))
    assert "e" in grammar.allowed(state, 400)
    assert grammar.allowed(state, distance) == {":"}


def test_the_error_shows_where_a_text_breaks_the_rules(grammar: Grammar) -> None:
    with pytest.raises(InputError, match="c9"):
        grammar.read(f"{HEAD}c9|")


def test_an_alphabet_that_cannot_write_a_tune_is_refused() -> None:
    with pytest.raises(InputError):
        Grammar(Rules(frozenset("abcd|\n")))
    with pytest.raises(InputError):
        Grammar(Rules(frozenset(string.ascii_letters), metres=COMMON))


def test_texts_with_the_same_future_share_a_state(grammar: Grammar) -> None:
    assert grammar.read(f"{HEAD}c2d2e4|") == grammar.read(f"{HEAD}g8|")


def test_states_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    grammar = Grammar(Rules(ALPHABET, metres=COMMON))
    assert not grammar.prune()
    monkeypatch.setattr("abcgen.grammar.constraint.MAX_STATES", 10)
    before = sorted(grammar.following(grammar.read(f"{HEAD}|:c4")))
    assert grammar.prune()
    assert sorted(grammar.following(grammar.read(f"{HEAD}|:c4"))) == before
