"""The child process that reads ABC with music21: JSON lines in, JSON lines out.

Run as ``python -m abcgen.score.referee_worker SECONDS``. It is a process of its own because
music21 takes minutes over some short texts and cannot be interrupted.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from fractions import Fraction
from typing import Any

from abcgen.system import LazyModule, load_module

music21 = LazyModule("music21")

DIALECT = "%abc-2.1\n"
"""Without this first line music21 lets no accidental last through its bar."""


def main(seconds: float) -> None:
    """Answer requests until there are no more.

    Args:
        seconds: Time after which one request ends the process, in case nobody is left to do it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the parent to act on
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    sys.stdout = sys.stderr  # what music21 prints must not look like an answer
    load_module("music21")  # most of the start-up, before the first question
    _say(answers, {"ready": True})
    for line in sys.stdin:
        watchdog = threading.Timer(seconds, os._exit, (1,))
        watchdog.daemon = True
        watchdog.start()
        _say(answers, _answer(json.loads(line)))
        watchdog.cancel()


def _say(answers: Any, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _answer(abc: str) -> dict[str, Any]:
    try:
        return {"voices": read_voices(abc)}
    except Exception as error:  # noqa: BLE001 - music21 fails in every way there is
        return {"error": f"{type(error).__name__}: {error}"}


def read_voices(abc: str) -> list[list[list[Any]]]:
    """Read a tune as written, without its grace notes.

    Returns:
        For each voice its notes and chords; of each the onset and duration in whole notes, as
        text, and pairs of a MIDI key number and whether it is tied to the next.

    Raises:
        ValueError: if the text is not one tune.
    """
    score = music21.converter.parseData(DIALECT + abc, format="abc")
    if not isinstance(score, music21.stream.Score):  # several tunes make an opus
        raise ValueError("not one tune")  # noqa: TRY004 - a bad text, not a bad argument
    return [_strikes(part) for part in score.parts]


def _strikes(part: Any) -> list[list[Any]]:
    return [
        [_whole_notes(note.offset), _whole_notes(note.quarterLength), _keys(note)]
        for note in part.flatten().notes
        if "Harmony" not in note.classes and not note.duration.isGrace
    ]


def _whole_notes(quarters: Any) -> str:
    return str(Fraction(quarters) / 4)


def _keys(note: Any) -> list[tuple[int, bool]]:
    """Key numbers of a note or chord; music21 ties a chord as one or note by note."""
    whole = _tied(note)
    return [(single.pitch.midi, whole or _tied(single)) for single in _single_notes(note)]


def _single_notes(note: Any) -> list[Any]:
    return list(note.notes) if note.isChord else [note]


def _tied(note: Any) -> bool:
    return note.tie is not None and note.tie.type in {"start", "continue"}


if __name__ == "__main__":
    main(float(sys.argv[1]))
