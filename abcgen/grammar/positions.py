"""The position features of each character: where it is in its tune, and what follows.

- section, bar of the section, and time in the bar: a network need not learn to count bars;
- sections, bars and time left, by the form that the text announced (``form_line``);
- the height of the last note, and its interval from the note before.

They depend only on the text read so far, so they do not reveal the future, and any text has them,
whether or not it is a valid tune. ``PositionTracker`` computes them for batches.

Trained weights depend on these features: a change here makes existing checkpoints worse.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from abcgen.example import GAP_MARK
from abcgen.grammar.bars import bars_of
from abcgen.grammar.form_line import (
    MAX_BARS,
    MAX_PICKUP,
    MAX_SECTIONS,
    AnnouncedForm,
    AnnouncedSection,
    BegunForm,
    read_form_line,
)
from abcgen.notation.model_text import NEXT_VOICE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


# Number of values of each feature. The last section and bar also stand for all later ones. Time
# is counted in half units from the bar line (sixteenth notes with L:1/8).
SECTIONS, BARS, TIMES = 8, 32, 65
NO_TIME = TIMES - 1  # in the header
# Number of values of what is left, of which the last means unknown.
SECTIONS_LEFT, BARS_LEFT, TIMES_LEFT = 9, 34, 66
# Heights of notes in steps, from 1: middle C is 14. Intervals are up to 15 steps down and up; 16 is
# a repeated note. In both 0 means that there is none yet.
MIDDLE_C, HEIGHTS, WIDEST_INTERVAL = 14, 48, 15
POSITION = ("section", "bar", "time")
LEFT = ("sections_left", "bars_left", "time_left")
PITCH = ("interval", "height")
# Ticks per unit, divisible enough that short notes and tuplets of them are whole numbers.
TICKS = 1680
MAX_TICKS = NO_TIME * TICKS // 2 - 1
MAX_LENGTH = 255  # numerator and denominator of a note's length
MAX_CACHED = 2**15  # states, about 1 kB each

NOTES, DIGITS = frozenset("ABCDEFGabcdefgz"), frozenset("0123456789")
LETTER_HEIGHTS = {letter: MIDDLE_C + step for step, letter in enumerate("CDEFGABcdefgab")}
OCTAVE_MARKS = {",": -7, "'": 7}
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
MAX_LINE = 200  # characters of a header's line that are read
SIXTEENTH = TICKS // 2
_METRE_LINE = re.compile(r"M:([0-9]{1,3})/([0-9]{1,3})\n")
_HEADER = re.compile(r"(?:[^K\n][^\n]*\n)*K:[^\n]*\n(?!P:)")


class PositionState(NamedTuple):
    """The state after a character."""

    # Sections that have ended.
    section: int = 0
    # Bar lines since the section began.
    bar: int = 0
    # Whether the section has no note yet.
    is_new: bool = True
    # Section, bar and pickups of the last repeat, where a second ending continues from.
    repeat: tuple[int, int, int] = (0, 0, 0)
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
    # 1 if the section began with a pickup, which is not counted in its bars.
    pickups: int = 0
    # Ticks of a full bar; 0 if not known.
    bar_ticks: int = 0
    # What the form line announced; None for texts that have no such line.
    form: AnnouncedForm | None = None
    # The line of the header so far, in texts that have a form line.
    line: str = ""

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

    __slots__ = ("features", "following", "is_music", "state")

    def __init__(self, state: PositionState) -> None:
        self.state = state
        self.features = bytes((*position_features(state), *features_left(state)))
        self.is_music = state.region in {MUSIC, CHORD}  # so that letters are notes
        self.following: dict[str, CachedState] = {}


class TrackedState(NamedTuple):
    """The state of a text: its position, and the heights of its last two notes, 0 if none."""

    position: CachedState
    height: int = 0
    height_before: int = 0


class PositionTracker:
    """Computes position features of characters given by their ids.

    Args:
        tokens: The character of every id, empty for marks, which change nothing.
        features: The names of the features wanted, in order. With one of ``LEFT``, texts have a
            form line after their ``K:`` line.
    """

    def __init__(self, tokens: Sequence[str], features: Sequence[str] = POSITION) -> None:
        # Marks of gaps change nothing either.
        self._tokens = np.array(["" if token == GAP_MARK else token for token in tokens], object)
        columns = (*POSITION, *LEFT, *PITCH)
        self._columns = [columns.index(name) for name in features]
        has_form = not set(LEFT).isdisjoint(features)
        self._first = PositionState(form=AnnouncedForm() if has_form else None)
        # Of each token, the height of the note that it names; 0 if it names none.
        self.token_heights = np.array([LETTER_HEIGHTS.get(t, 0) for t in tokens], np.int32)  # (V,)
        self._forget()

    def _forget(self) -> None:
        """Empty the cache. States already handed out stay usable."""
        start = CachedState(self._first)
        self._start = TrackedState(start)
        self._cache = {start.state: start}

    def start(self, batch: int) -> NDArray[Any]:
        """Return the states before anything is read, one object per text: (B,)."""
        return _objects([self._start] * batch)

    def advance(self, states: NDArray[Any], ids: NDArray[np.int32]) -> NDArray[Any]:
        """Return the states after one more character of every text, (B,)."""
        steps = zip(states.tolist(), self._tokens[ids].tolist(), strict=True)
        return _objects([self._after(state, token) for state, token in steps])

    def features(self, states: NDArray[Any]) -> NDArray[np.int32]:
        """Return the features of every text, (B, F)."""
        return self._stack(states.tolist()).astype(np.int32)

    def features_of(self, ids: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Return the features after every character of one text, (T, F)."""
        return self._stack(self._states_of(self._start, ids))

    def skip(self, states: NDArray[Any], ids: NDArray[np.int32]) -> NDArray[Any]:
        """Return the states after more characters (T,), without a last note, (B,)."""
        after = [[state, *self._states_of(state, ids)][-1] for state in states.tolist()]
        return _objects([without_notes(state) for state in after])

    def features_around(self, ids: NDArray[np.int32], start: int, stop: int) -> NDArray[np.uint8]:
        """Return the features of a text shown with a gap, from ``start`` to ``stop``, (T + 2, F).

        Before the gap, its mark, after the gap, the mark again, the gap. The marks are where the
        gap begins. What comes after is where it is in the whole text, but it has no last note yet.
        """
        before = self._states_of(self._start, ids[:start])
        mark = before[-1:] or [self._start]
        gap = self._states_of(mark[0], ids[start:stop])
        after = self._states_of(without_notes((gap or mark)[-1]), ids[stop:])
        return self._stack([*before, *mark, *after, *mark, *gap])

    def bars_of(self, ids: NDArray[np.int32]) -> list[tuple[int, int]]:
        """Return where each bar of one text begins and ends, without its bar lines."""
        # A token without a character takes a place too.
        return bars_of("".join(token or "\0" for token in self._tokens[ids].tolist()))

    def _states_of(self, state: TrackedState, ids: NDArray[np.int32]) -> list[TrackedState]:
        """Return the states after each of some tokens."""
        states = []
        for token in self._tokens[ids].tolist():
            state = self._after(state, token)
            states.append(state)
        return states

    def _after(self, state: TrackedState, token: str) -> TrackedState:
        position, height, height_before = state
        after = position.following.get(token) or self._follow(position, token)
        if position.is_music:
            if token in LETTER_HEIGHTS:
                return TrackedState(after, LETTER_HEIGHTS[token], height)
            if token in OCTAVE_MARKS and height:
                height = min(max(height + OCTAVE_MARKS[token], 1), HEIGHTS - 1)
        return TrackedState(after, height, height_before)

    def _follow(self, cached: CachedState, token: str) -> CachedState:
        state = following_state(cached.state, token) if token else cached.state
        after = self._cache.get(state)
        if after is None:
            if len(self._cache) == MAX_CACHED:
                self._forget()
            after = self._cache[state] = CachedState(state)
        cached.following[token] = after
        return after

    def _stack(self, states: Sequence[TrackedState]) -> NDArray[np.uint8]:
        rows = b"".join(
            [
                position.features + _PITCH_FEATURES[height_before][height]
                for position, height, height_before in states
            ]
        )
        columns = len(POSITION) + len(LEFT) + len(PITCH)
        return np.frombuffer(rows, np.uint8).reshape(-1, columns)[:, self._columns]


