"""Read a file's events of metre for what they mean.

Notation programs name the bars that they play and not the metre of the tune: a pickup or a bar
divided at a repeat has its own event, and each track may name a change at another time.

Times are in whole notes from the start of the file.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.tune import Metre

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from abcgen.midi.performance import NamedMetre


COMMON_TIME = Metre(4, 4)
# Pickups are whole eighths.
EIGHTH = Fraction(1, 8)
# Of more events only the first are read.
MAX_EVENTS = 2000


def nearest_96th(time: float) -> Fraction:
    """Return the time of an event on the grid of the notes."""
    return Fraction(round(time * 96), 96)


def read_signatures(
    events: Sequence[NamedMetre], begin: Fraction, end: Fraction
) -> dict[Fraction, Metre]:
    """Return the metres by the times of bar lines from which they hold; empty if none is named.

    The same metre twice means that the bar before the second time is short: a pickup.

    Args:
        events: As the file has them.
        begin: When the music begins.
        end: When it ends.
    """
    segments = _segments(events, end)
    # 1) A metre of one beat is none. It is a part of a bar, or a program's beat.
    segments = [one for one in segments if one.metre.beats > 1 or one.is_one_bar]
    if all(one.metre.beats == 1 for one in segments):
        return {}

    # 2) Bars in parts belong to the metre around them.
    whole = [one for one in segments if not one.is_one_bar] or segments[-1:]
    longest = max(one.metre.bar_duration for one in whole)
    metres: dict[Fraction, Metre] = {}
    index, before = 0, None
    while index < len(segments):
        following = index
        while following < len(segments) and _is_part(segments[following], longest):
            following += 1
        parts, after = segments[index:following], segments[following : following + 1]
        metres |= _read_parts(parts, before, after[0] if after else None)
        if after:
            # A metre that goes on after a bar in parts has no bar line but its own.
            if before is None or after[0].metre != before.metre or _is_cut(parts, after[0].metre):
                metres[after[0].onset] = after[0].metre
            before = after[0]
        index = following + 1
    if 0 not in metres:
        # Bars are counted back from the first that is named.
        first = min(metres)
        metre = metres.pop(first)
        metres |= {Fraction(0): metre, first % metre.bar_duration: metre}

    # 3) Only what holds from the beginning of the music on.
    opening = max((time for time in metres if time <= begin), default=min(metres))
    metres = {time: metres[time] for time in sorted(metres) if time >= opening}
    return _with_pickup(metres, begin)


class _Segment(NamedTuple):
    """The time in which a metre is in force."""

    onset: Fraction
    offset: Fraction
    metre: Metre

    @property
    def is_one_bar(self) -> bool:
        """True if it is as long as one bar at most."""
        return self.offset - self.onset <= self.metre.bar_duration


def _segments(events: Sequence[NamedMetre], end: Fraction) -> list[_Segment]:
    """Return the metres in force, each change once, up to the end of the music."""
    in_order = sorted(events[:MAX_EVENTS], key=lambda event: event.time)
    changes: list[tuple[Fraction, Metre]] = []
    for index, event in enumerate(in_order):
        time = nearest_96th(event.time)
        if time >= end:
            break
        if not changes:
            changes.append((Fraction(0) if event.metre.beats > 1 else time, event.metre))
        elif event.metre != changes[-1][1]:
            since, metre = changes[-1]
            # Tracks may name one change at different times: it comes where a bar ends.
            for other in in_order[index + 1 :]:
                later = nearest_96th(other.time)
                if other.metre != event.metre or later - time >= metre.bar_duration:
                    break
                if other.track != event.track and (time - since) % metre.bar_duration:
                    time = later
            if time == since:
                changes.pop()
            changes.append((time, event.metre))
    onsets = [time for time, _ in changes]
    return [
        _Segment(onset, offset, metre)
        for (onset, metre), offset in zip(changes, [*onsets, end][1:], strict=True)
        if onset < offset
    ]


def _is_part(segment: _Segment, longest: Fraction) -> bool:
    """Return whether a segment is a part of a longest bar, or such a bar in equal parts."""
    is_shorter = segment.metre.bar_duration < longest
    if segment.is_one_bar:
        return is_shorter or segment.metre.beats == 1
    return is_shorter and segment.offset - segment.onset == longest


def _is_cut(parts: Sequence[_Segment], metre: Metre) -> bool:
    """Return whether parts of bars do not make up whole ones."""
    return bool(parts) and (parts[-1].offset - parts[0].onset) % metre.bar_duration != 0


def _read_parts(
    parts: Sequence[_Segment], before: _Segment | None, after: _Segment | None
) -> Mapping[Fraction, Metre]:
    """Return the metres of a run of short bars between two metres, which may be one."""
    if not parts or (before and not after):
        return {}
    if before is None or after is None or before.metre != after.metre:
        # A pickup.
        shown = after or parts[-1]
        is_pickup = before is None or all(part.metre.beats == 1 for part in parts)
        return {parts[0].onset: shown.metre} if is_pickup else _as_named(parts)
    if not _is_cut(parts, after.metre) or all(part.metre.beats == 1 for part in parts):
        return {}
    return _as_named(parts)


def _as_named(parts: Sequence[_Segment]) -> dict[Fraction, Metre]:
    return {part.onset: part.metre for part in parts if part.metre.beats > 1}


def _with_pickup(metres: dict[Fraction, Metre], begin: Fraction) -> dict[Fraction, Metre]:
    """Count bars from the first change of metre back, if it does not come at the end of one.

    Programs that write no rest before a pickup begin the count of bars with it.
    """
    (first, metre), *later = metres.items()
    if not later or later[0][1] == metre or begin >= first + metre.bar_duration:
        return metres
    pickup = (later[0][0] - first) % metre.bar_duration
    if not pickup or pickup % EIGHTH:
        return metres
    return dict(sorted({**metres, first + pickup: metre}.items()))
