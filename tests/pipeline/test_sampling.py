"""Sampled texts become valid tunes, whatever network they come from, and can be replayed."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from abcgen.config import Request, SampleConfig
from abcgen.corpus.bounds import Fault
from abcgen.corpus.records import extract_of
from abcgen.errors import CheckpointError, InputError, OutputError
from abcgen.model.sampling import Sampled
from abcgen.model.vocabulary import BEGIN, END
from abcgen.notation.harmony import harmonised
from abcgen.notation.model_text import decode_tune
from abcgen.notation.reader import LeftOut, read_abc, read_tunebook
from abcgen.notation.transpose import instrument_named, pitches_of
from abcgen.notation.validation import bar_problems
from abcgen.pipeline.checkpoints import read_training_tunes, write_training_tunes
from abcgen.pipeline.choosing import Rejection, SampledTune
from abcgen.pipeline.recipes import Recipe, recipe_in
from abcgen.pipeline.replaying import replay_file
from abcgen.pipeline.requests import beginning_of, continue_tune
from abcgen.pipeline.sampling import Composer, TuneStream, validated
from tests.pipeline.checkpoints import untrained
from tests.referee import played

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("without_music21")

RIGHT = "R:reel\nM:4/4\nK:Cdor\n|:CDEFGABc|cBAGFEDC:|\n"
SHORT = SampleConfig(count=3, max_characters=150, temperature=1.0)
ONE = SHORT.replace(count=1)
# An untrained network seldom ends a tune; its form ends one of few bars soon.
BRIEF = Request(metre="2/4", bars=4)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory.mktemp("checkpoints") / "net")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (RIGHT[:-2], Rejection.UNREADABLE),
        ("M:4/4\nK:Cmaj\nAB@c|\n", Rejection.UNREADABLE),
        ("M:none\nK:Cmaj\nABcd|\n", Rejection.FREE_METRE),
        ("M:4/4\nK:Cmaj\nABcd|ABc|ABcd|ABcd|\n", Rejection.BARS),
        ("M:4/4\nK:Cmaj\n|:c8|c8|\n", Rejection.REPEATS),
    ],
)
def test_an_invalid_text_is_rejected_with_its_reason(text: str, reason: str) -> None:
    assert validated(Sampled(text, ended=True, number=0)) == reason


REEL = "R:reel\nM:4/4\nK:Cmaj\n"
REAL = f"{REEL}|:G2|CDEFGABc|cBAGFEDC|cdefgfed|c6:|\n"
EIGHT = ["C8", "D8", "E8", "F8", "G8", "A8", "B8", "c8"]
BROKEN = [
    (f"{REEL}{'CDEFGABc|cBAGFEDC|' * 4}\n", Fault.CIRCLE),
    (f"{REEL}{'CDEFGABc|' * 8}\n", Fault.CIRCLE),
    (f"{REEL}{'|'.join(EIGHT)}|\n", Fault.LENGTH),
    (f"{REEL}(5CDEFGC4|\n", Fault.RHYTHM),
    (f"{REEL}C15/2C/2|\n", Fault.RHYTHM),
    (f"{REEL}[CEG]8|\n", Fault.CHORD),
    (f"{REEL}|:G2|CDEFGABc|cBAGFEDC:|\n", Fault.BEAT),
    (f"{REEL}CDEFGABc|cBAGFEDC||c2|cdefgfed|c6|]\n", Fault.BEAT),
    (f"{REEL}|:CDEFGABc|c6[1d2:|[2c2|\n", None),
    (f"{REEL}|:CDEFGABc|c6[1d4:|[2c4|\n", Fault.BEAT),
    (REAL, None),
]


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that learnt one tune."""
    folder = untrained(tmp_path_factory.mktemp("checkpoints") / "bounded")
    write_training_tunes(folder, [extract_of(decode_tune(REAL))], [])
    return folder


@pytest.mark.parametrize(("text", "reason"), BROKEN)
def test_a_tune_beyond_the_training_tunes_is_rejected(
    text: str, reason: Fault | None, bounded: Path
) -> None:
    composer = Composer(bounded, SHORT, 7, Request())
    assert composer.fault(Sampled(text, ended=True, number=0), decode_tune(text)) == reason