def without_notes(state: TrackedState) -> TrackedState:
    """Return the same position, as if no note had come before."""
    return TrackedState(state.position)


def _objects(states: Sequence[TrackedState]) -> NDArray[Any]:
    """Return states as an array of objects, (B,)."""
    array = np.empty(len(states), object)
    array[:] = states
    return array


def pitch_features(height: int, height_before: int) -> tuple[int, int]:
    """Return the interval of the last two notes and the height of the last, 0 if there is none."""
    if not height_before:
        return 0, height
    interval = min(max(height - height_before, -WIDEST_INTERVAL), WIDEST_INTERVAL)
    return interval + WIDEST_INTERVAL + 1, height


# By the height of the note before, then by that of the last note.
_PITCH_FEATURES = [
    [bytes(pitch_features(height, before)) for height in range(HEIGHTS)]
    for before in range(HEIGHTS)
]


def position_features(state: PositionState) -> tuple[int, int, int]:
    """Return section, bar and time, each below its number of values."""
    time = NO_TIME if state.region in IN_HEADER else state.now // (TICKS // 2)
    return min(state.section, SECTIONS - 1), min(state.bar, BARS - 1), time


def features_left(state: PositionState) -> tuple[int, int, int]:
    """Return the sections, bars and time that are left by the announced form.

    Bars count down to 1 in the last bar of a section, time is counted in sixteenth notes.
    """
    if state.region in IN_HEADER or state.form is None:
        return SECTIONS_LEFT - 1, BARS_LEFT - 1, TIMES_LEFT - 1
    pickup, sections = state.form
    is_pickup = pickup > 0 and not state.bar and not state.pickups
    sections_left, bars_left = SECTIONS_LEFT - 1, BARS_LEFT - 1
    is_last = False
    if state.section < len(sections):
        sections_left = min(len(sections) - 1 - state.section, SECTIONS_LEFT - 2)
        left = sections[state.section].bars - state.bar + (1 if is_pickup else state.pickups)
        bars_left, is_last = min(max(left, 0), BARS_LEFT - 2), left == 1
    if not state.bar_ticks:
        return sections_left, bars_left, TIMES_LEFT - 1
    length, ticks = state.bar_ticks, pickup * SIXTEENTH
    if is_pickup and state.now <= ticks:
        length = ticks
    elif is_last and 0 < ticks < length:
        length -= ticks  # the last bar and the pickup make one bar
    time_left = (length - state.now) // SIXTEENTH
    return sections_left, bars_left, min(max(time_left, 0), TIMES_LEFT - 2)


