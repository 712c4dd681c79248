"""The position features of each character: its section, its bar and the time in the bar.

A network that gets these as inputs need not learn to count bars. They depend only on the text read
so far, so they do not reveal the future, and any text has them, whether or not it is a valid tune.
``PositionTracker`` computes them for batches.

Trained weights depend on these features: a change here makes existing checkpoints worse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


# Number of values of each feature. The last section and bar also stand for all later ones. Time
# is counted in half units from the bar line (sixteenth notes with L:1/8).
SECTIONS, BARS, TIMES = 8, 32, 65
FEATURES = 3
NO_TIME = TIMES - 1  # in the header
# Ticks per unit, divisible enough that short notes and tuplets of them are whole numbers.
TICKS = 1680
MAX_TICKS = NO_TIME * TICKS // 2 - 1
MAX_LENGTH = 255  # numerator and denominator of a note's length
MAX_CACHED = 2**15  # states, about 1 kB each

NOTES, DIGITS = frozenset("ABCDEFGabcdefgz"), frozenset("0123456789")
# The default ``normal`` of a tuplet by its number of notes (ABC 2.1, section 4.13).
TUPLETS = {2: 3, 3: 2, 4: 3, 5: 2, 6: 2, 7: 2, 8: 3, 9: 2}
# The values of ``tuplet_number``: which number of a tuplet such as (5:4:5 is being read.
ACTUAL, NORMAL, COUNT = 1, 2, 3

# Regions of the text. A region that ignores its content is named by the character that ends it.
LINE_START, KEY, KEY_LINE, HEADER = "begin", "K", "K:", "header"
MUSIC, CHORD, FIELD = "music", "[", "[:"
CLOSING = {"{": "}", '"': '"', "!": "!"}
IN_HEADER = frozenset({LINE_START, KEY, KEY_LINE, HEADER})
IGNORED = frozenset({*CLOSING.values(), FIELD})


class PositionState(NamedTuple):
    """The state after a character."""

    # Sections that have ended.
    section: int = 0
    # Bar lines since the section began.
    bar: int = 0
    # Whether the section has no note yet.
    is_new: bool = True
    # Section and bar of the last repeat, where a second ending continues from.
    repeat: tuple[int, int] = (0, 0)
    # Part of the text.
    region: str = LINE_START
    # The previous character, if it can change what the next one means.
    previous: str = ""
    # Ticks from the bar line to the start of the note being read, or of the next.
    start: int = 0
    # Of the note's length; 0 if not written.
    numerator: int = 0
    # Of the note's length; 0 if not written.
    denominator: int = 0
    # Number of slashes in the note's length.
    slashes: int = 0
    # ``actual`` and ``normal`` of the tuplet that this note is in; else (1, 1).
    ratio: tuple[int, int] = (1, 1)
    # Ratio of the last tuplet.
    tuplet: tuple[int, int] = (1, 1)
    # Notes of that tuplet still to come.
    tuplet_left: int = 0
    # Which number of a tuplet is being read, 0 for none.
    tuplet_number: int = 0
    # Whether a note is being read.
    in_note: bool = False

    @property
    def now(self) -> int:
        """Ticks since the bar line, the note being read included."""
        if not self.in_note:
            return self.start
        length = TICKS * (self.numerator or 1) // (self.denominator or 2**self.slashes)
        actual, normal = self.ratio
        return min(self.start + length * normal // max(1, actual), MAX_TICKS)


class CachedState:
    """A state, its features as bytes, and the cached states that characters lead to from it.

    Texts pass through the same states again and again, so most steps are one dictionary look-up.
    """

    __slots__ = ("features", "following", "state")

    def __init__(self, state: PositionState) -> None:
        self.state, self.features = state, bytes(position_features(state))
        self.following: dict[str, CachedState] = {}


class PositionTracker:
    """Computes position features of characters given by their ids.

    Args:
        tokens: The character of every id, empty for marks, which change nothing.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = np.array(tokens, object)
        self._forget()

    def _forget(self) -> None:
        """Empty the cache. States already handed out stay usable."""
        self._start = CachedState(PositionState())
        self._cache = {self._start.state: self._start}

    def start(self, batch: int) -> NDArray[Any]:
        """Return the states before anything is read, one object per text: (B,)."""
        return np.full(batch, self._start, object)

    def advance(self, states: NDArray[Any], ids: NDArray[np.int32]) -> NDArray[Any]:
        """Return the states after one more character of every text, (B,)."""
        steps = zip(states.tolist(), self._tokens[ids].tolist(), strict=True)
        after = (state.following.get(token) or self._follow(state, token) for state, token in steps)
        return np.fromiter(after, object, len(states))

    def features(self, states: NDArray[Any]) -> NDArray[np.int32]:
        """Return section, bar and time of every text, (B, 3)."""
        return _stack(states.tolist()).astype(np.int32)

    def features_of(self, ids: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Return section, bar and time after every character of one text, (T, 3)."""
        state, states = self._start, []
        for token in self._tokens[ids].tolist():
            state = state.following.get(token) or self._follow(state, token)
            states.append(state)
        return _stack(states)

    def _follow(self, cached: CachedState, token: str) -> CachedState:
        state = following_state(cached.state, token) if token else cached.state
        after = self._cache.get(state)
        if after is None:
            if len(self._cache) == MAX_CACHED:
                self._forget()
            after = self._cache[state] = CachedState(state)
        cached.following[token] = after
        return after


def _stack(states: Iterable[CachedState]) -> NDArray[np.uint8]:
    features = b"".join([state.features for state in states])
    return np.frombuffer(features, np.uint8).reshape(-1, FEATURES)


def position_features(state: PositionState) -> tuple[int, int, int]:
    """Return section, bar and time, each below its number of values."""
    time = NO_TIME if state.region in IN_HEADER else state.now // (TICKS // 2)
    return min(state.section, SECTIONS - 1), min(state.bar, BARS - 1), time


def following_state(state: PositionState, character: str) -> PositionState:
    """Return the state after one more character."""
    if state.region in IN_HEADER:
        return state._replace(region=_region_in_header(state.region, character))
    if state.region in IGNORED:
        # Grace notes, chord symbols, decorations and fields take no time.
        closing = "]" if state.region == FIELD else state.region
        region = MUSIC if character == closing else state.region
        return state._replace(region=region, previous=character)
    # The 4 of ``(5:4`` is not a length, and its colon not a repeat.
    if state.tuplet_number and (character == ":" or character in DIGITS):
        return _read_tuplet(state, character)
    if state.tuplet_number:
        state = state._replace(tuplet_number=0)
    state = _read_music(state, character)
    return state._replace(previous=character if character in "|:[(" else "")


def _region_in_header(region: str, character: str) -> str:
    """Return the region after a character of the header; music begins after the ``K:`` line."""
    if character == "\n":
        return MUSIC if region == KEY_LINE else LINE_START
    if region == LINE_START and character == "K":
        return KEY
    if region == KEY and character == ":":
        return KEY_LINE
    return KEY_LINE if region == KEY_LINE else HEADER


def _read_tuplet(state: PositionState, character: str) -> PositionState:
    """Read a tuplet's second and third numbers, ``normal`` and the number of its notes."""
    if character == ":":
        return state._replace(tuplet_number=min(state.tuplet_number + 1, COUNT + 1))
    if state.tuplet_number == NORMAL:
        return state._replace(tuplet=(state.tuplet[0], int(character)))
    return state._replace(tuplet_left=int(character)) if state.tuplet_number == COUNT else state


def _read_music(state: PositionState, character: str) -> PositionState:
    if character in NOTES:
        return _read_note(state)
    if character in DIGITS:
        return _read_digit(state, int(character))
    if character in {"|", ":", "]"}:
        return _read_bar_line(state, character)
    if character == "/" and state.in_note:
        return state._replace(slashes=min(state.slashes + 1, 7))
    # A chord, a field or an ending; the next character decides which.
    if character == "[":
        return state._replace(region=CHORD, start=state.now, in_note=False)
    return state._replace(region=CLOSING.get(character, state.region))


def _read_note(state: PositionState) -> PositionState:
    # All notes of a chord start together.
    if state.region == CHORD and state.in_note:
        return state._replace(numerator=0, denominator=0, slashes=0)
    return state._replace(
        is_new=False,
        start=state.now,
        numerator=0,
        denominator=0,
        slashes=0,
        ratio=state.tuplet if state.tuplet_left else (1, 1),
        tuplet_left=max(0, state.tuplet_left - 1),
        in_note=True,
    )


def _read_digit(state: PositionState, digit: int) -> PositionState:
    """Read a digit of a tuplet, of an ending, or of a note's length."""
    if state.previous == "(":
        tuplet = (digit, TUPLETS.get(digit, digit))
        return state._replace(tuplet=tuplet, tuplet_left=digit, tuplet_number=ACTUAL)
    # ``[1`` is an ending.
    if state.previous == "[":
        return state._replace(region=MUSIC)
    # ``:|2`` continues the bars of the repeat that has just ended.
    if state.previous == "|" and state.is_new and digit > 1:
        section, bar = state.repeat
        return state._replace(section=section, bar=bar)
    if not state.in_note:
        return state
    if state.slashes:
        return state._replace(denominator=min(10 * state.denominator + digit, MAX_LENGTH))
    return state._replace(numerator=min(10 * state.numerator + digit, MAX_LENGTH))


def _read_bar_line(state: PositionState, character: str) -> PositionState:
    """Read a bar line or repeat; ``||``, ``|]``, ``:|``, ``::`` and ``|:`` begin a section."""
    if state.region == CHORD and character != "|":
        return state._replace(region=FIELD if character == ":" else MUSIC)
    if character == "]" and state.previous != "|":
        return state
    # Everything about the previous note is forgotten.
    after = PositionState(state.section, state.bar, state.is_new, state.repeat, MUSIC)
    # A section begins with its first note, however many bar lines come before.
    if state.is_new or state.previous == "[":
        return after
    if state.previous in {"|", ":"}:
        is_repeat_end = (state.previous, character) == (":", "|")
        return after._replace(
            section=min(state.section + 1, SECTIONS),
            bar=0,
            is_new=True,
            repeat=(state.section, state.bar) if is_repeat_end else state.repeat,
        )
    return after._replace(bar=min(state.bar + 1, BARS)) if character == "|" else after
