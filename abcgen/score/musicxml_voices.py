"""Turn the measures of a MusicXML part into the voices of its staves, bar by bar.

A file's voices come and go: the second voice of a piano's upper staff may be there in one bar of
four. Each staff has as many voices as ever sound on it at once, and a bar's lowest numbered voice
belongs to the first. Gaps, which files need not fill, become rests, within a tuplet as its notes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.draft import MAX_MARKS
from abcgen.notation.tune import Marks, Note, Rest, Tuplet
from abcgen.score.musicxml_measures import Event
from abcgen.score.musicxml_symbols import CLOSING
from abcgen.score.printed_notes import odd_denominator, tuplet_of_one

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from abcgen.notation.tune import Item
    from abcgen.score.musicxml_measures import Measure

    # A voice by its name and, where the file uses a name on two staves at once, its staff; and a
    # number for notes of it that overlap.
    VoiceKey = tuple[str, int, int]

NO_TUPLET = (1, 1)


class StaffVoice(NamedTuple):
    """A voice of a staff."""

    staff: int
    # The notes and rests of each measure, without gaps.
    measures: list[list[Event]]


def staff_voices(
    measures: Sequence[Measure], lengths: Sequence[Fraction], passed_over: dict[str, int]
) -> list[StaffVoice]:
    """Return the voices of every staff of a part, from the top.

    Args:
        measures: The measures of the part.
        lengths: How long each is, which the other parts may decide.
        passed_over: What finds no place is counted in it.
    """
    homes = _staves_by_voice(measures)
    places = _places(measures, homes)
    voices: list[StaffVoice] = []
    for staff, number in sorted({place for bar in places for place in bar.values()}):
        voice = StaffVoice(staff, [])
        for lanes, length in zip(places, lengths, strict=True):
            key = next((key for key, place in lanes.items() if place == (staff, number)), None)
            events = homes.lanes[len(voice.measures)].get(key, []) if key else []
            voice.measures.append(list(without_gaps(events, length, is_first=number == 0)))
        voices.append(voice)
    for voice in voices:
        _drop_ties(voice)
    firsts = {voice.staff: voice for voice in reversed(voices)}
    for index, measure in enumerate(measures):
        for staff, voice in firsts.items():
            is_top = staff == min(firsts)
            _add_symbols(voice, index, measure, passed_over, is_top=is_top, staves=set(firsts))
    return voices


class _Homes(NamedTuple):
    """Where voices are."""

    # The events of each measure by voice.
    lanes: list[dict[VoiceKey, list[Event]]]
    # The staff that each voice is on.
    staves: dict[VoiceKey, int]


def _staves_by_voice(measures: Sequence[Measure]) -> _Homes:
    # 1) Voices of one name that sound on two staves at once are two.
    divided = {
        voice for measure in measures for voice in _overlapping_across_staves(measure.events)
    }
    lanes: list[dict[VoiceKey, list[Event]]] = []
    counts: dict[VoiceKey, Counter[int]] = defaultdict(Counter)
    for measure in measures:
        by_voice: dict[VoiceKey, list[Event]] = {}
        for event in sorted(measure.events, key=lambda event: event.onset):
            key = (event.voice, event.staff if event.voice in divided else 0, 0)
            # 2) Notes that overlap in one voice are moved to another.
            while key in by_voice and by_voice[key][-1].end > event.onset:
                key = (*key[:2], key[2] + 1)
            by_voice.setdefault(key, []).append(event)
            counts[key][event.staff] += 1
        lanes.append(by_voice)
    # 3) A voice that crosses between staves is on the one where it has most notes.
    return _Homes(lanes, {key: count.most_common(1)[0][0] for key, count in counts.items()})


def _overlapping_across_staves(events: Sequence[Event]) -> Iterator[str]:
    last: dict[str, Event] = {}
    for event in sorted(events, key=lambda event: event.onset):
        before = last.get(event.voice)
        if before and before.end > event.onset and before.staff != event.staff:
            yield event.voice
        if not before or event.end > before.end:
            last[event.voice] = event


def _places(measures: Sequence[Measure], homes: _Homes) -> list[dict[VoiceKey, tuple[int, int]]]:
    """Return for each measure the staff of every voice and its number there, from 0."""
    places: list[dict[VoiceKey, tuple[int, int]]] = []
    before: dict[VoiceKey, tuple[int, int]] = {}
    tied: set[VoiceKey] = set()
    for lanes in homes.lanes[: len(measures)]:
        # A staff's voices by number; "10" after "2".
        keys = sorted(lanes, key=lambda key: (homes.staves[key], len(key[0]), key))
        # A voice that a tie enters stays where it is.
        now = {key: before[key] for key in keys if key in tied and key in before}
        for key in keys:
            staff, number = homes.staves[key], 0
            while key not in now and (staff, number) in now.values():
                number += 1
            now.setdefault(key, (staff, number))
        places.append(now)
        before = now
        tied = {key for key in keys if lanes[key][-1].tied}
    return places


def without_gaps(
    events: Sequence[Event], length: Fraction, *, is_first: bool = True
) -> Iterator[Event]:
    """Yield the notes and rests of a voice in one measure, and rests where it has none.

    A rest between the notes of a tuplet belongs to it. Where a staff's first voice has nothing
    in a bar, the rest is shown.
    """
    time = Fraction(0)
    before: Event | None = None
    for event in events:
        yield from _rests(time, event.onset, before, event)
        yield event
        time, before = event.end, event
    for rest in _rests(time, max(length, time), before, None):
        rest.visible = is_first and not events
        yield rest


def _rests(
    start: Fraction, end: Fraction, before: Event | None, after: Event | None
) -> Iterator[Event]:
    """Yield the rests of a gap: to the end of the tuplet before it, and into the one after it."""
    if start >= end:
        return
    first = last = start
    span = _span(before)
    if before and span and start % span:
        first = min(start + span - start % span, end)
        yield Event(
            start,
            first - start,
            visible=False,
            ratio=before.ratio,
            undotted=before.undotted,
        )
    span = _span(after)
    last = max(first, end - end % span) if span else end
    if first < last:
        yield Event(first, last - first, visible=False)
    if after and last < end:
        yield Event(last, end - last, visible=False, ratio=after.ratio, undotted=after.undotted)


def _span(event: Event | None) -> Fraction:
    """Return the time that the tuplet of a note takes; 0 if it is in none."""
    return event.undotted * event.ratio[1] if event and event.ratio != NO_TUPLET else Fraction(0)


def _drop_ties(voice: StaffVoice) -> None:
    """Drop ties that meet no note of their pitch, as at a note that is left to ring."""
    events = [event for events in voice.measures for event in events]
    for event, following in zip(
        events, [*events[1:], Event(Fraction(0), Fraction(0))], strict=True
    ):
        event.tied = event.tied and not set(event.pitches).isdisjoint(following.pitches)


def _add_symbols(
    voice: StaffVoice,
    index: int,
    measure: Measure,
    passed_over: dict[str, int],
    *,
    is_top: bool,
    staves: set[int],
) -> None:
    """Add the chord symbols of a measure, to its top staff, and what stands at a staff."""
    for time, symbol in measure.chord_symbols if is_top else ():
        event = _event_at(voice.measures[index], time)
        if event is None or event.chord_symbol:
            what = "chord symbols at the end of a bar or within a tuplet"
            passed_over[what] = passed_over.get(what, 0) + 1
        else:
            event.chord_symbol = symbol
    for time, staff, name in measure.directions:
        # A direction at a staff without notes stands at the top one.
        if staff == voice.staff or (is_top and staff not in staves):
            _decorate(voice, index, time, name)


def _event_at(events: list[Event], time: Fraction) -> Event | None:
    """Return what begins at a time; a note that is held then is divided into two, tied."""
    for number, event in enumerate(events):
        if event.onset == time:
            return event
        if event.onset < time < event.end:
            if event.ratio != NO_TUPLET or odd_denominator(time) != 1:
                return event
            events[number : number + 1] = divided(event, time)
            return events[number + 1]
    return None


def divided(event: Event, time: Fraction) -> tuple[Event, Event]:
    """Return the two parts of a note that meet at a time, tied."""
    first = replace(event, duration=time - event.onset, tied=bool(event.pitches))
    second = replace(
        event,
        onset=time,
        duration=event.end - time,
        grace=[],
        decorations=[],
        chord_symbol=None,
    )
    return first, second


def _decorate(voice: StaffVoice, index: int, time: Fraction, name: str) -> None:
    """Add a decoration to the note at a time; what closes a passage, to the one before it."""
    measures = voice.measures
    events = measures[index]
    end = events[-1].end if events else Fraction(0)
    closes = name in CLOSING or name.endswith(")")
    if time >= end and not closes and index + 1 < len(measures) and measures[index + 1]:
        events, time = measures[index + 1], Fraction(0)
    if closes and time == 0 and index and name.endswith(")") and measures[index - 1]:
        events, time = measures[index - 1], measures[index - 1][-1].end
    if not events:
        return
    at = next((event for event in events if event.end > time), events[-1])
    if name.endswith(")") and at.onset == time:
        at = next((event for event in reversed(events) if event.end <= time), at)
    if name not in at.decorations:
        at.decorations.append(name)


def items_of(events: Sequence[Event]) -> Iterator[Item]:
    """Yield the notes, rests and tuplets of a bar."""
    group: list[Event] = []
    for event in events:
        if group and event.ratio != group[0].ratio:
            yield from _tuplet(group)
            group = []
        if event.ratio == NO_TUPLET:
            yield tuplet_of_one(_note(event, event.duration))
            continue
        if group and event.starts_tuplet:
            yield from _tuplet(group)
            group = []
        group.append(event)
        if event.stops_tuplet or (not group[0].starts_tuplet and _is_complete(group)):
            yield from _tuplet(group)
            group = []
    if group:
        yield from _tuplet(group)


def _written(event: Event) -> Fraction:
    actual, normal = event.ratio
    return event.duration * Fraction(actual, normal)


def _is_complete(group: Sequence[Event]) -> bool:
    """Return whether notes make up a tuplet: so many of the shortest as its number says."""
    shortest = min(event.undotted for event in group)
    total = sum(map(_written, group), Fraction(0))
    return total % (group[0].ratio[0] * shortest) == 0


def _tuplet(group: Sequence[Event]) -> Iterator[Item]:
    notes = tuple(_note(event, _written(event)) for event in group)
    if all(odd_denominator(note.duration) == 1 for note in notes):
        yield Tuplet(*group[0].ratio, notes)
    else:
        for event in group:
            yield tuplet_of_one(_note(event, event.duration))


def _note(event: Event, duration: Fraction) -> Note | Rest:
    marks: Marks | None = Marks(
        (event.chord_symbol,) if event.chord_symbol else (),
        tuple(dict.fromkeys(event.decorations))[:MAX_MARKS],
        tuple(event.grace[:MAX_MARKS]),
    )
    if marks == Marks():
        marks = None
    if event.pitches:
        return Note(tuple(sorted(event.pitches)), duration, event.tied, marks)
    return Rest(duration, event.visible, marks)
