from __future__ import annotations

import pytest

from abcgen.notation.playback import play_order
from abcgen.notation.reader import read_abc


@pytest.mark.parametrize(
    ("body", "played"),
    [
        ("A|B|]", "AB"),
        ("A:|", "AA"),
        ("A|B:|", "ABAB"),
        ("A:|B:|", "AABB"),
        ("A:|B|]", "AAB"),
        ("|:A|B:|", "ABAB"),
        ("|:A||B:|", "ABAB"),
        ("A|:B:|c|]", "ABBc"),
        ("|:A::B:|", "AABB"),
        ("|:A|1B:|2c|]", "ABAc"),
        ("|:A|1B:|2c:|", "ABAc"),
        ("|:A|1B:|2c||d:|", "ABAcdd"),
        ("|:A|1B:|2c|]|:d|1e:|2f|]", "ABAcdedf"),
        ("|:A|1B|c:|2d|e||f|]", "ABcAdef"),
        ("|:A|[1,3 B:|[2 c:|[4 d|]", "ABAcABAd"),
        ("|:A|[1 B:|c|]", "ABAc"),
        ("|:A|[1-2 B:|[3 c|]", "ABABAc"),
        ("A:|B||c:|", "AABcc"),
        ("A||B:|", "ABAB"),
    ],
)
def test_repeats_and_endings_are_played_in_order(body: str, played: str) -> None:
    tune = read_abc(f"X:1\nM:none\nL:1/8\nK:C\n{body}")
    names = [name for name in body if name.isalpha()]
    assert "".join(names[index] for index in play_order(tune)) == played
