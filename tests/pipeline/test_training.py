"""What is learnt and what is held out: the same when a run is resumed, and by wish as before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from abcgen.config import NetworkConfig, SplitConfig, TrainConfig
from abcgen.corpus.records import Extracts, extract_of
from abcgen.errors import CheckpointError, InputError
from abcgen.example import GAP_MARK
from abcgen.model.checkpoint import Checkpoint, load_description, write_description
from abcgen.pipeline.checkpoints import find_checkpoint
from abcgen.pipeline.held_out import HELD_OUT, read_held_out, split_again, write_held_out
from abcgen.pipeline.training import (
    as_read_by,
    hold_out_again,
    plan_new_run,
    plan_resuming,
    prepare_data,
)
from tests.pipeline.checkpoints import untrained

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.corpus.families import Split
    from abcgen.example import Example
    from abcgen.model.training import TrainData
    from abcgen.notation.tune import Tune

SHARES = SplitConfig(validation=0.2, test=0.2)


@pytest.fixture(scope="module")
def corpora(real_tunes: list[Tune]) -> list[Extracts]:
    """A small corpus, and a larger one that contains it."""
    return [
        Extracts({}, tuple(map(extract_of, tunes)), ()) for tunes in (real_tunes[:60], real_tunes)
    ]


def begun(folder: Path, data: TrainData, split: Split) -> Path:
    """Write what a run records of its tunes."""
    checkpoint = Checkpoint(NetworkConfig(), TrainConfig(), data.vocabulary, {}, about=data.about)
    write_description(checkpoint, folder)
    write_held_out(folder, split)
    return folder


def held_out(folder: Path) -> tuple[tuple[Example, ...], ...]:
    """Return the tunes that a run held out."""
    held_out = read_held_out(folder)
    return held_out.validation, held_out.test


def test_a_run_is_resumed_with_the_tunes_that_it_began_with(
    corpora: list[Extracts], tmp_path: Path
) -> None:
    small, large = corpora
    first = begun(tmp_path / "first", *prepare_data(small, SHARES))
    config, given = hold_out_again(first / HELD_OUT, SHARES)
    for number, wrong_bars in enumerate((False, True)):
        chosen = config.replace(wrong_bars=wrong_bars)
        data, split = prepare_data(large, chosen, None, given)
        run = begun(tmp_path / f"run {number}", data, split)
        assert held_out(run) == held_out(first)
        plan = plan_resuming(run, {})
        assert plan.split == chosen
        again, resumed = prepare_data(large, plan.split, plan.base, plan.held_out)
        assert resumed == split
        assert (again.training, again.validation) == (data.training, data.validation)
        assert (again.vocabulary, again.about) == (data.vocabulary, data.about)
        assert split_again(large.tunes, load_description(run), run) == split


def test_a_run_that_learnt_wrong_tunes_learns_them_when_it_is_resumed(
    corpora: list[Extracts], tmp_path: Path
) -> None:
    """As runs did before there was a choice, which recorded none."""
    data, split = prepare_data(corpora[1], SHARES.replace(wrong_bars=True))
    recorded = dict(data.about["split"])  # type: ignore[call-overload]
    del recorded["wrong_bars"]
    folder = tmp_path / "old"
    write_description(
        Checkpoint(NetworkConfig(), TrainConfig(), data.vocabulary, {}, about={"split": recorded}),
        folder,
    )
    plan = plan_resuming(folder, {})
    assert any(tune.is_wrong for tune in split.training)
    assert prepare_data(corpora[1], plan.split, plan.base)[1] == split


def test_the_shipped_network_can_lend_its_held_out_tunes(corpora: list[Extracts]) -> None:
    shipped = find_checkpoint(None)
    config, given = hold_out_again(shipped, SplitConfig())
    assert (len(given.validation), len(given.test)) == (219, 221)
    _, split = prepare_data(corpora[0], config, None, given)
    assert (split.validation, split.test) == given
    assert [tune.example for tune in split.test] == list(read_held_out(shipped).test)


@pytest.mark.parametrize("damage", [None, "{}", "nonsense"])
def test_a_checkpoint_without_held_out_tunes_lends_none(damage: str | None, tmp_path: Path) -> None:
    folder = untrained(tmp_path / "run")
    if damage is not None:
        (folder / HELD_OUT).write_text(damage, encoding="utf-8")
    with pytest.raises(CheckpointError, match="run"):
        hold_out_again(folder, SplitConfig())
    with pytest.raises(CheckpointError, match="nowhere"):
        hold_out_again(tmp_path / "nowhere", SplitConfig())


def test_gaps_are_planned_where_they_can_be_learnt(corpora: list[Extracts], tmp_path: Path) -> None:
    for changes in ({"kind": "window"}, {"sequence_length": 50}):
        with pytest.raises(InputError):
            plan_new_run("small", {**changes, "gaps": 0.3}, "cpu")
    plan = plan_new_run("small", {"gaps": 0.3}, "cpu")
    data, split = prepare_data(corpora[0], SHARES)
    plain, marked = (
        as_read_by(plan.network, data, config).vocabulary for config in (TrainConfig(), plan.config)
    )
    assert marked.characters == plain.characters + GAP_MARK
    # A run that began without gaps has no mark; one that began with them may go on without.
    run = begun(tmp_path / "plain", data, split)
    with pytest.raises(InputError):
        plan_resuming(run, {"gaps": 0.3})
    run = begun(tmp_path / "gaps", replace(data, vocabulary=marked), split)
    assert plan_resuming(run, {"gaps": 0.3}).config.gaps == 0.3
    again, _ = prepare_data(corpora[0], SHARES, plan_resuming(run, {}).base)
    assert as_read_by(plan.network, again, TrainConfig()).vocabulary == marked