def test_what_was_asked_for_or_given_is_no_fault(bounded: Path) -> None:
    long, chord = "|".join(EIGHT), "[CEG]8|"
    for text, request in [
        (f"{REEL}{long}|\n", Request(bars=8)),
        (f"{REEL}{long}|\n", continue_tune(Request(), f"M:4/4\nL:1/8\nK:C\n{long}|")),
        (f"{REEL}{chord}C8|\n", continue_tune(Request(), f"M:4/4\nL:1/8\nK:C\n{chord}")),
    ]:
        composer = Composer(bounded, SHORT.replace(max_characters=400), 7, request)
        assert composer.fault(Sampled(text, ended=True, number=0), decode_tune(text)) is None


def test_a_tune_that_the_limit_of_length_closed_did_not_end_by_itself(checkpoint: Path) -> None:
    composer = Composer(checkpoint, SHORT, 7, Request())
    texts = list(composer.sample(range(6)))
    assert all(text.ended for text in texts)
    limited = [text for text in texts if text.limited]
    assert limited
    for text in limited:
        assert composer.candidate(text) == Rejection.UNENDED
    # With plenty of room the form ends them.
    short = Composer(checkpoint, SHORT.replace(max_characters=1000), 7, Request(bars=2))
    assert not any(text.limited for text in short.sample(range(6)))


def test_broken_tunes_of_earlier_versions_can_be_replayed(tmp_path: Path) -> None:
    folder = untrained(tmp_path / "net")
    with Composer(folder, ONE, 7, BRIEF) as composer:
        made = next(composer.compose())
    book = tmp_path / "tunes.abc"
    book.write_text(made.abc, encoding="utf-8")
    # Bounds that no tune keeps.
    write_training_tunes(folder, [], [])
    assert isinstance(Composer(folder, ONE, 7, BRIEF).candidate(made.sampled), Fault)
    [replayed] = replay_file(book, folder)
    assert replayed.abc.splitlines()[:5] == made.abc.splitlines()[:5]


def test_a_text_without_an_end_is_rejected() -> None:
    assert validated(Sampled(RIGHT, ended=False, number=0)) == Rejection.UNENDED


def test_free_metre_is_valid_only_if_requested() -> None:
    text = Sampled("M:none\nK:Cmaj\nABcd|\n", ended=True, number=0)
    assert not isinstance(validated(text, free_metre=True), str)


def test_a_valid_text_becomes_a_tune_for_the_instrument(checkpoint: Path) -> None:
    with Composer(checkpoint, SHORT, 7, Request(instrument="whistle")) as composer:
        made = composer.finish(Sampled(RIGHT, ended=True, number=0), 4, "A Title")
    assert isinstance(made, SampledTune)
    assert (made.tune.number, made.tune.title, made.tune.rhythm) == (4, "A Title", "reel")
    assert made.tune.key.signature["F"] == 1  # one sharp, two or three: what a D whistle likes
    assert "checkpoint net, seed 7" in made.tune.source


def test_even_an_untrained_network_writes_valid_tunes(checkpoint: Path) -> None:
    with Composer(checkpoint, SHORT, 7, Request()) as composer:
        made = list(composer.compose())
    assert len(made) == composer.tally.valid == 3
    assert set(composer.tally.rejected) == {Rejection.UNENDED}
    assert all(bar_problems(one.tune) == [] for one in made)
    assert composer.tally.forced > 0


@pytest.mark.parametrize("metre", ["", "6/8"])
def test_the_log_probability_is_of_what_the_network_added(checkpoint: Path, metre: str) -> None:
    request = Request(metre=metre)
    composer = Composer(checkpoint, ONE, 7, request)
    (sampled,) = composer.sample([0])
    assert sampled.ended
    assert sampled.forced
    network, vocabulary = composer._network, composer._vocabulary
    ids = [BEGIN, *vocabulary.encode(sampled.text), END]
    given = len(beginning_of(request))
    state, expected = network.start(1), 0.0
    for position, (this, following) in enumerate(pairwise(ids)):
        logits, state = network.step(np.array([this]), state)
        if position >= given:
            expected += logits[0, following] - np.logaddexp.reduce(logits[0])
    assert composer.log_probability(sampled) == pytest.approx(expected, rel=1e-4)


