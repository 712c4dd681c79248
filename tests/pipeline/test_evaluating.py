"""Judging a checkpoint from end to end, and the tunes that it is evaluated by."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import replace
from statistics import mean
from typing import TYPE_CHECKING, Any

import pytest

from abcgen.config import LIMITS, Request, SampleConfig, SplitConfig
from abcgen.corpus.cache import TextCache
from abcgen.corpus.families import Split, split_tunes
from abcgen.corpus.reading import Corpus, load_corpus
from abcgen.corpus.records import extract_of
from abcgen.errors import CheckpointError, InputError, NotationError
from abcgen.evaluation.measures import MEASURES, WISHES
from abcgen.example import Example
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.sampling import Sampled
from abcgen.notation.writer import write_abc
from abcgen.pipeline import checkpoints, evaluating, sampling
from abcgen.pipeline.checkpoints import read_training_tunes, write_training_tunes
from abcgen.pipeline.comparing import compare_networks, evaluate_tunes
from abcgen.pipeline.delivery import REQUESTS, delivery, wishes_delivered
from abcgen.pipeline.evaluating import EvaluationSampler, evaluate
from abcgen.pipeline.evaluation_report import TUNES_HEARD, write_evaluation
from abcgen.pipeline.held_out import HELD_OUT, read_held_out, select_held_out, write_held_out
from abcgen.pipeline.requests import make_request
from abcgen.score.referee import Referee
from tests.critic.plain import plain_critic
from tests.pipeline.checkpoints import untrained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from abcgen.corpus.records import Extract
    from abcgen.evaluation.report import Evaluation
    from abcgen.notation.tune import Tune

# So sure that what the grammar had to do for a network without training hardly counts.
WIDE = plain_critic(range=10_000.0)
FEW = SampleConfig(count=24, max_characters=500, temperature=1.0, batch_size=24, candidates=3)


@contextmanager
def unseen(_name: str) -> Iterator[Callable[[int, int], None]]:
    yield lambda _done, _total: None


@pytest.fixture(scope="module")
def split(real_tunes: list[Tune]) -> Split:
    extracts = [extract_of(tune) for tune in real_tunes[:220]]
    return split_tunes(extracts, SplitConfig(validation=0.2, test=0.2))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, split: Split) -> Path:
    folder = untrained(tmp_path_factory.mktemp("checkpoints") / "net")
    write_training_tunes(folder, split.training, split.validation)
    write_held_out(folder, split)
    return folder


@contextmanager
def quick() -> Iterator[pytest.MonkeyPatch]:
    """Leave out music21, which has its own tests and takes seconds, and some precision."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Referee, "disagreement", lambda _self, _tune, _abc: "")
        patch.setattr(Referee, "__enter__", lambda self: self)
        patch.setattr(Referee, "read_voices", lambda _self, abc: [[abc]])
        patch.setattr("abcgen.evaluation.discriminator.TREES", 40)
        patch.setattr("abcgen.evaluation.statistics.REPLICATES", 200)
        yield patch


@pytest.fixture(scope="module")
def evaluated(checkpoint: Path) -> Iterator[Evaluation]:
    with quick() as patch:
        # A critic that prefers a wide range, among tunes that would be rejected otherwise.
        patch.setattr(sampling.Composer, "fault", lambda *_: None)
        patch.setattr(evaluating, "read_critic", lambda _folder: WIDE)
        patch.setattr(checkpoints, "read_critic", lambda _folder: WIDE)
        patch.setattr(evaluating, "REQUESTS", REQUESTS[::3])
        yield evaluate(checkpoint, FEW, 3, unseen)


def test_real_tunes_score_well(evaluated: Evaluation) -> None:
    figures = evaluated.figures["real"]
    for name, least in {"bars_right": 0.9, "sections_on_tonic": 0.5, "ends_on_tonic": 0.6}.items():
        estimate = figures[name]
        assert estimate
        assert estimate.value >= least
        assert estimate.low <= estimate.value <= estimate.high