def following_state(state: PositionState, character: str) -> PositionState:
    """Return the state after one more character."""
    if state.region in IN_HEADER and state.form is not None:
        return _read_header(state, character)
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


def _read_header(state: PositionState, character: str) -> PositionState:
    """Read the header of a text with a form line, which is its last line."""
    line = (state.line + character)[:MAX_LINE]
    if character != "\n":
        return state._replace(line=line)
    if line.startswith("P:"):
        return state._replace(line="", region=MUSIC, form=read_form_line(line))
    return state._replace(line="", bar_ticks=bar_ticks(line) or state.bar_ticks)


def bar_ticks(line: str) -> int:
    """Return the ticks of a bar by an ``M:`` line; 0 of any other line."""
    match = _METRE_LINE.fullmatch(line)
    return 8 * TICKS * int(match[1]) // max(1, int(match[2])) if match else 0


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
    if character == NEXT_VOICE:
        return _next_voice(state)
    # A chord, a field or an ending; the next character decides which.
    if character == "[":
        return state._replace(region=CHORD, start=state.now, in_note=False)
    return state._replace(region=CLOSING.get(character, state.region))


def _next_voice(state: PositionState) -> PositionState:
    """Return the state at the beginning of the same bar of the next voice."""
    return state._replace(
        start=0, numerator=0, denominator=0, slashes=0, tuplet_left=0, in_note=False
    )


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
        section, bar, pickups = state.repeat
        return state._replace(section=section, bar=bar, pickups=pickups)
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
    after = PositionState(
        state.section,
        state.bar,
        state.is_new,
        state.repeat,
        MUSIC,
        pickups=state.pickups,
        bar_ticks=state.bar_ticks,
        form=state.form,
    )
    # A section begins with its first note, however many bar lines come before.
    if state.is_new or state.previous == "[":
        return after
    if state.previous in {"|", ":"}:
        is_repeat_end = (state.previous, character) == (":", "|")
        here = state.section, state.bar, state.pickups
        return after._replace(
            section=min(state.section + 1, MAX_SECTIONS),
            bar=0,
            is_new=True,
            repeat=here if is_repeat_end else state.repeat,
            pickups=0,
        )
    if character != "|":
        return after
    is_pickup = not state.bar and state.now < state.bar_ticks
    return after._replace(
        bar=min(state.bar + 1, MAX_BARS), pickups=int(is_pickup) if not state.bar else state.pickups
    )


