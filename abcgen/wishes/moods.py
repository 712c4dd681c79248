"""Moods: how a tune is shaped for its character, after studies of perceived emotion.

A mood is a point on Russell's circle. Each feature of a tune follows valence, arousal or both in a
straight line: studies find that cues add up, about linearly, and hardly interact (Juslin and
Lindström 2010; Eerola, Friberg and Bresin 2013). ``docs/wishes.md`` has the sources of each.
Nothing is promised about what anybody feels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.errors import InputError
from abcgen.notation.tune import Mode

if TYPE_CHECKING:
    from abcgen.config import Request


@dataclass(frozen=True, slots=True)
class Mood:
    """A point on Russell's circle, from -1 to 1: from unpleasant to pleasant, calm to lively."""

    valence: float
    arousal: float

    # Set as wishes of the grammar.

    @property
    def modes(self) -> tuple[Mode, ...]:
        """The modes that it may be in; none if that does not matter."""
        if not self.valence:
            return ()
        near, far = (
            ((Mode.MAJOR,), (Mode.MIXOLYDIAN,))
            if self.valence > 0
            else ((Mode.MINOR,), (Mode.DORIAN,))
        )
        return near if abs(self.valence) >= CLEAR else near + far

    @property
    def max_leap(self) -> int:
        """The widest interval, as in ``Request``; 0 for any."""
        return 6 if self.arousal <= -CLEAR else 0

    # Set afterwards.

    @property
    def tempo(self) -> float:
        """How many times as fast as usual it is."""
        return float(FASTER**self.arousal)

    @property
    def is_staccato(self) -> bool:
        """Whether its short notes are detached."""
        return self.arousal >= CLEAR

    @property
    def is_legato(self) -> bool:
        """Whether its notes are slurred."""
        return self.arousal <= -CLEAR

    # Reached by choosing among candidates.

    @property
    def wanted(self) -> dict[str, float]:
        """How far its features are to be from those of tunes at large, in standard deviations."""
        return {
            "pitch": FURTHEST * (0.7 * self.valence + 0.3 * self.arousal),
            "leap": FURTHEST * self.arousal,
            "density": FURTHEST * self.arousal,
        }


CLEAR = 0.4  # valence or arousal from which a mood is clearly pleasant, lively and so on
FASTER = 1.4  # tempo at an arousal of 1
FURTHEST = 1.5  # standard deviations
# In each quarter of the circle two names, where studies of music find them, rounded.
MOODS = {
    "happy": Mood(0.8, 0.6),
    "excited": Mood(0.5, 0.9),
    "tense": Mood(-0.5, 0.8),
    "angry": Mood(-0.8, 0.6),
    "gloomy": Mood(-0.8, -0.4),
    "sad": Mood(-0.6, -0.7),
    "calm": Mood(0.5, -0.8),
    "tender": Mood(0.8, -0.5),
}


def mood_named(name: str) -> Mood:
    """Return the mood of that name.

    Raises:
        InputError: if there is none.
    """
    plain = re.sub(r"[\s_-]+", "-", name.strip().lower())
    if plain not in MOODS:
        raise InputError(f"unknown mood {name[:40]!r}", hint=f"one of {', '.join(MOODS)}")
    return MOODS[plain]


def mood_of(request: Request) -> Mood | None:
    """Return the requested mood.

    Raises:
        InputError: if there is no such mood.
    """
    if request.mood:
        return mood_named(request.mood)
    if request.valence is None and request.arousal is None:
        return None
    return Mood(request.valence or 0.0, request.arousal or 0.0)
