from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from abcgen.errors import InputError
from abcgen.grammar import Form, Grammar, PrefixConstraint, SectionPlan
from abcgen.notation.model_text import encode_tune
from abcgen.notation.reader import read_abc
from abcgen.pipeline.requests import (
    Request,
    beginning_of,
    checked_request,
    form_of,
    primed,
    rules_of,
)

if TYPE_CHECKING:
    from pathlib import Path

TUNE = "X:1\nT:Example\nR:jig\nM:6/8\nL:1/8\nK:D\n|:A|dfd afd|efg efg|dfd afd|e3 d2:|\n"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"metre": "6/7"}, "impossible metre '6/7'"),
        ({"metre": "waltz"}, "impossible metre"),
        ({"key": "H7"}, "impossible key"),
        ({"rhythm": "tango"}, "unknown rhythm 'tango'"),
        ({"parts": "ABA"}, "cannot make parts 'ABA'"),
        ({"parts": "AAAB"}, "cannot make parts"),
        ({"parts": "A1"}, "cannot make parts"),
        ({"parts": "AABBCC", "bars": 16}, "cannot be shared evenly"),
        ({"bars": -1}, "--bars"),
        ({"instrument": "kazoo"}, "unknown instrument"),
        ({"free": True, "bars": 8}, "--free"),
    ],
)
def test_a_request_that_makes_no_sense_is_named(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        checked_request(Request(**asked))


def test_parts_are_sections_twice_if_their_letter_is() -> None:
    two = (SectionPlan(8, repeated=True), SectionPlan(8, repeated=True))
    assert form_of(Request(bars=16, parts="AABB")) == Form(sections=two)
    assert form_of(Request(parts="AB")).sections == (
        SectionPlan(0, repeated=False),
        SectionPlan(0, repeated=False),
    )
    assert form_of(Request(bars=12)) == Form(12)


def test_a_request_becomes_what_is_given_to_the_network() -> None:
    request = Request(metre="6/8", key="Dmix", rhythm="jigs")
    assert beginning_of(request) == "R:jig\nM:6/8\nK:Cmix\n"
    assert beginning_of(Request(metre="6/8")) == "M:6/8\n"
    assert beginning_of(Request(key="D")) == ""


def test_a_range_reckons_with_the_keys_the_tune_may_be_moved_to() -> None:
    rules = rules_of(Request(key="D", instrument="whistle", in_range=True), frozenset())
    [ranges] = rules.ranges.values()
    assert ranges == ((60, 84), (48, 72), (72, 96))


def test_requests_are_written_down_and_read_back() -> None:
    request = Request(metre="6/8", bars=16, parts="AABB", in_range=True)
    assert Request.from_json(request.to_json()) == request
    assert Request().to_json() == {}


def primed_text(source: str, keep_bars: int | None = None, **asked: Any) -> str:
    return primed(Request(**asked), source, keep_bars).beginning


def test_a_tune_is_gone_on_from_in_c() -> None:
    assert primed_text("M:6/8\nL:1/8\nK:D\ndfd a") == "M:6/8\nK:Cmaj\ncecg"


def test_without_a_header_it_is_read_in_what_is_asked_for() -> None:
    assert primed_text("GAB", key="G", metre="3/4") == "M:3/4\nK:Cmaj\ncde"
    assert primed_text("cde") == "M:4/4\nK:Cmaj\ncde"


def test_a_closed_bar_stays_closed() -> None:
    assert primed_text("|:cdefgabc'|") == "M:4/4\nK:Cmaj\n|:cdefgabc'|"


def test_a_file_is_gone_on_from_after_so_many_bars(tmp_path: Path) -> None:
    path = tmp_path / "tune.abc"
    path.write_text(TUNE, encoding="utf-8")
    request = primed(Request(), str(path), 2)
    assert request.beginning == "R:jig\nM:6/8\nK:Cmaj\n|:G|cecgec|defdef|"
    assert (request.key, request.metre, request.first_pitch) == ("D", "6/8", 69)
    whole = primed(Request(), str(path), None).beginning
    assert whole == encode_tune(read_abc(TUNE)).text.removesuffix("\n")


def test_a_header_without_a_key_keeps_what_it_says() -> None:
    assert primed_text("M:6/8\nL:1/8\ncec gec|") == "M:6/8\nK:Cmaj\ncecgec|"
    assert primed_text("L:1/4\nce") == "M:4/4\nK:Cmaj\nc2e2"


def test_a_chord_does_not_close_a_bar_and_a_comment_does_not_open_one() -> None:
    assert primed_text("cdef gabc'|c2[ce]") == "M:4/4\nK:Cmaj\ncdefgabc'|c2[ce]"
    assert primed_text("cdef gabc'|% so far\nw:la la") == "M:4/4\nK:Cmaj\ncdefgabc'|"
    assert primed_text("|:cdef gabc':|") == "M:4/4\nK:Cmaj\n|:cdefgabc':|"


def test_a_short_bar_that_ends_a_section_counts_among_those_kept() -> None:
    tune = "M:6/8\nL:1/8\nK:C\n|:G|cec gec|def def|cec gec|c3 c2:|\n|:e|gec gec|c3 c2:|"
    kept = primed_text(tune, 4).splitlines()[-1]
    assert kept == "|:G|cecgec|defdef|cecgec|c3c2:|"
    assert primed_text(tune, 5).splitlines()[-1] == f"{kept.removesuffix(':|')}::e|gecgec|"


def test_a_tune_that_changes_its_key_is_gone_on_from() -> None:
    tune = "M:6/8\nL:1/8\nK:D\n|:dfd afd|efg efg:|\n[K:Am]|:a3 e3|c3 A3:|\n"
    request = primed(Request(), tune, None)
    rules = rules_of(request, frozenset(map(chr, range(127))))
    grammar = Grammar(rules)
    assert PrefixConstraint(grammar, grammar, request.beginning).fits(1200)


def test_a_beginning_cannot_become_what_it_is_not() -> None:
    with pytest.raises(InputError, match="the beginning is in 6/8, not in 4/4"):
        primed(Request(metre="4/4"), "M:6/8\nL:1/8\nK:D\ndfd", None)
    with pytest.raises(InputError, match="which cannot become Em"):
        primed(Request(key="Em"), "M:6/8\nL:1/8\nK:D\ndfd", None)


def test_a_key_alone_needs_the_grammar() -> None:
    with pytest.raises(InputError, match="give --metre too"):
        checked_request(Request(key="Em", free=True))
    assert checked_request(Request(key="Em", metre="4/4", free=True))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("hello?", "cannot go on from 'hello\\?'"),
        ("nowhere.abc", "cannot read nowhere.abc"),
    ],
)
def test_what_is_not_music_is_named(source: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        primed(Request(), source, None)
