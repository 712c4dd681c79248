"""Position features of texts of several voices: whose note is next, and what it will sound with.

- the number of the voice;
- the note that sounds in each of the voices above when the next note begins;
- interval and height of the voice's own last notes, and the last one's letter;
- all others as in ``positions``: time begins anew in every voice's bar.

What sounds at the same time as the next note was written hundreds of characters ago; these
features say it, so that the network need not find it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from abcgen.errors import NotationError
from abcgen.grammar.positions import (
    CHORD,
    FIELD,
    HEIGHTS,
    IN_HEADER,
    LEFT,
    LETTER_HEIGHTS,
    OCTAVE_MARKS,
    POSITION,
    CachedState,
    PositionTracker,
    pitch_features,
)
from abcgen.notation.fields import read_key
from abcgen.notation.model_text import NEXT_VOICE
from abcgen.notation.tune import ALTERATIONS, LETTERS, NATURAL_SEMITONES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Values of a sounding note: 0 if none sounds, or none is known; else its MIDI key number less
# ``BELOW``.
SOUNDINGS, BELOW = 96, 12
# Bass voices need lower heights than tunes: these are counted from an octave below.
LOWER = 7
MIDDLE_C_HEIGHT = LETTER_HEIGHTS["C"]
NOTE_LETTERS = frozenset(LETTER_HEIGHTS)
MAX_FIELD = 20


class VoiceNotes(NamedTuple):
    """What is remembered of a voice."""

    # The heights of its last two notes, and that of the last one's letter.
    height: int = 0
    height_before: int = 0
    letter: int = 0
    # Its notes and rests in this bar: when each begins, and its value as a sounding note.
    bar: tuple[tuple[int, int], ...] = ()


class VoicesState(NamedTuple):
    """The state of a text of several voices."""

    position: CachedState
    notes: tuple[VoiceNotes, ...]
    # The number of the voice, from 0.
    voice: int = 0
    # The accidental before a letter, and those of letters in this voice's bar.
    accidental: str = ""
    altered: tuple[tuple[str, int], ...] = ()
    # The key in force, and the line or field read so far.
    key: str = ""
    field: str = ""


def voice_features(voices: int) -> tuple[str, ...]:
    """Return the names of the features of voices, but for pitch."""
    return ("voice", *(f"sounding_{number}" for number in range(1, voices)))


class VoicesTracker(PositionTracker):
    """Computes the position features of texts of several voices.

    Args:
        tokens: The character of every id, empty for marks, which change nothing.
        features: The names of the features wanted, in order.
        voices: Number of voices.
    """

    def __init__(self, tokens: Sequence[str], features: Sequence[str], voices: int) -> None:
        self._voices = voices
        super().__init__(tokens, [name for name in features if name in {*POSITION, *LEFT}])
        columns = (*POSITION, *LEFT, *voice_features(voices), "interval", "height", "letter")
        self._columns = [columns.index(name) for name in features]
        self._width = len(columns)

    def _forget(self) -> None:
        super()._forget()
        # The attribute holds what every text starts from, here a state of another kind.
        notes = (VoiceNotes(),) * self._voices
        self._start: Any = VoicesState(self._start.position, notes)

    @property
    def first(self) -> VoicesState:
        """The state before anything is read."""
        return self._start  # type: ignore[no-any-return]

    def after(self, state: VoicesState, character: str) -> VoicesState:
        """Return the state after one more character."""
        return self._after(state, character)  # type: ignore[no-any-return]

    def _after(self, state: Any, character: str) -> Any:
        position: CachedState = state.position
        after = position.following.get(character) or self._follow(position, character)
        region = position.state.region
        state = state._replace(position=after)
        if not position.is_music:
            return _in_field(state, character) if region in IN_HEADER or region == FIELD else state
        if character in NOTE_LETTERS and not (region == CHORD and state.field):
            return _with_letter(state, character)
        if character in OCTAVE_MARKS:
            return _with_octave(state, OCTAVE_MARKS[character])
        if character and character in "^_=":
            return state._replace(accidental=(state.accidental + character)[:2])
        if character == "z":
            return _with_sound(state, 0)
        if character == NEXT_VOICE:
            return _in_voice(state, (state.voice + 1) % self._voices)
        # A colon in ``(5:4:5`` is no bar line.
        if character == "|" or (
            character == ":" and not position.state.tuplet_number and region != CHORD
        ):
            notes = tuple(voice._replace(bar=()) for voice in state.notes)
            return _in_voice(state._replace(notes=notes), 0)
        if region == CHORD and character and character in "KM":
            return state._replace(field=f"{character}:")
        return state

    def _stack(self, states: Sequence[Any]) -> NDArray[np.uint8]:
        rows = b"".join([state.position.features + _features(state) for state in states])
        return np.frombuffer(rows, np.uint8).reshape(-1, self._width)[:, self._columns]


def _features(state: VoicesState) -> bytes:
    """Return the features of voices and pitch."""
    own, now = state.notes[state.voice], state.position.state.now
    above = [
        sounding(voice.bar, now) if index < state.voice else 0
        for index, voice in enumerate(state.notes[:-1])
    ]
    pitch = pitch_features(own.height, own.height_before)
    return bytes((state.voice, *above, *pitch, own.letter))


def sounding(bar: tuple[tuple[int, int], ...], now: int) -> int:
    """Return the value of the note of a bar that sounds at a time."""
    for onset, value in reversed(bar):
        if onset <= now:
            return value
    return 0


def _in_field(state: VoicesState, token: str) -> VoicesState:
    """Read a character of the header, or of a change of key or metre."""
    if token not in {"\n", "]"}:
        return state._replace(field=(state.field + token)[:MAX_FIELD])
    key = state.field[2:] if state.field.startswith("K:") else state.key
    return state._replace(key=key, field="")


@lru_cache(maxsize=1024)
def _signature(key: str) -> dict[str, int]:
    """Return the alteration of every letter in a key; none in what is no key."""
    try:
        return read_key(key).signature
    except NotationError:
        return dict.fromkeys(LETTERS, 0)


def key_value(state: VoicesState, letter: str) -> int:
    """Return the value as a sounding note that a letter would have without octave marks."""
    name = letter.upper()
    if state.accidental in ALTERATIONS and state.accidental:
        alter = ALTERATIONS[state.accidental]
    else:
        alter = dict(state.altered).get(name, _signature(state.key)[name])
    octave = 5 if letter.islower() else 4
    return 12 * (octave + 1) + NATURAL_SEMITONES[LETTERS.index(name)] + alter - BELOW


def _with_letter(state: VoicesState, token: str) -> VoicesState:
    """Return the state after a note's letter."""
    name, value = token.upper(), key_value(state, token)
    altered = dict(state.altered)
    if state.accidental in ALTERATIONS and state.accidental:
        altered[name] = ALTERATIONS[state.accidental]
    own = state.notes[state.voice]
    own = own._replace(
        height=LETTER_HEIGHTS[token] + LOWER,
        height_before=own.height,
        letter=LETTER_HEIGHTS[token],
    )
    state = _with_own(state, own)._replace(accidental="", altered=tuple(altered.items()), field="")
    return _with_sound(state, value)


