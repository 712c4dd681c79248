"""Bounds learnt from tunes refuse none of them, and few others; damaged records are refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import abcgen
from abcgen.corpus.bounds import ODD, Fault, TuneBounds
from abcgen.errors import CheckpointError, InputError
from abcgen.notation.model_text import decode_tune
from abcgen.notation.reader import read_abc
from abcgen.notation.shape import goes_in_circle, keeps_beat, longest_run, shape_of
from abcgen.pipeline.checkpoints import read_bounds
from abcgen.pipeline.held_out import read_held_out
from tests.strategies import tunes

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

PRETRAINED = Path(abcgen.__file__).parents[1] / "checkpoints" / "pretrained"


def tune(body: str, metre: str = "4/4") -> Tune:
    return read_abc(f"X:1\nM:{metre}\nL:1/8\nK:C\n{body}\n")


@given(st.lists(tunes(), min_size=1, max_size=5))
def test_no_tune_is_refused_by_bounds_learnt_from_it(learnt: list[Tune]) -> None:
    shapes = [shape_of(one) for one in learnt]
    bounds = TuneBounds.of(shapes)
    for shape in shapes:
        # That some tunes drop the beat does not allow others to.
        assert set(bounds.faults(shape)) <= {Fault.BEAT}
        assert shape.keeps_beat is False or not [*bounds.faults(shape)]


@given(st.lists(tunes(), max_size=3), st.lists(tunes(), max_size=3))
def test_bounds_of_two_sets_of_tunes_hold_for_both(first: list[Tune], second: list[Tune]) -> None:
    one, other = (TuneBounds.of([shape_of(tune) for tune in part]) for part in (first, second))
    assert one | other == TuneBounds.of([shape_of(tune) for tune in (*first, *second)])
    assert TuneBounds.from_json((one | other).to_json()) == one | other


def test_a_single_odd_tune_does_not_spoil_a_bound() -> None:
    usual, odd = shape_of(tune("C8|D8|E8|")), shape_of(tune("C8|" * 30))
    assert TuneBounds.of([usual] * (ODD - 1) + [odd]).bars == 3
    assert TuneBounds.of([usual] * (ODD - 2) + [odd]).bars == 30


def test_cells_on_end_are_counted() -> None:
    bars = tune("C8|D8|C8|D8|C8|E8|E8|E8|").bars
    assert [longest_run(bars, cell) for cell in (1, 2, 4)] == [3, 2, 1]
    assert goes_in_circle(tune("C8|D8|" * 4))
    assert not goes_in_circle(tune("C8|" * 7))
    # Repeat signs and bar lines are not heard; tuplets are.
    assert longest_run(tune("|:C8:||:C8||C8|]").bars, 1) == 3
    assert longest_run(tune("(3CCC C6|C3C6|").bars, 1) == 1


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("C8|D8|", None),
        ("|:C8|D8:|", True),
        ("|:C2|D8|E6:|", True),
        ("|:C2|D8|E8:|", False),
        ("|:C8|D8|E6:|", False),
        ("C2|D8|E6:|", True),
        ("|:C2|D8|[1E6:|[2E6|]", True),
        ("|:C2|D8|[1E8:|[2E6|]", False),
        ("|:C8|D4[1E4:|[2F4|]", True),
        ("|:C8|D4[1E4:|[2F8|]", False),
        # The metre changes: what is full is not known.
        ("|:C2|D8|[M:3/4]E6:|", None),
    ],
)
def test_the_beat_is_kept_at_repeats_or_not(body: str, kept: bool | None) -> None:
    assert keeps_beat(tune(body)) is kept


def test_damaged_bounds_are_refused(tmp_path: Path) -> None:
    assert read_bounds(tmp_path) is None
    record = tmp_path / "bounds.json"
    for content in ("{}", "[]", '{"bars": -1}', "[" * 100_000, "1" * 1_000_001):
        record.write_text(content, encoding="utf-8")
        with pytest.raises(CheckpointError):
            read_bounds(tmp_path)
    with pytest.raises(InputError):
        TuneBounds.from_json("{}")


def test_at_most_one_in_five_hundred_held_out_tunes_is_refused() -> None:
    bounds, held_out = read_bounds(PRETRAINED), read_held_out(PRETRAINED)
    assert bounds
    shapes = [shape_of(decode_tune(one.text)) for one in (*held_out.test, *held_out.validation)]
    faults = [[*bounds.faults(shape)] for shape in shapes]
    assert len(faults) == 440
    assert sum(bool({*found} - {Fault.BEAT}) for found in faults) <= 440 / 500
    assert sum(Fault.BEAT in found for found in faults) / 440 < 0.05