def with_form_line(text: str) -> str:
    """Return a model text with the line that announces its form, after its ``K:`` line."""
    header = _HEADER.match(text)
    return f"{header[0]}{form_line_of(text)}{text[header.end() :]}" if header else text


def form_line_of(text: str) -> str:
    """Return the line that announces the form of a whole model text; empty if it has none."""
    form = form_of_text(text)
    return str(form) if form.sections else ""


def form_of_text(text: str) -> AnnouncedForm:
    """Return the form of a whole model text, as the position features count it."""
    begun = begun_form(text)
    sections = begun.sections
    if begun.bars:
        sections += (AnnouncedSection(min(begun.bars, MAX_BARS)),)
    return AnnouncedForm(begun.pickup or 0, sections[:MAX_SECTIONS])


def begun_form(text: str) -> BegunForm:
    """Return the form of a model text up to its end, which may be anywhere."""
    header = _HEADER.match(text)
    if not header:
        return BegunForm(None)
    ticks = sum(bar_ticks(f"{line}\n") for line in header[0].splitlines())
    state = PositionState(region=MUSIC, bar_ticks=ticks, form=AnnouncedForm())
    pickup, repeated = None, False
    sections: list[AnnouncedSection] = []
    for character in text[header.end() :]:
        after = following_state(state, character)
        # 1) A repeat or a first ending begins.
        repeated |= state.previous + character in {"|:", "|1", "[1"}
        # 2) The first bar ends; perhaps it was a pickup.
        if pickup is None and after.previous in {"|", ":"} and not state.is_new:
            ticks_of_pickup = state.now if after.pickups else 0
            pickup = min(-(-ticks_of_pickup // SIXTEENTH), MAX_PICKUP)
        # 3) A section ends.
        if after.section > state.section == len(sections):
            is_repeat = state.previous == ":"
            bars = state.bar + is_repeat - state.pickups  # of a repeat sign only ``|`` is counted
            sections.append(AnnouncedSection(min(max(1, bars), MAX_BARS), is_repeat))
            repeated = character == ":"
        # 4) A second ending continues it.
        if after.section < state.section:
            sections[after.section] = sections[after.section]._replace(endings=True)
        state = after
    if state.is_new or state.section < len(sections):
        return BegunForm(pickup, tuple(sections), 0, repeated)
    bars = state.bar - state.pickups + (state.now > 0)
    return BegunForm(pickup, tuple(sections), max(1, bars), repeated)
