"""Files as musicians type them, each with one habit or mistake: ``cases/NAME.abc``.

What they sound is written as voices, parted by ``/``: MIDI keys, ``+`` within a chord, and after a
colon the length in quarters where it is not one. The values come from the ABC standard and from
abc2midi.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from abcgen.corpus.reading import load_corpus
from abcgen.corpus.tune_files import READERS, chunks_of
from abcgen.notation.reader import LeftOut, Reading, read_abc
from abcgen.notation.walk import sounding_notes
from abcgen.notation.writer import write_abc

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

CASES = Path(__file__).parent / "cases"
OUT = None

# The sound of every tune of a case; None for a tune that is left out.
SOUNDS: dict[str, list[str | None]] = {
    "accent-mnemonics-in-title": ["62 66 69 74:2"],
    "blank-line-inside-tune": ["67 69 71 72 74:2 74:2 79 78 76 74 72 69 67:2", "62 66 69 74 74:4"],
    "charset-directive": ["62:1/2 66:1/2 69:1/2 74:1/2 67 64"],
    "choir-with-tenor-clef": ["69 69 70 72 72:4 / 60 60 62 60 57:4 / 53 53 46 48 41:4"],
    "chord-at-end-of-bar": ["72:2 77:4 79:4"],
    "chord-symbols-dropped": [
        "60 62 64 65 67 69 71 72 60 62 64 65 67 69 71 72 60 62 64 65 67 69 71:2 72:4 60:2 62:2"
    ],
    "chord-tied-in-part": ["60+64+67:4 60+67:2 64:4 62+65:2 60+64+67:4"],
    "clef-change-inside-line": ["48 52 55 60 72 76 79 84 60 64 67 72"],
    "comment-before-first-voice": ["71 67 69 74 71:4 / 55 59 57 54 55:4"],
    "continued-title": ["67 69 71 72 74:2 74:2 79 78 76 74"],
    "curly-quotes": [
        "67:1/2 64:1/2 62:1/2 64:1/2 67 67:1/2 69:1/2 69 69:1/2 71:1/2 69:1/2 67:1/2 64:1/2 62:1/2"
    ],
    "dc-al-fine": ["67 69 71 72 74:2 74:2 76 74 72 71 69:2 62:2"],
    "double-spaced-paste": ["67 69 71 72 74:2 74:2 74 72 71 69 67:4"],
    "doubled-carriage-returns": ["67 69 71 72 74:2 74:2 74 72 71 69 67:4"],
    "ending-closed-with-bracket": ["74 78 76 73 74:2 69:2 74:2 74:2 79 78 76 74 73:2 69:2 74:4"],
    "endings-in-words": ["60:4 62:4 64:4"] * 4,
    "field-with-space-before-colon": ["74 78 76 73 74:4"],
    "file-header-defaults": ["67 69 71 72 74:2 74:2", "62 66 69 74:2"],
    "final-bar-line-in-last-voice": ["60:2 64:2 67:2 72:2 / 55:4 60:4 / 48:4 52:4"],
    "grace-after-the-last-note": ["72:2 74:2 76:4 74:4"],
    "history-with-bar-signs": ["60 62 64 65 67:4"],
    "key-of-accidentals-only": ["67 78 82 79", "74 75 78 82", "67 78 83 79"],
    "keys-of-many-kinds": [
        "70 72 74 75", "78 80 81 83", OUT, "69 71 72 74", OUT, "62 64 66 67", "62 63 66 67",
        "62 63 66 70", "62 63 66 70", "69 71 73 79", "67 69 71 78", "67 69 71 78", "57 59 60 62",
        "64 66 67 69", "66 68 69 71", "66 67 69 71", "66 67 69 71", "66 67 69 71", "67 69 73 78",
        "67 69 72 77",
    ],
    "length-after-key-before-voice": ["67:1/2 69:1/2 70:1/2 72:1/2 74 74 / 55 62 55:2"],
    "marcato-sign": ["60 62 64 65 67:4"],
    "metres-of-many-kinds": [
        "60:4", "60:1/2 62:1/2 64:1/2 65:1/2 67:1/2 69:1/2", OUT,
        *["60:1/2 62:1/2 64:1/2 65:1/2 67:1/2 69:1/2 71:1/2"] * 2, "60 62 64 65 67 69 71 72:2",
        "60:1/2 62:1/2 64:1/2 65:1/2 67:1/2 69:1/2 71:1/2 72:1/2 74:1/2", "60:4", OUT, OUT,
        "60:1/2 62:1/2 64:1/2 65:1/2 67:1/2 69:1/2 71:1/2", OUT,
        "60:1/2 62:1/2 64:1/2 65:1/2 67:1/2 69:1/2 71:1/2 72:1/2 74:1/2 76:1/2 77:1/2 79:1/2",
        "60 62 64",
    ],
    "natural-after-a-tied-sharp": ["60 60 60 61:2 60 60 60 60 60 60 66:2 65 65 60"],
    "no-break-spaces": ["67 69 71 72 74:4"],
    "octave-clef-cancelled": ["72 74 76 72 72:4"],
    "order-of-parts": ["60 62 64 65 67:4 72 71 69 67 65:4"],
    "ottava": ["80 82 84 85 87 89 91 92 75:4"],
    "percussion-clef": ["45 45 45 45 45:2 45"],  # a tom on the middle line
    "polka-without-L": [
        ("74:1/2 71:1/2 69:1/2 66:1/2 69 69:1/2 71:1/2 74:1/2 71:1/2 69:1/2 66:1/2 64 64"
        " 74 74:1/2 76:1/2 78:1/2 74:1/2 76:1/2 74:1/2 71:1/2 69:1/2 71:1/2 73:1/2 74 74")
    ],
    "propagate-accidentals-not": ["66 65 71 70 71 71 73 72"],
    "second-title-composer-lost": ["62 66 69 74:3"],
    "session-data-inline-key": ["74 69 66 62:3 74 69 65 62:3"],
    "song-with-words": ["62 67:2 71:1/2 67:1/2 71:2 69 67:2 64 62:2 62 67:5"],
    "standards-own-choir-example": ["58 60 62 67 65:3 63 / 53 55 57"],
    "tempo-field": ["62:1/2 66:1/2 69:1/2 74:1/2 69:1/2 66:1/2 67:3/2 64:3/2"],
    "tenor-clef-in-key": ["55 57 59 60 62 60 59 57 55:4"],
    "text-block-in-body": ["67 69 71 72 74:2 74:2 76 74 72 71 69:2 67:2"],
    "tremolo-pedal": ["60 64 67:2 72:4"],
    "tune-in-html": ["67:3/4 69:1/4 71:1/4 72:3/4 74 74 79:2 74:2"],
    "tuplets-with-one": ["60:1/2 60:1/2 60:1/2 60:1/2 60 60:1/2 60:1/2 60:1/2 60:1/2 60 60"],
    "two-chords-in-one-quote": ["72:4 76:4 77:4 72:4"],
    "two-fields-on-one-line": ["67 69 71 72 74:2 74:2"],
    "unknown-decoration": ["71 67 69 74 71:4"],
    "user-symbols-redefined": ["62 66 69 74 78 76 74:2"],
    "viols-with-octave-shift": [
        "67:2 74:3 72 / 62:4 65:4 62:4 62:4 / 55:2 62:3 60 58 57 55:6 / 45:2"
    ],
    "voice-overlay": ["72 74 76 79 62:1/3 62:1/3 62:1/3 65:2 69 / 60:4 72:2 72:2"],
    "windows-1252-title": ["62:1/2 66:1/2 69:1/2 74:1/2 69:1/2 66:1/2 67:3/2 64:3/2"],
    "words-typed-in-the-music": [
        "67:1/2 69:1/2 71:1/2 72:1/2 74 74 79 78 76 74 79 79 78 78 76 74 67:2"
    ],
    "zero-length-slashes": [OUT],
}  # fmt: skip

# The line of each remark on a case; those that need none have no entry.
REMARKS: dict[str, list[int]] = {
    "blank-line-inside-tune": [8],
    "curly-quotes": [6],
    "double-spaced-paste": [3],
    "ending-closed-with-bracket": [6],
    "endings-in-words": [6, 6],
    "marcato-sign": [6],
    "metres-of-many-kinds": [10],
    "no-break-spaces": [6],
    "polka-without-L": [4],
    "text-block-in-body": [7],
    "tremolo-pedal": [6],
    "tune-in-html": [7],
    "two-fields-on-one-line": [3],
    "unknown-decoration": [7],
    "words-typed-in-the-music": [7],
}


def results(case: str) -> list[Reading | LeftOut]:
    """Return the tunes of a case, read chunk by chunk as the commands do."""
    found = []
    for chunk in chunks_of(CASES / f"{case}.abc", READERS[".abc"]):
        assert not isinstance(chunk, LeftOut)
        for result in chunk.reader.read(chunk.data, case):
            repairs = result.repairs if isinstance(result, Reading) else ()
            moved = tuple(replace(one, line=one.line + chunk.line - 1) for one in repairs)
            found.append(replace(result, repairs=moved) if isinstance(result, Reading) else result)
    return found


def tunes(case: str) -> list[Tune]:
    return [result.tune for result in results(case) if isinstance(result, Reading)]


def sounds(tune: Tune) -> str:
    """Return what a tune sounds, in the notation of ``SOUNDS``."""
    return " / ".join(
        " ".join(
            "+".join(map(str, sound.keys)) + (f":{quarters}" if quarters != 1 else "")
            for sound in sounding_notes(replace(tune, bars=voice.bars))
            for quarters in [Fraction(4 * sound.duration)]
        )
        for voice in tune.voices
    )


@pytest.mark.parametrize("case", SOUNDS)
def test_every_note_sounds_as_it_is_meant(case: str) -> None:
    found = [sounds(one.tune) if isinstance(one, Reading) else None for one in results(case)]
    assert found == SOUNDS[case]


@pytest.mark.parametrize("case", SOUNDS)
def test_canonical_abc_of_it_is_the_same_tune(case: str) -> None:
    for tune in tunes(case):
        canonical = write_abc(tune)
        assert sounds(read_abc(canonical)) == sounds(tune)
        assert write_abc(read_abc(canonical)) == canonical


@pytest.mark.parametrize("case", SOUNDS)
def test_what_is_corrected_or_ignored_is_reported_with_its_line(case: str) -> None:
    readings = [result for result in results(case) if isinstance(result, Reading)]
    lines = [repair.line for reading in readings for repair in reading.repairs]
    assert lines == REMARKS.get(case, [])


def test_every_case_is_tested() -> None:
    assert {path.stem for path in CASES.glob("*.abc")} == set(SOUNDS)


@pytest.mark.parametrize(
    ("case", "titles"),
    [
        ("accent-mnemonics-in-title", ["Ag'us an Café, Å se och Östen œuvre é é"]),
        ("charset-directive", ["Szőlő, česká píseň"]),
        ("tune-in-html", ["Mary's & Johné"]),
        ("windows-1252-title", ["Paddy O\u2019Rafferty \u2013 \u201cthe old way\u201d"]),
    ],
)
def test_titles_are_read_in_all_their_encodings(case: str, titles: list[str]) -> None:
    assert [tune.title for tune in tunes(case)] == titles


def test_the_files_fields_hold_for_all_tunes() -> None:
    assert [tune.rhythm for tune in tunes("file-header-defaults")] == ["march", "march"]


def test_a_user_symbol_is_what_the_file_defines() -> None:
    (tune,) = tunes("user-symbols-redefined")
    marks = [note.marks.decorations for note in tune.notes if note.marks]
    assert [names for names in marks if names] == [("upbow",), ("upbow",), ("fermata",)]


def test_endings_of_all_spellings_are_the_same() -> None:
    endings = [[bar.ending for bar in tune.bars] for tune in tunes("endings-in-words")]
    assert endings == [[(), (1,), (2,)]] * 4


def test_the_final_bar_line_ends_all_voices() -> None:
    (tune,) = tunes("final-bar-line-in-last-voice")
    assert {voice.bars[-1].line for voice in tune.voices} == {"|]"}


@pytest.mark.parametrize(
    ("case", "clefs"),
    [
        ("choir-with-tenor-clef", ["treble", "treble-8", "bass"]),
        ("viols-with-octave-shift", ["treble", "treble", "treble-8", "bass"]),
        ("octave-clef-cancelled", ["treble-8"]),
        ("clef-change-inside-line", ["bass"]),
        ("percussion-clef", ["perc"]),
    ],
)
def test_the_clef_is_kept(case: str, clefs: list[str]) -> None:
    (tune,) = tunes(case)
    assert [voice.clef for voice in tune.voices] == clefs
    assert [voice.clef for voice in read_abc(write_abc(tune)).voices] == clefs


def test_changes_of_clef_are_kept() -> None:
    (tune,) = tunes("clef-change-inside-line")
    assert [note.marks.clef for note in tune.notes if note.marks] == ["treble", "alto"]


def test_a_reason_names_the_thing() -> None:
    (skipped,) = load_corpus_skipped("zero-length-slashes")
    assert (skipped.line, "length" in skipped.reason) == (6, True)


def load_corpus_skipped(case: str) -> list[LeftOut]:
    return [result for result in results(case) if isinstance(result, LeftOut)]


def test_the_corpus_reads_a_case_as_its_chunks_are_read() -> None:
    corpus = load_corpus([CASES / "file-header-defaults.abc"])
    assert list(corpus.tunes) == tunes("file-header-defaults")
