"""Wishes for what may sound: kept in sampled tunes, and refused where they clash."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from abcgen.config import Request, SampleConfig
from abcgen.errors import InputError
from abcgen.grammar import END, Grammar, Rules
from abcgen.notation.model_text import decode_tune
from abcgen.notation.transpose import arrange_for
from abcgen.notation.tune import Mode
from abcgen.pipeline.recipes import recipe_in
from abcgen.pipeline.replaying import replay_file
from abcgen.pipeline.requests import instrument_of, make_request, rules_of
from abcgen.pipeline.sampling import Composer
from abcgen.wishes.checking import delivered
from abcgen.wishes.ragas import RAGAS
from tests.grammar.test_grammar import ALPHABET
from tests.pipeline.checkpoints import untrained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("without_music21")

WISHES: list[dict[str, Any]] = [
    {"range": "G3-B5", "bars": 4, "metre": "3/4"},
    {"range": "C2-D4", "key": "G", "metre": "4/4", "bars": 4},
    {"scale": "pentatonic", "max_leap": 5, "bars": 4, "metre": "6/8"},
    {"scale": "melodic-minor", "key": "Em", "metre": "4/4", "parts": "AB", "bars": 4},
    {"scale": "G,A,B,D,E", "rhythms": "1,1/2", "metre": "2/4", "bars": 4},
    {"rhythms": "half,quarter", "max_leap": 2, "range": "first-position", "bars": 5},
    {"no_accidentals": True, "key": "Ador", "metre": "6/8", "bars": 4, "instrument": "whistle"},
    {"level": 1},
    {"level": 3, "key": "Dm", "metre": "6/8"},
    {"level": 5, "bars": 4},
    {"raga": "des", "metre": "4/4", "bars": 4},
    {"raga": "malkauns", "max_leap": 4, "rhythms": "1,1/2", "metre": "2/4", "bars": 4},
    {"mood": "sad", "bars": 4, "metre": "4/4"},
    {"mood": "happy", "valence": None, "bars": 4, "rhythm": "jig"},
    {"valence": -0.2, "arousal": 0.9, "bars": 4},
    {"raga": "Puriya Dhanashri", "key": "C", "metre": "2/4", "bars": 4, "sargam": True},
]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory.mktemp("checkpoints") / "net")


@pytest.mark.parametrize("wishes", WISHES, ids=",".join)
def test_a_network_that_learnt_nothing_keeps_every_wish(
    wishes: dict[str, Any], network: Path, tmp_path: Path
) -> None:
    request = make_request(**wishes)
    assert request.end_on_tonic == bool(request.bars or request.raga)
    config = SampleConfig(count=2, max_attempts=20)
    with Composer(network, config, 3, request) as composer:
        tunes = list(composer.compose())
    assert len(tunes) == 2
    for tune in tunes:
        result = delivered(tune.tune, request)
        assert "mood" in result if "valence" in wishes else set(wishes) & set(result)
        assert all(result.values()), (result, tune.abc)
        recipe = recipe_in(tune.abc)
        assert recipe is not None
        assert recipe.request == request
    file = tmp_path / "tunes.abc"
    file.write_text(tunes[1].abc, encoding="utf-8")
    assert [replay.is_same for replay in replay_file(file, network)] == [True]


@pytest.mark.parametrize(
    ("wishes", "named"),
    [
        ({"rhythms": "2", "metre": "3/4"}, {"--rhythms", "--metre"}),
        ({"scale": "C,G", "max_leap": 3}, {"--scale", "--max-leap"}),
        ({"scale": "1,b3,#4", "no_accidentals": True}, {"--scale", "--no-accidentals"}),
        ({"level": 1, "metre": "9/8"}, {"--level", "--metre"}),
        ({"level": 1, "mood": "sad"}, {"--level", "--mood"}),
        ({"range": "D4-F4", "key": "C", "bars": 4}, {"--range", "--key"}),
        ({"scale": "pentatonic", "range": "F4-F4", "key": "D"}, {"--range", "--scale"}),
    ],
)
def test_the_two_wishes_that_clash_are_named(
    wishes: dict[str, Any], named: set[str], network: Path
) -> None:
    with pytest.raises(InputError) as caught:
        Composer(network, SampleConfig(count=1), 1, make_request(**wishes))
    assert "\n" not in caught.value.message
    options = {word for word in caught.value.message.split() if word.startswith("--")}
    assert options == named


@pytest.mark.parametrize(
    "wishes",
    [
        {"range": "nowhere"},
        {"scale": "blues", "key": "D"},
        {"rhythms": "1/3"},
        {"max_leap": 1},
        {"level": 6},
        {"free": True, "level": 1},
        {"raga": "blues"},
        {"mood": "purple"},
        {"mood": "sad", "arousal": 0.5},
        {"arousal": 2.0},
        {"free": True, "mood": "sad"},
        {"raga": "yaman", "scale": "pentatonic"},
        {"raga": "yaman", "key": "Dm"},
        {"raga": "yaman", "end_on_tonic": False},
        {"free": True, "max_leap": 3},
    ],
)
def test_impossible_wishes_are_refused_at_once(wishes: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        make_request(**wishes)


def test_a_tune_with_a_form_ends_on_the_tonic_unless_told_otherwise() -> None:
    assert make_request(bars=8).end_on_tonic
    assert make_request(parts="AB").end_on_tonic
    assert not make_request(bars=8, end_on_tonic=False).end_on_tonic
    assert not make_request(metre="6/8").end_on_tonic
    assert make_request(metre="6/8", end_on_tonic=True).end_on_tonic
    assert not make_request(bars=8, prime="X:1\nM:6/8\nK:D\nd3e3|[K:G]g3a3|").end_on_tonic


def test_requests_without_such_wishes_have_the_rules_they_had() -> None:
    for request in (Request(), Request(bars=8, metre="6/8", key="D"), Request(in_range=True)):
        rules = rules_of(request, ALPHABET)
        assert (rules.alphabet, rules.melodies, rules.lengths) == (ALPHABET, {}, frozenset())
        assert rules.chords
    assert rules_of(Request(), ALPHABET) == Rules(ALPHABET, neat=True)


def test_notes_of_a_scale_fix_the_key_and_a_level_the_form() -> None:
    assert make_request(scale="E,G,A,B,D").key == "Emin"
    assert make_request(scale="pentatonic").key == ""
    level = make_request(level=2)
    assert (level.bars, level.parts, level.in_range) == (8, "A", True)
    rules = rules_of(level, ALPHABET)
    assert rules.modes == (Mode.MAJOR,)
    assert not rules.alphabet & set("^_=-")
    assert all(high - low == 12 for low, high in rules.ranges[Mode.MAJOR])


COMBINABLE: dict[str, list[Any]] = {
    "metre": ["2/4", "3/4", "4/4", "6/8", "9/8"],
    "key": ["G", "Dm", "Ador", "Emix"],
    "bars": [2, 4],
    "parts": ["A", "AB"],
    "range": ["G3-B5", "D4-D5", "first-position"],
    "instrument": ["whistle", "guitar"],
    "scale": ["pentatonic", "hexatonic", "five-finger", "1,2,b3,5", "melodic-minor"],
    "max_leap": [2, 3, 5],
    "rhythms": ["half,quarter", "1,1/2", "3/2,1/2"],
    "no_accidentals": [True],
    "level": [1, 2, 3, 4, 5],
    "raga": ["des", "marwa", "malkauns", "jog"],
    "mood": ["happy", "sad"],
}


def test_no_combination_of_wishes_leads_into_a_corner() -> None:
    chance, walked = random.Random(5), 0
    for _ in range(16):
        names = chance.sample(list(COMBINABLE), chance.randint(1, 4))
        wishes = {name: chance.choice(COMBINABLE[name]) for name in names}
        if "bars" not in wishes and "level" not in wishes:
            wishes["bars"] = 2
        try:
            request = make_request(**wishes)
            grammar = Grammar(rules_of(request, ALPHABET))
            grammar.completion(grammar.start)
        except InputError:
            continue  # impossible, and said so at once
        state, text = grammar.start, ""
        limit = 300
        while (allowed := sorted(grammar.allowed(state, limit - len(text)))) != [END]:
            assert allowed, (wishes, text)
            tame = [one for one in allowed if one and one in "CDEFGAcdefg2|"]
            others = [one for one in allowed if one]
            text += chance.choice(tame if tame and chance.random() < 0.7 else others)
            state = grammar.advance(state, text[-1])
        tune = decode_tune(text)
        keep_spelling = request.depends_on_spelling
        tune = arrange_for(tune, instrument_of(request), 0.0, keep_spelling=keep_spelling)
        assert all(delivered(tune, request).values()), (wishes, text)
        walked += 1
    assert walked > 5


def raga_texts(name: str, count: int) -> Iterator[str]:
    """Yield texts of random characters that the grammar of a raga allows, mostly notes."""
    request = make_request(raga=name, metre="2/4", bars=3, key="C")
    grammar = Grammar(rules_of(request, ALPHABET - {"("}))
    for seed in range(count):
        chance, state, text = random.Random(seed), grammar.start, ""
        while (allowed := sorted(grammar.allowed(state, 400 - len(text)))) != [END]:
            assert allowed, text
            tame = [one for one in allowed if one and one in "ABCDEFGabcdefg2|=^_"]
            others = [one for one in allowed if one]
            text += chance.choice(tame if tame and chance.random() < 0.95 else others)
            state = grammar.advance(state, text[-1])
        yield text


@pytest.mark.parametrize("name", ["des", "marwa", "shri", "jog"])
def test_random_tunes_keep_a_raga(name: str) -> None:
    for text in raga_texts(name, 3):
        result = delivered(decode_tune(text), make_request(raga=name))
        assert result == {"raga": True, "end_on_tonic": True}, text


@pytest.mark.slow
@pytest.mark.parametrize("name", RAGAS)
def test_a_thousand_random_tunes_keep_each_raga(name: str) -> None:
    for text in raga_texts(name, 1000):
        result = delivered(decode_tune(text), make_request(raga=name))
        assert result == {"raga": True, "end_on_tonic": True}, text
