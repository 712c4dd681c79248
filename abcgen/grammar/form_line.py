"""The form line of a model text, which announces its sections before the music.

``P:2,8:,8:2`` announces a pickup of two sixteenth notes and two sections of eight bars, both
repeated, the second with endings. ``P:0,8,8`` has no pickup and no repeats. Pickups and second
endings are not counted in the bars. A network writes this line itself, or the user asks for it;
from then on the position features say how much is left.

``announced_form`` is that of a text, and ``FormLine`` the characters that may follow in a
form line.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from abcgen.grammar.form import Form

START, END = "P:", "\n"
FORM_LINE_CHARACTERS = START + ",0123456789" + END
MAX_SECTIONS, MAX_BARS, MAX_PICKUP = 16, 99, 31
_SECTION = re.compile(r"([1-9][0-9]?)(:2?)?")
_IN_TEXT = re.compile(r"(?m)^P:[^\n]*$")
_LINE = re.compile(rf"P:([0-9]{{1,2}})((?:,{_SECTION.pattern}){{1,{MAX_SECTIONS}}})\n?")


class AnnouncedSection(NamedTuple):
    """A section of an announced form."""

    # Without pickup and second ending, 1 to ``MAX_BARS``.
    bars: int
    repeated: bool = False
    # Whether a second ending follows the first.
    endings: bool = False

    def __str__(self) -> str:
        return f"{self.bars}{':' * self.repeated}{'2' * self.endings}"


class AnnouncedForm(NamedTuple):
    """The form that a form line announces; without sections nothing is known."""

    # In sixteenth notes.
    pickup: int = 0
    sections: tuple[AnnouncedSection, ...] = ()

    def __str__(self) -> str:
        return START + ",".join(map(str, (self.pickup, *self.sections))) + END

    @property
    def bars_before_endings(self) -> tuple[int, ...]:
        """The bars of each section before a first ending of one bar; 0 where none is announced.

        Empty if no section has endings.
        """
        bars = tuple(section.bars - 1 if section.endings else 0 for section in self.sections)
        return bars if any(bars) else ()


def read_form_line(line: str) -> AnnouncedForm:
    """Return the form that a line announces; one without sections if it is no form line."""
    match = _LINE.fullmatch(line)
    if not match:
        return AnnouncedForm()
    return AnnouncedForm(int(match[1]), _sections(match[2].split(",")[1:]))


def announced_form(text: str) -> AnnouncedForm:
    """Return the form that a model text announces; one without sections if it has no form line."""
    line = _IN_TEXT.search(text)
    return read_form_line(line[0]) if line else AnnouncedForm()


def _sections(texts: list[str]) -> tuple[AnnouncedSection, ...]:
    matches = filter(None, map(_SECTION.fullmatch, texts))
    return tuple(AnnouncedSection(int(m[1]), bool(m[2]), m[2] == ":2") for m in matches)


class BegunForm(NamedTuple):
    """The form of a text to continue: the form line has to agree with it."""

    # None if it is not known yet.
    pickup: int | None
    # Those that are complete.
    sections: tuple[AnnouncedSection, ...] = ()
    # Bars of the section after them, the last of which may be incomplete; 0 if it has not begun.
    bars: int = 0
    # Whether that section opens with a repeat sign, or is in an ending.
    repeated: bool = False


class FormLine:
    """The characters that may follow in a form line.

    Whatever is allowed can be continued to a form line that fits.

    Args:
        form: The requested form.
        alphabet: The characters that may be used.
        begun: The form of the text to continue, if any.
    """

    # The characters that lead to the end of the line, best first.
    COMPLETION = END + ",:0987654321P"
    # Most characters of a form line.
    LONGEST = len(START) + 2 + MAX_SECTIONS * len(",16:2") + len(END)

    def __init__(
        self, form: Form, alphabet: frozenset[str], begun: BegunForm | None = None
    ) -> None:
        self._form, self._begun = form, begun
        self._numbers = [
            number for number in range(MAX_BARS + 1) if alphabet.issuperset(str(number))
        ]
        self.after = lru_cache(2**12)(self._after)

    def _after(self, text: str, longest_pickup: int) -> str:
        """Return the characters that may follow; pickups have up to ``longest_pickup``."""
        if len(text) < len(START):
            return START[len(text)]
        *complete, last = text[len(START) :].split(",")
        if not complete:
            begun = self._begun
            pickups = [
                number
                for number in self._numbers
                if number <= min(longest_pickup, MAX_PICKUP)
                and (begun is None or begun.pickup in {None, number})
            ]
            return _next_digits(last, pickups) + "," * (last.isdigit() and int(last) in pickups)
        sections = _sections(complete[1:])
        before = sum(section.bars for section in sections)
        number, colon, ending = last.partition(":")
        index = len(sections)
        if colon:
            section = AnnouncedSection(int(number), repeated=True, endings=bool(ending))
            may_end = "2" * (not ending and self._may_have_endings(index))
            return may_end + self._separators(index, section, before)
        bars = [bars for bars in self._numbers if bars and self._fits(index, bars, before)]
        following = _next_digits(number, bars)
        if number and int(number) in bars:
            plain = AnnouncedSection(int(number))
            following += ":" * self._may_repeat(index, repeated=True)
            following += self._separators(index, plain, before)
        return following

    def _fits(self, index: int, bars: int, before: int) -> bool:
        """Return whether section ``index`` may have some bars, after those ``before`` it."""
        begun, form = self._begun, self._form
        if begun and index < len(begun.sections) and bars != begun.sections[index].bars:
            return False
        if begun and index == len(begun.sections) and bars < begun.bars:
            return False
        if form.sections:
            return form.sections[index].bars in {0, bars}
        if not form.bars:
            return True
        left = form.bars - before - bars
        least = self._sections_begun() - index - 1  # sections that must follow
        return max(0, least) <= left <= MAX_BARS * (MAX_SECTIONS - index - 1)

    def _may_repeat(self, index: int, *, repeated: bool) -> bool:
        """Return whether section ``index`` may be repeated, or may not be."""
        # The request comes first, then the tune to continue; otherwise both are possible.
        begun, form = self._begun, self._form
        if form.sections and form.sections[index].repeated != repeated:
            return False
        if begun and index < len(begun.sections):
            return begun.sections[index].repeated == repeated
        return repeated or not (begun and index == len(begun.sections) and begun.repeated)

    def _may_have_endings(self, index: int) -> bool:
        """Return whether section ``index`` may have endings; requests leave that open."""
        begun = self._begun
        return not begun or index >= len(begun.sections) or begun.sections[index].endings

    def _sections_begun(self) -> int:
        """Return how many sections the tune to continue has, the last one included."""
        return len(self._begun.sections) + bool(self._begun.bars) if self._begun else 0

    def _separators(self, index: int, section: AnnouncedSection, before: int) -> str:
        """Return what may follow a section: a further one, the end or both, or nothing.

        Args:
            index: The section's index.
            section: The section as written so far.
            before: Bars of the sections before it.
        """
        begun, form = self._begun, self._form
        # 1) A section as it may be. Without its mark it may still be incomplete.
        if not self._may_repeat(index, repeated=section.repeated):
            return ""
        if begun and index < len(begun.sections) and begun.sections[index] != section:
            return ""
        # 2) A requested form says how many sections there are, or how many bars.
        count, bars = index + 1, before + section.bars
        if form.sections:
            return "," if count < len(form.sections) else END
        has_more = count < MAX_SECTIONS and (not form.bars or bars < form.bars)
        may_end = count >= self._sections_begun() and bars >= form.bars
        return "," * has_more + END * may_end


def _next_digits(prefix: str, numbers: list[int]) -> str:
    """Return the digits that lead from a prefix to longer numbers."""
    longer = (str(number) for number in numbers if str(number).startswith(prefix))
    return "".join(sorted({text[len(prefix)] for text in longer if len(text) > len(prefix)}))