def test_with_the_grammar_all_bars_are_right_and_all_requests_delivered(
    evaluated: Evaluation,
) -> None:
    figures = evaluated.figures["grammar"]
    not_ended = figures["not_ended"]
    assert not_ended
    # Only tunes that the network ended count as right.
    expected = dict.fromkeys(("checker_accepts", "bars_right"), 1 - not_ended.value)
    for name in ("bars", "parts", *WISHES):
        expected[f"{name}_delivered"] = 1.0
    for name, value in expected.items():
        estimate = figures[name]
        assert estimate
        assert estimate.value == pytest.approx(value), name


def test_an_untrained_network_is_distinguished_from_real_tunes(evaluated: Evaluation) -> None:
    estimate = evaluated.figures["free"]["discriminator_auc"]
    assert estimate
    assert estimate.value >= 0.95


def test_an_untrained_network_needs_more_bits_than_ngrams(evaluated: Evaluation) -> None:
    own = evaluated.figures["network"]["bits_per_note"]
    ngrams = evaluated.figures["ngrams_order_5"]["bits_per_note"]
    assert own
    assert ngrams
    assert own.value > ngrams.value > 1


def test_what_the_critic_chooses_is_judged_by_others(evaluated: Evaluation) -> None:
    own, chosen = (evaluated.figures[source] for source in ("grammar", "chosen"))
    critics = own["critic_auc"], chosen["critic_auc"]
    assert critics[0]
    assert critics[1]
    assert critics[1].value < critics[0].value
    assert own["likelihood_auc"]
    texts = ({v.text for v in evaluated.verdicts[source]} for source in ("grammar", "chosen"))
    assert next(texts) != next(texts)


def test_what_is_valid_stands_beside_what_is_chosen_of_it(evaluated: Evaluation) -> None:
    valid, chosen = (evaluated.verdicts[source] for source in ("valid", "chosen"))
    assert len(valid) == len(chosen) > 0
    scores = [[verdict.criticism or 0.0 for verdict in verdicts] for verdicts in (valid, chosen)]
    assert mean(scores[0]) < mean(scores[1])


def test_json_holds_every_measure_with_its_interval(evaluated: Evaluation) -> None:
    data = json.loads(json.dumps(evaluated.to_json(), allow_nan=False))
    missing = set(MEASURES) - set(data)
    assert missing <= {"abc2midi_accepts"}
    for name in set(MEASURES) - missing:
        low, high = data[name]["interval"]
        assert low <= data[name]["value"] <= high
        assert data[name]["columns"]


def test_the_page_is_self_contained_and_escapes_markup(
    evaluated: Evaluation, tmp_path: Path
) -> None:
    hostile = replace(evaluated, title="<script>alert(1)</script>", notes=("<script>2</script>",))
    page, facts = write_evaluation(hostile, tmp_path)
    text = page.read_text(encoding="utf-8")
    # The data of the player, and the player.
    assert text.count("<script") == 2
    assert "default-src 'none'" in text
    assert text.count("<svg") >= 3
    assert 'src="http' not in text
    assert json.loads(facts.read_text(encoding="utf-8"))["bits_per_note"]


def test_the_page_names_no_folder_of_this_machine(
    evaluated: Evaluation, tmp_path: Path, checkpoint: Path
) -> None:
    for path in write_evaluation(evaluated, tmp_path):
        text = path.read_text(encoding="utf-8")
        assert checkpoint.name in text
        assert str(checkpoint.parent) not in text


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory, real_tunes: list[Tune]) -> Corpus:
    path = tmp_path_factory.mktemp("theirs") / "theirs.abc"
    broken = "X:1\nT:Broken\nM:4/4\nL:1/8\nK:C\nCD@F|\n"
    path.write_text("\n".join([*map(write_abc, real_tunes[220:250]), broken]), encoding="utf-8")
    return load_corpus([path])


@pytest.fixture(scope="module")
def judged(checkpoint: Path, theirs: Corpus) -> Iterator[Evaluation]:
    with quick():
        yield evaluate_tunes(theirs, "theirs.abc", checkpoint, 3, unseen)


