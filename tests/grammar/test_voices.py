"""The grammar of several voices."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from abcgen.grammar import END, Form, Grammar, Rules, SectionPlan
from abcgen.notation.model_text import decode_tune, encode_tune
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import pitches_of
from abcgen.notation.tune import Metre, Mode, Tune
from abcgen.notation.validation import bar_problems, repeat_problems
from tests.grammar.test_grammar import ALPHABET, COMMON
from tests.notation.test_ensemble import FOUR

CHOIR = ((60, 81), (53, 76), (46, 69), (38, 64))
# A tune in C is sung in one of these keys, so many semitones from C.
MOVES = (-5, -2, 0, 2, 5)
RULES = Rules(
    ALPHABET | {"&", "0"},
    metres=COMMON,
    voices=CHOIR,
    ranges={mode: tuple((60 - move, 81 - move) for move in MOVES) for mode in Mode},
)


def one_voice(tune: Tune, index: int) -> Tune:
    return replace(tune, bars=tune.voices[index].bars, others=())


def is_valid(tune: Tune) -> bool:
    """Return whether all bars of all voices are right, and as long as the first voice's."""
    voices = [one_voice(tune, index) for index in range(len(tune.voices))]
    lengths = {tuple(bar.duration for bar in voice.bars) for voice in voices}
    right = all(not bar_problems(voice) and not repeat_problems(voice) for voice in voices)
    return right and len(lengths) == 1


def in_range(tune: Tune) -> bool:
    """Return whether every voice is in its range in some key."""
    voices = [pitches_of(one_voice(tune, index)) for index in range(len(tune.voices))]
    return any(
        all(
            low <= pitch + move <= high
            for pitches, (low, high) in zip(voices, CHOIR, strict=True)
            for pitch in pitches
        )
        for move in MOVES
    )


def walk(grammar: Grammar, chance: random.Random, limit: int) -> str:
    """Return a random text of allowed characters, mostly notes so that it fills bars."""
    text, state = "", grammar.start
    wild = chance.choice([0.03, 0.2, 1.0])
    while True:
        allowed = sorted(grammar.allowed(state, limit - len(text)))
        assert allowed, f"in a corner after {text!r}"
        tame = [char for char in allowed if char and char in "ABCDEFGabcdefg,2&|"]
        character = chance.choice(allowed if chance.random() < wild else tame or allowed)
        if character == END:
            return text
        text += character
        state = grammar.advance(state, character)


WALKS = {
    "anything": RULES,
    "neat": replace(RULES, neat=True),
    "with a form line": replace(RULES, neat=True, form_line=True, alphabet=RULES.alphabet | {"P"}),
    "eight bars in two parts": replace(
        RULES,
        metres=(Metre(4, 4),),
        changes=False,
        form=Form(sections=(SectionPlan(4, repeated=True), SectionPlan(4, repeated=False))),
    ),
    "two voices of few characters": Rules(
        frozenset("M:KCmaj\n|z2/4(3AB&"), metres=(Metre(2, 4),), voices=((0, 127), (0, 127))
    ),
}


@pytest.mark.parametrize("name", WALKS)
def test_any_walk_is_right_in_all_voices_and_within_its_limit(name: str) -> None:
    grammar = Grammar(WALKS[name])
    chance = random.Random(name)
    shortest = int(grammar.distance_to_end(grammar.start))
    for limit in [shortest, shortest + 9, max(shortest, 400)]:
        text = walk(grammar, chance, limit)
        assert len(text) <= limit
        assert grammar.accepts(text)
        tune = decode_tune(text)
        assert len(tune.voices) == len(WALKS[name].voices)
        assert is_valid(tune), text
        if WALKS[name].ranges:
            assert in_range(tune), text


def test_a_real_tune_in_four_voices_is_accepted() -> None:
    assert Grammar(RULES).accepts(encode_tune(read_abc(FOUR), voices=4).text)


HEAD = "M:4/4\nK:Cmaj\n"


@pytest.mark.parametrize(
    "body",
    [
        "c8|\n",  # three voices are missing
        "c8&G8&E8|\n",
        "c8&G8&E8&C8&C,8|\n",  # one too many
        "c8&G4&E8&C8|\n",  # bars of unlike length
        "c8|G8&E8&C8&C8|\n",
        "c8&G8&E8&b8|\n",  # beyond the range of a bass in any key
        "c4&G8&E4&C4|c8&G8&E8&C8|\n",  # longer than the first
        "c8&[K:G]G8&E8&C8|\n",  # a key of its own
    ],
)
def test_voices_that_are_not_in_step_or_out_of_range_are_refused(body: str) -> None:
    assert not Grammar(RULES).accepts(HEAD + body)


@pytest.mark.parametrize(
    "body",
    [
        "c4&G4&E4&C4|c8&G8&E8&C8|c4&G4&E4&C4|]\n",  # a pickup in all voices
        "|:c8&(3GGGG6&E2E2E4&z8:|\n",
        "c8-&G8&E8&C8-|c8&G8&E8&C8|\n",  # tied in some voices
    ],
)
def test_voices_in_step_are_accepted(body: str) -> None:
    assert Grammar(replace(RULES, neat=True)).accepts(HEAD + body)


def test_a_tie_in_any_voice_must_not_cross_the_end_of_a_section() -> None:
    grammar = Grammar(replace(RULES, neat=True))
    assert not grammar.accepts(HEAD + "|:c8-&G8&E8&C8:|\n")
    assert not grammar.accepts(HEAD + "|:c8&G8&E8&C8-:|\n")


def test_the_voices_are_in_range_in_the_same_key() -> None:
    grammar = Grammar(RULES)
    low, high = "B,8&G8&E8&C8|", "c'8&G8&E8&C8|"
    assert grammar.accepts(HEAD + low + "\n")
    assert grammar.accepts(HEAD + high + "\n")
    assert not grammar.accepts(HEAD + low + high + "\n")
    # A bass that low needs a key above C, and a soprano that high one below.
    assert not grammar.accepts(HEAD + "c'8&G8&E8&E,,8|\n")
    assert not grammar.accepts(HEAD + "c8&G8&E8&E,,8|c'8&G8&E8&C8|\n")


def test_an_accidental_that_is_tied_over_the_bar_line_holds_in_its_own_voice() -> None:
    # The tied bass is a C sharp in the second bar too, the alto's C is natural.
    rules = replace(RULES, voices=((61, 127),) * 2, ranges={Mode.MAJOR: ((61, 127),)})
    grammar = Grammar(rules)
    assert grammar.accepts(HEAD + "c8&^C8-|c8&C8|\n")
    assert not grammar.accepts(HEAD + "c8&^C8-|C8&C8|\n")
    assert not grammar.accepts(HEAD + "c8&^C8|c8&C8|\n")
