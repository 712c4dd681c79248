"""The child process that reads ABC with music21: JSON lines in, JSON lines out.

Run as ``python -m abcgen.score.referee_worker SECONDS``. It is a separate process because music21
takes minutes over some short texts and cannot be interrupted.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from fractions import Fraction
from typing import Any

from abcgen.system import LazyModule, end_with, load_module

music21 = LazyModule("music21")

# Only with this first line does music21 apply accidentals to the rest of their bar.
DIALECT = "%abc-2.1\n"


def main(seconds: float) -> None:
    """Answer requests until there are no more.

    Args:
        seconds: Time after which one request ends the process, in case its parent has died.
    """
    # An interrupt is for the parent to act on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(os.getppid(), at_once=False)
    # What music21 prints must not look like an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    sys.stdout = sys.stderr
    # Most of the start-up, before the first question.
    load_module("music21")
    _send(answers, {"ready": True})
    for line in sys.stdin:
        watchdog = threading.Timer(seconds, os._exit, (1,))
        watchdog.daemon = True
        watchdog.start()
        try:
            answer: dict[str, Any] = {"voices": read_voices(json.loads(line))}
        except Exception as error:  # noqa: BLE001 - music21 fails in every way there is
            answer = {"error": f"{type(error).__name__}: {error}"}
        _send(answers, answer)
        watchdog.cancel()


def _send(answers: Any, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def read_voices(abc: str) -> list[list[list[Any]]]:
    """Read a tune as written, without its grace notes.

    Returns:
        For each voice its notes and chords; of each the onset and duration in whole notes, as
        text, and pairs of a MIDI key number and whether it is tied to the next.

    Raises:
        ValueError: if the text is not one tune.
    """
    score = music21.converter.parseData(DIALECT + abc, format="abc")
    # music21 makes an Opus of several tunes.
    if not isinstance(score, music21.stream.Score):
        raise ValueError("not one tune")  # noqa: TRY004 - a bad text, not a bad argument
    voices = []
    for part in score.parts:
        voice = []
        for note in part.flatten().notes:
            if "Harmony" in note.classes or note.duration.isGrace:
                continue
            # music21 ties a chord as a whole or note by note.
            singles = list(note.notes) if note.isChord else [note]
            ties = [(single.pitch.midi, _is_tied(note) or _is_tied(single)) for single in singles]
            voice.append([_whole_notes(note.offset), _whole_notes(note.quarterLength), ties])
        voices.append(voice)
    return voices


def _whole_notes(quarters: Any) -> str:
    return str(Fraction(quarters) / 4)


def _is_tied(note: Any) -> bool:
    return note.tie is not None and note.tie.type in {"start", "continue"}


if __name__ == "__main__":
    main(float(sys.argv[1]))
