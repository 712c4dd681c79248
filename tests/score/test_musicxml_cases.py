"""MusicXML as programs write it: the tune, and what is ignored or changed is said."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from zipfile import ZipFile

import pytest

from abcgen.corpus.collections import COLLECTIONS, collection_files
from abcgen.corpus.tune_files import find_files
from abcgen.errors import NotationError
from abcgen.notation.reader import Reading, read_abc
from abcgen.notation.tune import Key, Mode, Tune
from abcgen.notation.words import Annotation, Tempo
from abcgen.notation.writer import write_abc
from abcgen.pipeline.formats import all_readers
from abcgen.score.musicxml import build_score, musicxml_of
from abcgen.score.read_musicxml import read_musicxml, read_musicxml_file
from benchmarks.transcription.measures import sounding

CASES = Path(__file__).with_name("cases")
MINOR = "A B c e | d c B E | ^G B e d | c B A2 |"


def reading(name: str) -> Reading:
    result = next(read_musicxml_file((CASES / name).read_bytes(), name))
    assert isinstance(result, Reading), result
    return result


def music(tune: Tune) -> list[str]:
    """The lines after the fields."""
    lines = write_abc(tune).splitlines()
    lines = [line for line in lines if not line.startswith("%%")]
    return [line for line in lines if line[1:2] != ":" or line[:2] in {"|:", "V:", "w:"}]


def score(*measures: str, part: str = "<part-name>Flute</part-name>") -> bytes:
    """A score of one part, in sixths of a quarter."""
    numbered = "".join(
        f'<measure number="{number}">{measure}</measure>'
        for number, measure in enumerate(measures, start=1)
    )
    return (
        f'<score-partwise><part-list><score-part id="P1">{part}</score-part></part-list>'
        f'<part id="P1">{numbered}</part></score-partwise>'
    ).encode()


def note(step: str, duration: int, kind: str, inside: str = "", octave: int = 5) -> str:
    return (
        f"<note><pitch><step>{step}</step><octave>{octave}</octave></pitch>"
        f"<duration>{duration}</duration>{inside}<type>{kind}</type></note>"
    )


FOUR = (
    "<attributes><divisions>6</divisions><key><fifths>0</fifths><mode>major</mode></key>"
    "<time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
)


def abc_of(*measures: str) -> str:
    return " ".join(music(read_musicxml(score(*measures)).tune))


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("minor-without-mode.musicxml", "A Tune"),
        ("utf-16.musicxml", "Für Elise?"),
        ("latin-1.musicxml", "Grüße"),
        ("finale.xml", "A Tune"),
    ],
)
def test_a_signature_without_a_mode_is_judged_by_the_notes(name: str, title: str) -> None:
    found = reading(name)
    assert found.tune.key == Key("A", 0, Mode.MINOR)
    assert found.tune.title == title
    assert music(found.tune)[0].startswith(MINOR)
    assert found.inferences
    assert not found.repairs


# In minor, on whose tonic they end, many of them with a raised third.
MINOR_CHORALES = (
    *("108.6", "111.6", "113.8", "136.6", "14.5", "144.6", "158.4", "178.7", "18.5-w", "188.6"),
    *("227.11", "229.2", "244.46", "245.17", "256", "259", "261", "272", "278", "280", "286"),
    *("291", "301", "315"),
)


def test_minor_chorales_without_a_mode_are_in_minor() -> None:
    files = {file.stem: file for file in collection_files(COLLECTIONS["chorales"])}
    wrong = []
    for name in MINOR_CHORALES:
        with ZipFile(files[f"bwv{name}"]) as archive:
            names = [one for one in archive.namelist() if one.endswith("xml")]
            (member,) = (one for one in names if not one.startswith("META-INF"))
            data = archive.read(member)
        assert b"<mode>minor</mode>" in data
        key = read_musicxml(re.sub(rb"<mode>\w+</mode>", b"", data)).tune.key
        fifths = int(re.findall(rb"<fifths>(-?\d)", data)[0])
        wrong += [name] if (key.mode, key.fifths) != (Mode.MINOR, fifths) else []
    assert not wrong


def test_a_mode_that_is_named_is_kept() -> None:
    data = (CASES / "minor-without-mode.musicxml").read_bytes()
    named = data.replace(b"</fifths>", b"</fifths><mode>dorian</mode>")
    assert read_musicxml(named).tune.key == Key("D", 0, Mode.DORIAN)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_xml_is_read_in_every_encoding(encoding: str) -> None:
    text = (CASES / "minor-without-mode.musicxml").read_text(encoding="utf-8")
    text = text.replace("A Tune", "Žluťoučký kůň").replace('encoding="UTF-8"', "")
    assert read_musicxml(text.encode(encoding)).tune.title == "Žluťoučký kůň"


@pytest.mark.parametrize(("encoding", "title"), [("windows-1252", "“Grüße”"), ("koi8-r", "Песня")])
def test_xml_is_read_in_the_encoding_it_names(encoding: str, title: str) -> None:
    text = (CASES / "minor-without-mode.musicxml").read_text(encoding="utf-8")
    data = text.replace("A Tune", title).replace("UTF-8", encoding).encode(encoding)
    assert read_musicxml(data).tune.title == title


def test_files_are_found_by_all_their_suffixes(tmp_path: Path) -> None:
    names = {"a.xml", "b.musicxml", "c.MXL"}
    for name in names:
        (tmp_path / name).write_bytes(b"")
    assert {path.name for path in find_files([tmp_path], all_readers())} == names


def test_chord_symbols_are_kept() -> None:
    assert music(reading("chord-symbols.musicxml").tune) == [
        '"C"e e "F"f a | "G7"g f e d | "Am"c e "Dm7"f a | "G7"g2 "C"c2 |]'
    ]


def chord(root: str, kind: str, text: str | None = None, more: str = "") -> str:
    name = f"<kind>{kind}</kind>" if text is None else f'<kind text="{text}">{kind}</kind>'
    alter = {"#": 1, "b": -1}.get(root[1:], 0)
    step = f"<root-step>{root[0]}</root-step><root-alter>{alter}</root-alter>"
    return f"<harmony><root>{step}</root>{name}{more}</harmony>"


FLAT_NINTH = (
    "<degree><degree-value>9</degree-value><degree-alter>-1</degree-alter>"
    "<degree-type>alter</degree-type></degree>"
)
BASS = "<bass><bass-step>F</bass-step><bass-alter>1</bass-alter></bass>"


@pytest.mark.parametrize(
    ("harmony", "symbol"),
    [
        (chord("Bb", "minor"), "Bbm"),
        (chord("F#", "half-diminished"), "F#m7b5"),
        (chord("C", "major-seventh", "Maj7"), "CMaj7"),
        (chord("D", "major", more=BASS), "D/F#"),
        (chord("G", "dominant", "7", FLAT_NINTH), "G7(b9)"),
        (chord("E", "minor", ""), "Em"),
    ],
)
def test_chord_symbols_of_every_kind(harmony: str, symbol: str) -> None:
    assert abc_of(f"{FOUR}{harmony}{note('C', 24, 'whole')}") == f'"{symbol}"c8 |]'


def test_a_chord_over_a_held_note_divides_it() -> None:
    later = "<backup><duration>12</duration></backup>" + chord("G", "major")
    assert abc_of(FOUR + note("C", 24, "whole") + later) == 'c4- "G"c4 |]'


def test_a_gap_in_a_triplet_is_a_rest_in_it() -> None:
    upper, lower = reading("gap-in-a-triplet.musicxml").tune.voices
    assert str(upper.bars[0].items[0].duration) == str(lower.bars[0].items[0].duration) == "1/4"
    assert music(reading("gap-in-a-triplet.musicxml").tune)[1::2] == [
        "(3dxf a2 d4 | d8 |]",
        "(3xAx x6 | x8 |]",
    ]


def test_tuplets_of_all_kinds_are_grouped() -> None:
    def in_time(actual: int, normal: int) -> str:
        return (
            f"<time-modification><actual-notes>{actual}</actual-notes>"
            f"<normal-notes>{normal}</normal-notes></time-modification>"
        )

    third, duplet = in_time(3, 2), in_time(2, 3)
    assert abc_of(
        FOUR
        + note("C", 4, "quarter", third)
        + note("D", 2, "eighth", third)
        + note("E", 2, "eighth", third) * 3
        + note("F", 9, "quarter", duplet) * 2
    ).startswith("(3:2:2c2d (3eee (2:3:2f2f2")


def test_rounded_durations_are_exact() -> None:
    # Sevenths of a half note do not divide 6 divisions.
    seventh = (
        "<time-modification><actual-notes>7</actual-notes><normal-notes>4</normal-notes>"
        "</time-modification>"
    )
    measure = "".join(note("C", count, "eighth", seventh) for count in (2, 2, 1, 2, 2, 1, 2))
    music = abc_of(FOUR + measure + note("D", 12, "half"))
    assert music.startswith("(7:4:7ccccccc d4")


def test_transposing_instruments_are_read_at_sounding_pitch_and_said() -> None:
    found = reading("flute-and-clarinet-in-unison.musicxml")
    assert found.tune.key == Key("B", -1)
    flute, clarinet = found.tune.voices
    assert flute.bars == clarinet.bars
    assert any("Clarinet in B flat" in repair.what for repair in found.repairs)


def test_unpitched_parts_are_left_out_with_a_reason() -> None:
    with pytest.raises(NotationError) as caught:
        read_musicxml((CASES / "unpitched-only.musicxml").read_bytes())
    assert "percussion" in caught.value.reason
    drums = "<note><unpitched/><duration>24</duration></note>"
    part = f'<part id="P2"><measure>{FOUR}{drums}</measure></part></score-partwise>'
    both = score(FOUR + note("C", 24, "whole")).replace(b"</score-partwise>", part.encode())
    found = read_musicxml(both)
    assert len(found.tune.voices) == 1
    assert any("left out" in repair.what for repair in found.repairs)


def test_grace_notes_fine_and_da_capo_are_kept() -> None:
    lines = music(reading("lyrics-grace-dacapo.musicxml").tune)
    assert lines == [
        "c {d}c g g | !fine!c4 | a a b b | !D.C.alfine!g4 |]",
        "w:Sing a song now end",
    ]


def test_a_second_voice_in_one_bar_stays_on_its_staff() -> None:
    tune = reading("piano-two-voices-in-one-bar.musicxml").tune
    assert music(tune)[1::2] == [
        "g f e d | c4 | g f e d | g f e d |]",
        "x4 | E2 D2 | x4 | x4 |]",
        "C,4 | C,4 | C,4 | C,4 |]",
    ]


def test_a_repeat_sign_within_a_measure_divides_it() -> None:
    sign = '<barline location="middle"><repeat direction="backward"/></barline>'
    assert abc_of(FOUR + note("C", 12, "half") + sign + note("D", 12, "half")) == "|: c4 :| d4 |]"


@pytest.mark.parametrize(("number", "ending"), [("1, 2", (1, 2)), ("1,9", (1,)), ("40", ())])
def test_an_ending_has_the_turns_that_abc_has(number: str, ending: tuple[int, ...]) -> None:
    bracket = f'<barline location="left"><ending number="{number}" type="start"/></barline>'
    first, second = FOUR + note("C", 24, "whole"), bracket + note("D", 24, "whole")
    tune = read_musicxml(score(first, second)).tune
    assert tune.bars[1].ending == ending
    assert read_abc(write_abc(tune)).bars[1].ending == ending


def test_a_score_of_notes_without_length_has_none() -> None:
    with pytest.raises(NotationError):
        read_musicxml(score(note("C", 24, "whole").replace("<duration>24</duration>", "")))


def test_marks_of_the_player_are_kept() -> None:
    inside = (
        "<notations><fermata/><articulations><accent/></articulations>"
        "<ornaments><trill-mark/></ornaments></notations>"
    )
    loud = "<direction><direction-type><dynamics><f/></dynamics></direction-type></direction>"
    first = next(read_musicxml(score(FOUR + loud + note("C", 24, "whole", inside))).tune.notes)
    assert first.marks
    assert set(first.marks.decorations) == {"f", "fermata", "accent", "trill"}


def test_a_hairpin_ends_at_its_last_note() -> None:
    def wedge(kind: str) -> str:
        return f"<direction><direction-type><wedge type='{kind}'/></direction-type></direction>"

    notes = note("C", 12, "half") + note("D", 12, "half")
    found = abc_of(FOUR + wedge("diminuendo") + notes + wedge("stop"))
    assert found == "!diminuendo(!c4 !diminuendo)!d4 |]"


def test_words_over_the_staff_and_the_people_are_kept() -> None:
    tempo = (
        '<direction placement="above"><direction-type><words>Allegro</words></direction-type>'
        "<direction-type><metronome><beat-unit>half</beat-unit><per-minute>60</per-minute>"
        '</metronome></direction-type><sound tempo="120"/></direction>'
    )
    words = (
        '<direction placement="below"><direction-type><words>dolce</words></direction-type>'
        "</direction>"
    )
    letter = "<direction><direction-type><rehearsal>B</rehearsal></direction-type></direction>"
    data = score(
        FOUR + tempo + note("C", 24, "whole"), letter + words + note("D", 24, "whole")
    ).replace(
        b"<part-list>",
        b"<identification><creator type='composer'>A. Person</creator>"
        b"<creator type='lyricist'>B. Person</creator></identification><part-list>",
    )
    tune = read_musicxml(data).tune
    assert tune.words.tempo == Tempo("Allegro", (Fraction(1, 2),), 60)
    assert (tune.words.composer, tune.words.named("A")) == ("A. Person", ("B. Person",))
    marks = next(tune.bars[1].notes).marks
    assert marks
    assert marks.annotations == (Annotation("_", "dolce"),)
    assert tune.bars[1].part == "B"
    assert read_abc(write_abc(tune)).words == tune.words


def test_slurs_are_kept_where_both_ends_are() -> None:
    def slur(kind: str) -> str:
        return f"<notations><slur type='{kind}' number='1'/></notations>"

    notes = note("C", 6, "quarter", slur("start")) + note("D", 6, "quarter", slur("stop"))
    alone = note("E", 6, "quarter", slur("stop")) + note("F", 6, "quarter", slur("start"))
    assert abc_of(FOUR + notes + alone) == "(c d) e f |]"


def test_grace_notes_at_the_end_of_a_bar_belong_to_its_last_note() -> None:
    grace = "<note><grace/><pitch><step>D</step><octave>5</octave></pitch></note>"
    assert abc_of(FOUR + note("C", 24, "whole") + grace) == "c8{d} |]"


def test_a_syllable_is_held_to_the_next() -> None:
    def sung(step: str, syllable: str) -> str:
        return note(step, 6, "quarter", f"<lyric>{syllable}</lyric>")

    syllables = "<syllabic>begin</syllabic><text>Hal</text>"
    last = "<syllabic>end</syllabic><text>lo</text><extend/>"
    plain = note("D", 6, "quarter")
    lines = music(
        read_musicxml(score(FOUR + sung("C", syllables) + plain + sung("E", last) + plain)).tune
    )
    assert lines == ["c d e d |]", "w:Hal--lo_"]


def test_what_is_passed_over_is_said() -> None:
    words = "<direction><direction-type><pedal type='start'/></direction-type></direction>"
    found = read_musicxml(score(FOUR + words + note("C", 24, "whole")))
    assert any("pedal" in repair.what for repair in found.repairs)


def test_a_score_by_measures_is_read_alike() -> None:
    by_part = score(FOUR + note("C", 24, "whole"), note("D", 24, "whole"))
    by_measure = (
        '<score-timewise><part-list><score-part id="P1"><part-name>Flute</part-name></score-part>'
        f'</part-list><measure><part id="P1">{FOUR}{note("C", 24, "whole")}</part></measure>'
        f'<measure><part id="P1">{note("D", 24, "whole")}</part></measure></score-timewise>'
    ).encode()
    assert read_musicxml(by_part).tune == read_musicxml(by_measure).tune


@pytest.mark.parametrize(
    "measure",
    [
        FOUR.replace("<beats>4", "<beats>1000000"),
        FOUR.replace("<beat-type>4", "<beat-type>5"),
        FOUR + note("C", 24_000_000, "whole"),
        FOUR + note("C", 24, "whole", octave=12),
        FOUR + note("H", 24, "whole"),
        FOUR + note("C", 24, "whole").replace("</pitch>", "<alter>0.5</alter></pitch>"),
        FOUR.replace("<fifths>0", "<fifths>40"),
        FOUR.replace("<fifths>0", "<fifths>1e999999999"),
        FOUR + note("C", 1, "16th") * 500,
    ],
)
def test_what_cannot_be_read_is_refused_with_its_bar(measure: str) -> None:
    with pytest.raises(NotationError) as caught:
        read_musicxml(score(measure))
    assert "bar 1" in caught.value.reason


def test_a_piano_has_a_brace_and_its_second_voice_a_staff_with_the_first() -> None:
    tune = reading("piano-two-voices-in-one-bar.musicxml").tune
    assert [staff.voices for staff in tune.staves] == [(0, 1), (2,)]
    assert len({staff.brace for staff in tune.staves} - {0}) == 1
    assert "%%score {(1 2) 3}" in write_abc(tune).splitlines()


def test_staves_come_back_from_abc_and_from_musicxml() -> None:
    tune = reading("piano-two-voices-in-one-bar.musicxml").tune
    text = write_abc(tune)
    assert write_abc(read_abc(text)) == text
    again = read_musicxml(musicxml_of(tune)).tune
    assert [staff.voices for staff in again.staves] == [(0, 1), (2,)]
    assert all(staff.brace for staff in again.staves)
    assert [sounding(replace(tune, bars=voice.bars, others=())) for voice in tune.voices] == [
        sounding(replace(again, bars=voice.bars, others=())) for voice in again.voices
    ]


def test_voices_of_one_staff_are_drawn_on_it() -> None:
    score = build_score(reading("piano-two-voices-in-one-bar.musicxml").tune)
    upper, lower = score.parts
    assert [len(measure.voices) for measure in upper.getElementsByClass("Measure")] == [0, 2, 0, 0]
    assert [group.symbol for group in score.getElementsByClass("StaffGroup")] == ["brace"]
    assert len(lower.flatten().notes) == 4


def test_clefs_are_kept() -> None:
    def clef(sign: str, line: int, octave: int = 0) -> str:
        return (
            f"<attributes><clef><sign>{sign}</sign><line>{line}</line>"
            f"<clef-octave-change>{octave}</clef-octave-change></clef></attributes>"
        )

    first = FOUR + clef("C", 4) + note("C", 12, "half", octave=4) + clef("G", 2, -1)
    tune = read_musicxml(score(first + note("D", 12, "half", octave=4))).tune
    assert tune.clef == "tenor"
    assert [note.marks.clef if note.marks else "" for note in tune.notes] == ["", "treble-8"]
    text = write_abc(tune)
    assert write_abc(read_abc(text)) == text


@pytest.mark.parametrize(("divisions", "duration"), [(405, 256), (1024, 1)])
def test_durations_that_abc_lacks_are_refused(divisions: int, duration: int) -> None:
    odd = note("C", duration, "").replace("<type></type>", "")
    with pytest.raises(NotationError):
        read_musicxml(score(FOUR.replace(">6<", f">{divisions}<") + odd))


def test_octave_brackets_are_printed_and_read_and_move_no_note() -> None:
    text = "X:1\nT:T\nM:4/4\nL:1/4\nK:C\nab c'd'|!8va(!e'f'g'!8va)!a'|!8vb(!C!8vb)!z z2|"
    tune = read_abc(text + "!15ma(!!15ma)!c''4|]\n")
    written = musicxml_of(tune)
    assert written.count(b'<octave-shift number="1" size="8" type="down"') == 1
    assert written.count(b'type="stop"') == 3
    again = read_musicxml(written)
    assert music(again.tune) == music(tune)
    assert sounding(again.tune) == sounding(tune)
    assert not again.repairs
