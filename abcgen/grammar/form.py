"""Form in the grammar: repeats, endings and sections, and which bar lines they let a bar end on.

A bar's end is written as one of a few texts (``|``, ``:|2``, ``||:`` …), each of which leads on
to another bar or, with the line's end, to the end of the tune.
"""

from __future__ import annotations

from typing import NamedTuple

END = "\n"
PLAIN, OPEN, FIRST, LAST, LATER = "plain", "open", "first", "last", "later"
"""Outside of repeats; in one; in its first ending; in its second; in its third."""

SINGLE, DOUBLE, FINAL = "|", "||", "|]"
CLOSE, REOPEN, SECOND, THIRD = ":|", "::", ":|2", ":|3"
OPENINGS = ("|:", "||:", "|]|:")
FIRST_ENDINGS = ("|1", "||[1", "|][1")
LINES = (SINGLE, DOUBLE, FINAL)
AT_ONCE = "[1"  # a first ending that begins with its repeat
LONGEST_ENDING = 2  # bars, where the form is asked for


class Section(NamedTuple):
    """A section that is asked for.

    Attributes:
        bars: How many bars, pickup and second ending not counted; 0 for any number.
        repeated: Whether it stands between repeat signs.
    """

    bars: int
    repeated: bool


class Form(NamedTuple):
    """What is asked for.

    Attributes:
        bars: How many bars in all, counted like a section's; 0 for any number.
        sections: The sections one by one; empty for any.
    """

    bars: int = 0
    sections: tuple[Section, ...] = ()

    @property
    def is_free(self) -> bool:
        """Whether nothing is asked for."""
        return not self.bars and not self.sections


class Place(NamedTuple):
    """Where in its form a tune has come to.

    Attributes:
        repeat: Outside of repeats, in one, or in an ending.
        bars: Bars counted so far, of the section if sections are asked for.
        ending: Bars of the first ending while in it; those the second has still to match.
        section: Index of the section.
        pickup: Ticks of the last pickup, where a short bar must complete it.
    """

    repeat: str = PLAIN
    bars: int = 0
    ending: int = 0
    section: int = 0
    pickup: int = 0


class Bar(NamedTuple):
    """What matters of a bar that is about to be closed.

    Attributes:
        short: Whether it does not add up to its metre.
        begins: Whether a section or ending begins with it, so that it may be short.
        is_cut: Whether it is short and had better be filled.
        pickup: Ticks of it if it may be a pickup that matters.
    """

    short: bool
    begins: bool
    is_cut: bool = False
    pickup: int = 0


def beginnings(form: Form) -> dict[str, Place]:
    """How the music may begin."""
    if not form.sections:
        first = {"|:" + AT_ONCE: Place(FIRST)} if form.is_free else {}
        return {"": Place(), "|:": Place(OPEN), **first}
    return {"|:": Place(OPEN)} if form.sections[0].repeated else {"": Place()}


def bar_ends(form: Form, place: Place, bar: Bar) -> dict[str, Place]:
    """The texts that may close a bar, and where each leads.

    Texts that end with the line end the tune.
    """
    is_pickup = bar.short and bar.begins and place.repeat in {PLAIN, OPEN}
    if form.is_free:
        ends = _free(place, bar)
    else:
        counted = place if place.repeat == LAST else place._replace(bars=place.bars + 1)
        ends = _planned(form, counted, bar) if form.sections else _counted(form.bars, counted, bar)
    if bar.is_cut:
        ends = {text: after for text, after in ends.items() if not text.startswith(SINGLE)}
    ends = {text: after._replace(pickup=place.pickup) for text, after in ends.items()}
    if is_pickup:
        ends[SINGLE] = place._replace(pickup=bar.pickup)
    return ends


