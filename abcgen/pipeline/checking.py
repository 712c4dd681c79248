"""Check tunes with our own checker, music21 and abc2midi.

``check_corpus`` is for ``abcgen check``; ``CheckerPool`` gives the verdicts of an evaluation.
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
from abcgen.notation.ensemble import melody_of
from abcgen.notation.model_text import decode_tune, encode_tune
from abcgen.notation.shape import shape_of
from abcgen.notation.validation import bar_problems, repeat_problems
from abcgen.notation.writer import write_abc
from abcgen.score.referee import Referee, abc2midi_path, abc2midi_warning
from abcgen.system import default_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from abcgen.corpus.bounds import Finding, TuneBounds
    from abcgen.corpus.overlap import TrainingTunes
    from abcgen.corpus.reading import Corpus, SkippedTune
    from abcgen.critic.critic import Critic, Judgement
    from abcgen.notation.tune import Tune


@dataclass(frozen=True, slots=True)
class CheckedTune:
    """A tune, its problems, and what would make a sampled tune be rejected."""

    path: Path
    tune: Tune
    # A sentence for each problem; empty if there is none.
    problems: tuple[str, ...]
    warnings: tuple[Finding, ...]
    # What a critic says of it; None without one, or if the tune is too long for it.
    judgement: Judgement | None = None


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The results of checking files of tunes."""

    # One for every tune that could be read.
    checked: tuple[CheckedTune, ...]
    skipped: tuple[SkippedTune, ...]

    @property
    def wrong(self) -> list[CheckedTune]:
        """The tunes with problems."""
        return [tune for tune in self.checked if tune.problems]

    @property
    def all_right(self) -> bool:
        """True if every tune could be read and has no problems."""
        return not self.skipped and not self.wrong


def check_corpus(
    corpus: Corpus,
    bounds: TuneBounds | None = None,
    critic: Critic | None = None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Check every tune of a corpus.

    Args:
        corpus: The tunes.
        bounds: Bounds that real tunes keep; a tune beyond them is warned of.
        critic: Judges every tune.
        on_progress: Called after each with the tunes checked so far and in all.
    """
    checked: list[CheckedTune] = []
    with Referee() as referee:
        for file in corpus.files:
            for tune in file.tunes:
                problems = [*map(str, bar_problems(tune)), *map(str, repeat_problems(tune))]
                if disagreement := referee.disagreement(tune, write_abc(tune)):
                    problems.append(f"music21 disagrees: {disagreement}")
                warnings = bounds.faults(shape_of(tune)) if bounds else ()
                judgement = _judgement(tune, critic) if critic else None
                checked.append(
                    CheckedTune(file.path, tune, tuple(problems), tuple(warnings), judgement)
                )
                if on_progress:
                    on_progress(len(checked), len(corpus.tunes))
    return CheckReport(tuple(checked), corpus.skipped)


def _judgement(tune: Tune, critic: Critic) -> Judgement | None:
    """Return what a critic says of a tune as a network would write it, without its marks."""
    try:
        return critic.judge(decode_tune(encode_tune(melody_of(tune).tune).text))
    except NotationError:
        return None


class CheckerPool:
    """A context manager that checks texts in parallel, with one music21 process per processor.

    Args:
        training_tunes: The tunes that the network was trained on.
        critic: Its critic.
    """

    def __init__(self, training_tunes: TrainingTunes | None, critic: Critic | None = None) -> None:
        self._training_tunes, self._abc2midi = training_tunes, abc2midi_path()
        self._critic = critic
        self._workers = default_processes()
        self._referees: queue.SimpleQueue[Referee] = queue.SimpleQueue()
        self._processes = ExitStack()

    def __enter__(self) -> CheckerPool:
        for _ in range(self._workers):
            self._referees.put(self._processes.enter_context(Referee()))
        return self

    def __exit__(self, *_error: object) -> None:
        self._processes.close()

    def verdicts(
        self, texts: Sequence[str], on_progress: Callable[[int, int], None]
    ) -> dict[str, TuneVerdict]:
        """Return the verdict on each different text.

        Args:
            texts: Model texts, which need not be readable.
            on_progress: Called after each with the texts checked so far and in all.
        """
        different = list(dict.fromkeys(texts))
        verdicts: dict[str, TuneVerdict] = {}
        on_progress(0, len(different))
        # Threads are enough, because music21 runs in processes of its own.
        pool = ThreadPoolExecutor(self._workers)
        try:
            for text, verdict in zip(different, pool.map(self._verdict, different), strict=True):
                verdicts[text] = verdict
                on_progress(len(verdicts), len(different))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return verdicts

    def _verdict(self, text: str) -> TuneVerdict:
        # 1) Our own reader and checker.
        try:
            tune = decode_tune(text)
        except NotationError:
            tune = None
        bars_right = tune is not None and not bar_problems(tune)
        right = tune is not None and bars_right and not repeat_problems(tune)

        # 2) music21, on the text with the header fields that ABC requires, and on canonical ABC.
        header = "X:1\nL:1/8\n"
        referee = self._referees.get()
        try:
            try:
                music21_accepts = any(referee.read_voices(header + text))
            except InputError:
                music21_accepts = False
            music21_agrees = (
                tune is not None and right and not referee.disagreement(tune, write_abc(tune))
            )
        finally:
            self._referees.put(referee)

        # 3) abc2midi, without the R: line: it would swing hornpipes, with warnings if it cannot.
        body = text.partition("\n")[2] if text.startswith("R:") else text
        abc2midi_accepts = None
        if self._abc2midi:
            abc2midi_accepts = not abc2midi_warning(self._abc2midi, header + body)

        # 4) The passages shared with training tunes.
        shared_bars = None
        if self._training_tunes and tune:
            shared_bars = self._training_tunes.compare(tune).bars

        return TuneVerdict(
            text=text,
            tune=tune,
            bars_right=bars_right,
            right=right,
            music21_accepts=music21_accepts,
            music21_agrees=music21_agrees,
            abc2midi_accepts=abc2midi_accepts,
            features=features_of(tune) if tune else None,
            shared_bars=shared_bars,
            fingerprint=fingerprint(tune) if tune else text,
            criticism=self._critic.score(tune) if self._critic and tune else None,
        )
