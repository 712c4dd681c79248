"""Which notes share a beam, and how the beams of short notes divide.

The rule of dance tunes: eighths are beamed as the metre asks (halves of the bar in 4/4),
shorter notes by the beat, and a tuplet that fills whole beats stands alone.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from abcgen.notation.tune import Metre, Rest

if TYPE_CHECKING:
    from abcgen.score.pieces import Piece

QUARTER = Fraction(1, 4)


def beams_of(pieces: list[Piece], metre: Metre) -> list[list[str]]:
    """The beams of every piece of a bar, outermost first.

    Returns:
        For each piece a list of ``start``, ``continue``, ``stop``, ``partial-left`` and
        ``partial-right``; empty where it has flags or none.
    """
    beams: list[list[str]] = [[] for _ in pieces]
    for group in beam_groups(pieces, metre):
        for level in range(1, 1 + max(pieces[place].flags for place in group)):
            for run in _runs(pieces, group, level, _beat(metre)):
                for place, beam in zip(run, _run_beams(pieces, group, run), strict=True):
                    beams[place].append(beam)
    return beams


def beam_groups(pieces: list[Piece], metre: Metre) -> list[list[int]]:
    """Places of the pieces that share a beam, two or more together."""
    fine = _windows_with_short_notes(pieces, metre)
    groups: list[list[int]] = []
    for place, piece in enumerate(pieces):
        if not piece.flags:
            continue
        joins = groups and groups[-1][-1] == place - 1
        if joins and not _parted(pieces[place - 1], piece, metre, fine):
            groups[-1].append(place)
        else:
            groups.append([place])
    return [group for group in groups if len(group) > 1]


def _beat(metre: Metre) -> Fraction:
    if metre.is_free:
        return QUARTER
    if metre.is_compound:
        return metre.beam_duration
    return min(metre.beam_duration, QUARTER)


def _window(piece: Piece, metre: Metre) -> int:
    return piece.onset // (metre.beam_duration or QUARTER)


def _windows_with_short_notes(pieces: list[Piece], metre: Metre) -> set[int]:
    """Spans of the bar with notes shorter than an eighth, outside tuplets."""
    return {_window(piece, metre) for piece in pieces if piece.flags > 1 and piece.tuplet is None}


def _parted(before: Piece, piece: Piece, metre: Metre, fine: set[int]) -> bool:
    """Whether the beam breaks between two neighbours; within a tuplet it never does."""
    if piece.tuplet is not None and not piece.first:
        return False
    window, beat = _window(piece, metre), _beat(metre)
    if window != _window(before, metre):
        return True
    if window in fine and piece.onset // beat != before.onset // beat:
        return True
    if before.last and piece.first:
        return True
    # A beam that crosses the edge of a tuplet holds all of it, or engravers take both for one.
    if (before.last and _is_broken(before)) or (piece.first and _is_broken(piece)):
        return True
    return (before.last or piece.first) and piece.onset % beat == 0


def _is_broken(piece: Piece) -> bool:
    """Whether no one beam can hold the whole tuplet of a piece: a rest or long note is in it."""
    items = piece.tuplet.items if piece.tuplet else ()
    return any(isinstance(item, Rest) or item.duration >= QUARTER for item in items)


def _runs(pieces: list[Piece], group: list[int], level: int, beat: Fraction) -> list[list[int]]:
    """Neighbours in a group that carry at least ``level`` beams; inner beams part at beats."""
    runs: list[list[int]] = []
    for place in group:
        if pieces[place].flags < level:
            continue
        joins = runs and runs[-1][-1] == place - 1
        if joins and (level == 1 or pieces[place].onset % beat != 0):
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _run_beams(pieces: list[Piece], group: list[int], run: list[int]) -> list[str]:
    if len(run) > 1:
        return ["start", *["continue"] * (len(run) - 2), "stop"]
    if run[0] == group[0]:
        return ["partial-right"]
    if run[0] == group[-1]:
        return ["partial-left"]
    piece = pieces[run[0]]
    return ["partial-left" if piece.onset % (2 * piece.duration) else "partial-right"]


def tuplet_needs_bracket(pieces: list[Piece], groups: list[list[int]], first: int) -> bool:
    """Whether a tuplet's number needs a bracket: unless one beam joins all its notes.

    Args:
        pieces: The pieces of a bar.
        groups: Which of them share beams.
        first: The place of the tuplet's first piece.
    """
    last = next(place for place in range(first, len(pieces)) if pieces[place].last)
    members = range(first, last + 1)
    if any(isinstance(pieces[place].item, Rest) for place in members):
        return True
    return not any(set(members) <= set(group) for group in groups)