def _free(place: Place, bar: Bar) -> dict[str, Place]:
    repeat = place.repeat
    ends: dict[str, Place] = {}
    if not bar.short or bar.begins:
        ends[SINGLE] = place
    if repeat in {PLAIN, LAST, LATER}:
        ends |= dict.fromkeys((DOUBLE, FINAL), Place())
        ends |= dict.fromkeys(OPENINGS, Place(OPEN))
        ends |= dict.fromkeys((line + AT_ONCE for line in OPENINGS), Place(FIRST))
        ends |= {line + END: Place() for line in LINES}
        if repeat == PLAIN:  # goes back to the last repeat's end, or to the beginning
            ends |= {CLOSE: Place(), CLOSE + END: Place(), REOPEN: Place(OPEN)}
        if repeat == LAST:
            ends[THIRD] = Place(LATER)
    elif repeat == OPEN:
        ends |= dict.fromkeys((DOUBLE, FINAL, REOPEN), place)
        ends |= dict.fromkeys((*FIRST_ENDINGS, REOPEN + AT_ONCE), Place(FIRST))
        ends |= {CLOSE: Place(), CLOSE + END: Place()}
    else:
        ends[SECOND] = Place(LAST)
    return ends


def _counted(bars: int, place: Place, bar: Bar) -> dict[str, Place]:
    """Any sections, so many bars in all."""
    more = place.bars < bars
    ends = _free(place, Bar(bar.short, begins=False))
    ends.pop(THIRD, None)
    going_on = {SECOND} if place.repeat == FIRST else set()
    kept: dict[str, Place] = {}
    for text, after in ends.items():
        if text.endswith(END):
            if not more:
                kept[text] = after
        elif more or text in going_on:
            kept[text] = after._replace(bars=place.bars)
    if place.repeat == FIRST:
        return _in_first_ending(kept, place)
    if place.repeat == LAST and place.ending > 1:
        return {} if bar.short else {SINGLE: place._replace(ending=place.ending - 1)}
    if place.repeat == LAST:
        kept.pop(SINGLE, None)
    return kept


def _in_first_ending(ends: dict[str, Place], place: Place) -> dict[str, Place]:
    """The second ending will be as long as the first, which is no longer than it may be."""
    length = place.ending + 1
    ends[SECOND] = ends[SECOND]._replace(ending=length)
    if SINGLE in ends:
        ends[SINGLE] = place._replace(ending=length)
    if length >= LONGEST_ENDING:
        ends.pop(SINGLE, None)
    return ends


def _planned(form: Form, place: Place, bar: Bar) -> dict[str, Place]:
    """Sections as asked for."""
    section = form.sections[place.section]
    done = section.bars in {0, place.bars}
    ends: dict[str, Place] = {}
    if not bar.short and (not section.bars or place.bars < section.bars):
        ends[SINGLE] = place
        if place.repeat == FIRST:
            ends[SINGLE] = place._replace(ending=place.ending + 1)
            if not section.bars and place.ending + 1 >= LONGEST_ENDING:
                del ends[SINGLE]
    if place.repeat == OPEN and 0 < (section.bars or place.bars + 1) - place.bars <= LONGEST_ENDING:
        ends["|1"] = Place(FIRST, place.bars, 0, place.section)
    if place.repeat == FIRST and done:
        ends[SECOND] = Place(LAST, place.bars, place.ending + 1, place.section)
    elif place.repeat == LAST and place.ending > 1:
        return {} if bar.short else {SINGLE: place._replace(ending=place.ending - 1)}
    elif place.repeat == LAST:
        return _section_ends(form, place)
    elif done and place.repeat != FIRST:
        ends |= _section_ends(form, place)
    return ends


def _section_ends(form: Form, place: Place) -> dict[str, Place]:
    """How a section that is done may close."""
    following = place.section + 1
    closes = place.repeat == OPEN
    if following == len(form.sections):
        return {line + END: place for line in ([CLOSE] if closes else LINES)}
    begun = Place(OPEN if form.sections[following].repeated else PLAIN, section=following)
    if form.sections[following].repeated:
        texts: tuple[str, ...] = (REOPEN,) if closes else OPENINGS
    else:
        texts = (CLOSE,) if closes else (DOUBLE, FINAL)
    return dict.fromkeys(texts, begun)
