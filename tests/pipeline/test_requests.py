from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from abcgen.config import Request
from abcgen.errors import InputError
from abcgen.grammar import Form, Grammar, PrefixConstraint, SectionPlan
from abcgen.notation.model_text import encode_tune
from abcgen.notation.reader import read_abc
from abcgen.pipeline.formats import FORMATS, RenderOptions
from abcgen.pipeline.requests import (
    beginning_of,
    check_request,
    continue_tune,
    form_of,
    instrument_of,
    make_request,
    rules_of,
)

if TYPE_CHECKING:
    from pathlib import Path

TUNE = "X:1\nT:Example\nR:jig\nM:6/8\nL:1/8\nK:D\n|:A|dfd afd|efg efg|dfd afd|e3 d2:|\n"


@pytest.mark.parametrize(
    "wishes",
    [
        {"metre": "6/7"},
        {"metre": "waltz"},
        {"key": "H7"},
        {"rhythm": "tango"},
        {"parts": "ABA"},
        {"parts": "AAAB"},
        {"parts": "A1"},
        {"parts": "AABBCC", "bars": 16},
        {"bars": -1},
        {"bars": 257},
        {"instrument": "kazoo"},
        {"free": True, "bars": 8},
        {"tempo": 120},
    ],
    ids=str,
)
def test_an_impossible_wish_is_refused(wishes: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        check_request(Request(**wishes))


def test_a_named_instrument_keeps_the_range_unless_the_grammar_is_off() -> None:
    assert not make_request().in_range
    assert make_request(instrument="whistle").in_range
    assert not make_request(instrument="whistle", free=True).in_range


@pytest.mark.parametrize(
    ("rhythm", "metre"), [("waltz", "3/4"), ("Jigs", "6/8"), ("slip jig", "9/8"), ("reel", "")]
)
def test_a_rhythm_implies_its_metre_unless_another_is_given(rhythm: str, metre: str) -> None:
    assert make_request(rhythm=rhythm).metre == metre
    assert make_request(rhythm=rhythm, metre="C|").metre == "C|"
    assert make_request(rhythm=rhythm, prime=TUNE).metre == "6/8"


def test_wishes_may_be_in_the_words_that_people_use() -> None:
    request = make_request(metre="cut time", key="h-moll", instrument="Tin Whistle")
    assert beginning_of(request) == "M:2/2\nK:Cmin\n"
    assert request == make_request(metre="C|", key="Bmin", instrument="Tin Whistle")
    assert instrument_of(request) == instrument_of(make_request(key="Bm", instrument="whistle"))


def test_parts_have_names_in_order() -> None:
    assert make_request(parts="aabb") == make_request(parts="AABB")
    for parts in ("foo", "BBAA", "AACC", "ABA", "A A", "ÄÄ", "A1"):
        with pytest.raises(InputError):
            make_request(parts=parts)


@pytest.mark.parametrize("metre", ["C", "C|", "common time", "6-8", "none"])
def test_every_metre_that_can_be_requested_can_begin_a_tune(metre: str) -> None:
    request = make_request(metre=metre)
    rules = rules_of(request, frozenset("MK:/0123456789Cmajinone\nABCDEFG|"))
    PrefixConstraint(Grammar(rules), Grammar(rules), beginning_of(request))


def test_a_doubled_letter_is_a_repeated_section() -> None:
    two = (SectionPlan(8, repeated=True), SectionPlan(8, repeated=True))
    assert form_of(Request(bars=16, parts="AABB")) == Form(sections=two)
    assert form_of(Request(parts="AB")).sections == (
        SectionPlan(0, repeated=False),
        SectionPlan(0, repeated=False),
    )
    assert form_of(Request(bars=12)) == Form(12)


def test_a_request_begins_the_model_text_as_far_as_it_can() -> None:
    request = Request(metre="6/8", key="Dmix", rhythm="jigs")
    assert beginning_of(request) == "R:jig\nM:6/8\nK:Cmix\n"
    assert beginning_of(Request(metre="6/8")) == "M:6/8\n"
    assert beginning_of(Request(key="D")) == ""


def test_a_range_allows_for_the_keys_the_tune_may_be_moved_to() -> None:
    rules = rules_of(Request(key="D", instrument="whistle", in_range=True), frozenset())
    [ranges] = rules.ranges.values()
    assert ranges == ((60, 84), (48, 72), (72, 96))


@pytest.mark.parametrize("suffix", [".mid", ".musicxml"])
def test_a_midi_or_musicxml_file_is_continued_as_its_abc_is(tmp_path: Path, suffix: str) -> None:
    tune = read_abc("X:1\nT:x\nM:4/4\nL:1/8\nK:D\n" + "d2 fd AdfA | gfed cABc |" * 2 + "\n")
    render = {".mid": FORMATS["midi"].render, ".musicxml": FORMATS["musicxml"].render}[suffix]
    path = tmp_path / f"tune{suffix}"
    path.write_bytes(render(tune, RenderOptions()))
    request = continue_tune(Request(), str(path), 2)
    assert request.beginning == beginning("M:4/4\nL:1/8\nK:D\nd2 fd AdfA | gfed cABc |")
    assert request.key == "D"
    whole = continue_tune(Request(), str(path)).beginning
    assert whole.endswith("|")
    assert not whole.endswith("|]")


def test_a_midi_file_without_notes_cannot_be_continued(tmp_path: Path) -> None:
    path = tmp_path / "tune.mid"
    path.write_bytes(b"no MIDI")
    with pytest.raises(InputError, match="not a MIDI file"):
        continue_tune(Request(), str(path))


def beginning(source: str, keep_bars: int | None = None, **wishes: Any) -> str:
    return continue_tune(Request(**wishes), source, keep_bars).beginning


def test_a_tune_is_continued_in_c() -> None:
    assert beginning("M:6/8\nL:1/8\nK:D\ndfd a") == "M:6/8\nK:Cmaj\ncecg"


def test_without_a_header_it_is_read_in_the_requested_key_and_metre() -> None:
    assert beginning("GAB", key="G", metre="3/4") == "M:3/4\nK:Cmaj\ncde"
    assert beginning("cde") == "M:4/4\nK:Cmaj\ncde"


def test_a_closed_bar_stays_closed() -> None:
    assert beginning("|:cdefgabc'|") == "M:4/4\nK:Cmaj\n|:cdefgabc'|"


def test_a_file_is_continued_after_the_bars_to_keep(tmp_path: Path) -> None:
    path = tmp_path / "tune.abc"
    path.write_text(TUNE, encoding="utf-8")
    request = continue_tune(Request(), str(path), 2)
    assert request.beginning == "R:jig\nM:6/8\nK:Cmaj\n|:G|cecgec|defdef|"
    assert (request.key, request.metre, request.first_pitch) == ("D", "6/8", 69)
    whole = continue_tune(Request(), str(path)).beginning
    assert whole == encode_tune(read_abc(TUNE)).text.removesuffix("\n")


def test_a_header_without_a_key_keeps_its_other_fields() -> None:
    assert beginning("M:6/8\nL:1/8\ncec gec|") == "M:6/8\nK:Cmaj\ncecgec|"
    assert beginning("L:1/4\nce") == "M:4/4\nK:Cmaj\nc2e2"


def test_a_chord_does_not_close_a_bar_and_a_comment_does_not_open_one() -> None:
    assert beginning("cdef gabc'|c2[ce]") == "M:4/4\nK:Cmaj\ncdefgabc'|c2[ce]"
    assert beginning("cdef gabc'|% so far\nw:la la") == "M:4/4\nK:Cmaj\ncdefgabc'|"
    assert beginning("|:cdef gabc':|") == "M:4/4\nK:Cmaj\n|:cdefgabc':|"


def test_a_short_bar_that_ends_a_section_counts_among_those_kept() -> None:
    tune = "M:6/8\nL:1/8\nK:C\n|:G|cec gec|def def|cec gec|c3 c2:|\n|:e|gec gec|c3 c2:|"
    kept = beginning(tune, 4).splitlines()[-1]
    assert kept == "|:G|cecgec|defdef|cecgec|c3c2:|"
    assert beginning(tune, 5).splitlines()[-1] == f"{kept.removesuffix(':|')}::e|gecgec|"


def test_a_tune_that_changes_its_key_is_continued() -> None:
    tune = "M:6/8\nL:1/8\nK:D\n|:dfd afd|efg efg:|\n[K:Am]|:a3 e3|c3 A3:|\n"
    request = continue_tune(Request(), tune, 4)
    rules = rules_of(request, frozenset(map(chr, range(127))))
    grammar = Grammar(rules)
    assert PrefixConstraint(grammar, grammar, request.beginning).fits(1200)


@pytest.mark.parametrize("end", ["|]", ":|\n|:efg a3:|", "||\nefg a3||"])
def test_a_tune_that_has_ended_has_nothing_to_go_on_from(end: str) -> None:
    tune = f"X:1\nT:Whole\nM:6/8\nL:1/8\nK:D\n|:dfd afd{end}\n"
    with pytest.raises(InputError) as caught:
        continue_tune(Request(), tune)
    assert "--keep-bars" in caught.value.hint
    assert "rewrite" in caught.value.hint
    assert continue_tune(Request(), tune, 1).after == "Whole"


@pytest.mark.parametrize("wishes", [{"metre": "4/4"}, {"key": "Em"}], ids=str)
def test_a_beginning_in_another_metre_or_mode_is_refused(wishes: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        continue_tune(Request(**wishes), "M:6/8\nL:1/8\nK:D\ndfd")


def test_a_key_alone_needs_the_grammar() -> None:
    with pytest.raises(InputError) as caught:
        check_request(Request(key="Em", free=True))
    assert "--metre" in caught.value.hint
    check_request(Request(key="Em", metre="4/4", free=True))


@pytest.mark.parametrize("source", ["hello?", "nowhere.abc", "nowhere.mid"])
def test_what_is_not_music_cannot_be_continued(source: str) -> None:
    with pytest.raises(InputError) as caught:
        continue_tune(Request(), source)
    assert source in caught.value.message
