"""A network of several voices is judged beside the pieces held out from it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from abcgen.config import SampleConfig
from abcgen.corpus.records import extract_of
from abcgen.errors import InputError
from abcgen.evaluation.voice_measures import VOICE_MEASURES
from abcgen.model.scoring import measure
from abcgen.notation.reader import read_abc
from abcgen.pipeline import sampling
from abcgen.pipeline.checkpoints import LoadedNetwork
from abcgen.pipeline.comparing import compare_networks
from abcgen.pipeline.evaluating_voices import evaluate_voices, voice_scores
from abcgen.pipeline.evaluation_report import write_evaluation
from abcgen.pipeline.held_out import HELD_OUT, read_held_out
from tests.notation.test_ensemble import FOUR
from tests.pipeline.checkpoints import untrained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from abcgen.evaluation.report import Evaluation


@contextmanager
def unseen(_name: str) -> Iterator[Callable[[int, int], None]]:
    yield lambda _done, _total: None


@pytest.fixture(scope="module")
def choir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = untrained(tmp_path_factory.mktemp("checkpoints") / "choir", choir=True)
    text = extract_of(read_abc(FOUR), voices=4).example.text
    held_out = {"test": [text] * 4, "validation": [text] * 4, "ngrams": [], "baselines": {}}
    (folder / HELD_OUT).write_text(json.dumps({"format_version": 1, **held_out}), "utf-8")
    return folder


@pytest.fixture(scope="module")
def evaluated(choir: Path) -> Iterator[Evaluation]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("abcgen.evaluation.discriminator.TREES", 20)
        patch.setattr("abcgen.evaluation.discriminator.MIN_FAMILIES", 8)
        patch.setattr("abcgen.evaluation.statistics.REPLICATES", 100)
        patch.setattr(sampling, "VOICE_CHARACTERS", 100)
        yield evaluate_voices(
            choir, SampleConfig(count=20, temperature=1.0, max_characters=120), 3, unseen
        )


def test_real_pieces_are_right_and_alike(evaluated: Evaluation) -> None:
    for name in ("ended", "bars_right", "bars_alike", "repeats_right", "in_range"):
        assert evaluated.figures["real"][name].value == 1.0  # type: ignore[union-attr]
    for name in ("distance_chords", "distance_progressions", "distance_cadences"):
        assert evaluated.figures["real"][name].value == 0.0  # type: ignore[union-attr]


def test_what_is_drawn_is_right_where_it_ended_and_told_from_real_pieces(
    evaluated: Evaluation,
) -> None:
    figures = evaluated.figures["grammar"]
    ended = figures["ended"].value  # type: ignore[union-attr]
    assert figures["bars_right"].value == pytest.approx(ended)  # type: ignore[union-attr]
    assert figures["in_range"].value == 1.0  # type: ignore[union-attr]
    assert figures["harmonic_auc"].value > 0.9  # type: ignore[union-attr]


def test_bits_of_all_voices_are_those_of_the_whole(choir: Path, evaluated: Evaluation) -> None:
    network, example = LoadedNetwork(choir), read_held_out(choir).test[0]
    scores = voice_scores(network, example)
    assert sum(notes for _, notes in scores) == example.notes
    cost = measure(network.steps, network.vocabulary, [example])
    assert sum(bits for bits, _ in scores) == pytest.approx(cost.total)
    assert min(bits for bits, _ in scores) > 0
    whole = evaluated.figures["network"]["bits_per_note"]
    assert whole
    assert whole.value == pytest.approx(sum(bits for bits, _ in scores) / example.notes)
    for number, (bits, notes) in enumerate(scores, start=1):
        own = evaluated.figures["network"][f"bits_per_note_{number}"]
        assert own
        assert own.value == pytest.approx(bits / notes)


def test_the_rule_and_the_network_are_compared_with_the_pieces_own_chords(
    evaluated: Evaluation,
) -> None:
    for name in ("network", "rule", "tonic"):
        both = evaluated.figures[name]["agreement_both"]
        root = evaluated.figures[name]["agreement_root"]
        assert both
        assert root
        assert 0 <= both.value <= root.value <= 1


def test_page_and_json_have_every_figure(tmp_path: Path, evaluated: Evaluation) -> None:
    page, facts = write_evaluation(evaluated, tmp_path)
    data = json.loads(facts.read_text("utf-8"))
    assert set(VOICE_MEASURES) <= data.keys()
    assert {"interval", "value", "tunes"} <= data["crossings"].keys()
    html = page.read_text("utf-8")
    assert all(measure.label in html for measure in evaluated.measures.values())


def test_networks_of_several_voices_are_not_set_side_by_side(choir: Path) -> None:
    with pytest.raises(InputError):
        compare_networks([choir, choir], SampleConfig(count=20), 1, unseen)
