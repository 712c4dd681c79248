"""What three readers and our own measures say of texts, whoever wrote them."""

from __future__ import annotations

import queue
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

from abcgen.corpus.families import fingerprint
from abcgen.errors import InputError, NotationError
from abcgen.evaluation.features import traits_of
from abcgen.evaluation.measures import Opinion
from abcgen.machine import workers
from abcgen.notation.bars import bar_problems
from abcgen.notation.model_text import decode_tune
from abcgen.notation.repeats import repeat_problems
from abcgen.pipeline.checking import second_opinion
from abcgen.score.abc2midi import abc2midi_path, complaint
from abcgen.score.referee import Referee

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from abcgen.pipeline.borrowing import TrainingTunes

HEADER = "X:1\nL:1/8\n"  # makes ABC of model text


class Judges:
    """A context manager: asks music21 in a process for each processor.

    Args:
        known: The tunes that the network learnt from.
    """

    def __init__(self, known: TrainingTunes | None) -> None:
        self._known, self._abc2midi = known, abc2midi_path()
        self._count = workers()
        self._referees: queue.SimpleQueue[Referee] = queue.SimpleQueue()
        self._opened = ExitStack()

    def __enter__(self) -> Judges:
        for _ in range(self._count):
            self._referees.put(self._opened.enter_context(Referee()))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()

    def opinions(
        self, texts: Sequence[str], on_progress: Callable[[int, int], None]
    ) -> dict[str, Opinion]:
        """What is said of each different text.

        Args:
            texts: The texts; those that did not end may be among them.
            on_progress: Called after each with the texts judged so far and in all.
        """
        different = list(dict.fromkeys(texts))
        found: dict[str, Opinion] = {}
        on_progress(0, len(different))
        pool = ThreadPoolExecutor(self._count)  # music21 works in processes of its own
        try:
            for text, opinion in zip(different, pool.map(self._opinion, different), strict=True):
                found[text] = opinion
                on_progress(len(found), len(different))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return found

    def _opinion(self, text: str) -> Opinion:
        referee = self._referees.get()
        try:
            return _opinion(text, referee, self._abc2midi, self._known)
        finally:
            self._referees.put(referee)


def _opinion(
    text: str, referee: Referee, abc2midi: Path | None, known: TrainingTunes | None
) -> Opinion:
    try:
        tune = decode_tune(text)
    except NotationError:
        tune = None
    bars_right = tune is not None and not bar_problems(tune)
    right = tune is not None and bars_right and not repeat_problems(tune)
    shared = known.compare(tune).bars if known and tune else None
    return Opinion(
        text,
        tune,
        bars_right,
        right,
        _reads(referee, HEADER + text),
        tune is not None and right and not second_opinion(tune, referee),
        not complaint(abc2midi, HEADER + _without_rhythm(text)) if abc2midi else None,
        traits_of(tune) if tune else None,
        shared,
        fingerprint(tune) if tune else text,
    )


def _without_rhythm(text: str) -> str:
    """Without the R: line: abc2midi swings hornpipes, and complains where it cannot."""
    return text.partition("\n")[2] if text.startswith("R:") else text


def _reads(referee: Referee, abc: str) -> bool:
    try:
        return any(referee.voices_of(abc))
    except InputError:
        return False
