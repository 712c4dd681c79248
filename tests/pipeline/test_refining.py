"""A network is refined in rounds that can be interrupted, and only as long as the judge agrees."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from abcgen.config import RefineConfig, SampleConfig
from abcgen.corpus.records import Extracts, extract_of
from abcgen.errors import CheckpointError, InputError
from abcgen.evaluation.statistics import Estimate
from abcgen.model.checkpoint import load_checkpoint, write_description
from abcgen.notation.model_text import decode_tune
from abcgen.pipeline import critics, preference_pairs, refining
from abcgen.pipeline.preference_pairs import DrawnText, draw_groups, header_lines, judged
from abcgen.pipeline.refining import MOVED, NO_PROGRESS, REPORT, TOO_SURPRISING, Refiner, hash_of
from tests.pipeline.checkpoints import untrained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from abcgen.notation.tune import Tune
    from abcgen.pipeline.refining import Refinement

TEXT = "M:2/4\nK:Cmaj\n|:{}|{}|{}|c4:|\n"
BARS = ("cdef", "edcd", "c2e2", "gfed", "d2d2", "efga")
TEXTS = [
    TEXT.format(one, two, BARS[(n * m) % 6])
    for n, one in enumerate(BARS)
    for m, two in enumerate(BARS)
]
# Tunes that are drawn are no longer than the longest real one.
LONG = "M:2/4\nK:Cmaj\n|:" + "|".join(("c'bag", "fgab", *BARS) * 4) + "|c4:|\n"
SMALL = RefineConfig(
    rounds=2, beginnings=6, candidates=4, batch_size=4, learning_rate=3e-3, worse=100.0
)


class FewNotes:
    """A critic that prefers tunes of few notes."""

    auc = 0.9

    def score(self, tune: Tune) -> float:
        return -float(len(list(tune.notes)))

    def to_json(self) -> str:
        return "{}"


def notes_of(drawn: Sequence[DrawnText]) -> float:
    return sum(len(text.text) for text in drawn) / len(drawn)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = untrained(tmp_path_factory.mktemp("checkpoints") / "net", attention=False)
    held_out = {"test": TEXTS[:2], "validation": TEXTS[2:5], "ngrams": [], "baselines": {}}
    (folder / "held-out.json").write_text(json.dumps({"format_version": 1, **held_out}))
    return folder


@pytest.fixture(scope="module")
def corpus() -> Extracts:
    return Extracts({}, tuple(extract_of(decode_tune(text)) for text in (LONG, *TEXTS)), ())


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a few tunes enough, and draw them in this process."""
    monkeypatch.setattr(critics, "LEAST_TRAINING_TUNES", 5)
    monkeypatch.setattr(preference_pairs, "default_processes", lambda: 1)
    learnt = SimpleNamespace(critic=FewNotes())
    monkeypatch.setattr("abcgen.critic.learning.learn_critic", lambda *_: learnt)


def judge_by(monkeypatch: pytest.MonkeyPatch, *aucs: float) -> None:
    """Let the judge give these verdicts, round by round; the last one again and again."""
    verdicts = iter(aucs)

    def judge(*_: object) -> Estimate:
        value = next(verdicts, aucs[-1])
        return Estimate(value, value, value, 1)

    monkeypatch.setattr(refining, "judged", judge)


def stage(_name: str) -> AbstractContextManager[Callable[[int, int], None]]:
    return nullcontext(lambda _done, _total: None)


def refiner(
    checkpoint: Path, folder: Path, corpus: Extracts, config: RefineConfig = SMALL, **more: Any
) -> Refiner:
    return Refiner(checkpoint, folder, corpus, config, stage, **more)


def refined(*arguments: Any, **more: Any) -> Refinement:
    return refiner(*arguments, **more).refine(lambda _number, _report: None)


def without_times(run: Refinement) -> list[dict[str, object]]:
    return [one.model_dump(exclude={"seconds"}) for one in run.rounds]


