"""Put passages back on the grid that were pasted off it, in files of otherwise exact times.

Times are in whole notes from the start of the file.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from abcgen.midi.performance import PlayedNote


# A file is exact if this share of its times from onset to onset are multiples of these parts of a
# whole note, to a tick and a half.
PARTS = (16, 24)
EXACT_SHARE, TICKS = 0.9, 1.5
# Ticks to the whole note below which that happens by chance.
MIN_RESOLUTION = 900
# Onsets that are looked at to tell a new phase from a lone note off the grid, how many of them must
# agree with it, and how many passages there may be.
AHEAD, AGREEING, MAX_PASSAGES = 8, 6, 64
# Notes that must be alike where a passage is heard again.
ALIKE = 6
SIXTEENTH, EIGHTH = 1 / 16, 1 / 8


class Passage(NamedTuple):
    """Notes of one phase: when they begin, and how much later they should."""

    onset: float
    shift: float


def pasted_passages(
    notes: Sequence[PlayedNote], tick: float, bar: float | None
) -> list[Passage] | None:
    """Return the passages of an exact file that are off its grid, or None if none are.

    Args:
        notes: The notes, in order.
        tick: The time of a tick.
        bar: The duration of a bar, if it is known: a passage heard again begins bars later.
    """
    onsets = sorted({note.onset for note in notes})
    near = TICKS * tick
    if len(onsets) <= AHEAD or 1 / tick < MIN_RESOLUTION:
        return None
    on_grid = sum(is_near(onset, near) for onset in onsets)
    steps = sum(is_near(after - before, near) for before, after in pairwise(onsets))
    if on_grid >= EXACT_SHARE * len(onsets) or steps < EXACT_SHARE * (len(onsets) - 1):
        return None
    starts = _starts(onsets, near)
    if not starts or len(starts) > MAX_PASSAGES:
        return None

    top = _highest(notes)
    passages: list[Passage] = []
    for number, start in enumerate(starts):
        # The first is moved back to the file's own count, any later one to the bar or the beat.
        first = onsets[start]
        shift = -(first - round(first / SIXTEENTH) * SIXTEENTH)
        if number:
            before = passages[-1].shift
            lag = _lag(top, onsets, start, passages)
            unit = bar if bar and lag is not None else EIGHTH
            place = first + before - (onsets[0] + passages[0].shift if lag is None else lag)
            shift = before - (place - round(place / unit) * unit)
        passages.append(Passage(first, shift))
    return passages


def is_near(time: float, near: float, phase: float = 0.0) -> bool:
    """Return whether a time is on the grid, moved by a phase."""
    return any(abs(time - phase - round((time - phase) * parts) / parts) <= near for parts in PARTS)


def _starts(onsets: Sequence[float], near: float) -> list[int]:
    """Return the indices of the onsets from which the phase is another."""
    starts: list[int] = []
    phase = 0.0
    for index, onset in enumerate(onsets):
        if is_near(onset, near, phase) and (starts or index):
            continue
        ahead = onsets[index : index + AHEAD]
        own = onset - round(onset / SIXTEENTH) * SIXTEENTH
        agree = sum(is_near(time, near, own) for time in ahead)
        stay = sum(is_near(time, near, phase) for time in ahead)
        if not starts or (agree >= min(AGREEING, len(ahead)) and agree > stay + 1):
            starts.append(index)
            phase = own
    return starts


def _highest(notes: Iterable[PlayedNote]) -> dict[float, int]:
    """Return the highest pitch at every onset."""
    top: dict[float, int] = {}
    for note in notes:
        top[note.onset] = max(top.get(note.onset, 0), note.pitch)
    return top


def _lag(
    top: dict[float, int], onsets: Sequence[float], start: int, passages: Sequence[Passage]
) -> float | None:
    """Return when what begins at an index was last heard before, moved, or None."""
    move = mover(passages)
    wanted = [top[onset] for onset in onsets[start : start + ALIKE]]
    steps = [after - before for before, after in pairwise(onsets[start : start + ALIKE])]
    for earlier in range(start - len(wanted), -1, -1):
        if top[onsets[earlier]] != wanted[0]:
            continue
        heard = onsets[earlier : earlier + ALIKE]
        if [top[onset] for onset in heard] == wanted and all(
            abs(after - before - step) < SIXTEENTH / 4
            for (before, after), step in zip(pairwise(heard), steps, strict=True)
        ):
            return move(onsets[earlier])
    return None


def mover(passages: Sequence[Passage]) -> Callable[[float], float]:
    """Return the function that moves a time with the passage it is in."""
    onsets = [passage.onset for passage in passages]

    def move(time: float) -> float:
        index = bisect_right(onsets, time) - 1
        return time + passages[max(index, 0)].shift

    return move


def move_notes(notes: Iterable[PlayedNote], passages: Sequence[Passage]) -> list[PlayedNote]:
    """Return notes moved with their passages.

    None gets longer or shorter but those that the next passage cuts short: they last up to it.
    """
    move = mover(passages)
    starts = {passage.onset for passage in passages}
    moved = []
    for note in notes:
        onset = max(0.0, move(note.onset))
        end = move(note.offset) if note.offset in starts else 0.0
        length = note.offset - note.onset
        moved.append(note._replace(onset=onset, offset=end if end > onset else onset + length))
    return moved
