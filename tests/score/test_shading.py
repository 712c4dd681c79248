"""Bars whose notes are new are shaded, and no others."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from abcgen.config import PageConfig
from abcgen.notation.transpose import instrument_named
from abcgen.score.engrave import engrave_svg
from abcgen.score.musicxml import musicxml_of
from abcgen.score.pages import sheet_of
from abcgen.score.performance import PlaybackOptions
from abcgen.score.shading import SHADE
from abcgen.score.web import web_tune_of
from tests.tunes import JIG, REEL

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

RECTANGLE = re.compile(r'<rect class="new" x="(\d+)" y="(-?\d+)" width="(\d+)" height="(\d+)"')


def with_new(tune: Tune, *new: int) -> Tune:
    bars = (replace(bar, is_new=index in new) for index, bar in enumerate(tune.bars))
    return replace(tune, bars=tuple(bars))


@pytest.mark.parametrize("new", [(), (0,), (3, 4, 5), tuple(range(len(JIG.bars)))])
def test_every_new_bar_has_a_shade_behind_its_staff(new: tuple[int, ...]) -> None:
    svg = engrave_svg(musicxml_of(with_new(JIG, *new)))
    shades = RECTANGLE.findall(svg)
    assert len(shades) == len(new) == svg.count(SHADE)
    for _, _, width, height in shades:
        assert int(width) > 0
        assert int(height) > 720  # four spaces
    # A shade comes before the lines and notes of its bar, which are then drawn over it.
    for index in new:
        measure = svg.index(f'id="new{index}" class="measure"')
        assert svg[measure:].startswith(f'id="new{index}" class="measure"><rect')


def test_the_rest_of_the_picture_stays() -> None:
    plain = engrave_svg(musicxml_of(REEL))
    shaded = engrave_svg(musicxml_of(with_new(REEL, 2)))
    without = re.sub(r"<rect class=\"new\"[^>]*/>", "", shaded)
    # Ids are made from a checksum of the document.
    names = re.compile(r'(?:id|href)="[^"]*"|#\w+ |(?<=MilestoneEnd )\w+')
    assert names.sub("", plain) == names.sub("", without)


def test_pages_and_web_pages_have_the_shades() -> None:
    tune = with_new(REEL, 2, 9)
    sheet = sheet_of(tune, PageConfig())
    assert sum(svg.count(SHADE) for svg in sheet.systems) == 2
    web = web_tune_of(tune, PlaybackOptions(instrument_named("fiddle")))
    assert (web.wide.count(SHADE), web.narrow.count(SHADE)) == (2, 2)
