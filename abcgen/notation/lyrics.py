"""Words that are sung (``w:``): read to syllables, set to notes, and written.

Source: the ABC standard 2.1, section 5.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from abcgen.notation.tune import Marks, Note
from abcgen.notation.words import MAX_SHORT_TEXT, MAX_VERSES, Syllable, plain_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from abcgen.notation.draft import DraftNote
    from abcgen.notation.tune import Rest

# A bar line, a note without a syllable, one that holds the syllable before, or a syllable.
_TOKEN = re.compile(r"\||\*|_|-|(?P<text>(?:\\.|[^\s|*_\\-]|\\$)+)(?P<hyphen>-?)")
_ESCAPED = re.compile(r"\\([-_*|~\\])")
_SPECIAL = re.compile(r"[-_*|~\\]")
_HYPHEN = "\ue000"  # for private use
BAR, NONE = "|", "*"


def syllables_in(text: str) -> Iterator[Syllable | str]:
    """Yield the syllables of a ``w:`` field, and ``BAR`` or ``NONE`` for its signs."""
    # In words ``\\-d`` is a hyphen and a letter, elsewhere a letter with a stroke.
    hidden = plain_text(text.replace("\\-", _HYPHEN))
    for token in _TOKEN.finditer(hidden.replace(_HYPHEN, "\\-")):
        if token[0] in (BAR, NONE):
            yield token[0]
        elif token["text"]:
            plain = re.sub(r"(?<!\\)~", " ", token["text"])
            text = _ESCAPED.sub(r"\1", plain)[:MAX_SHORT_TEXT].strip()
            yield Syllable(text, bool(token["hyphen"]))
        else:
            yield Syllable("", token[0] == "-")


def syllables_text(syllables: Iterable[Syllable | None]) -> str:
    """Return the text of a ``w:`` field for successive notes."""
    parts = []
    for syllable in syllables:
        if syllable is None:
            parts.append(" *")
        elif not syllable.text:
            # A hyphen of its own must not be taken for that of the syllable before.
            alone = " -" if not (parts and parts[-1].endswith("-")) else "-"
            parts.append(alone if syllable.hyphen else "_")
        else:
            text = " ".join(plain_text(syllable.text)[:MAX_SHORT_TEXT].split())
            plain = _SPECIAL.sub(r"\\\g<0>", text).replace(" ", "~")
            plain = plain.replace("%", r"\%")
            before = "" if parts and parts[-1].endswith("-") else " "
            parts.append(f"{before}{plain}{'-' if syllable.hyphen else ''}")
    return re.sub(r"( \*)+$", "", "".join(parts)).strip()


def lyric_lines(notes: Sequence[Note | Rest]) -> list[str]:
    """Return the texts of the ``w:`` fields under a line of notes; none if nothing is sung."""
    sung = [note.marks.lyrics if note.marks else () for note in notes if isinstance(note, Note)]
    verses = max(map(len, sung), default=0)
    return [
        syllables_text(lyrics[verse] if verse < len(lyrics) else None for lyrics in sung) or NONE
        for verse in range(verses)
    ]


@dataclass(slots=True)
class LyricsAligner:
    """Sets words to the notes of one voice while these are read."""

    # The notes since the last words, each with the number of its bar, and where among them the
    # line that was read last begins.
    _notes: list[tuple[DraftNote, int]] = field(default_factory=list)
    _line_start: int = 0
    _line_ended: bool = False

    def add_note(self, note: DraftNote, bar: int) -> None:
        """Add the next note; rests are not sung."""
        if self._line_ended:
            self._line_start, self._line_ended = len(self._notes), False
        if note.pitches:
            self._notes.append((note, bar))

    def end_line(self) -> None:
        """End a line of music."""
        self._line_ended = True

    def add(self, texts: Sequence[str]) -> int:
        """Set the texts of successive verses to the line before.

        Words too long for it belong to all lines since the last words.

        Returns:
            The number of syllables that found no note.
        """
        verses = [list(syllables_in(text)) for text in texts[:MAX_VERSES]]
        notes = self._notes[self._line_start :]
        aligned = [_aligned(notes, verse) for verse in verses]
        if any(beyond for _, beyond in aligned) and self._line_start:
            aligned = [_aligned(self._notes, verse) for verse in verses]
        for number, (sung, _) in enumerate(aligned):
            for note, syllable in sung:
                marks = note.marks or Marks()
                before = marks.lyrics + (None,) * (number - len(marks.lyrics))
                note.marks = replace(marks, lyrics=(*before, syllable))
        self._notes, self._line_start, self._line_ended = [], 0, False
        return sum(beyond for _, beyond in aligned)


def _aligned(
    notes: Sequence[tuple[DraftNote, int]], verse: Iterable[Syllable | str]
) -> tuple[list[tuple[DraftNote, Syllable]], int]:
    """Return the notes with their syllables, and the number of syllables beyond the last note."""
    sung: list[tuple[DraftNote, Syllable]] = []
    index = beyond = 0
    bar = notes[0][1] if notes else 0
    for syllable in verse:
        if syllable == BAR:
            # On to the next bar; nothing is skipped where that has been reached already.
            while index < len(notes) and notes[index][1] <= bar:
                index += 1
            bar += 1
        elif isinstance(syllable, str):
            index += 1
        elif index < len(notes):
            note, bar = notes[index]
            sung.append((note, syllable))
            index += 1
        else:
            beyond += bool(syllable.text)
    return sung, beyond
