"""Bars of real tunes are drawn anew by any network, and nothing else of the tunes changes."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from abcgen.config import SampleConfig
from abcgen.errors import InputError
from abcgen.example import GAP_MARK
from abcgen.notation.analysis import sections_of
from abcgen.notation.reader import read_abc
from abcgen.notation.splicing import likeness, sound_of
from abcgen.notation.tune import FREE_METRE, Note, Voice
from abcgen.notation.validation import bar_problems, repeat_problems
from abcgen.notation.writer import write_abc
from abcgen.pipeline.barnumbers import described, joined, numbers_of
from abcgen.pipeline.checkpoints import LoadedNetwork
from abcgen.pipeline.choosing import Rejection, SampledTune
from abcgen.pipeline.recipes import recipe_in, without_recipe
from abcgen.pipeline.replaying import replay_file
from abcgen.pipeline.rewriting import (
    MOST_LIKE,
    Rewriter,
    revision_of,
    setting_title,
    spans_wanted,
    tune_named,
)
from abcgen.pipeline.varying import least_certain, setting_of
from tests.pipeline.checkpoints import untrained
from tests.tunes import JIG, REEL, tune

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.notation.tune import Rest, Tune
    from abcgen.pipeline.revision import Revision

pytestmark = pytest.mark.usefixtures("without_music21")

CONFIG = SampleConfig(count=2, temperature=1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory.mktemp("checkpoints") / "net", "0")


@pytest.fixture(scope="module")
def network(folder: Path) -> LoadedNetwork:
    return LoadedNetwork(folder)


def rewritten(network: LoadedNetwork, revision: Revision, seed: int = 7) -> list[SampledTune]:
    with Rewriter(network, CONFIG, seed, revision) as rewriter:
        return list(rewriter.compose())


def check(before: Tune, after: Tune, revision: Revision) -> None:
    """Check that only notes of the bars redrawn differ, and that these add up."""
    assert [bar.duration for bar in after.bars] == [bar.duration for bar in before.bars]
    assert bar_problems(after) == bar_problems(before)
    assert repeat_problems(after) == repeat_problems(before)
    redrawn = {index for first, last in revision.bars for index in range(first, last + 1)}
    for index, (one, other) in enumerate(zip(before.bars, after.bars, strict=True)):
        if index in redrawn:
            one, other = (replace(bar, items=(), closing=None) for bar in (one, other))  # noqa: PLW2901
        assert one == other
    assert (after.key, after.metre, after.rhythm) == (before.key, before.metre, before.rhythm)
    added = [text for text in after.words.texts if text not in before.words.texts]
    assert [name for name, _ in added] == ["N"]


def changed_bars(before: str, after: str) -> int:
    """How many bars of canonical ABC differ in their text, where nothing else does."""

    def parts(abc: str) -> tuple[list[str], list[str]]:
        lines = abc.splitlines()
        music = next(index for index, line in enumerate(lines) if line.startswith("K:")) + 1
        header = [line for line in lines[:music] if not line.startswith(("X:", "N:"))]
        return header, "\n".join(lines[music:]).split("|")

    (header, bars), (new_header, new_bars) = parts(before), parts(without_recipe(after))
    assert header == new_header
    return sum(bar != new for bar, new in zip(bars, new_bars, strict=True))


def test_all_other_text_is_the_same_though_another_unit_length_would_suit(
    network: LoadedNetwork,
) -> None:
    before = tune("A2 B2 c2 d2 | e4 d4 | c2 d2 e2 f2 | A/B/c/d/ e/f/g/a/ ABcd |]")
    revision = revision_of(before, [(0, 2)])
    results = rewritten(network, revision)
    assert results
    for result in results:
        assert 1 <= changed_bars(revision.tune, result.abc) <= 3


def test_only_the_bars_chosen_change_in_real_tunes(
    network: LoadedNetwork, real_tunes: list[Tune]
) -> None:
    chance, done = random.Random(3), 0
    one = CONFIG.replace(count=1)
    for each in chance.sample(real_tunes, 60):
        if each.others or each.metre.is_free or len(each.bars) < 4:
            continue
        before = read_abc(write_abc(each))
        first = chance.randrange(len(before.bars) - 1)
        spans = [(first, min(first + chance.randrange(3), len(before.bars) - 1))]
        if chance.random() < 0.3:
            spans = joined([*spans, (chance.randrange(len(before.bars)),) * 2])
        revision = revision_of(before, spans)
        try:
            rewriter = Rewriter(network, one, 7, revision)
        except InputError:
            continue  # bars that are all tied, or in free metre
        with rewriter:
            for result in rewriter.compose():
                done += 1
                check(before, read_abc(without_recipe(result.abc)), revision)
                bars = sum(last - first + 1 for first, last in revision.bars)
                assert changed_bars(revision.tune, result.abc) <= bars
    assert done > 25


@pytest.mark.parametrize(
    ("before", "bars"),
    [
        (JIG, "0-2"),  # a pickup, and a repeat that begins
        (JIG, "7-9"),  # both endings
        (REEL, "1,4-5,8"),  # several, with tuplets, up to a tie over a repeat
        (REEL, "16-17"),
        (tune("A8 | B8 :| [M:6/8]A6 | [K:G]B6 | c6 |]"), "2-4"),
        (tune("A2 | B8 | c6 :| d2 | e8 | f6 |]"), "2a"),  # the pickup of the second part
    ],
)
def test_pickups_endings_repeats_and_ties_stay(
    network: LoadedNetwork, before: Tune, bars: str
) -> None:
    revision = revision_of(before, spans_wanted(before, bars))
    first, second = rewritten(network, revision)
    for result in (first, second):
        check(before, result.tune, revision)
        assert read_abc(without_recipe(result.abc)).title == before.title
    assert first.tune.bars != second.tune.bars


def test_new_bars_differ_from_the_old_ones_and_from_one_another(network: LoadedNetwork) -> None:
    revision = revision_of(JIG, spans_wanted(JIG, "2-3"))
    places = range(*spans_wanted(JIG, "2-3")[0])
    tunes = [JIG, *(result.tune for result in rewritten(network, revision))]
    for index, one in enumerate(tunes):
        for other in tunes[:index]:
            bars = ([each.bars[place] for place in places] for each in (one, other))
            assert likeness(*bars) < MOST_LIKE


def test_a_network_that_fills_gaps_ends_after_the_last_note(tmp_path: Path) -> None:
    network = LoadedNetwork(untrained(tmp_path / "net", f"0{GAP_MARK}"))
    assert network.vocabulary.gap_mark is not None
    revision = revision_of(REEL, spans_wanted(REEL, "2-3,7"))
    with Rewriter(network, CONFIG, 7, revision) as rewriter:
        assert not next(rewriter.sample([0])).text.endswith("|")
        results = list(rewriter.compose())
    assert len(results) == CONFIG.count
    for result in results:
        check(REEL, result.tune, revision)


def test_versions_end_on_the_tonic_if_wished(network: LoadedNetwork) -> None:
    *bars, last = JIG.bars
    off = replace(JIG, bars=(*bars, last.with_notes(raised)))
    spans = spans_wanted(off, end_on_tonic=True)
    assert spans == [(len(JIG.bars) - 2, len(JIG.bars) - 1)]
    found = rewritten(network, revision_of(off, spans, end_on_tonic=True))
    assert found
    assert all(sections_of(one.tune)[-1].on_tonic for one in found)
    recipe = recipe_in(found[0].abc)
    assert recipe
    assert recipe.revision
    assert recipe.revision.end_on_tonic
    with pytest.raises(InputError):
        revision_of(off, [(0, 1)], end_on_tonic=True)


def raised(note: Note | Rest) -> Note | Rest:
    """Return a note a step higher than it was."""
    if not isinstance(note, Note):
        return note
    return replace(note, pitches=tuple(one._replace(step=one.step + 1) for one in note.pitches))


def test_a_draw_that_changes_nothing_is_rejected(network: LoadedNetwork) -> None:
    before = tune("z8 | c8 |]")
    rewriter = Rewriter(network, CONFIG, 7, revision_of(before, [(0, 0)]))
    text = next(rewriter.sample([0]))
    assert rewriter.candidate(replace(text, text="z8|")) == Rejection.UNCHANGED
    assert rewriter.candidate(replace(text, text="z4z4|")) != Rejection.UNCHANGED
    assert rewriter.candidate(replace(text, text="z4|")) == Rejection.BARS
    assert rewriter.candidate(replace(text, text="z8")) == Rejection.UNREADABLE


def test_a_replay_is_the_same_byte_for_byte(
    network: LoadedNetwork, folder: Path, tmp_path: Path
) -> None:
    marked = read_abc(
        'X:5\nT:A "Title" %\nC:Someone\nM:C\nL:1/8\nK:D exp ^g\n'
        '|:"D"~A2 {c}B2 (c2 d2)|A4- A4:|\nw:one two three * five\nW:la la'
    )
    results = [
        *rewritten(network, revision_of(marked, [(0, 0)])),
        *rewritten(network, revision_of(JIG, [(1, 2), (5, 5)]), seed=8),
        *rewritten(network, setting_of(network, REEL, 0.3)),
    ]
    book = tmp_path / "tunes.abc"
    book.write_text("\n".join(result.abc for result in results), encoding="utf-8")
    replays = list(replay_file(book, folder))
    assert [replayed.is_same for replayed in replays] == [True] * len(results)
    recipe = recipe_in(results[0].abc)
    assert recipe
    assert recipe.revision
    assert write_abc(read_abc(recipe.revision.tune)) == write_abc(marked)


def test_a_setting_redraws_bars_that_return_alike(network: LoadedNetwork) -> None:
    before = tune("A8 | B4 c4 | d8 | B4 c4 | e8 | f8 |]", title="The Kesh")
    spans = least_certain(network, before, 1.0)
    assert spans == [(1, 2), (4, 4)]
    assert len(least_certain(network, before, 0.01)) == 1
    revision = setting_of(network, before, 1.0)
    first, second = rewritten(network, revision)
    assert [first.tune.title, second.tune.title] == ["The Kesh, setting 2", "The Kesh, setting 3"]
    for result in (first, second):
        bars = result.tune.bars
        assert [bars[0], bars[5]] == [before.bars[0], before.bars[5]]
        if not any(note.tied for note in bars[1].notes if hasattr(note, "tied")):
            assert sound_of(bars[1]) == sound_of(bars[3])
    assert setting_title("The Kesh, setting 3", 1) == "The Kesh, setting 4"


@pytest.mark.parametrize(
    ("before", "bars"),
    [
        (replace(JIG, others=(Voice("", JIG.bars),)), (0, 0)),
        (replace(JIG, metre=FREE_METRE), (0, 0)),
        (JIG, (3, 200)),
        (JIG, (3, 2)),
        (tune("A8- | A8- | A8 |]"), (1, 1)),
    ],
    ids=["voices", "free metre", "beyond the end", "backwards", "tied"],
)
def test_what_cannot_be_redrawn_is_refused(
    network: LoadedNetwork, before: Tune, bars: tuple[int, int]
) -> None:
    with pytest.raises(InputError):
        Rewriter(network, CONFIG, 7, revision_of(before, [bars]))


def test_bars_are_counted_as_on_the_page() -> None:
    counted = tune("A2 | B8 | c6 :: d2 | e8 |[1 f6 :|[2 g6 |]")
    assert numbers_of(counted) == ["0", "1", "2", "2a", "3", "4", "5"]
    assert spans_wanted(counted, "0-2") == [(0, 2)]
    assert spans_wanted(counted, "2-3") == [(2, 4)]
    assert spans_wanted(counted, "3,1") == [(1, 1), (4, 4)]
    assert spans_wanted(counted, "2a, 3-4") == [(3, 5)]
    assert spans_wanted(counted, ending=True) == [(5, 6)]
    assert described(counted, [(0, 2), (4, 4)]) == "bars 0-2, 3"
    assert described(counted, [(3, 3)]) == "bar 2a"


def test_parts_are_found_by_name_and_by_order() -> None:
    assert spans_wanted(JIG, part="b") == spans_wanted(JIG, "10-18")
    assert spans_wanted(JIG, part="A", ending=True) == spans_wanted(JIG, "8-9")
    named = read_abc("M:4/4\nL:1/8\nK:C\nP:X\nc8|d8|\nP:Y\ne8|f8|]\n")
    assert spans_wanted(named, part="Y") == [(2, 3)]
    assert spans_wanted(named, part="X", ending=True) == [(0, 1)]


@pytest.mark.parametrize(
    "wanted",
    [{}, {"bars": "20"}, {"bars": "5-"}, {"bars": "x"}, {"bars": "5-3"}, {"part": "Z"}],
    ids=str,
)
def test_impossible_bars_are_refused(wanted: dict[str, str]) -> None:
    with pytest.raises(InputError):
        spans_wanted(JIG, wanted.get("bars", ""), wanted.get("part", ""))


def test_a_tune_is_found_by_number_place_and_title() -> None:
    tunes = [replace(JIG, number=4), replace(REEL, number=2), replace(REEL, number=9, title="Last")]
    assert tune_named(tunes, "4") is tunes[0]
    assert tune_named(tunes, "2") is tunes[1]
    assert tune_named(tunes, "3") is tunes[2]
    assert tune_named(tunes, "last") is tunes[2]
    assert tune_named(tunes[:1], "") is tunes[0]
    for wanted in ("", "7", "nothing", "i"):
        with pytest.raises(InputError):
            tune_named(tunes, wanted)
