"""Bars of any tune can get other notes, and nothing else of it changes."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from abcgen.errors import InputError
from abcgen.grammar import END
from abcgen.grammar.gap import GapBar, gap_grammar
from abcgen.notation.model_text import decode_bars, encode_bars, encode_tune
from abcgen.notation.reader import read_abc
from abcgen.notation.splicing import Gap, emptied, gap_in, likeness, sound_of, splice, with_copies
from abcgen.notation.tune import Key, Note, Tuplet, total
from abcgen.notation.validation import bar_problems, repeat_problems
from abcgen.notation.writer import write_abc
from tests.tunes import CHORDS, JIG, REEL, tune

if TYPE_CHECKING:
    from abcgen.notation.tune import Item, Tune

ALPHABET = frozenset("\n'(,-/0123456789:=ABCDEFGKMR[]^_abcdefghijlmnoprstwxyz| ")


def new_items(tune: Tune, gap: Gap, chance: random.Random) -> list[tuple[Item, ...]]:
    """Return random items for a gap, drawn as text and read again."""
    _, texts = encode_bars(emptied(tune, [gap]))
    whole = []
    for index in gap.bars:
        free = total(item.duration for item in gap.free(tune.bars[index], index))
        grammar, text = gap_grammar([GapBar(free, "")], ALPHABET), ""
        state = grammar.start
        while (allowed := sorted(grammar.allowed(state, 300 - len(text)))) != [END]:
            character = chance.choice([each for each in allowed if each != END])
            text += character
            state = grammar.advance(state, character)
        held = gap.held_before if index == gap.first else 0
        items = texts[index].items
        whole.append("".join(items[:held]) + text + "".join(items[held:]))
    bars = decode_bars(whole, tune, gap.first)
    return [gap.free(bar, index) for index, bar in zip(gap.bars, bars, strict=True)]


def test_nothing_outside_a_gap_changes_in_real_tunes(real_tunes: list[Tune]) -> None:
    chance, done = random.Random(5), 0
    for each in chance.sample(real_tunes, 120):
        before = read_abc(write_abc(each)) if not each.others else None
        if before is None or before.metre.is_free:
            continue
        first = chance.randrange(len(before.bars))
        last = min(len(before.bars) - 1, first + chance.randrange(4))
        try:
            gap = gap_in(before.bars, first, last)
            new = new_items(before, gap, chance)
        except InputError:
            continue  # bars whose notes are all tied, or with odd lengths
        after = splice(before, gap, new)
        done += 1
        assert [bar.duration for bar in after.bars] == [bar.duration for bar in before.bars]
        assert bar_problems(after) == bar_problems(before)
        assert repeat_problems(after) == repeat_problems(before)
        for index, (one, other) in enumerate(zip(before.bars, after.bars, strict=True)):
            if index not in gap.bars:
                assert one == other
            else:
                assert replace(one, items=(), closing=None) == replace(
                    other, items=(), closing=None
                )
        # What is written is read again as the same tune.
        again = read_abc(write_abc(after))
        assert [sound_of(bar) for bar in again.bars] == [sound_of(bar) for bar in after.bars]
        outside = [index for index in range(len(before.bars)) if index not in gap.bars]
        assert [again.bars[i] for i in outside] == [before.bars[i] for i in outside]
    assert done > 80


@pytest.mark.parametrize("each", [JIG, REEL, CHORDS], ids=lambda each: each.title)
def test_what_is_left_of_model_text_is_that_of_the_tune(each: Tune) -> None:
    header, bars = encode_bars(each)
    music = "".join(bar.left + "".join(bar.items) + bar.line for bar in bars)
    assert f"{header}{music}\n" == encode_tune(each).text


@pytest.mark.parametrize("tonic", ["D", "F#", "Bb", "Em", "C#", "Abmin"])
def test_bars_of_model_text_come_back_in_the_key_of_the_tune(tonic: str) -> None:
    before = tune("DEFG ABcd | (3def ^g=a d4 | [DFA]8 |]", key=tonic)
    _, bars = encode_bars(before)
    back = decode_bars(["".join(bar.items) for bar in bars], before, 0)
    assert [bar.items for bar in back] == [bar.items for bar in before.bars]


def test_notes_tied_over_an_edge_stay() -> None:
    before = tune("ABcd e4- | e2 dc B4- | B8- | B2 AG F4 | D8 |]")
    assert gap_in(before.bars, 1, 1) == Gap(1, 1, held_before=1, held_after=1)
    assert gap_in(before.bars, 1, 2) == Gap(1, 1, held_before=1, held_after=1)
    assert gap_in(before.bars, 2, 3) == Gap(3, 3, held_before=1)
    assert gap_in(before.bars, 3, 3) == Gap(3, 3, held_before=1)
    assert gap_in(before.bars, 4, 4) == Gap(4, 4)
    with pytest.raises(InputError):
        gap_in(before.bars, 2, 2)
    for first, last in [(1, 1), (2, 3), (0, 4)]:
        gap = gap_in(before.bars, first, last)
        after = splice(before, gap, new_items(before, gap, random.Random(1)))
        assert [bar.duration for bar in after.bars] == [Fraction(1)] * 5
        if first == 1:
            assert after.bars[1].items[0] == before.bars[1].items[0]
            assert after.bars[1].items[-1] == before.bars[1].items[-1]


def test_what_stands_at_a_time_stays_and_what_belongs_to_a_note_goes() -> None:
    before = tune(
        '"G"!p!{c}~A2 (B2 "D7"c2) !segno!"^slow"d2 | (e2 f2 "Em".g2 !D.S.!a2) | (A4 B4) |]',
        key="G",
    )
    gap = Gap(0, 1)
    quarter, half = Fraction(1, 4), Fraction(1, 2)
    [plain] = tune("G2 G2 G4 |]").bars
    notes = [note for note in plain.notes if isinstance(note, Note)]
    new = (notes[0], notes[1], notes[2])
    assert [note.duration for note in new] == [quarter, quarter, half]
    after = splice(before, gap, [new, new])
    marks = [note.marks for bar in after.bars[:2] for note in bar.notes]
    first, second, third, *rest = marks
    assert first
    assert [str(symbol) for symbol in first.chord_symbols] == ["G"]
    assert first.decorations == ("p",)
    assert first.grace == ()
    assert second is None
    assert third
    assert [str(symbol) for symbol in third.chord_symbols] == ["D7"]
    assert third.decorations == ("segno",)
    assert [words.text for words in third.annotations] == ["slow"]
    assert rest[2]
    assert rest[2].decorations == ("D.S.",)
    # Slurs within the gap go with its notes.
    assert not any(each and (each.slur_starts or each.slur_ends) for each in marks)
    assert after.bars[2] == before.bars[2]


def test_a_slur_that_ends_outside_of_a_gap_still_begins() -> None:
    before = tune("A4 (B4 | c4) (d4 | e4 f4) |]")
    [plain] = tune("G8 |]").bars
    after = splice(before, Gap(1, 1), [plain.items])
    [note] = after.bars[1].notes
    assert note.marks
    assert (note.marks.slur_starts, note.marks.slur_ends) == (1, 1)
    assert write_abc(read_abc(write_abc(after))) == write_abc(after)


def test_bars_that_return_are_redrawn_alike() -> None:
    before = tune("A4 B4 | c4 d4 | A4 B4 | e8 | A4 B4- | B8 |]")
    [plain] = tune("G2 F2 E4 |]").bars
    after = with_copies(splice(before, Gap(0, 0), [plain.items]), before, [0])
    assert [sound_of(bar) == sound_of(plain) for bar in after.bars] == [True, False] * 2 + [
        False
    ] * 2
    assert [bar.is_new for bar in after.bars] == [True, False, True, False, False, False]


def test_likeness_is_the_share_of_notes_in_common() -> None:
    one = tune("A2 B2 c2 d2 | (3efg a2 z4 |]").bars
    other = tune("A2 B2 c2 e2 | (3efg a2 z4 |]").bars
    assert likeness(one, one) == 1
    assert likeness(one, other) == pytest.approx(8 / 10)
    assert likeness(one[:1], tune("a8 |]").bars) == 0
    assert isinstance(one[1].items[0], Tuplet)


def test_changes_of_key_within_the_bars_are_read() -> None:
    before = replace(tune("D8 | E8 | F8 |]"), key=Key("D"))
    bars = (before.bars[0], replace(before.bars[1], key=Key("F")), before.bars[2])
    before = replace(before, bars=bars)
    _, texts = encode_bars(before)
    back = decode_bars(["".join(bar.items) for bar in texts], before, 0)
    assert [bar.items for bar in back] == [bar.items for bar in before.bars]
