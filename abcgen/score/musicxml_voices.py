"""Turn the measures of a MusicXML part into the voices of its staves, bar by bar.

A file's voices come and go: the second voice of a piano's upper staff may be there in one bar of
four. Each staff has all voices that ever sound on it at once, and a bar's lowest numbered voice
belongs to the first. Gaps, which files need not fill, become rests, within a tuplet as its notes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain, pairwise
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.notation.draft import MAX_TUPLET
from abcgen.notation.note import SHORTEST
from abcgen.notation.tune import Marks, Note, Rest, Tuplet
from abcgen.notation.words import MAX_WORDS_AT_NOTE, Annotation, Syllable, Tempo
from abcgen.score.musicxml_measures import NO_MARKS, Event
from abcgen.score.musicxml_symbols import CLOSING, PartName
from abcgen.score.printed_notes import odd_denominator, tuplet_of_one

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from abcgen.notation.tune import ChordSymbol, Item
    from abcgen.score.musicxml_measures import Direction, Measure

    # A voice by its name and, where the file uses a name on two staves at once, its staff; and a
    # number for notes of it that overlap.
    VoiceKey = tuple[str, int, int]

NO_TUPLET = (1, 1)


@dataclass(slots=True)
class StaffVoice:
    """A voice of a staff."""

    staff: int
    # The notes and rests of each measure, without gaps.
    measures: list[list[Event]] = field(default_factory=list)
    # By measure: the name of the part that begins there, and chord symbols at its end.
    parts: dict[int, str] = field(default_factory=dict)
    last_chords: dict[int, list[ChordSymbol]] = field(default_factory=dict)
    # The clef that it opens in, if the file names one.
    clef: str = ""

    @property
    def events(self) -> Iterator[Event]:
        """Its notes and rests in order."""
        return chain.from_iterable(self.measures)


def staff_voices(measures: Sequence[Measure], lengths: Sequence[Fraction]) -> list[StaffVoice]:
    """Return the voices of every staff of a part, from the top.

    Args:
        measures: The measures of the part.
        lengths: How long each is, which the other parts may decide.
    """
    homes = _staves_by_voice(measures)
    places = _places(measures, homes)
    voices: list[StaffVoice] = []
    for staff, number in sorted({place for bar in places for place in bar.values()}):
        voice = StaffVoice(staff)
        for lanes, length in zip(places, lengths, strict=True):
            key = next((key for key, place in lanes.items() if place == (staff, number)), None)
            events = homes.lanes[len(voice.measures)].get(key, []) if key else []
            voice.measures.append(list(without_gaps(events, length, is_first=number == 0)))
        voices.append(voice)
    tops = {voice.staff: voice for voice in reversed(voices)}
    for index, measure in enumerate(measures):
        for time, symbol in measure.chord_symbols:
            _add_chord_symbol(tops[min(tops)], index, time, symbol)
        for direction in measure.directions:
            # A direction at a staff without notes stands at the top one.
            _add_direction(tops.get(direction.staff, tops[min(tops)]), index, direction)
    for voice in tops.values():
        _add_clefs(voice, measures)
    for voice in voices:
        _drop_loose_ends(voice)
        _sing(voice)
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
        if len(by_voice) > LIMITS.voices:
            raise NotationError(f"more than {LIMITS.voices} voices")
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


def _drop_loose_ends(voice: StaffVoice) -> None:
    """Drop ties that meet no note of their pitch, and slurs with one end only."""
    opened: list[Event] = []
    nothing = Event(Fraction(0), Fraction(0))
    for event, following in pairwise([*voice.events, nothing]):
        event.tied = event.tied and not set(event.pitches).isdisjoint(following.pitches)
        starts, ends = event.marks.slur_starts, min(event.marks.slur_ends, len(opened))
        if ends != event.marks.slur_ends:
            event.marks = replace(event.marks, slur_ends=ends)
        opened = opened[: len(opened) - ends] + [event] * starts
    for event in opened:
        event.marks = replace(event.marks, slur_starts=event.marks.slur_starts - 1)


def _sing(voice: StaffVoice) -> None:
    """Set the syllables of all verses to their notes, held over those without one."""
    verses = sorted(
        {verse for event in voice.events for verse in event.lyrics},
        key=lambda name: (len(name), name),
    )
    held: dict[str, Syllable] = {}
    for event in voice.events:
        if not event.pitches:
            held = {}
            continue
        sung = [event.lyrics.get(verse) or held.get(verse) for verse in verses]
        for verse, syllable in event.lyrics.items():
            held.pop(verse, None)
            if verse in event.held:
                held[verse] = Syllable("", syllable.hyphen)
        while sung and sung[-1] is None:
            sung.pop()
        if sung:
            event.marks = replace(event.marks, lyrics=tuple(sung))


def _add_chord_symbol(voice: StaffVoice, index: int, time: Fraction, symbol: ChordSymbol) -> None:
    """Add a chord symbol; a note that is held then is divided into two, tied."""
    events = voice.measures[index]
    for number, event in enumerate(events):
        if event.onset < time < event.end and event.ratio == NO_TUPLET:
            if odd_denominator(time) == 1:
                events[number : number + 1] = divided(event, time)
            break
    found = next((event for event in events if event.onset <= time < event.end), None)
    if not found:
        voice.last_chords.setdefault(index, []).append(symbol)
    elif len(found.marks.chord_symbols) < MAX_WORDS_AT_NOTE:
        symbols = (*found.marks.chord_symbols, symbol)
        found.marks = replace(found.marks, chord_symbols=symbols)


def divided(event: Event, time: Fraction) -> tuple[Event, Event]:
    """Return the two parts of a note that meet at a time, tied."""
    ends = event.marks.slur_ends
    first = replace(
        event,
        duration=time - event.onset,
        tied=bool(event.pitches),
        marks=replace(event.marks, slur_ends=0),
        after=(),
    )
    second = replace(
        event,
        onset=time,
        duration=event.end - time,
        marks=Marks(slur_ends=ends),
        lyrics={},
        held=set(),
    )
    return first, second


def _add_clefs(voice: StaffVoice, measures: Sequence[Measure]) -> None:
    """Add the clefs of a staff: the first to its top voice, changes to the notes they precede."""
    current = ""
    for index, measure in enumerate(measures):
        for (time, staff), clef in measure.clefs.items():
            if staff != voice.staff or clef == current:
                continue
            events, is_first = voice.measures[index], not current
            if time >= events[-1].end and index + 1 < len(voice.measures):
                events, time = voice.measures[index + 1], Fraction(0)  # noqa: PLW2901 - the same
            at = next((event for event in events if event.onset >= time), None)
            if is_first:
                voice.clef = clef
            elif at:
                at.marks = replace(at.marks, clef=clef)
            current = clef


def _add_direction(voice: StaffVoice, index: int, direction: Direction) -> None:
    """Add a direction to the note at its time; one that closes a passage, to the note before."""
    mark, time = direction.mark, direction.time
    measures = voice.measures
    if isinstance(mark, PartName) and time == 0:
        voice.parts[index] = mark.name
        return
    events = measures[index]
    ends_hairpin = isinstance(mark, str) and mark.endswith(")")
    closes = ends_hairpin or mark in CLOSING
    if not closes and time >= events[-1].end and index + 1 < len(measures):
        # It begins with the next bar.
        events, time = measures[index + 1], Fraction(0)
    elif ends_hairpin and time == 0 and index:
        events = measures[index - 1]
        time = events[-1].end
    at = next((event for event in events if event.end > time), events[-1])
    if ends_hairpin and at.onset == time:
        at = next((event for event in reversed(events) if event.end <= time), at)
    if isinstance(mark, str):
        at.decorate([mark])
    elif isinstance(mark, Tempo):
        at.marks = replace(at.marks, tempo=mark)
    elif len(at.marks.annotations) < MAX_WORDS_AT_NOTE:
        note = Annotation("^", mark.name) if isinstance(mark, PartName) else mark
        at.marks = replace(at.marks, annotations=(*at.marks.annotations, note))


def items_of(events: Sequence[Event]) -> Iterator[Item]:
    """Yield the notes, rests and tuplets of a bar."""
    group: list[Event] = []
    for event in events:
        if group and event.ratio != group[0].ratio:
            yield from _tuplet(group)
            group = []
        if event.ratio == NO_TUPLET:
            yield _single(event)
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
    """Return whether notes make up a tuplet: as many of the shortest as its number."""
    shortest = min(event.undotted for event in group)
    total = sum(map(_written, group), Fraction(0))
    return total % (group[0].ratio[0] * shortest) == 0


def _tuplet(group: Sequence[Event]) -> Iterator[Item]:
    notes = tuple(_note(event, _written(event)) for event in group)
    # Where one note is played in the time of several, it is longer.
    if group[0].ratio[0] > 1 and all(odd_denominator(note.duration) == 1 for note in notes):
        yield Tuplet(*group[0].ratio, notes)
    else:
        yield from map(_single, group)


def _single(event: Event) -> Item:
    """Return a note or rest outside tuplets, or in its own tuplet if it has an odd duration.

    Raises:
        NotationError: if ABC has no such duration.
    """
    item = tuplet_of_one(_note(event, event.duration))
    if isinstance(item, Tuplet) and max(item.actual, item.normal) > MAX_TUPLET:
        raise NotationError("a duration that no tuplet has", text=str(event.duration))
    return item


def _note(event: Event, duration: Fraction) -> Note | Rest:
    if duration < SHORTEST:
        raise NotationError("a note too short", text=str(duration))
    marks = None if event.marks == NO_MARKS else event.marks
    if event.pitches:
        return Note(tuple(sorted(event.pitches)), duration, event.tied, marks)
    return Rest(duration, event.visible, marks)


def closing_marks(voice: StaffVoice, index: int) -> Marks | None:
    """Return the marks between the last note of a measure and its bar line, or None."""
    grace = voice.measures[index][-1].after
    marks = Marks(tuple(voice.last_chords.get(index, ()))[:MAX_WORDS_AT_NOTE], grace=grace)
    return None if marks == NO_MARKS else marks
