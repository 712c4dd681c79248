"""What three readers and our own measures say of texts, whoever wrote them.

Whether a tune is right: bars add up, repeats pair, and music21 reads the notes that we do.
"""

from __future__ import annotations

import queue
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.corpus.families import fingerprint
from abcgen.errors import InputError, NotationError
from abcgen.evaluation.features import features_of
from abcgen.evaluation.measures import TuneVerdict
from abcgen.notation.model_text import decode_tune
from abcgen.notation.validation import bar_problems, repeat_problems
from abcgen.notation.writer import write_abc
from abcgen.score.referee import Referee, abc2midi_path, complaint
from abcgen.system import workers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from abcgen.corpus.loading import Corpus, Loss
    from abcgen.notation.tune import Tune
    from abcgen.pipeline.overlap import TrainingTunes


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
    ) -> dict[str, TuneVerdict]:
        """What is said of each different text.

        Args:
            texts: The texts; those that did not end may be among them.
            on_progress: Called after each with the texts judged so far and in all.
        """
        different = list(dict.fromkeys(texts))
        found: dict[str, TuneVerdict] = {}
        on_progress(0, len(different))
        pool = ThreadPoolExecutor(self._count)  # music21 works in processes of its own
        try:
            for text, opinion in zip(different, pool.map(self._opinion, different), strict=True):
                found[text] = opinion
                on_progress(len(found), len(different))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return found

    def _opinion(self, text: str) -> TuneVerdict:
        referee = self._referees.get()
        try:
            return _opinion(text, referee, self._abc2midi, self._known)
        finally:
            self._referees.put(referee)


def _opinion(
    text: str, referee: Referee, abc2midi: Path | None, known: TrainingTunes | None
) -> TuneVerdict:
    try:
        tune = decode_tune(text)
    except NotationError:
        tune = None
    bars_right = tune is not None and not bar_problems(tune)
    right = tune is not None and bars_right and not repeat_problems(tune)
    shared = known.compare(tune).bars if known and tune else None
    return TuneVerdict(
        text,
        tune,
        bars_right,
        right,
        _reads(referee, HEADER + text),
        tune is not None and right and not second_opinion(tune, referee),
        not complaint(abc2midi, HEADER + _without_rhythm(text)) if abc2midi else None,
        features_of(tune) if tune else None,
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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found out about a tune.

    Attributes:
        path: Its file.
        tune: The tune.
        problems: What is wrong with it; empty if nothing is.
    """

    path: Path
    tune: Tune
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was found out about files of tunes.

    Attributes:
        verdicts: One for every tune that could be read.
        losses: What could not be read.
    """

    verdicts: tuple[Verdict, ...]
    losses: tuple[Loss, ...]

    @property
    def wrong(self) -> list[Verdict]:
        """The tunes that something is wrong with."""
        return [verdict for verdict in self.verdicts if verdict.problems]

    @property
    def all_right(self) -> bool:
        """Whether every tune was read and is right."""
        return not self.losses and not self.wrong


def check_corpus(
    corpus: Corpus, *, on_progress: Callable[[int, int], None] | None = None
) -> CheckReport:
    """Check every tune that was read.

    Args:
        corpus: The tunes.
        on_progress: Called after each with the tunes checked so far and in all.
    """
    verdicts: list[Verdict] = []
    total = len(corpus.tunes)
    with Referee() as referee:
        for file in corpus.files:
            for tune in file.tunes:
                problems = [*bar_problems(tune), *repeat_problems(tune)]
                said = (*map(str, problems), *second_opinion(tune, referee))
                verdicts.append(Verdict(file.path, tune, said))
                if on_progress:
                    on_progress(len(verdicts), total)
    return CheckReport(tuple(verdicts), corpus.losses)


def second_opinion(tune: Tune, referee: Referee) -> list[str]:
    """Where music21, reading the tune's canonical ABC, hears other notes than are in it."""
    reason = referee.agrees(tune, write_abc(tune))
    return [f"music21 disagrees: {reason}"] if reason else []
