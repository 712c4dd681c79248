"""Where tunes begin and end in a book, and what the book states for all of them."""

from __future__ import annotations

import pytest

from abcgen.notation.encoding import decode_text, unescaped
from abcgen.notation.reader import LeftOut, Reading, read_block, read_tunebook
from abcgen.notation.transpose import pitches_of
from abcgen.notation.tune import Tune
from abcgen.notation.tunebook import split_tunebook

TUNE = "X:1\nT:One\nK:C\nCDEF|GABc|\n"


def tunes(text: str) -> list[Tune]:
    return [result for result in read_tunebook(text) if isinstance(result, Tune)]


def lines(text: str) -> list[tuple[int, int]]:
    """The first line of every tune, and the number of its lines."""
    return [(block.line, len(block.lines)) for block in split_tunebook(text)]


def repaired_lines(text: str) -> list[int]:
    (result,) = map(read_block, split_tunebook(text))
    assert isinstance(result, Reading)
    return [repair.line for repair in result.repairs]


@pytest.mark.parametrize(
    ("header", "metre", "unit"),
    [
        ("M:3/4\nL:1/4\n\n", "3/4", 4),
        ("%abc-2.1\n% my book\nM:3/4\nL:1/4\nZ:me\n\n", "3/4", 4),
        ("M:3/4\nL:1/4\n", "3/4", 4),
        ("M:4/4\n\nM:3/4\nL:1/4\n\n", "3/4", 4),
        ("Some words about\nM: the book\n\n", "none", 8),
    ],
)
def test_fields_before_the_first_tune_hold_for_all(header: str, metre: str, unit: int) -> None:
    for tune in tunes(f"{header}{TUNE}\n{TUNE}"):
        assert str(tune.metre) == metre
        assert tune.bars[0].items[0].duration * unit == 1


def test_a_tunes_own_fields_come_before_the_books() -> None:
    own = TUNE.replace("K:", "M:6/8\nR:reel\nK:")
    first, second = tunes(f"M:3/4\nR:jig\n\n{own}\n{TUNE}")
    assert (str(first.metre), first.rhythm) == ("6/8", "reel")
    assert (str(second.metre), second.rhythm) == ("3/4", "jig")


def test_fields_between_tunes_hold_from_there_on() -> None:
    read = tunes(f"M:2/4\n\n{TUNE}\nM:3/4\n\n{TUNE}\n{TUNE}")
    assert [str(tune.metre) for tune in read] == ["2/4", "3/4", "3/4"]


def test_definitions_and_directives_of_the_book_hold_too() -> None:
    book = "U: T = !upbow!\nm: ~n = n2n2\nI:propagate-accidentals not\n\n"
    (tune,) = tunes(book + "X:1\nL:1/8\nK:C\nTC ~D ^F F|\n")
    assert pitches_of(tune) == [60, 62, 62, 66, 65]
    (first, *_) = tune.notes
    assert first.marks
    assert first.marks.decorations == ("upbow",)


@pytest.mark.parametrize("kind", ["text", "ps", "svg", "ml"])
def test_a_text_block_is_no_music_and_is_reported(kind: str) -> None:
    block = f"%%begin{kind}\nA bad egg | faced\n\nX marks\n%%end{kind}\n"
    (tune,) = tunes(f"{block}\n{TUNE}{block}c4|\n")
    assert pitches_of(tune) == [60, 62, 64, 65, 67, 69, 71, 72, 72]
    assert repaired_lines(f"{TUNE}{block}c4|\n") == [5]


def test_a_text_block_that_never_ends_costs_no_tune() -> None:
    assert len(tunes(f"{TUNE}%%begintext\nwords\n\n{TUNE}")) == 2


def test_a_text_for_the_page_may_speak_of_a_tune() -> None:
    text = "%%begintext\nX:1 is sung twice\n\nX: is a number\nK:D\n%%endtext\n"
    assert tunes(f"{text}{TUNE}{text}") == tunes(TUNE)
    assert len(tunes(f"{TUNE}\n{text}\n{TUNE}")) == 2


