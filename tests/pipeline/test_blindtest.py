"""A blind test from making to scoring, and what is no answer to one."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from abcgen.config import LIMITS, BlindTestConfig
from abcgen.corpus.overlap import melody_sequence
from abcgen.corpus.records import extract_of
from abcgen.errors import AbcgenError, InputError
from abcgen.notation.model_text import encode_tune
from abcgen.notation.reader import read_abc
from abcgen.pipeline import blindtest
from abcgen.pipeline.blindtest import BlindTest, make_blind_test
from abcgen.pipeline.blindtest_scoring import (
    BETTER,
    GUESSING,
    KEY_FORMAT,
    RATER_MEASURES,
    WORSE,
    Answer,
    AnswerKey,
    AnswerSheet,
    KeyTune,
    against_chance,
    read_answers,
    read_key,
    score_answers,
)
from abcgen.pipeline.checkpoints import write_training_tunes
from abcgen.score.blind import ANSWERS_FORMAT, PERSON, PROGRAM
from tests.pipeline.checkpoints import untrained

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from abcgen.notation.tune import Tune

CONFIG = BlindTestConfig(count=3, fewest_bars=1, most_bars=60, temperature=1.0)
KEY = AnswerKey(
    format=KEY_FORMAT,
    version=1,
    test="abcd1234",
    tunes={f"{n:08x}": KeyTune(real=n < 6, abc="X:1\n") for n in range(12)},
)
NAMES = list(KEY.tunes)
LEARNT, GIVEN = 20, 40


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, real_tunes: list[Tune]) -> Path:
    """It has learnt the first real tunes, so to speak."""
    folder = untrained(tmp_path_factory.mktemp("checkpoints") / "net")
    write_training_tunes(folder, [extract_of(tune) for tune in real_tunes[:LEARNT]], [])
    return folder


@pytest.fixture(scope="module")
def made(checkpoint: Path, real_tunes: list[Tune]) -> BlindTest:
    return make_blind_test(checkpoint, real_tunes[:GIVEN], CONFIG, 1)


def test_a_test_has_equally_many_tunes_of_each_kind_shuffled(made: BlindTest) -> None:
    kinds = [tune.real for tune in made.key.tunes.values()]
    assert kinds.count(True) == kinds.count(False) == 3
    assert kinds != sorted(kinds)


def test_real_tunes_are_never_training_tunes(made: BlindTest, real_tunes: list[Tune]) -> None:
    def symbols(tune: Tune) -> tuple[object, ...]:
        line = melody_sequence(tune)
        return tuple(line.symbols) if line else ()

    held_out = {symbols(tune) for tune in real_tunes[LEARNT:GIVEN]}
    for tune in made.key.tunes.values():
        assert (symbols(read_abc(tune.abc)) in held_out) == tune.real


def test_the_page_reveals_nothing(made: BlindTest) -> None:
    page = made.page.decode()
    for tune in made.key.tunes.values():
        read = read_abc(tune.abc)
        assert (read.rhythm, read.source) == ("", "")
        assert read.title == f"Tune {read.number}"
        assert tune.abc not in page
    for giveaway in ("held", '"real"', "checkpoint", "X:1", "untitled"):
        assert giveaway not in page.partition("</style>")[2].partition("<script>")[0]


def test_the_seed_determines_the_test(
    made: BlindTest, checkpoint: Path, real_tunes: list[Tune], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blindtest, "web_tune_of", lambda *_: None)  # engraving is tested elsewhere
    monkeypatch.setattr(blindtest, "blind_page", lambda *_: b"")
    assert make_blind_test(checkpoint, real_tunes[:GIVEN], CONFIG, 1).key == made.key
    other = make_blind_test(checkpoint, real_tunes[:GIVEN], CONFIG, 2).key
    assert other.test != made.key.test
    assert not set(other.tunes) & set(made.key.tunes)


@pytest.mark.parametrize(
    ("config", "tunes", "named"),
    [
        (BlindTestConfig(count=5000), GIVEN, "5000"),
        (BlindTestConfig(count=50), GIVEN, "--count"),
        (BlindTestConfig(count=1, fewest_bars=900, most_bars=901), GIVEN, "900 to 901"),
        (CONFIG, LEARNT, "--tunes"),
    ],
)
def test_a_test_that_cannot_be_made_is_refused_in_one_line(
    config: BlindTestConfig, tunes: int, named: str, checkpoint: Path, real_tunes: list[Tune]
) -> None:
    with pytest.raises(InputError, match=named) as raised:
        make_blind_test(checkpoint, real_tunes[:tunes], config, 1)
    assert "\n" not in str(raised.value)


def test_finding_tunes_ends_in_time(
    checkpoint: Path, real_tunes: list[Tune], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = replace(LIMITS, step_seconds=-1.0, step_text_seconds=0.0)
    monkeypatch.setattr("abcgen.pipeline.timing.LIMITS", limits)
    with pytest.raises(InputError, match="tunes"):
        make_blind_test(checkpoint, real_tunes[:GIVEN], CONFIG, 1)


@pytest.mark.parametrize("setting", [{"count": 0}, {"temperature": -1.0}, {"fewest_bars": 0}])
def test_an_impossible_setting_is_named(setting: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(setting))):
        BlindTestConfig.model_validate(setting)


def test_without_tunes_or_held_out_ones_there_is_no_test(checkpoint: Path) -> None:
    with pytest.raises(AbcgenError, match="--tunes"):
        make_blind_test(checkpoint, (), CONFIG, 1)


def test_model_text_holds_no_title(real_tunes: list[Tune]) -> None:
    """Both kinds take this way, so a title cannot show which is which."""
    for tune in real_tunes[:20]:
        assert tune.title not in encode_tune(tune).text or not tune.title


# What listeners say


def sheet(rater: int, say: Callable[[int, bool], dict[str, Any]]) -> AnswerSheet:
    """The answers of a rater, who says something of each tune by its number and kind."""
    answers = tuple(Answer(tune=name, **say(n, KEY.tunes[name].real))
                    for n, name in enumerate(NAMES))  # fmt: skip
    return AnswerSheet(
        format=ANSWERS_FORMAT, version=1, test=KEY.test, listener=f"{rater:08x}", answers=answers
    )


def by(real: bool) -> str:
    return PERSON if real else PROGRAM


def test_a_rater_who_is_always_right_is_better_than_chance() -> None:
    sheets = [
        sheet(n, lambda _, real: {"by": by(real), "rating": 4 if real else 2}) for n in (1, 2)
    ]
    found = score_answers(KEY, sheets)
    told = found.estimates["told_apart"]
    assert told
    assert (told.value, told.count, found.verdict) == (1.0, 12, BETTER)
    assert 0.72 < told.low < 0.73  # of 12 tunes, however many listeners
    difference = found.estimates["rating_difference"]
    assert difference
    assert (difference.value, difference.low, difference.high) == (2.0, 2.0, 2.0)


def test_a_rater_who_is_always_wrong_is_worse_than_chance() -> None:
    assert score_answers(KEY, [sheet(1, lambda _, real: {"by": by(not real)})]).verdict == WORSE


def test_a_rater_who_always_says_the_same_is_guessing() -> None:
    found = score_answers(KEY, [sheet(1, lambda *_: {"by": PERSON})])
    assert found.verdict == GUESSING
    shares = [found.estimates[f"{kind}_taken_for_real"] for kind in ("real", "generated")]
    assert [share and share.value for share in shares] == [1.0, 1.0]


def test_known_tunes_do_not_count_towards_the_verdict() -> None:
    found = score_answers(KEY, [sheet(1, lambda n, real: {"by": by(real), "known": 0 < n < 11})])
    assert against_chance(found.estimates["told_apart"]) == BETTER
    strange = found.estimates["told_apart_if_not_known"]
    assert strange
    assert strange.count == 2
    assert found.verdict == GUESSING


def test_a_rater_who_says_the_same_of_nearly_all_tunes_is_guessing() -> None:
    """Where listeners knew most of the real tunes, saying "generated" of all is mostly right."""
    known = {n for n, name in enumerate(NAMES) if KEY.tunes[name].real and n}
    found = score_answers(KEY, [sheet(1, lambda n, _: {"by": PROGRAM, "known": n in known})])
    assert found.verdict == GUESSING


def test_more_raters_of_the_same_tunes_do_not_narrow_the_interval() -> None:
    chance = random.Random(3)
    taste = [chance.choice([1, 5]) for _ in NAMES]
    one = score_answers(KEY, [sheet(1, lambda n, _: {"rating": taste[n]})]).estimates["real_rating"]
    many = score_answers(KEY, [sheet(k, lambda n, _: {"rating": taste[n]}) for k in range(20)])
    ten = many.estimates["real_rating"]
    assert one
    assert ten
    assert (one.low, one.high) == pytest.approx((ten.low, ten.high))


def test_guessing_is_better_than_chance_one_time_in_forty() -> None:
    chance = random.Random(1)
    verdicts = [
        score_answers(KEY, [sheet(1, lambda *_: {"by": by(chance.random() < 0.5)})]).verdict
        for _ in range(400)
    ]
    assert verdicts.count(BETTER) < 24  # 1.9% of coins show so many of 12; 6% would be too often


def test_without_answers_there_is_no_estimate() -> None:
    found = score_answers(KEY, [sheet(1, lambda *_: {})])
    assert set(found.estimates) == set(RATER_MEASURES)
    assert not any(found.estimates.values())
    assert found.verdict == "nobody said"


# Files from elsewhere

GOOD: dict[str, Any] = {
    "format": ANSWERS_FORMAT,
    "version": 1,
    "test": KEY.test,
    "listener": "0123456789abcdef",
    "answers": [{"tune": NAMES[0], "by": "person", "rating": 5, "known": False}],
}


def test_a_key_survives_a_round_trip(made: BlindTest, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text(made.key.to_json(), encoding="utf-8")
    assert read_key(tmp_path / "key.json") == made.key


def test_answers_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(GOOD), encoding="utf-8")
    (found,) = read_answers([tmp_path / "a.json"], KEY)
    assert found.answers == (Answer(tune=NAMES[0], by=PERSON, rating=5, known=False),)


def error_of(path: Path) -> str:
    """The error of answers that cannot be used, which names the file in one line."""
    with pytest.raises(InputError) as raised:
        read_answers([path], KEY)
    text = str(raised.value)
    assert "\n" not in text
    assert len(text) < 400
    assert path.name in text
    return text


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"format": "another"}, "format"),
        ({"version": 2}, "version"),
        ({"test": "ffff0000"}, "ffff0000"),
        ({"test": 7}, "test"),
        ({"listener": "../../etc"}, "listener"),
        ({"listener": ["x"]}, "listener"),
        ({"answers": {}}, "answers"),
        ({"answers": [{"tune": NAMES[0]}] * 13}, NAMES[0]),
        ({"answers": [{"tune": NAMES[0]}] * 2}, NAMES[0]),
        ({"answers": ["x"]}, "answers.0"),
        ({"answers": [{}]}, "answers.0.tune"),
        ({"answers": [{"tune": "ffffffff"}]}, "ffffffff"),
        ({"answers": [{"tune": "\x1b[31m" * 9_000}]}, "answers.0.tune"),
        ({"answers": [{"tune": NAMES[0], "by": "me"}]}, "answers.0.by"),
        ({"answers": [{"tune": NAMES[0], "by": [1]}]}, "answers.0.by"),
        ({"answers": [{"tune": NAMES[0], "rating": 6}]}, "answers.0.rating"),
        ({"answers": [{"tune": NAMES[0], "rating": True}]}, "answers.0.rating"),
        ({"answers": [{"tune": NAMES[0], "rating": 4.5}]}, "answers.0.rating"),
        ({"answers": [{"tune": NAMES[0], "known": "no"}]}, "answers.0.known"),
    ],
)
def test_wrong_answers_are_refused_by_field_or_value(
    change: dict[str, Any], wrong: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(GOOD | change), encoding="utf-8")
    assert wrong in error_of(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 100_000, b"[]", b"3", b'{"a": NaN'])
def test_a_file_of_something_else_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    error_of(path)


def test_a_large_or_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    large.write_bytes(b" " * (LIMITS.answers_bytes + 1))
    assert f"{LIMITS.answers_bytes:,}" in error_of(large)
    assert str(tmp_path) in error_of(tmp_path)
    error_of(tmp_path / "missing.json")


def test_a_rater_counts_once(tmp_path: Path) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path in paths:
        path.write_text(json.dumps(GOOD), encoding="utf-8")
    with pytest.raises(InputError, match=r"b\.json and .*a\.json"):
        read_answers(paths, KEY)


@pytest.mark.parametrize("tunes", [None, {}, {"../x": {"real": True}}, {NAMES[0]: {"real": 1}}])
def test_a_wrong_key_is_refused(tunes: object, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(json.loads(KEY.to_json()) | {"tunes": tunes}), encoding="utf-8")
    with pytest.raises(InputError, match="tune"):
        read_key(path)


@pytest.mark.parametrize("missing", ["format", "version", "test"])
def test_a_key_without_a_format_is_refused(missing: str, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    data = json.loads(KEY.to_json())
    del data[missing]
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InputError, match=missing):
        read_key(path)
