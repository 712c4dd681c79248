"""Limits on notes: scale, leaps, note values, what rises and falls, an end on the tonic."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from abcgen.errors import InputError
from abcgen.grammar import END, Form, Grammar, Rules, SectionPlan
from abcgen.grammar.melody import EVERY_DEGREE, Melody, distances_to_tonic
from abcgen.grammar.pitch import PitchRule
from abcgen.notation.model_text import decode_tune
from abcgen.notation.tune import Metre, Mode, Note
from abcgen.notation.validation import bar_problems, repeat_problems
from tests.grammar.test_grammar import ALPHABET, walk

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

PENTATONIC = frozenset({(0, 0), (1, 0), (2, 0), (4, 0), (5, 0)})
# C F G B rising, C B flat G E falling, as some ragas go.
RISING = frozenset({(0, 0), (3, 0), (4, 0), (6, 0)})
FALLING = frozenset({(0, 0), (6, -1), (4, 0), (2, 0)})
SHORT = Form(sections=(SectionPlan(2, repeated=True), SectionPlan(2, repeated=False)))
BASE = Rules(ALPHABET, metres=(Metre(6, 8),), modes=(Mode.MAJOR,), changes=False, neat=True)


def limited(melody: Melody, **rules: object) -> Rules:
    return replace(
        BASE,
        melodies={Mode.MAJOR: melody},
        chords=not melody.depends_on_last_note,
        **{"ranges": {Mode.MAJOR: ((55, 79), (60, 84))}, **rules},  # type: ignore[arg-type]
    )


CASES = {
    "an end on the tonic": limited(Melody(ends_on_tonic=True), form=SHORT, ranges={}),
    "a scale, small leaps": limited(Melody(PENTATONIC, PENTATONIC, 3, True), form=SHORT),
    "two note values by step": limited(
        Melody(max_leap=2, ends_on_tonic=True), form=Form(3), lengths=frozenset({48, 16})
    ),
    "long notes by step": limited(
        Melody(max_leap=2, ends_on_tonic=True),
        form=Form(sections=(SectionPlan(0, repeated=True), SectionPlan(4, repeated=True))),
        lengths=frozenset({96, 48}),
    ),
    "no form": limited(Melody(max_leap=3, ends_on_tonic=True)),
    "notes that only rise or fall": limited(Melody(RISING, FALLING, 0, True), form=SHORT),
    "few characters": limited(
        Melody(max_leap=2, ends_on_tonic=True),
        alphabet=frozenset("M:6/8\nKCmaj|z2/3ABcd,'"),
        form=Form(2),
    ),
}


def keeps(tune: Tune, rules: Rules) -> bool:
    """Return whether a tune in C keeps the limits, found without the grammar's code."""
    melody = rules.melodies[Mode.MAJOR]
    chords = [note.pitches for note in tune.notes if isinstance(note, Note)]
    degrees = [[(pitch.step % 7, pitch.alter) for pitch in chord] for chord in chords]
    ends = (0, 0) in degrees[-1] or not melody.ends_on_tonic
    scale = all(d in melody.rising | melody.falling for chord in degrees for d in chord)
    values = not rules.lengths or {note.duration * 128 for note in tune.notes} <= rules.lengths
    pitches = [pitch.midi for chord in chords for pitch in chord]
    ranges = rules.ranges.get(Mode.MAJOR, ((0, 127),))
    in_range = any(low <= min(pitches) and max(pitches) <= high for low, high in ranges)
    moves = True
    if melody.depends_on_last_note:
        assert all(len(chord) == 1 for chord in chords)
        for (before,), (after,) in pairwise(chords):
            steps, rise = after.step - before.step, after.midi - before.midi
            moves &= not melody.max_leap or abs(steps) + 1 <= melody.max_leap
            degree = (before.step % 7, before.alter)
            moves &= not rise or degree in (melody.rising if rise > 0 else melody.falling)
    return ends and scale and values and in_range and moves


@pytest.mark.parametrize("name", CASES)
def test_any_walk_keeps_the_limits_and_ends_in_time(name: str) -> None:
    rules = CASES[name]
    grammar, chance = Grammar(rules), random.Random(name)
    shortest = int(grammar.distance_to_end(grammar.start))
    for limit in (shortest, shortest + 9, shortest + 80):
        text = walk(grammar, chance, limit)
        tune = decode_tune(text)
        assert len(text) <= limit
        assert not bar_problems(tune), text
        assert not repeat_problems(tune), text
        assert keeps(tune, rules), text


@pytest.mark.parametrize("beats", [2, 3])
@pytest.mark.parametrize("bars", [1, 2, 4])
def test_no_exercise_ends_in_a_corner(beats: int, bars: int) -> None:
    rules = limited(
        Melody(max_leap=3, ends_on_tonic=True),
        metres=(Metre(beats, 4),),
        form=Form(sections=(SectionPlan(bars, repeated=False),)),
        lengths=frozenset({64, 32}),
        ranges={Mode.MAJOR: ((60, 67), (72, 79))},
        alphabet=ALPHABET - set("^_=-"),
    )
    grammar = Grammar(rules)
    for seed in range(25):
        chance, state, text = random.Random(seed), grammar.start, ""
        while (allowed := sorted(grammar.allowed(state, 400 - len(text)))) != [END]:
            assert allowed, text
            notes = [character for character in allowed if character and character in "defgDEFG2"]
            text += chance.choice(notes if notes and chance.random() < 0.9 else allowed)
            state = grammar.advance(state, text[-1])
        assert keeps(decode_tune(text), rules), text


