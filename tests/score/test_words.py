"""What people write around the notes is printed, sung in MusicXML and played."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from abcgen.config import PageConfig
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import INSTRUMENTS
from abcgen.score.engrave import engrave_svg
from abcgen.score.layout import bar_width, plan_bars
from abcgen.score.midi import midi_of
from abcgen.score.musicxml import musicxml_of
from abcgen.score.pages import sheet_of
from abcgen.score.performance import PlaybackOptions, perform
from abcgen.score.printed_notes import printed_notes
from abcgen.score.web import web_tune_of
from abcgen.system import LazyModule
from tests.musicxml_readers import schema_errors

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

mido = LazyModule("mido")
PLAYING = PlaybackOptions(INSTRUMENTS["fiddle"])
HEAD = "X:1\nT:Test\nM:4/4\nL:1/4\nK:C\n"
SONG = (
    "X:1\nT:A song\nT:Its other name\nC:A. Writer\nC:B. Helper\nO:Norway\nP:AAB\n"
    'Q:"Slow" 3/8=40 "ca."\nM:6/8\nL:1/8\nR:air\nK:G\nP:A\n'
    '"^here"(D2 E G2) "H7"A|"G6/9"B3- B3{cd}"D7"|\n'
    "w:Sing_ a won-der_\nw:o * ther\nP:B\n"
    '!D.C.alfine!G3 [Q:1/4=90]"_low"[K:bass]G,3|]\nW:2. More\nW:words\nW:\nW:3. Still more\n'
)


def xml_of(text: str) -> ElementTree.Element:
    document = musicxml_of(read_abc(text))
    assert schema_errors(document) == []
    return ElementTree.fromstring(document)  # noqa: S314 - our own


def words_in(svg: str) -> str:
    return re.sub(r"<[^>]*>", "", svg)


def creators(root: ElementTree.Element) -> list[str | None]:
    return [creator.text for creator in root.iter("creator")]


# MusicXML.


def test_composers_are_creators_and_nobody_else_is() -> None:
    assert creators(xml_of(SONG)) == ["A. Writer", "B. Helper"]
    assert creators(xml_of(HEAD + "C4|]")) == []
    plain = read_abc(HEAD + "C4|]")
    root = ElementTree.fromstring(musicxml_of(plain, composer="Someone"))  # noqa: S314 - our own
    assert creators(root) == ["Someone"]


def test_lyrics_are_divided_and_held() -> None:
    lyrics = [
        [
            (
                lyric.get("number"),
                lyric.findtext("syllabic"),
                lyric.findtext("text"),
                lyric.find("extend") is not None,
            )
            for lyric in note.iter("lyric")
        ]
        for note in xml_of(SONG).iter("note")
    ]
    assert [each for each in lyrics if each] == [
        [("1", "single", "Sing", True), ("2", "single", "o", False)],
        [("1", "single", "a", False), ("2", "single", "ther", False)],
        [("1", "begin", "won", False)],
        [("1", "end", "der", True)],
    ]


@pytest.mark.parametrize("staves", ["(S A) (T B)", "{(S A) (T B)}"])
@pytest.mark.parametrize(("sung", "together"), [("", "yes"), ("w:la la\n", "no")])
def test_no_bar_line_crosses_the_words_between_staves(
    staves: str, sung: str, together: str
) -> None:
    text = f"{HEAD.replace('K:', f'%%score {staves}{chr(10)}K:')}[V:S]c2c2|\n{sung}"
    text += "".join(f"[V:{name}]C2C2|\n" for name in "ATB")
    root = xml_of(text)
    assert [each.text for each in root.iter("group-barline")] == [together]


def test_words_below_the_last_staff_are_crossed_by_no_bar_line() -> None:
    root = xml_of(f"{HEAD}[V:1]c2c2|\n[V:2]C2C2|\nw:la la\n")
    assert root.findtext("part-list/part-group/group-barline") == "yes"


def test_pedals_are_held_until_they_are_lifted_or_pressed_again() -> None:
    root = xml_of(HEAD + "!ped!CD!ped!EF|!ped-up!G!ped!A!ped-up!B2|!ped!c4|]")
    kinds = []
    for element in root.iter():
        if element.tag == "pedal":
            kinds.append(element.get("type"))
        elif element.tag == "step":
            kinds.append(element.text)
    assert kinds == [
        "start", "C", "D", "stop", "start", "E", "F", "stop", "G", "start", "A", "stop", "B",
        "start", "C", "stop",
    ]  # fmt: skip


def test_strokes_through_a_stem_are_a_tremolo() -> None:
    root = xml_of(HEAD + "!/!C!//!D!///![EG]!////!F|!trem1!G4|]")
    assert [(each.get("type"), each.text) for each in root.iter("tremolo")] == [
        ("single", "1"), ("single", "2"), ("single", "3"), ("single", "4"),
    ]  # fmt: skip


def test_tempi_are_metronome_marks_with_their_words() -> None:
    first, second = (
        direction
        for direction in xml_of(SONG).iter("direction")
        if direction.find("sound") is not None
    )
    assert first.findtext("direction-type/words") == "Slow"
    assert first.findtext(".//beat-unit") == "quarter"
    assert first.find(".//beat-unit-dot") is not None
    assert first.findtext(".//per-minute") == "40 ca."
    assert [each.find("sound").get("tempo") for each in (first, second)] == ["60", "90"]  # type: ignore[union-attr]


def test_parts_slurs_jumps_and_annotations_are_there() -> None:
    root = xml_of(SONG)
    assert [mark.text for mark in root.iter("rehearsal")] == ["A", "B"]
    assert [slur.get("type") for slur in root.iter("slur")] == ["start", "stop"]
    words = {
        words.text: direction.get("placement")
        for direction in root.iter("direction")
        for words in direction.iter("words")
    }
    expected = {"here": "above", "low": "below", "D.C. al Fine": "above"}
    assert expected.items() <= words.items()


def test_chord_symbols_are_printed_as_they_are_spelled() -> None:
    kinds = [
        (harmony.findtext("root/root-step"), harmony.find("kind").get("text"))  # type: ignore[union-attr]
        for harmony in xml_of(SONG).iter("harmony")
    ]
    assert [text for _, text in kinds] == ["H7", "6/9", "7"]
    assert [root for root, _ in kinds[1:]] == ["G", "D"]


def test_grace_notes_after_the_last_note_come_after_it() -> None:
    measure = list(xml_of(SONG).iter("measure"))[1]
    assert [note.find("grace") is not None for note in measure.iter("note")] == [
        False, False, True, True
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "clefs"),
    [
        ("C bass", [("F", "4", None)]),
        ("C clef=alto", [("C", "3", None)]),
        ("C clef=tenor", [("C", "4", None)]),
        ("C clef=bass3", [("F", "3", None)]),
        ("C treble", [("G", "2", None)]),
    ],
)
def test_a_named_clef_is_printed(key: str, clefs: list[tuple[str | None, ...]]) -> None:
    root = xml_of(HEAD.replace("K:C", f"K:{key}") + "C4|]")
    parts = ("sign", "line", "clef-octave-change")
    assert [tuple(map(clef.findtext, parts)) for clef in root.iter("clef")] == clefs


def test_a_clef_changes_within_the_tune() -> None:
    root = xml_of(HEAD + "C D [K:bass]E, F,|[K:alto]C4|]")
    assert [clef.findtext("sign") for clef in root.iter("clef")] == ["G", "F", "C"]


# The page.


def test_the_page_shows_all_words() -> None:
    sheet = sheet_of(read_abc(SONG), PageConfig())
    assert sheet.subtitles == ["Its other name"]
    assert sheet.composer == "A. Writer, B. Helper (Norway)"
    assert sheet.rhythm_and_key == "air · G · AAB"
    assert sheet.stanzas == [["2. More", "words"], ["3. Still more"]]
    printed = words_in("".join(sheet.systems))
    for word in ("Sing", "won", "ther", "here", "low", "H7", "6/9", "Slow", "40 ca.", "al Fine"):
        assert word in printed


def test_the_web_page_shows_all_words() -> None:
    web = web_tune_of(read_abc(SONG), PLAYING)
    assert web.subtitles == ["Its other name"]
    assert web.stanzas == [["2. More", "words"], ["3. Still more"]]
    assert "w:Sing_" in web.data["abc"]


@pytest.mark.parametrize("beat", ["1/1", "1/2", "3/4", "1/4", "3/8", "1/8", "1/16"])
def test_the_note_of_a_metronome_mark_needs_no_font(beat: str) -> None:
    svg = engrave_svg(musicxml_of(read_abc(HEAD.replace("K:", f'Q:"Slow" {beat}=60\nK:') + "C4|]")))
    assert "= 60" in words_in(svg).replace("\u00a0", " ")
    assert not re.search("[\ue000-\uf8ff]", svg)
    assert ElementTree.fromstring(svg).tag.endswith("svg")  # noqa: S314 - our own


def widths(tune: Tune) -> list[float]:
    plan = plan_bars(tune)
    return [bar_width(*bar) for bar in zip(plan, printed_notes(plan), strict=True)]


def test_bars_are_as_wide_as_their_words() -> None:
    (plain,) = widths(read_abc(HEAD + "C D E F|]"))
    (sung,) = widths(read_abc(HEAD + "C D E F|]\nw:strengths straightened scrunched thoughts\n"))
    (chords,) = widths(read_abc(HEAD + '"Gsus4(add13)"C "Ebmaj7b5"D "F#m7b5/C"E "Bbmaj9"F|]'))
    assert min(sung, chords) > 1.5 * plain


def test_lines_end_where_the_source_ends_them() -> None:
    tune = read_abc(HEAD + "C4|D4|\nE4|F4|G4|A4|\nB4|]\n")

    def breaks(*, keep_lines: bool) -> list[str | None]:
        root = ElementTree.fromstring(musicxml_of(tune, keep_lines=keep_lines))  # noqa: S314 - our own
        return [
            measure.get("number")
            for measure in root.iter("measure")
            if measure.find("print[@new-system='yes']") is not None
        ]

    assert breaks(keep_lines=True) == ["3", "7"]
    assert breaks(keep_lines=False) != ["3", "7"]


# Sound.


def tempi(text: str, options: PlaybackOptions = PLAYING) -> list[tuple[int, int]]:
    """Return the quarters a minute, with the ticks at which they begin."""
    file = mido.MidiFile(file=BytesIO(midi_of(read_abc(text), options)))
    tick, found = 0, []
    for message in file.tracks[0]:
        tick += message.time
        if message.type == "set_tempo":
            found.append((tick, round(60_000_000 / message.tempo)))
    return found


def test_the_tempo_of_the_tune_is_played() -> None:
    slow = "X:1\nT:x\nR:jig\nM:6/8\nL:1/8\nQ:3/8=40\nK:C\nCDE FGA|c6|]"
    assert tempi(slow) == [(0, 60)]
    assert tempi(slow, PlaybackOptions(INSTRUMENTS["fiddle"], tempo=80.0)) == [(0, 120)]


def test_a_change_of_tempo_is_played_wherever_its_bar_is() -> None:
    text = HEAD.replace("K:C", "Q:1/4=120\nK:C") + "|:C4|[Q:1/4=60]D4:|"
    assert tempi(text) == [(0, 120), (1920, 60), (3840, 120), (5760, 60)]
    played = perform(read_abc(text), PLAYING)
    # In whole notes of the opening tempo: two bars at it, and two at half of it.
    assert played.opening_time(played.length) == pytest.approx(6)
    web = web_tune_of(read_abc(text), PLAYING)
    assert [note[:2] for note in web.data["notes"]] == [[0, 4], [4, 8], [12, 4], [16, 8]]


def test_a_tempo_that_nobody_can_play_is_bounded() -> None:
    assert tempi(HEAD.replace("K:C", "Q:1/4=9999\nK:C") + "C4|]") == [(0, 600)]
    assert tempi(HEAD.replace("K:C", "Q:1/4=1\nK:C") + "C4|]") == [(0, 10)]


def test_parts_are_played_in_their_order() -> None:
    tune = read_abc("X:1\nT:x\nP:AABA\nM:4/4\nL:1/4\nK:C\nP:A\nC D E F|G4|\nP:B\nc B A G|F4|]")
    played = perform(tune, PLAYING)
    assert [bar.index for bar in played.bars] == [0, 1, 0, 1, 2, 3, 0, 1]
    assert len(played.voices[0]) == 20
