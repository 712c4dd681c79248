from __future__ import annotations

import random
import string
from typing import TYPE_CHECKING

import pytest

from abcgen.corpus.collections import COLLECTIONS, collection_files
from abcgen.errors import InputError
from abcgen.grammar import ANY_METRE, END, Grammar, Rules
from abcgen.grammar.form import Form, Section
from abcgen.notation.model_text import decode_tune, encode_tune
from abcgen.notation.reader import Reading, decode_text, read_block, split_tunebook
from abcgen.notation.transpose import pitches_of
from abcgen.notation.tune import BarLine, Metre, Mode
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


def is_right(tune: Tune) -> bool:
    return not bar_problems(tune) and not repeat_problems(tune)


def accepts_as_checked(grammar: Grammar, tune: Tune) -> bool:
    """Whether the grammar accepts a tune's model text just if our checker calls it right."""
    text = encode_tune(tune).text
    return grammar.accepts(text) == is_right(decode_tune(text))


def test_every_real_tune_that_is_right_is_accepted_and_no_other(real_tunes: list[Tune]) -> None:
    single = [tune for tune in real_tunes if not tune.others]
    grammar = Grammar(Rules(ALPHABET | {"0"}, metres=ANY_METRE))
    assert [tune.title for tune in single if not accepts_as_checked(grammar, tune)] == []
    assert sum(is_right(tune) for tune in single) > 250


@pytest.mark.slow
def test_every_tune_of_the_collections_that_is_right_is_accepted_and_no_other() -> None:
    grammar = Grammar(Rules(ALPHABET | {"0"}, metres=ANY_METRE))
    readings = (
        read_block(block)
        for collection in COLLECTIONS.values()
        for file in collection_files(collection)
        for block in split_tunebook(decode_text(file.read_bytes()))
    )
    tunes = [r.tune for r in readings if isinstance(r, Reading) and not r.tune.others]
    assert [tune.title for tune in tunes if not accepts_as_checked(grammar, tune)] == []