@pytest.mark.parametrize("name", CASES)
def test_every_state_has_a_completion_of_the_promised_length(name: str) -> None:
    grammar, chance = Grammar(CASES[name]), random.Random(name)
    state = grammar.start
    for _ in range(40):
        characters = sorted(set(grammar.following(state)) - {END})
        if not characters:
            break
        state = grammar.advance(state, chance.choice(characters))
        assert grammar.distance_to_end(state) <= grammar.max_distance(state)


@pytest.mark.parametrize(
    ("melody", "before", "may", "may_not"),
    [
        (Melody(PENTATONIC, PENTATONIC), "c", "degac", "fb"),
        (Melody(max_leap=3), "c", "deAB", "fgFG"),
        (Melody(max_leap=3), "cz", "deAB", "fgFG"),  # a rest does not shorten a leap
        (Melody(max_leap=3), "e'", "cdefg", "abCD"),  # each with another mark
        (Melody(RISING, FALLING), "CEG", "", ""),
        (Melody(RISING, FALLING, 0, True), "CF", "FGB", "CDEA"),
        (Melody(RISING, FALLING, 0, True), "CFGB", "Bc", "GFE"),
        (Melody(ends_on_tonic=True), "d", "cd", "\n"),
    ],
)
def test_what_may_follow_a_note(melody: Melody, before: str, may: str, may_not: str) -> None:
    rules = replace(limited(melody, ranges={}), modes=(Mode.MAJOR,), metres=(Metre(4, 4),))
    grammar = Grammar(rules)
    try:
        state = grammar.read(f"M:4/4\nK:Cmaj\n{before}")
    except InputError:
        assert not may  # C rises to E, which only falls
        return
    assert set(may) <= set(grammar.following(state))
    assert not set(may_not) & set(grammar.following(state))


def test_the_last_bar_lets_no_note_come_too_far_from_the_tonic() -> None:
    grammar = Grammar(
        limited(
            Melody(max_leap=2, ends_on_tonic=True),
            form=Form(2),
            lengths=frozenset({16}),
            metres=(Metre(3, 8),),
        )
    )
    head = "M:3/8\nK:Cmaj\nccc|"
    assert set(grammar.following(grammar.read(f"{head}d"))) & set("Bcdefz|") == set("cdz")
    assert set(grammar.following(grammar.read(f"{head}cd"))) & set("Bcdefz|") == {"c"}
    assert "e" not in grammar.following(grammar.read(head))


def test_distances_lead_down_where_a_note_only_falls() -> None:
    distances = distances_to_tonic(Melody(RISING, FALLING, 0, True), (60, 72))
    assert distances[28, 0] == distances[35, 0] == 0
    assert distances[34, 0] == distances[34, -1] == 1
    # Without the C above it the B has nowhere to go.
    assert (34, 0) not in distances_to_tonic(Melody(RISING, FALLING, 0, True), (60, 71))


def test_a_mode_without_its_tonic_in_the_range_is_left_out() -> None:
    melody = Melody(ends_on_tonic=True)
    ranges = {Mode.MAJOR: ((62, 70),), Mode.MINOR: ((60, 70),)}
    rules = replace(
        BASE, modes=(Mode.MAJOR, Mode.MINOR), ranges=ranges, melodies=dict.fromkeys(Mode, melody)
    )
    assert Grammar(rules).rules.modes == (Mode.MINOR,)
    with pytest.raises(InputError):
        Grammar(replace(rules, modes=(Mode.MAJOR,)))


def test_note_values_that_fill_no_bar_are_refused() -> None:
    with pytest.raises(InputError):
        Grammar(replace(BASE, lengths=frozenset({64})))
    assert Melody().rising == EVERY_DEGREE


def test_a_tune_that_only_has_to_end_on_the_tonic_needs_few_states_and_allows_the_same() -> None:
    rules = limited(Melody(ends_on_tonic=True), form=SHORT, ranges={})
    # Of any range every note has to be known.
    every_note = replace(rules, ranges={Mode.MAJOR: ((0, 127),)})
    short, long = Grammar(rules), Grammar(every_note)
    for seed in range(6):
        chance, one, other, text = random.Random(seed), short.start, long.start, ""
        while (allowed := short.allowed(one, 300 - len(text))) != {END}:
            assert allowed == long.allowed(other, 300 - len(text)), text
            tame = sorted(set("ABCcdG2|=^-") & allowed)
            text += chance.choice(
                tame if tame and chance.random() < 0.8 else sorted(allowed - {END})
            )
            one, other = short.advance(one, text[-1]), long.advance(other, text[-1])
    assert len(short._states) < len(long._states)
    assert len(short._pitch_states) < len(long._pitch_states) / 4


@pytest.mark.parametrize("name", CASES)
def test_pitch_allows_what_leads_to_a_state(name: str) -> None:
    rules, chance = CASES[name], random.Random(name)
    grammar, rule, state = Grammar(rules), PitchRule(rules), Grammar.start
    for _ in range(120):
        music, pitch = grammar.states(state)
        follows = grammar._music.following(music)
        possible = {char for char in follows if rule.after(pitch, char) is not None}
        assert rule.allowed(pitch) & set(follows) == possible
        characters = sorted(set(grammar.following(state)) - {END})
        if not characters:
            break
        state = grammar.advance(state, chance.choice(characters))


@pytest.mark.parametrize("name", CASES)
def test_what_may_come_next_is_what_a_completion_can_follow(name: str) -> None:
    rules = replace(CASES[name], form=Form(2), changes=False)
    grammar, other, chance = Grammar(rules), Grammar(rules), random.Random(name)
    for _ in range(3):
        state, text = grammar.start, ""
        while END not in (following := grammar.following(state)):
            here = other.read(text)
            for char in sorted(other._possible_after(here) - following):
                assert other.distance_to_end(other._step(here, char)) == math.inf, text + char
            text += chance.choice(sorted(following))
            state = grammar.advance(state, text[-1])