def _with_octave(state: VoicesState, steps: int) -> VoicesState:
    """Return the state after an octave mark."""
    own = state.notes[state.voice]
    if not own.height or not own.bar:
        return state
    height = min(max(own.height + steps, 1), HEIGHTS - 1)
    *bar, (onset, value) = own.bar
    value = min(max(value + 12 * steps // 7, 1), SOUNDINGS - 1)
    return _with_own(state, own._replace(height=height, bar=(*bar, (onset, value))))


def _with_sound(state: VoicesState, value: int) -> VoicesState:
    """Return the state after a note or rest has begun; of a chord the last note counts."""
    own, onset = state.notes[state.voice], state.position.state.start
    before = own.bar[:-1] if own.bar and own.bar[-1][0] == onset else own.bar
    return _with_own(state, own._replace(bar=(*before, (onset, value))))


def _with_own(state: VoicesState, own: VoiceNotes) -> VoicesState:
    """Return the state with other notes of its own voice."""
    notes = state.notes
    return state._replace(notes=(*notes[: state.voice], own, *notes[state.voice + 1 :]))


def _in_voice(state: VoicesState, voice: int) -> VoicesState:
    """Return the state at the beginning of a voice's bar."""
    return state._replace(voice=voice, accidental="", altered=(), field="")