WALKS = {
    "anything": Rules(ALPHABET, metres=COMMON),
    "any metre": Rules(ALPHABET, metres=ANY_METRE),
    "two parts of eight bars": Rules(
        ALPHABET,
        metres=(Metre(6, 8),),
        form=Form(sections=(Section(8, repeated=True), Section(8, repeated=True))),
        changes=False,
    ),
    "parts of any length": Rules(
        ALPHABET,
        metres=(Metre(4, 4),),
        form=Form(sections=(Section(0, repeated=True), Section(0, repeated=False))),
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
        form=Form(sections=(Section(4, repeated=True), Section(4, repeated=False))),
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
    "few characters": Rules(frozenset("M:KCmaj\n|z2/4AB"), metres=(Metre(2, 4), Metre(4, 4))),
}


def walk(grammar: Grammar, chance: random.Random, limit: int) -> str:
    """A text drawn blindly from what is allowed, mostly notes so that it gets anywhere."""
    text, place = "", grammar.start
    wild = chance.choice([0.05, 0.3, 1.0])
    while True:
        allowed = sorted(grammar.allowed(place, limit - len(text)))
        assert allowed, f"in a corner after {text!r}"
        tame = [sign for sign in allowed if sign and sign in "ABCDEFGabcdefg2|z"]
        sign = chance.choice(allowed if chance.random() < wild else tame or allowed)
        if sign == END:
            return text
        text += sign
        place = grammar.after(place, sign)


@pytest.mark.parametrize("name", WALKS)
def test_whatever_is_drawn_becomes_a_right_tune_within_its_limit(name: str) -> None:
    grammar = Grammar(WALKS[name])
    chance = random.Random(name)
    shortest = grammar.way(grammar.start)
    for limit in [shortest, shortest + 7, max(shortest, 160)]:
        text = walk(grammar, chance, limit)
        assert len(text) <= limit
        assert grammar.accepts(text)
        tune = decode_tune(text)
        assert is_right(tune), text


@pytest.mark.parametrize("name", WALKS)
def test_from_every_place_the_way_out_leads_to_the_end_in_as_many_steps_as_told(name: str) -> None:
    grammar = Grammar(WALKS[name])
    chance = random.Random(name)
    for _ in range(8):
        place, text = grammar.start, ""
        for _ in range(chance.randrange(120)):
            signs = sorted(set(grammar.following(place)) - {END})
            if not signs:
                break
            sign = chance.choice(signs)
            text, place = text + sign, grammar.after(place, sign)
        length = grammar.way(place)
        assert length <= grammar.ceiling(place)
        for _ in range(length):
            sign = grammar.way_sign(place)
            text, place = text + sign, grammar.after(place, sign)
        assert grammar.way_sign(place) == END
        assert is_right(decode_tune(text)), text


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
def test_right_tunes(with_chords: Grammar, body: str) -> None:
    assert with_chords.accepts(f"{HEAD}{body}\n")
    assert is_right(decode_tune(f"{HEAD}{body}\n"))


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
def test_wrong_tunes(with_chords: Grammar, body: str) -> None:
    assert not with_chords.accepts(f"{HEAD}{body}\n")


def test_the_form_asked_for_is_kept() -> None:
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


def test_where_music_is_drawn_no_tie_leads_over_the_end_of_a_section() -> None:
    grammar = Grammar(WALKS["neat sections"])
    place = grammar.read("M:4/4\nK:Cmaj\n|:C8-")
    assert grammar.following(place) == {"|"}
    assert not {"|", "]", ":"} & set(grammar.following(grammar.after(place, "|")))
    assert "1" not in grammar.following(grammar.read("|[", place))
    assert {"-", "D"} <= set(grammar.following(grammar.read("C4", grammar.after(place, "|"))))
    assert ":" in grammar.following(grammar.read("|C8", place))
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


def test_a_tuplets_sign_ends_no_bar_for_accidentals() -> None:
    rules = Rules(ALPHABET, metres=COMMON, ranges={Mode.MAJOR: ((60, 84),)})
    grammar = Grammar(rules)
    head = "M:4/4\nK:Cmaj\n"
    assert not grammar.accepts(f"{head}^c4(5:4:5c'bagf|c8|\n")
    assert grammar.accepts(f"{head}^c4(5:4:5cbagf|c'8|\n")
    assert grammar.accepts(f"{head}|:^c8::c'8:|\n")


def test_ranges_reckon_with_signatures_accidentals_and_ties() -> None:
    rules = Rules(ALPHABET, metres=COMMON, modes=(Mode.MINOR,), ranges={Mode.MINOR: ((60, 71),)})
    grammar = Grammar(rules)
    head = "M:4/4\nK:Cmin\n"
    assert grammar.accepts(f"{head}C4B4|C8|\n")  # B flat
    assert not grammar.accepts(f"{head}C4c4|\n")
    assert grammar.accepts(f"{head}=B8|\n")
    assert not grammar.accepts(f"{head}^B8|\n")
    assert not grammar.accepts(f"{head}_C8|\n")
    assert not grammar.accepts(f"{head}=B4-B4|c8|\n")


def test_a_text_makes_for_its_end_in_time() -> None:
    grammar = Grammar(Rules(ALPHABET, metres=COMMON))
    place = grammar.read(f"{HEAD}|:c8|1d4")
    way = grammar.way(place)
    assert "e" in grammar.allowed(place, 400)
    assert grammar.allowed(place, way) == {":"}


def test_a_text_that_breaks_the_rules_is_shown_where(grammar: Grammar) -> None:
    with pytest.raises(InputError, match="c9"):
        grammar.read(f"{HEAD}c9|")


def test_characters_that_cannot_write_a_tune_are_said_to() -> None:
    with pytest.raises(InputError, match="cannot write"):
        Grammar(Rules(frozenset("abcd|\n")))
    with pytest.raises(InputError, match="cannot write"):
        Grammar(Rules(frozenset(string.ascii_letters), metres=COMMON))


def test_places_are_met_once(grammar: Grammar) -> None:
    assert grammar.read(f"{HEAD}c2d2e4|") == grammar.read(f"{HEAD}g8|")


def test_places_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    grammar = Grammar(Rules(ALPHABET, metres=COMMON))
    assert not grammar.tidied()
    monkeypatch.setattr("abcgen.grammar.MOST_PLACES", 10)
    before = sorted(grammar.following(grammar.read(f"{HEAD}|:c4")))
    assert grammar.tidied()
    assert sorted(grammar.following(grammar.read(f"{HEAD}|:c4"))) == before