@pytest.mark.parametrize(
    ("rest", "notes", "repaired"),
    [
        ("\nGFED|C4|\n", 13, [6]),
        ("\n|: GFED | C4 :|\n\n\ncccc|\n", 17, [6]),
        ("\nP:B\nGFED|\n", 12, [6]),
        ("\nsome words\n\nGFED|\n", 12, [8]),
        ("\nW: and a verse\n", 8, [6]),
        ("\nas played by | my uncle | at fairs\n", 8, []),
        ("\njust words\n", 8, []),
        ("\nG F E D\n", 12, [6]),
        ("\nG2FE/ DC,\n(c>d) [CE]2\n", 17, [6]),
        ("\na bad face\n", 8, []),
        ("\nA B\n", 8, []),
        ("\nM:3/4\n", 8, []),
    ],
)
def test_music_after_a_blank_line_goes_on_with_the_tune(
    rest: str, notes: int, repaired: list[int]
) -> None:
    (tune,) = tunes(TUNE + rest)
    assert len(pitches_of(tune)) == notes
    assert repaired_lines(TUNE + rest) == repaired


def test_a_paragraph_with_a_title_and_a_key_is_another_tune() -> None:
    assert [tune.title for tune in tunes(f"{TUNE}\nT:Two\nM:3/4\nK:D\nDFA|\n")] == ["One", "Two"]


def test_a_title_directly_above_the_number_is_the_tunes() -> None:
    text = f"T:Above\nX:1\nK:C\nC|\nT:Second\nX:2\nK:C\nD|\n\nX:3\nT:Index only\nX:4\n{TUNE[4:]}"
    assert [tune.title for tune in tunes(text)] == ["Above", "Second", "One"]
    assert lines("T:Above\nX:1\nK:C\nC|\n") == [(1, 4)]


def test_words_in_the_header_may_have_a_bar_line() -> None:
    (tune,) = tunes('X:1\nT:One\nN bars 13 and 21 are |f2ed| marked "Bis" with dots\nK:C\nCDEF|\n')
    assert pitches_of(tune) == [60, 62, 64, 65]


def test_blank_lines_in_the_header_do_not_end_it() -> None:
    (tune,) = tunes("X:7\n\nT:Double\n\nM:3/4\n\nL:1/4\n\nK:G\n\nGAB|\n\nc3|\n")
    assert (tune.number, tune.title, str(tune.metre), len(tune.bars)) == (7, "Double", "3/4", 2)


def test_an_error_in_the_books_fields_is_told_at_the_tune() -> None:
    (skipped,) = read_tunebook(f"M:many\n\n{TUNE}")
    assert isinstance(skipped, LeftOut)
    assert (skipped.line, skipped.number, "many" in skipped.reason) == (5, "1", True)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("é".encode(), "é"),
        ("é".encode("latin-1"), "é"),
        (b"\x93a\x94 \x96 b\x92s", "\u201ca\u201d \u2013 b\u2019s"),
        ("é ".encode() + "ü".encode("latin-1"), "é ü"),
        (b"%%abc-charset iso-8859-2\n\xf5", "%%abc-charset iso-8859-2\nő"),
        (b"I:abc-charset koi8-r\n\xc1", "I:abc-charset koi8-r\nа"),  # noqa: RUF001 - Cyrillic
        (b"%%abc-charset zip\n\xe9", "%%abc-charset zip\né"),
        (b"\x81", "\x81"),
    ],
)
def test_bytes_are_decoded(data: bytes, text: str) -> None:
    assert decode_text(data) == text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"caf\'e \`a la \^ile", "café à la île"),
        (r"Fran\c cois gar\ccon", "François garçon"),
        (r"\AA se, \O, \/Oster, \ae ra, \ss", r"Å se, \O, Øster, æra, ß"),
        (r"\vS \uA \HO \.Z \=a \;e", "Š Ă Ő Ż ā ę"),
        (r"\u00e9 \ud800 &eacute; &#233; &#xe9; &amp; & B", r"é \ud800 é é é & & B"),
        ("&amp;eacute;", "é"),
        (r"AC\DC \x", r"AC\DC \x"),
    ],
)
def test_mnemonics_and_entities_are_letters(written: str, meant: str) -> None:
    assert unescaped(written) == meant
    assert unescaped(meant) == meant
