"""Nothing changes where only the code is put in order.

If something here fails and was meant to change, record it anew (see ``promises.py``) and say in
the commit what changed and why.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.unchanged import items, promises

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.unchanged.promises import Make, Parts, Products

RECORDED = json.loads(promises.RECORDED.read_text(encoding="utf-8"))
CLOSE = 1e-4
ROUNDING = (
    "\nAnother processor, or another NumPy, rounds numbers otherwise and then, seldom, draws"
    "\nanother character: that alone is no fault. On the machine of the record it is one."
)
MORE = (
    "\nTo see what changed: python -m tests.unchanged.promises --keep FOLDER {section}"
    "\nbefore and after the change, and diff -r the two folders."
)

needs_pdftotext = pytest.mark.skipif(
    shutil.which("pdftotext") is None,
    reason="pdftotext (Debian package poppler-utils) is not installed",
)


def check(
    section: str,
    wanted: Sequence[str],
    folder: Path,
    make: Make | None = None,
    remark: str = "",
) -> None:
    """Compute some items of a section and compare them with what was recorded.

    Skips where a library has another version than when it was recorded: then other files are
    right.
    """
    skip_unless_recorded_with_these_libraries(section)
    promised = promises.SECTIONS[section]
    found = promises.sealed((make or promised.make)(folder, wanted))
    changed = differing({item: RECORDED[section].get(item, {}) for item in wanted}, found)
    if changed:
        told = "\n".join(changed)
        more = MORE.format(section=section)
        pytest.fail(f"{section} changed:\n{told}{remark}{more}", pytrace=False)


def differing(recorded: Products, found: Products) -> list[str]:
    """A line for every part of an item that is not as recorded."""
    return [
        f"  {item}: {part}: recorded {before.get(part)!r}, now {found[item].get(part)!r}"
        for item, before in recorded.items()
        for part in sorted(before.keys() | found[item].keys())
        if not is_same(part, before, found[item])
    ]


def is_same(part: str, before: Parts, now: Parts) -> bool:
    if part == "logits":
        return now[part] == pytest.approx(before[part], abs=CLOSE)
    return part in before and part in now and before[part] == now[part]


def skip_unless_recorded_with_these_libraries(section: str) -> None:
    now, then = promises.library_versions(), RECORDED["libraries"]
    others = [name for name in promises.SECTIONS[section].libraries if now[name] != then[name]]
    if others:
        told = ", ".join(f"{name} {then[name]} (here {now[name]})" for name in others)
        pytest.skip(f"recorded with {told}")


def test_some_tunes_are_read_normalised_and_reported_on_as_before(tmp_path: Path) -> None:
    check("collections", items.READ_AT_ONCE, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", items.READ)
def test_every_collection_is_read_normalised_and_reported_on_as_before(
    name: str, tmp_path: Path
) -> None:
    check("collections", [name], tmp_path)


def test_the_network_expects_the_same_characters(tmp_path: Path) -> None:
    check("logits", items.READ_BY_NETWORK, tmp_path)


def test_checkpoints_of_old_formats_open_and_expect_the_same_characters(tmp_path: Path) -> None:
    check("old_checkpoints", items.OLD_FORMATS, tmp_path)


def test_a_few_seeds_and_wishes_give_the_same_tunes(tmp_path: Path) -> None:
    check("sampled", items.FEW_SAMPLED, tmp_path, remark=ROUNDING)


@pytest.mark.slow
def test_every_seed_and_wish_gives_the_same_tunes(tmp_path: Path) -> None:
    check("sampled", items.SAMPLED, tmp_path, remark=ROUNDING)


def test_tunes_made_before_are_made_again_byte_for_byte(tmp_path: Path) -> None:
    book = promises.GIVEN / "sampled.abc"
    facts = promises.abcgen_run(["replay", book, "--json"], tmp_path).facts
    made, before = "\n".join(tune["abc"] for tune in facts["tunes"]), book.read_text("utf-8")
    recipes, notes = zip(*map(recipes_and_notes, (before, made)), strict=True)
    assert recipes[1] == recipes[0]
    assert notes[1] == notes[0], ROUNDING
    assert [tune["same"] for tune in facts["tunes"]] == [True] * 4


def recipes_and_notes(book: str) -> tuple[list[str], list[str]]:
    """Divide the lines of a tunebook into recipes and all others."""
    lines = book.splitlines()
    recipes = [line for line in lines if line.startswith("%abcgen {")]
    return recipes, [line for line in lines if line not in recipes]


def test_a_few_tunes_are_engraved_and_played_as_before(tmp_path: Path) -> None:
    check("pages", items.FEW_TUNES, tmp_path)


@pytest.mark.slow
def test_all_chosen_tunes_are_engraved_and_played_as_before(tmp_path: Path) -> None:
    check("pages", items.TUNES, tmp_path)


@needs_pdftotext
def test_a_few_tunes_are_printed_as_before(tmp_path: Path) -> None:
    check("prints", items.FEW_TUNES, tmp_path)


@needs_pdftotext
@pytest.mark.slow
def test_all_chosen_tunes_are_printed_as_before(tmp_path: Path) -> None:
    check("prints", items.TUNES, tmp_path)


@pytest.mark.slow
def test_tunes_look_and_sound_as_before_when_asked_for_otherwise(tmp_path: Path) -> None:
    check("looks", items.LOOKS, tmp_path)


def test_a_few_tunes_read_back_from_midi_and_musicxml_as_before(tmp_path: Path) -> None:
    check("read_back", items.FEW_TUNES, tmp_path)


@pytest.mark.slow
def test_all_chosen_tunes_read_back_from_midi_and_musicxml_as_before(tmp_path: Path) -> None:
    check("read_back", items.TUNES, tmp_path)


def test_no_command_loses_an_option_or_changes_a_default(tmp_path: Path) -> None:
    recorded = RECORDED["options"]
    found = promises.sealed(promises.options(tmp_path, list(recorded)))
    kept = {
        name: {part: found[name][part] for part in found[name].keys() & recorded[name].keys()}
        for name in recorded
    }
    assert kept == recorded


@pytest.mark.parametrize("line", items.COMMANDS)
def test_a_command_line_ends_as_before(line: str, tmp_path: Path) -> None:
    check("commands", [line], tmp_path, promises.commands_inside)


@pytest.mark.slow
@pytest.mark.parametrize("line", [*items.COMMANDS, *items.LONG_COMMANDS])
def test_a_command_line_ends_as_before_in_a_process_of_its_own(line: str, tmp_path: Path) -> None:
    check("commands", [line], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("run", items.TRAINING)
def test_a_tiny_network_learns_as_before(run: str, tmp_path: Path) -> None:
    check("training", [run], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("line", items.FIGURES)
def test_figures_and_pictures_of_the_network_are_as_before(line: str, tmp_path: Path) -> None:
    check("figures", [line], tmp_path, remark=ROUNDING)