def test_without_the_grammar_an_untrained_network_writes_none(checkpoint: Path) -> None:
    with Composer(checkpoint, SHORT, 7, Request(free=True)) as composer:
        assert list(composer.compose()) == []
    assert composer.tally.sampled == 3 * SHORT.max_attempts
    assert composer.tally.forced == 0


REQUESTS: list[dict[str, Any]] = [
    {
        "metre": "6/8",
        "key": "Dmix",
        "rhythm": "jig",
        "instrument": "whistle",
        "in_range": True,
        "bars": 4,
    },
    {"metre": "3/4", "key": "Bb", "bars": 4},
    {"key": "F#m", "instrument": "highland-pipes", "in_range": True, "bars": 2},
    {"metre": "2/4", "parts": "AAB", "bars": 8},
]


@pytest.mark.parametrize("wishes", REQUESTS)
def test_tunes_have_what_was_requested(checkpoint: Path, wishes: dict[str, Any]) -> None:
    config = SampleConfig(count=2, max_characters=160, temperature=1.0)
    with Composer(checkpoint, config, 1, Request(**wishes)) as composer:
        made = list(composer.compose())
    assert len(made) == 2
    player = instrument_named(wishes.get("instrument", "fiddle"))
    for one in made:
        tune = read_abc(one.abc)
        assert str(tune.metre) == wishes.get("metre", str(tune.metre))
        assert str(tune.key).replace("min", "m") == wishes.get("key", str(tune.key)).replace(
            "min", "m"
        )
        assert tune.rhythm == wishes.get("rhythm", tune.rhythm)
        if wishes.get("in_range"):
            pitches = pitches_of(tune)
            assert player.lowest <= min(pitches) <= max(pitches) <= player.highest


def test_the_notes_of_a_beginning_stay_as_they_are(checkpoint: Path) -> None:
    request = continue_tune(Request(), "M:4/4\nL:1/8\nK:C\ncdef gab")
    config = SHORT.replace(count=20)
    with Composer(checkpoint, config, 7, request) as composer:
        texts = [sampled.text for sampled in composer.sample(range(20))]
    assert not [text for text in texts if text.split("gab")[1][0] in "0123456789/,'"]


def test_the_grammar_does_not_rely_on_characters_the_network_cannot_write(tmp_path: Path) -> None:
    """With ten units left in the bar, 1 would have to become 10, for which there is no 0."""
    folder = untrained(tmp_path / "net")
    request = continue_tune(Request(), "M:12/8\nL:1/8\nK:C\nc10d2|c2")
    composer = Composer(folder, SHORT.replace(temperature=5.0), 1, request)
    for sampled in composer.sample(range(20)):
        assert "0" not in sampled.text.removeprefix(request.beginning)
        assert not isinstance(validated(sampled), str)


def test_a_beginning_that_cannot_be_completed_is_refused(tmp_path: Path) -> None:
    folder = untrained(tmp_path / "net")
    request = continue_tune(Request(), "M:12/8\nL:1/8\nK:C\nc10")
    with pytest.raises(InputError):
        Composer(folder, SHORT, 1, request)


def test_a_rhythm_that_the_network_cannot_write_is_given_with_a_warning(tmp_path: Path) -> None:
    folder = untrained(tmp_path / "net")
    composer = Composer(folder, ONE, 1, Request(rhythm="polka"))
    (sampled,) = composer.sample([0])
    assert sampled.text.startswith("R:polka\nM:")
    assert any("polka" in warning for warning in composer.warnings)