def test_tunes_of_any_program_are_judged_beside_real_ones(judged: Evaluation) -> None:
    readable = judged.figures["samples"]["readable"]
    assert readable
    assert readable.value == pytest.approx(30 / 31)
    bars = [judged.figures[source]["bars_right"] for source in ("samples", "real")]
    assert all(estimate and estimate.value >= 0.8 for estimate in bars)
    assert "ngrams_order_5" in judged.figures
    assert judged.figures["samples"]["shared_bars"]
    assert any("theirs.abc" in table.columns for table in judged.tables())
    assert judged.to_json()["readable"]["value"] == readable.value


def test_the_first_tunes_can_be_played_on_the_page(judged: Evaluation, tmp_path: Path) -> None:
    page, _ = write_evaluation(judged, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert text.count("<article") == TUNES_HEARD
    assert text.count('data-control="play"') == TUNES_HEARD


def test_tunes_can_be_judged_beside_given_ones(
    checkpoint: Path, theirs: Corpus, real_tunes: list[Tune]
) -> None:
    with quick():
        found = evaluate_tunes(theirs, "theirs", checkpoint, 3, unseen, real_tunes[:40])
    assert found.facts["test_tunes"] + found.facts["validation_tunes"] == 40
    assert not found.figures["samples"]["shared_bars"]
    assert found.notes
    with pytest.raises(InputError):
        evaluate_tunes(Corpus(()), "nothing", checkpoint, 3, unseen)


def test_networks_are_set_side_by_side(checkpoint: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(checkpoint, other)
    with quick() as patch:
        patch.setattr(evaluating, "REQUESTS", REQUESTS[6:7])
        found = compare_networks([checkpoint, other], FEW.replace(count=20), 3, unseen)
    names = list(found.facts["networks"])
    assert names == ["net", "other"]
    # The same network twice, under two names.
    assert found.figures["net"] == found.figures["other"]
    for table in found.tables():
        assert {"net", "other"} <= set(table.columns)
    bits, parts = (found.figures["net"][name] for name in ("bits_per_note", "parts_delivered"))
    assert bits
    assert parts
    assert parts.value == 1.0
    assert found.to_json()["bits_per_note"]["value"] == bits.value


def test_networks_with_other_held_out_tunes_do_not_compare(
    checkpoint: Path, tmp_path: Path, real_tunes: list[Tune]
) -> None:
    other = tmp_path / "net"
    shutil.copytree(checkpoint, other)
    data = json.loads((other / HELD_OUT).read_text(encoding="utf-8"))
    data["test"] = data["test"][:-1]
    data["baselines"] = {}
    (other / HELD_OUT).write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InputError, match="--tunes"):
        compare_networks([checkpoint, other], FEW, 3, unseen)
    with quick() as patch:
        patch.setattr(evaluating, "REQUESTS", REQUESTS[6:7])
        found = compare_networks(
            [checkpoint, other], FEW.replace(count=20), 3, unseen, real_tunes[220:260]
        )
    # Two of one name are told apart.
    assert len(set(found.facts["networks"])) == 2


def test_held_out_tunes_survive_a_round_trip(checkpoint: Path, split: Split) -> None:
    held_out = read_held_out(checkpoint)
    assert list(held_out.test) == [tune.example for tune in split.test]
    assert len(held_out.ngrams) == len(split.test)


def test_baselines_come_from_the_cache_unless_it_is_damaged(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = replace(split, training=split.training[:20], test=split.test[:3], validation=())
    cache = TextCache(tmp_path / "cache")
    write_held_out(tmp_path, few, cache=cache)
    once = read_held_out(tmp_path)
    with monkeypatch.context() as now:
        now.setattr("abcgen.pipeline.held_out.baselines_of", None)
        write_held_out(tmp_path, few, cache=cache)
        assert read_held_out(tmp_path) == once
    monkeypatch.setattr(cache, "get", lambda _key: '[["M:4/4"], {"lzma": []}]')
    write_held_out(tmp_path, few, cache=cache)
    assert read_held_out(tmp_path) == once


def test_overlap_of_held_out_tunes_comes_from_the_cache(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, held_out = split.training[:20], split.validation[:5]
    cache = TextCache(tmp_path / "cache")

    def shared(tunes: Sequence[Extract] = held_out) -> Sequence[float]:
        write_training_tunes(tmp_path, training, tunes, cache=cache)
        known = read_training_tunes(tmp_path)
        assert known
        return known.facts.shared

    once = shared()
    assert len(once) == len(held_out)
    with monkeypatch.context() as now:
        now.setattr("abcgen.pipeline.checkpoints.melody_sequence", None)
        assert shared() == once
        with pytest.raises(TypeError):
            shared(held_out[:4])  # of other tunes nothing is known
    for damaged in ('["long"]', "[-1.0]", "{}", "[[", "[NaN]"):
        monkeypatch.setattr(cache, "get", lambda _key, text=damaged: text)
        assert shared() == once


def test_a_tune_too_long_to_be_read_again_is_left_out_alone(split: Split, tmp_path: Path) -> None:
    bars = "CDEFGABc|" * (LIMITS.tune_characters // 9 + 1)
    endless = replace(split.test[0], example=Example(f"M:4/4\nK:Cmaj\n{bars}\n", 0, 40_000))
    with pytest.raises(NotationError):
        endless.tune()
    held_out = (endless, *split.test[:2])
    few = replace(split, training=split.training[:20], test=held_out, validation=held_out)
    write_training_tunes(tmp_path, few.training, few.validation)
    write_held_out(tmp_path, few, read_training_tunes(tmp_path))
    assert [tune.text for tune in read_held_out(tmp_path).test] == [
        tune.example.text for tune in split.test[:2]
    ]
    known = read_training_tunes(tmp_path)
    assert known
    assert len(known.facts.shared) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda _data: [],
        lambda data: data | {"format_version": 2},
        lambda data: data | {"test": "M:4/4"},
        lambda data: data | {"test": ["no tune"]},
        lambda data: data | {"test": ["x" * 50_000]},
        lambda data: data | {"baselines": {"lzma": [[float("inf"), 1, 1]]}},
        lambda data: data | {"baselines": {"lzma": [["1", 1, 1]]}},
        lambda data: data | {"baselines": {"other": []}},
        lambda data: data | {"baselines": {"lzma": []}},
        lambda data: data | {"baselines": {"lzma": [[1.0, 10**400, 1]]}},
    ],
)
def test_damaged_held_out_tunes_are_refused_by_file(
    damage: Callable[[Any], Any], checkpoint: Path, tmp_path: Path
) -> None:
    data = json.loads((checkpoint / HELD_OUT).read_text(encoding="utf-8"))
    (tmp_path / HELD_OUT).write_text(json.dumps(damage(data)), encoding="utf-8")
    with pytest.raises(CheckpointError, match=HELD_OUT):
        read_held_out(tmp_path)


def test_a_checkpoint_without_held_out_tunes_suggests_the_option(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="--tunes"):
        read_held_out(untrained(tmp_path / "net"))


def test_too_few_samples_are_refused(checkpoint: Path) -> None:
    with pytest.raises(InputError, match=r"\b1\b"):
        evaluate(checkpoint, SampleConfig(count=1), 0, unseen)


def test_the_training_corpus_gives_its_held_out_tunes(
    checkpoint: Path, real_tunes: list[Tune], split: Split
) -> None:
    about = {
        "split": {
            "validation": 0.2,
            "test": 0.2,
            "similarity": 0.5,
            "wrong_bars": False,
            "fingerprint": split.fingerprint,
        }
    }
    network = replace(load_checkpoint(checkpoint), about=about)
    held_out, origin = select_held_out(real_tunes[:220], network, checkpoint, None)
    assert [tune.text for tune in held_out.test] == [tune.example.text for tune in split.test]
    assert origin


def test_other_tunes_are_used_without_training_tunes(checkpoint: Path, split: Split) -> None:
    known = read_training_tunes(checkpoint)
    learnt = [tune.tune() for tune in split.training[:30]]
    given = [*learnt, *(tune.tune() for tune in split.test)]
    network = replace(load_checkpoint(checkpoint), about={})
    held_out, _ = select_held_out(given, network, checkpoint, known)
    texts = {tune.text for tune in (*held_out.test, *held_out.validation)}
    assert texts == {tune.example.text for tune in split.test}
    with pytest.raises(InputError, match="--tunes"):
        select_held_out(learnt, network, checkpoint, known)
    # Without the training tunes they cannot be recognised; the report says so.
    _, doubtful = select_held_out(learnt, network, checkpoint, None)
    _, certain = select_held_out(given, network, checkpoint, known)
    assert doubtful != certain


def test_texts_in_which_the_grammar_replaced_nothing_are_reused(checkpoint: Path) -> None:
    sampler = EvaluationSampler(load_checkpoint(checkpoint), FEW, 5)
    constrained = sampler.constrained(6, lambda _done, _total: None)
    alone = [one.text for one in sampler.free(6, [], lambda _done, _total: None)]
    shared = [one.text for one in sampler.free(6, constrained, lambda _done, _total: None)]
    assert alone == shared


RIGHT = "M:4/4\nK:Cdor\n|:ceabebac'|c8:|\n"
ASKED = Request(metre="4/4", key="Cdor", bars=2, parts="AA")


@pytest.mark.parametrize(
    ("text", "delivered"),
    [
        (RIGHT, (True, True, True, True)),
        (RIGHT.replace("4/4", "3/4"), (False, True, True, True)),
        (RIGHT.replace("c8:|", "c7:|"), (True, True, True, True)),  # short where it may be
        (RIGHT.replace("|c8", "c|c8"), (False, True, True, True)),
        (RIGHT.replace("dor", "maj"), (True, False, True, True)),
        (RIGHT.replace("|:", "").replace(":|", "|"), (True, True, True, False)),
        (RIGHT.replace("|c8", "|c8|c8"), (True, True, False, False)),
        ("no tune", (False, False, False, False)),
    ],
)
def test_delivery_compares_a_text_with_the_request(text: str, delivered: tuple[bool, ...]) -> None:
    found = delivery(ASKED, Sampled(text, ended=True, number=0))
    assert (found.metre, found.key, found.bars, found.parts) == delivered


@pytest.mark.parametrize(
    ("text", "delivered"),
    [
        ("M:4/4\nK:Cmaj\nCDEG c4|A4 G4|C8|\n", {"scale": True, "end_on_tonic": True}),
        ("M:4/4\nK:Cmaj\nCDFG c4|A4 G4|C8|\n", {"scale": False, "end_on_tonic": True}),
        ("M:4/4\nK:Cmaj\nCDEG c4|A4 G4|G8|\n", {"scale": True, "end_on_tonic": False}),
        ("no tune", {"scale": False, "end_on_tonic": False}),
    ],
)
def test_delivery_compares_a_text_with_wishes(text: str, delivered: dict[str, bool]) -> None:
    request = make_request(scale="pentatonic", bars=3)
    found = wishes_delivered(request, Sampled(text.replace(" ", ""), ended=True, number=0))
    assert found.wishes == delivered
    assert (found.metre, found.key, found.bars, found.parts) == (None, None, None, None)


@pytest.mark.parametrize(
    "body",
    ["C128" * 300 + "|", "C8|" * 3000, ("C127/128" * 300 + "|") * 20],
    ids=["long notes", "many bars", "odd lengths"],
)
def test_held_out_tunes_made_to_be_slow_are_refused(
    body: str, checkpoint: Path, tmp_path: Path
) -> None:
    data = json.loads((checkpoint / HELD_OUT).read_text(encoding="utf-8"))
    data["test"][0] = f"M:4/4\nK:Cmaj\n{body}\n"
    (tmp_path / HELD_OUT).write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(CheckpointError):
        read_held_out(tmp_path)


def test_reading_held_out_tunes_ends_in_time(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("abcgen.pipeline.held_out.READ_SECONDS", -1.0)
    with pytest.raises(CheckpointError):
        read_held_out(checkpoint)
