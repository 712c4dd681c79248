"""Form in the grammar: the rules of a request (``Rules``), and the bar lines that its form allows.

A bar ends with one of a few texts (``|``, ``:|2``, ``||:`` …). Each leads to another bar or, if a
line end follows, to the end of the tune. ``bar_ends`` returns those that are possible.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.fields import MAX_METRE, RHYTHMS
from abcgen.notation.tune import FREE_METRE, Metre, Mode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from abcgen.grammar.form_line import BegunForm
    from abcgen.grammar.melody import Melody, PitchRange


class SectionPlan(NamedTuple):
    """A requested section."""

    # Number of bars, pickup and second ending not counted; 0 for any number.
    bars: int
    # Whether it is between repeat signs.
    repeated: bool


class Form(NamedTuple):
    """A requested form."""

    # Number of bars in all, counted like a section's; 0 for any number.
    bars: int = 0
    # The sections in order; empty for any.
    sections: tuple[SectionPlan, ...] = ()

    @property
    def is_free(self) -> bool:
        """True if no form is requested."""
        return not self.bars and not self.sections


@dataclass(frozen=True, slots=True)
class Rules:
    """Requirements on a text, in addition to those of a valid tune."""

    # The characters that may be used.
    alphabet: frozenset[str]
    # Allowed rhythms; an empty one allows a tune without.
    rhythms: tuple[str, ...] = ("", *RHYTHMS)
    # Allowed metres; empty for any but free metre.
    metres: tuple[Metre, ...] = ()
    # Allowed modes.
    modes: tuple[Mode, ...] = tuple(Mode)
    # Whether metre and key may change within the tune.
    changes: bool = True
    # Whether to be stricter than valid, as nearly all tunes of the collections are:
    # - A bar may be short at the end of a section only to complete a pickup, as in 97% of the
    #   tunes. Otherwise a network that writes a plain bar line too early is forced into a double
    #   one.
    # - No third endings, and no tuplets whose first number is not the number of their notes.
    # - No ties across the end of a section: they would lead to one note when it is repeated and to
    #   another when it is not.
    neat: bool = False
    # Requested bars and sections.
    form: Form = field(default_factory=Form)
    # Whether the text announces its form in a line of its own (see ``form_line``).
    form_line: bool = False
    # Whether sections have the endings that this line announces. Without a requested form a text
    # need not keep to what it announced otherwise.
    keeps_endings: bool = False
    # The form of the text to continue, which that line has to agree with.
    begun: BegunForm | None = None
    # The ranges of the voices, as MIDI key numbers, of texts of several; empty for one voice.
    voices: tuple[PitchRange, ...] = ()
    # By mode, alternative pitch ranges: one of them must contain all notes. Modes without ranges
    # are not limited. They are those of the first voice: the others are as far above or below it as
    # ``voices`` says.
    ranges: Mapping[Mode, tuple[PitchRange, ...]] = field(default_factory=dict)
    # By mode, limits on the melody; other modes have none.
    melodies: Mapping[Mode, Melody] = field(default_factory=dict)
    # Allowed lengths of notes and rests in 128ths, so that there are no tuplets; empty for any.
    lengths: frozenset[int] = frozenset()
    # Whether there may be chords.
    chords: bool = True

    @property
    def is_without_wishes(self) -> bool:
        """True if neither form nor notes are limited, as far as one voice goes."""
        return self.form.is_free and not (self.ranges or self.melodies or self.lengths)

    @property
    def fills_bars(self) -> bool:
        """Whether bars have to be filled exactly, as a requested form or another voice demands."""
        return not self.form.is_free or len(self.voices) > 1

    def all_metres(self) -> tuple[Metre, ...]:
        """Return every allowed metre."""
        units = (1, 2, 4, 8, 16, 32, 64)
        return self.metres or tuple(
            Metre(beats, unit) for unit in units for beats in range(1, MAX_METRE + 1)
        )


ANY_METRE = (FREE_METRE, *Rules(frozenset()).all_metres())


# The texts that end a bar.
SINGLE, DOUBLE, FINAL = "|", "||", "|]"
REPEAT_END, REPEAT_BOTH = ":|", "::"
REPEAT_STARTS = ("|:", "||:", "|]|:")
TO_FIRST_ENDING, TO_SECOND_ENDING, TO_THIRD_ENDING = ("|1", "||[1", "|][1"), ":|2", ":|3"
FIRST_ENDING_AT_REPEAT = "[1"  # after the start of a repeat
LINE_END = "\n"
SECTION_ENDS = (SINGLE, DOUBLE, FINAL)
MAX_ENDING = 2  # bars, in a requested form

# The values of ``FormState.repeat``.
UNREPEATED, REPEATED = "unrepeated", "repeated"
FIRST_ENDING, SECOND_ENDING, THIRD_ENDING = "first ending", "second ending", "third ending"


class FormState(NamedTuple):
    """The position of a bar within the form of a tune."""

    # Outside of repeats, in one, or in an ending.
    repeat: str = UNREPEATED
    # Bars counted so far, in this section if sections are requested.
    bars: int = 0
    # In the first ending, its bars; in the second, the bars it still has to match.
    ending: int = 0
    # Index of the section.
    section: int = 0
    # Ticks of the last pickup, where a short bar has to complete it.
    pickup: int = 0
    # For this section and each after it, how many bars the form line announced before its first
    # ending, 0 for a section without; empty once there are none to come.
    announced: tuple[int, ...] = ()


BarEnds = dict[str, FormState]  # texts that end a bar, with the state that each leads to


class ClosingBar(NamedTuple):
    """A bar that is about to be closed."""

    # Whether it does not add up to its metre.
    is_short: bool
    # Whether it is the first of a section or ending, and so may be short.
    opens_section: bool
    # Whether it is short and should have been filled.
    is_cut: bool = False
    # Its ticks if it may be a pickup that matters.
    pickup: int = 0


def beginnings(form: Form, announced: tuple[int, ...] = ()) -> BarEnds:
    """Return the texts that the music may begin with (``FormState.announced``)."""
    if announced:
        starts = {"": FormState(announced=announced)} if not announced[0] else {}
        return starts | {"|:": FormState(REPEATED, announced=announced)}
    if form.sections:
        return {"|:": FormState(REPEATED)} if form.sections[0].repeated else {"": FormState()}
    starts = {"": FormState(), "|:": FormState(REPEATED)}
    if form.is_free:
        starts["|:" + FIRST_ENDING_AT_REPEAT] = FormState(FIRST_ENDING)
    return starts


def bar_ends(form: Form, state: FormState, bar: ClosingBar) -> BarEnds:
    """Return the texts that may close a bar; those that end with the line end the tune."""
    # A second ending is not counted: it takes the place of the first.
    counted = state if state.repeat == SECOND_ENDING else state._replace(bars=state.bars + 1)
    if form.is_free and state.announced:
        ends = _announced_ends(state, counted, bar)
    elif form.is_free:
        ends = _free_ends(state, bar)
    elif form.sections:
        ends = _planned_ends(form, counted, bar)
    else:
        ends = _counted_ends(form.bars, counted, bar)
    # A cut bar may still end a section: the pickup that it completes may be missing.
    if bar.is_cut:
        ends = {text: after for text, after in ends.items() if not text.startswith(SINGLE)}
    ends = {text: after._replace(pickup=state.pickup) for text, after in ends.items()}
    # After a pickup there is always another bar, and the pickup is not counted.
    if bar.is_short and bar.opens_section and state.repeat in {UNREPEATED, REPEATED}:
        ends[SINGLE] = state._replace(pickup=bar.pickup)
    return ends


def bars_to_come(form: Form, state: FormState) -> float:
    """Return how many bars there will be after this one at least; infinite if as many as wanted."""
    sections = form.sections[state.section + 1 :]
    if form.is_free or any(not section.bars for section in sections):
        return math.inf
    later = sum(section.bars for section in sections)
    wanted = form.sections[state.section].bars if form.sections else form.bars
    if state.repeat == SECOND_ENDING:
        more = state.ending - 1
        return more + later + (0 if form.sections else wanted - state.bars)
    if state.repeat == FIRST_ENDING:
        later += state.ending + 1
    elif not wanted:
        return math.inf
    return later + (max(0, wanted - state.bars - 1) if wanted else 0)


def _free_ends(state: FormState, bar: ClosingBar) -> BarEnds:
    """Return the ends that a free form allows."""
    repeat = state.repeat
    ends: BarEnds = {}
    if not bar.is_short or bar.opens_section:
        ends[SINGLE] = state
    if repeat == FIRST_ENDING:
        ends[TO_SECOND_ENDING] = FormState(SECOND_ENDING)
    elif repeat == REPEATED:
        # A double bar line within a repeat does not end it.
        ends |= dict.fromkeys((DOUBLE, FINAL, REPEAT_BOTH), state)
        at_repeat = REPEAT_BOTH + FIRST_ENDING_AT_REPEAT
        ends |= dict.fromkeys((*TO_FIRST_ENDING, at_repeat), FormState(FIRST_ENDING))
        ends |= dict.fromkeys((REPEAT_END, REPEAT_END + LINE_END), FormState())
    else:
        ends |= dict.fromkeys((DOUBLE, FINAL), FormState())
        ends |= dict.fromkeys(REPEAT_STARTS, FormState(REPEATED))
        at_repeat_starts = (start + FIRST_ENDING_AT_REPEAT for start in REPEAT_STARTS)
        ends |= dict.fromkeys(at_repeat_starts, FormState(FIRST_ENDING))
        ends |= {line + LINE_END: FormState() for line in SECTION_ENDS}
        # A repeat that never began goes back to the end of the last one, or to the beginning.
        if repeat == UNREPEATED:
            ends |= dict.fromkeys((REPEAT_END, REPEAT_END + LINE_END), FormState())
            ends[REPEAT_BOTH] = FormState(REPEATED)
        if repeat == SECOND_ENDING:
            ends[TO_THIRD_ENDING] = FormState(THIRD_ENDING)
    return ends


def _announced_ends(state: FormState, counted: FormState, bar: ClosingBar) -> BarEnds:
    """Return the ends that a free form allows if sections have the endings that were announced."""
    bars, *later = state.announced
    needs_ending = bool(bars) and state.repeat == REPEATED
    # A repeat that never began could be one without endings.
    no_repeat = bool(bars) and state.repeat == UNREPEATED
    opens_repeat = bool(later) and later[0] > 0
    following = FormState(announced=tuple(later) if any(later) else ())
    ends: BarEnds = {}
    for text, after in _free_ends(state, bar).items():
        if text == SINGLE and not (needs_ending and counted.bars >= bars):
            count = counted.bars if needs_ending else 0
            ends[text] = state._replace(bars=count)
        elif text in {TO_FIRST_ENDING[0], TO_SECOND_ENDING, TO_THIRD_ENDING}:
            ends[text] = after._replace(announced=state.announced)
        elif text == SINGLE or needs_ending or (no_repeat and text[0] == ":"):
            continue
        elif after.repeat != UNREPEATED or not opens_repeat or text.endswith(LINE_END):
            ends[text] = following._replace(repeat=after.repeat)
    return ends


def _counted_ends(bars: int, state: FormState, bar: ClosingBar) -> BarEnds:
    """Return the ends that lead to a number of bars in all, in any sections."""
    if state.repeat == SECOND_ENDING and state.ending > 1:
        return {} if bar.is_short else {SINGLE: state._replace(ending=state.ending - 1)}
    has_more = state.bars < bars
    ends: BarEnds = {}
    for text, after in _free_ends(state, bar._replace(opens_section=False)).items():
        if text == TO_THIRD_ENDING:
            continue
        if text.endswith(LINE_END):
            if not has_more:
                ends[text] = after
        elif has_more or text == TO_SECOND_ENDING:
            ends[text] = after._replace(bars=state.bars)
    # The second ending has as many bars as the first, and the first is not too long.
    if state.repeat == FIRST_ENDING:
        length = state.ending + 1
        ends[TO_SECOND_ENDING] = ends[TO_SECOND_ENDING]._replace(ending=length)
        if SINGLE in ends:
            ends[SINGLE] = state._replace(ending=length)
        if length >= MAX_ENDING:
            ends.pop(SINGLE, None)
    elif state.repeat == SECOND_ENDING:
        ends.pop(SINGLE, None)
    return ends


def _planned_ends(form: Form, state: FormState, bar: ClosingBar) -> BarEnds:
    """Return the ends that lead to the requested sections."""
    if state.repeat == SECOND_ENDING:
        if state.ending <= 1:
            return _section_ends(form, state)
        return {} if bar.is_short else {SINGLE: state._replace(ending=state.ending - 1)}
    bars, _ = form.sections[state.section]
    is_complete = bars in {0, state.bars}
    in_first_ending = state.repeat == FIRST_ENDING
    ends: BarEnds = {}
    # Another bar of the section. In a section of any length it is the ending that is limited.
    ending_is_full = in_first_ending and not bars and state.ending + 1 >= MAX_ENDING
    if not bar.is_short and (not bars or state.bars < bars) and not ending_is_full:
        ends[SINGLE] = state._replace(ending=state.ending + in_first_ending)
    # A first ending, in which the section has to become complete.
    if state.repeat == REPEATED and 0 < (bars or state.bars + 1) - state.bars <= MAX_ENDING:
        ends["|1"] = FormState(FIRST_ENDING, state.bars, 0, state.section)
    if in_first_ending and is_complete:
        after = FormState(SECOND_ENDING, state.bars, state.ending + 1, state.section)
        ends[TO_SECOND_ENDING] = after
    elif is_complete:
        ends |= _section_ends(form, state)
    return ends


def _section_ends(form: Form, state: FormState) -> BarEnds:
    """Return the ends of a section that is complete."""
    is_repeat = state.repeat == REPEATED
    if state.section + 1 == len(form.sections):
        return {line + LINE_END: state for line in ((REPEAT_END,) if is_repeat else SECTION_ENDS)}
    following = form.sections[state.section + 1]
    texts: tuple[str, ...]
    if following.repeated:
        repeat, texts = REPEATED, (REPEAT_BOTH,) if is_repeat else REPEAT_STARTS
    else:
        repeat, texts = UNREPEATED, (REPEAT_END,) if is_repeat else (DOUBLE, FINAL)
    return dict.fromkeys(texts, FormState(repeat, section=state.section + 1))