def test_rounds_are_learnt_as_long_as_the_judge_agrees(
    checkpoint: Path, corpus: Extracts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_by(monkeypatch, 0.9, 0.8, 0.7)
    told: list[int] = []
    run = refiner(checkpoint, tmp_path / "out", corpus).refine(
        lambda number, _: told.append(number)
    )
    assert told == [0, 1, 2]
    assert [one.auc for one in run.rounds] == [0.9, 0.8, 0.7]
    assert all(one.pairs and one.moved == 1.0 for one in run.rounds[1:])
    # The new checkpoint can be sampled, evaluated and told apart; the old one is as it was.
    new, old = load_checkpoint(tmp_path / "out"), load_checkpoint(checkpoint)
    assert hash_of(new.weights) == run.rounds[-1].weights != hash_of(old.weights)
    assert hash_of(old.weights) == run.rounds[0].weights
    assert new.about["from"] == {"checkpoint": "net", "hash": run.base}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("weights.safetensors", "config.json", "vocabulary.json", "metrics.jsonl"),
        *("held-out.json", "critic.json", REPORT),
    }

    # Killed in the second round, and resumed, it comes to the same.
    judge_by(monkeypatch, 0.9, 0.8)
    learn = Refiner._learn

    def killed(self: Refiner, pairs: Any, number: int) -> Any:
        if number == 2:
            raise KeyboardInterrupt
        return learn(self, pairs, number)

    with monkeypatch.context() as patch:
        patch.setattr(Refiner, "_learn", killed)
        with pytest.raises(KeyboardInterrupt):
            refined(checkpoint, tmp_path / "killed", corpus)
    assert load_checkpoint(tmp_path / "killed").weights
    judge_by(monkeypatch, 0.7)
    again = refined(checkpoint, tmp_path / "killed", corpus, resume=True)
    assert without_times(again) == without_times(run)
    assert hash_of(load_checkpoint(tmp_path / "killed").weights) == run.rounds[-1].weights

    # Killed between the report of a round and its weights, that round is made again.
    (tmp_path / "out" / "weights.safetensors").write_bytes(
        (checkpoint / "weights.safetensors").read_bytes()
    )
    assert refiner(checkpoint, tmp_path / "out", corpus, resume=True).run.rounds == run.rounds[:1]