def test_a_continued_tune_is_in_range(checkpoint: Path) -> None:
    low = "M:4/4\nL:1/8\nK:D\nA,DFA D2F2|"  # below what a whistle has
    request = continue_tune(Request(instrument="whistle", in_range=True), low)
    with Composer(checkpoint, ONE, 7, request) as composer:
        [made] = composer.compose()
    player = instrument_named("whistle")
    pitches = pitches_of(read_abc(made.abc))
    assert player.lowest <= min(pitches) <= max(pitches) <= player.highest


def test_many_requested_bars_lengthen_the_text(checkpoint: Path) -> None:
    composer = Composer(checkpoint, SHORT, 7, Request(bars=30, metre="4/4"))
    (sampled,) = composer.sample([0])
    assert len(sampled.text) > SHORT.max_characters
    assert sampled.ended


def test_a_long_beginning_without_the_grammar_is_refused(checkpoint: Path) -> None:
    request = continue_tune(Request(free=True), "cdef gabc'|" * 20)
    with pytest.raises(InputError):
        Composer(checkpoint, SHORT, 7, request)


def test_a_recipe_changes_nothing_for_other_readers(
    checkpoint: Path, abc2midi: Path, tmp_path: Path
) -> None:
    with Composer(checkpoint, ONE, 7, Request(metre="4/4", bars=4)) as composer:
        [made] = composer.compose()
    plain = "".join(line for line in made.abc.splitlines(keepends=True) if line[0] != "%")
    assert plain != made.abc
    assert read_abc(made.abc) == read_abc(plain)
    assert played(abc2midi, made.abc, tmp_path) == played(abc2midi, plain, tmp_path) != []
    recipe = recipe_in(made.abc)
    assert recipe is not None
    assert (recipe.seed, recipe.number, recipe.request.metre) == (7, 0, "4/4")
    assert "the grammar stepped in at" in made.abc


@pytest.mark.parametrize("batch_size", [1, 2])
def test_tunes_are_replayed_byte_for_byte_in_any_batch(
    checkpoint: Path, tmp_path: Path, batch_size: int
) -> None:
    path = tmp_path / "tunes.abc"
    config = SampleConfig(count=3, max_characters=150, temperature=1.0, batch_size=batch_size)
    with Composer(checkpoint, config, 7, Request(metre="4/4", key="G", bars=4)) as composer:
        made = [one.abc for one in composer.compose()]
    path.write_text("\n".join(made), encoding="utf-8")
    replays = list(replay_file(path, checkpoint))
    assert [replay.abc for replay in replays] == made
    assert all(replay.is_same for replay in replays)
    # The last alone, from a file of its own.
    path.write_text(made[-1], encoding="utf-8")
    assert [replay.abc for replay in replay_file(path, checkpoint)] == made[-1:]


