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


def faults_of(bounds: TuneBounds, one: Tune) -> set[Fault]:
    return {finding.fault for finding in bounds.faults(shape_of(one))}


@given(st.lists(tunes(), min_size=1, max_size=5))
def test_no_tune_is_refused_by_bounds_learnt_from_it(learnt: list[Tune]) -> None:
    shapes = [shape_of(one) for one in learnt]
    bounds = TuneBounds.of(shapes)
    for one, shape in zip(learnt, shapes, strict=True):
        # That some tunes drop the beat does not allow others to.
        assert faults_of(bounds, one) <= {Fault.BEAT}
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
    ("body", "fault", "bars"),
    [
        ("A8|B8|C8|D8|C8|D8|C8|D8|C8|D8|E8|", Fault.CIRCLE, (3, 10)),
        ("A8|C8|C8|C8|C8|B8|", Fault.CIRCLE, (2, 5)),
        ("C8|D8|" + "C8|E8|F8|" * 10, Fault.LENGTH, (1, 32)),
        ("C8|D8|C7C|C7C|", Fault.RHYTHM, (3, 3)),
        ("C8|(5CDEFGC4|", Fault.RHYTHM, (2, 2)),
        ("C8|D8|[CEG]8|", Fault.CHORD, (3, 3)),
        ("C8|D8|:E8:|F8|G8|]", Fault.FRAGMENT, (3, 3)),
        ("C8|D8||:E2|F8|G8:|", Fault.BEAT, (2, 3)),
        ("C8|D6|:E2|F8|G8:|", Fault.BEAT, (3, 5)),
        ("|:C8|D6:|", Fault.BEAT, (1, 2)),
    ],
)
def test_a_fault_is_found_in_its_bars(body: str, fault: Fault, bars: tuple[int, int]) -> None:
    usual = tune("|:C8|D8|E2F6|F8|G8|A8|D8|D8|D8|C8|D8|C8|D8:|")
    bounds = TuneBounds.of([usual_shape := shape_of(usual)])
    assert not [*bounds.faults(usual_shape)]
    found = [*bounds.faults(shape_of(tune(body)))]
    assert {(one.fault, one.bars) for one in found} == {(fault, bars)}


def test_bars_keep_their_numbers_where_only_the_rest_of_a_tune_counts() -> None:
    whole = shape_of(tune("[CE]8|(5CDEFGC4|C8|C8|[CE]8|(5CDEFGC4|"), first=2)
    assert (whole.runs[0], whole.chord, whole.tuplets) == ((2, 2), (2, 4), {(5, 4): 5})


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
        ("C8|D8||E8|F8|]", None),
        ("C8|D6||E2|F8|G6|]", True),
        ("C8|D6|]E2|F8|G6|]", True),
        ("C8|D8||E2|F8|G6|]", False),
        ("C8|D4||E2|F8|G6|]", False),
        ("|:C2|D8|E6:||:E2|F8|G6:|", True),
        ("|:C8|D8:|E2|F8|G6|]", False),
        ("|:C2|D8|[1E6:|[2E6||E2|F8|G6|]", True),
        ("|:C2|D8|[1E6:|[2E8||E2|F8|G6|]", False),
        ("C8|D6|E2|F8|]", None),
        # The metre changes: what is full is not known.
        ("|:C2|D8|[M:3/4]E6:|", None),
    ],
)
def test_the_beat_is_kept_where_sections_end_or_not(body: str, kept: bool | None) -> None:
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
    real = [decode_tune(one.text) for one in (*held_out.test, *held_out.validation)]
    faults = [faults_of(bounds, one) for one in real]
    assert len(faults) == 440
    assert sum(bool(found - {Fault.BEAT}) for found in faults) <= 440 / 500
    assert sum(Fault.BEAT in found for found in faults) / 440 < 0.05