def test_a_round_without_progress_is_undone(
    checkpoint: Path, corpus: Extracts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_by(monkeypatch, 0.9, 0.95, 0.93)
    tried: list[float] = []
    run = refiner(checkpoint, tmp_path / "out", corpus).refine(
        lambda _number, report: tried.append(report.moved)
    )
    assert tried == [0.0, *MOVED]
    assert run.end == NO_PROGRESS
    assert len(run.rounds) == 1
    assert run.undone
    assert run.undone.auc == 0.93
    weights = load_checkpoint(tmp_path / "out").weights
    assert hash_of(weights) == hash_of(load_checkpoint(checkpoint).weights)


def test_a_round_is_kept_that_the_judge_may_err_about(
    checkpoint: Path, corpus: Extracts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_by(monkeypatch, 0.9, 0.91, 0.925)
    config = SMALL.replace(tolerance=0.02)
    run = refined(checkpoint, tmp_path / "out", corpus, config)
    # The second is not measured by the first, but by the best.
    assert [one.auc for one in run.rounds] == [0.9, 0.91]
    assert run.end == NO_PROGRESS


def test_held_out_tunes_bound_what_is_learnt(
    checkpoint: Path, corpus: Extracts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It makes these tunes less likely.
    judge_by(monkeypatch, 0.9, 0.8)
    config = SMALL.replace(rounds=1, learning_rate=0.03, likelihood=0.0)
    free = refined(checkpoint, tmp_path / "free", corpus, config)
    worse = free.rounds[1].bits_per_note - free.rounds[0].bits_per_note
    assert free.rounds[1].moved == 1
    assert worse > 0
    judge_by(monkeypatch, 0.9, 0.8)
    some = refined(checkpoint, tmp_path / "some", corpus, config.replace(worse=0.9 * worse))
    assert some.rounds[1].moved < 1
    assert some.rounds[1].bits_per_note <= some.rounds[0].bits_per_note + 0.9 * worse
    judge_by(monkeypatch, 0.9, 0.8)
    none = refined(checkpoint, tmp_path / "none", corpus, config.replace(worse=0.0))
    assert none.end == TOO_SURPRISING
    assert len(none.rounds) == 1


def test_no_round_begins_that_would_end_late(
    checkpoint: Path, corpus: Extracts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_by(monkeypatch, 0.9, 0.8, 0.7)
    run = refined(checkpoint, tmp_path / "out", corpus, SMALL.replace(minutes=0.0))
    assert len(run.rounds) == 1
    assert run.end
    more = refined(checkpoint, tmp_path / "out", corpus, SMALL.replace(rounds=1), resume=True)
    assert len(more.rounds) == 2


def test_bad_runs_are_refused(
    checkpoint: Path, corpus: Extracts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_by(monkeypatch, 0.9, 0.95)
    with pytest.raises(CheckpointError):
        refiner(checkpoint, tmp_path / "none", corpus, resume=True)
    refined(checkpoint, tmp_path / "out", corpus, SMALL.replace(minutes=0.0))
    with pytest.raises(InputError):
        refiner(checkpoint, tmp_path / "out", corpus, SMALL.replace(beta=0.5), resume=True)
    with pytest.raises(InputError):
        refiner(checkpoint, tmp_path / "few", replace(corpus, tunes=corpus.tunes[:3]))
    for content in ("", "[]", '{"base": 3}', json.dumps({"base": "x", "config": {"rounds": 0}})):
        (tmp_path / "out" / REPORT).write_text(content)
        with pytest.raises(InputError):
            refiner(checkpoint, tmp_path / "out", corpus, resume=True)
    monkeypatch.setattr(refining, "judged", lambda *_: None)
    with pytest.raises(InputError):
        refined(checkpoint, tmp_path / "unjudged", corpus)


def test_other_kinds_of_networks_are_refused(
    checkpoint: Path, corpus: Extracts, tmp_path: Path
) -> None:
    found = load_checkpoint(checkpoint)
    shape: dict[str, Any] = {
        "layers": 1,
        "units": 24,
        "embedding": 8,
        "attention": False,
        "sequence_length": 8,
    }
    window = replace(found, network=type(found.network)(kind="window", **shape))
    write_description(window, tmp_path / "window")
    with pytest.raises(InputError):
        refiner(tmp_path / "window", tmp_path / "out", corpus)


# What is drawn


def drawn(text: str, real: int, *, right: bool = True) -> DrawnText:
    tune = decode_tune(text)
    return DrawnText(text, 13, real, tune, tune if right else None)


def pairs(*texts: DrawnText) -> Iterator[tuple[str, str]]:
    for pair in preference_pairs.preference_pairs(texts, FewNotes()):  # type: ignore[arg-type]
        assert pair.real == pair.preferred.real == pair.other.real
        yield pair.preferred.text, pair.other.text


def test_the_best_of_a_group_is_preferred_to_the_worst() -> None:
    two, four, six = (TEXT.format(bar, "c4", "c4") for bar in ("c4", "c2c2", "cdef"))
    assert list(pairs(*(drawn(text, 0) for text in (four, six, two)))) == [(two, six)]
    # Broken ones are worse than all others, whatever the critic would say of them.
    assert list(pairs(drawn(two, 0, right=False), drawn(six, 0))) == [(six, two)]
    assert not list(pairs(drawn(two, 0, right=False), drawn(six, 0, right=False)))
    # Equal ones, and those of other groups, are not compared.
    assert not list(pairs(drawn(two, 0), drawn(two, 0)))
    assert not list(pairs(drawn(two, 0), drawn(six, 1)))
    assert len(list(pairs(*(drawn(text, 0) for text in (two, two, six, six))))) == 2


def test_groups_begin_alike(checkpoint: Path) -> None:
    settings = SampleConfig(max_characters=60)
    others = ["R:jig\nM:6/8\nK:Cdor\n|:c3d3:|\n", *TEXTS]

    def draw(groups: list[int], **more: Any) -> list[DrawnText]:
        return draw_groups(
            checkpoint, others, groups, 3, None, settings, 5, on_progress=lambda *_: None, **more
        )

    found = draw([4, 0])
    assert [text.real for text in found] == [4, 4, 4, 0, 0, 0]
    assert all(text.text[: text.given] == header_lines(others[text.real]) for text in found)
    assert len({text.text for text in found}) == 6
    assert draw([4, 0]) == found
    # When time is up only complete groups are returned.
    assert len(draw([4] * 40, seconds=0.0)) % 3 == 0


def test_the_judge_tells_unlike_tunes_from_real_ones() -> None:
    random = Random(1)

    def tunes(bars: tuple[str, ...]) -> list[str]:
        return [TEXT.format(*(random.choice(bars) for _ in range(3))) for _ in range(40)]

    def varied(bar: str) -> tuple[str, ...]:
        return tuple("".join(random.sample(bar, len(bar))) for _ in range(40))

    texts = tunes(varied("cdefgabc"))
    real = [decode_tune(text) for text in texts]
    strange = [drawn(text, 0) for text in tunes(varied("cdef") + varied("c2C2"[::2] * 2))]
    found = judged(strange, real, texts)
    assert found
    assert found.value > 0.9
    assert judged(strange[:5], real, texts) is None
