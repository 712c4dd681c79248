"""Whether a tune is right: bars add up, repeats pair, and music21 reads the notes that we do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.notation.bars import bar_problems
from abcgen.notation.repeats import repeat_problems
from abcgen.notation.writer import write_abc
from abcgen.score.referee import Referee

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from abcgen.corpus.loading import Corpus, Loss
    from abcgen.notation.tune import Tune


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