def test_a_tune_that_was_edited_is_not_the_same(checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "tunes.abc"
    with Composer(checkpoint, ONE, 7, BRIEF) as composer:
        [made] = composer.compose()
    path.write_text(made.abc.replace("T:The", "T:A"), encoding="utf-8")
    [replay] = replay_file(path, checkpoint)
    assert not replay.is_same


def test_a_tune_of_another_checkpoint_cannot_be_replayed(checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "tunes.abc"
    with Composer(checkpoint, ONE, 7, BRIEF) as composer:
        [made] = composer.compose()
    path.write_text(made.abc.replace('"checkpoint": "', '"checkpoint": "0'), encoding="utf-8")
    with pytest.raises(CheckpointError):
        list(replay_file(path, checkpoint))
    path.write_text("X:1\nK:C\nc\n", encoding="utf-8")
    with pytest.raises(InputError):
        list(replay_file(path, checkpoint))


@pytest.mark.parametrize(
    "change",
    [
        {"seed": "7"},
        {"number": -1},
        {"request": {"instrument": 3}},
        {"request": {"command": "rm"}},
        {"settings": {}},
        {"request": {"metre": "6/7"}},
        {"request": {"first_pitch": 10**9}},
    ],
)
def test_a_recipe_is_not_trusted(
    checkpoint: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    with Composer(checkpoint, ONE, 7, BRIEF) as composer:
        [made] = composer.compose()
    *head, recipe = made.abc.splitlines()
    data = json.loads(recipe.removeprefix("%abcgen ")) | change
    path = tmp_path / "tunes.abc"
    path.write_text("\n".join([*head, f"%abcgen {json.dumps(data)}\n"]), encoding="utf-8")
    with pytest.raises(InputError):
        list(replay_file(path, checkpoint))


def test_chord_symbols_are_those_of_the_rule_where_the_network_learnt_none(
    checkpoint: Path, tmp_path: Path
) -> None:
    request = Request(chord_symbols=True)
    with Composer(checkpoint, ONE, 7, request) as composer:
        [made] = composer.compose()
    assert any(note.marks and note.marks.chord_symbol for note in made.tune.notes)
    path = tmp_path / "tunes.abc"
    path.write_text(made.abc, encoding="utf-8")
    assert [replay.is_same for replay in replay_file(path, checkpoint)] == [True]
    with Composer(checkpoint, ONE, 7, Request()) as composer:
        [plain] = composer.compose()
    assert harmonised(plain.tune).bars == made.tune.bars


# A value of every setting and every wish that is not its default.
SETTINGS: dict[str, Any] = {
    "temperature": 1.5,
    "header_temperature": 1.2,
    "keep_endings": False,
    "top_k": 3,
    "top_p": 0.5,
    "count": 2,
    "batch_size": 3,
    "max_characters": 90,
    "max_attempts": 7,
    "candidates": 4,
    "choose": "best",
    "parallels": True,
}
WISHES: dict[str, Any] = {
    "metre": "6/8",
    "key": "Dmix",
    "rhythm": "jig",
    "bars": 16,
    "parts": "AABB",
    "voices": "soprano,bass",
    "chord_symbols": True,
    "instrument": "whistle",
    "in_range": True,
    "beginning": "R:jig\n",
    "after": "The Kesh",
    "first_pitch": 62,
    "range": "G3-B5",
    "scale": "pentatonic",
    "max_leap": 5,
    "rhythms": "2,1,1/2",
    "no_accidentals": True,
    "end_on_tonic": True,
    "level": 2,
    "raga": "yaman",
    "sargam": True,
    "mood": "calm",
    "valence": -0.5,
    "arousal": 0.25,
    "free": True,
}


def read_back(settings: SampleConfig, request: Request) -> Recipe:
    """Return the recipe with these settings, written and read."""
    recipe = Recipe(
        version="1",
        checkpoint="a",
        name="b",
        seed=1,
        number=2,
        settings=settings,
        request=request,
        reference=3,
        title="c",
    )
    return Recipe.from_json(recipe.to_json())


@pytest.mark.parametrize("name", SampleConfig.model_fields)
def test_every_setting_that_a_tune_depends_on_is_in_its_recipe(name: str) -> None:
    assert name in SETTINGS, f"add a value of {name} other than its default to SETTINGS"
    settings = SampleConfig.model_validate({name: SETTINGS[name]})
    assert settings != SampleConfig()
    # How many tunes are sampled, and how many side by side, changes none of them.
    independent = name in {"count", "batch_size", "max_attempts", "candidates", "choose"}
    expected = SampleConfig() if independent else settings
    assert read_back(settings, Request()).settings == expected


def test_a_recipe_from_before_headers_had_a_temperature_stays_as_it_is() -> None:
    written = read_back(SampleConfig(header_temperature=None), Request()).to_json()
    assert "header_temperature" not in written
    old = Recipe.from_json(written)
    assert old.settings.header_temperature is None
    assert old.to_json() == written


@pytest.mark.parametrize("name", Request.model_fields)
def test_every_wish_is_in_the_recipe(name: str) -> None:
    request = Request.model_validate({name: WISHES[name]})
    assert request != Request()
    assert read_back(SampleConfig(), request).request == request
    assert Request.model_fields[name].description


def test_overlap_is_reported_and_can_be_limited(tmp_path: Path) -> None:
    folder = untrained(tmp_path / "net")
    with Composer(folder, SHORT, 7, BRIEF) as composer:
        [first, *_] = composer.compose()
    assert first.overlap is None
    with (
        pytest.raises(InputError),
        Composer(folder, SHORT, 7, BRIEF) as composer,
    ):
        next(composer.compose(max_copy=1))
    write_training_tunes(folder, [extract_of(first.tune)], [])
    with Composer(folder, SHORT, 7, BRIEF) as composer:
        [again, *_] = composer.compose()
    # Only the title may differ: none is that of a training tune.
    assert replace(again.tune, title=first.tune.title) == first.tune
    assert again.tune.title != first.tune.title
    assert again.overlap is not None
    assert again.overlap.title == first.tune.title
    assert again.overlap.bars > 0.5
    with Composer(folder, SHORT, 7, BRIEF) as composer:
        others = list(composer.compose(max_copy=again.overlap.bars - 0.1))
    assert composer.tally.rejected[Rejection.COPY] >= 1
    assert first.tune.bars not in [one.tune.bars for one in others]


def test_wishes_that_no_training_tune_had_are_warned_of(tmp_path: Path) -> None:
    folder = untrained(tmp_path / "net")
    tune = read_abc("R:jig\nM:6/8\nL:1/8\nK:C\nc6|d6|\n")
    write_training_tunes(folder, [extract_of(tune)], [])
    wishes = Request(metre="7/8", key="Ador", rhythm="reel")
    with Composer(folder, SHORT, 7, wishes) as composer:
        assert len(composer.warnings) == 3
        assert "7/8" in composer.warnings[0]
    with Composer(folder, SHORT, 7, Request(metre="6/8", key="A", rhythm="jig")) as composer:
        assert composer.warnings == []


def test_a_request_that_cannot_fit_is_refused(checkpoint: Path) -> None:
    request = continue_tune(Request(), "cdef gabc'|" * 20)
    with pytest.raises(InputError):
        Composer(checkpoint, SHORT, 7, request)


def test_an_interrupted_stream_has_complete_tunes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "tunes.abc"

    def interrupted() -> None:
        with TuneStream(path) as stream:
            assert not path.exists()
            stream.write("X:1\nK:C\nc|\n")
            stream.write("X:2\nK:C\nd|\n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    found = list(read_tunebook(path.read_text(encoding="utf-8")))
    assert len(found) == 2
    with pytest.raises(OutputError), TuneStream(path) as again:
        again.write("X:1\nK:C\nc|\n")  # that of another run in the meantime
    assert not [tune for tune in found if isinstance(tune, LeftOut)]


def test_a_beginning_with_unknown_characters_is_kept_with_a_warning(tmp_path: Path) -> None:
    folder = untrained(tmp_path / "net")
    request = continue_tune(Request(), "M:12/8\nL:1/8\nK:C\nc10d2|")
    composer = Composer(folder, SampleConfig(max_characters=60), 1, request)
    assert any("'0'" in warning for warning in composer.warnings)
    (sampled,) = composer.sample([0])
    assert "c10d2|" in sampled.text


def test_tunes_of_the_base_network_count_as_training_tunes(tmp_path: Path) -> None:
    old, new = (
        read_abc(f"X:1\nT:{title}\nM:4/4\nL:1/8\nK:C\n{body}\n")
        for title, body in (("Old", "CDEF GABc|cBAG FEDC|"), ("New", "C2E2 G2c2|c4 G4|"))
    )
    own, others = [extract_of(new)], [extract_of(old)]
    write_training_tunes(tmp_path / "base", others, own)
    write_training_tunes(tmp_path / "tuned", own, others, read_training_tunes(tmp_path / "base"))
    known = read_training_tunes(tmp_path / "tuned")
    assert known
    assert known.facts.names == ("Old", "New")
    assert known.facts.metres == {"4/4": 2}
    assert len(known.facts.shared) == 2
    assert [known.compare(tune).title for tune in (old, new)] == ["Old", "New"]
    # Tuned further on the same tunes.
    write_training_tunes(tmp_path / "again", own, [], read_training_tunes(tmp_path / "tuned"))
    again = read_training_tunes(tmp_path / "again")
    assert again
    assert again.facts.names == known.facts.names
    assert again.index.sequences == known.index.sequences
    assert again.bounds == known.bounds
