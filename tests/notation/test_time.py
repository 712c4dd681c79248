"""Texts that could take minutes are read in the time of their length."""

import time
from fractions import Fraction

import pytest

from abcgen.notation.reader import read_tunebook
from abcgen.notation.staves import Staff, read_staves
from abcgen.notation.words import read_tempo, short_text

SECONDS = 10.0
SPACES = " " * 20_000
MUSIC = "CDEF GABc|\n"


@pytest.mark.parametrize(
    "text",
    [
        f"X:1\nT:&{'amp;' * 20_000}\nK:C\n{MUSIC}",
        f'X:1\nT:a\nQ:"fast"{SPACES}x\nK:C\n{MUSIC}',
        f"X:1\nT:a\nM:4{SPACES}!\nK:C\n{MUSIC}",
        f"X:1\nT:a\nK:C{SPACES}x\n{MUSIC}",
        f"X:1\nT:a\nK:C\n{MUSIC}[M:4{SPACES}!]C|\n",
        f"X:1\nT:a\nK:C\n{MUSIC}\n{'[A:' * 30_000}|\n",
        f"X:1\nT:a\nK:C\n{MUSIC}\n{'{' * 90_000}|\n",
        f"X:1\nT:a\nK:C\n{MUSIC}{'[A:' * 30_000}\n",
        f"X:1\nT:a\nm:~G=GAG\nK:C\n{MUSIC}{'[A:' * 30_000}|\n",
        f"X:1\nT:a\nm:n={'n' * 200}\nK:C\n{'C' * 20_000}|\n",
        "X:1\nT:a\nK:C\n" + "%%beginps\n" * 20_000 + MUSIC,
    ],
    ids=lambda text: text[:40].replace("\n", " ")[8:],
)
def test_no_text_takes_more_than_its_length(text: str) -> None:
    start = time.process_time()
    assert list(read_tunebook(text))
    assert time.process_time() - start < SECONDS


def test_entities_may_stand_for_the_sign_of_another_but_not_without_end() -> None:
    assert short_text("&amp;eacute;") == "é"
    assert short_text("&amp;amp;lt;") == "<"
    assert "&" not in short_text("&" + "amp;" * 100)


@pytest.mark.parametrize("value", ["C0=40", "C99=40", "0/4=40"])
def test_a_beat_without_length_is_only_words(value: str) -> None:
    tempo = read_tempo(value, Fraction(1, 8))
    assert tempo
    assert (tempo.words, tempo.whole_notes) == (value, 0)


def test_voices_within_a_bracket_that_is_not_closed_stay() -> None:
    staves = read_staves("(1 2 (3", ["1", "2", "3"])
    assert staves == (Staff((0, 1)), Staff((2,)))
