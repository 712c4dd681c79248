"""From a checkpoint to tunes that are right."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from abcgen import __version__
from abcgen.errors import NotationError
from abcgen.model.checkpoint import Checkpoint, load_checkpoint
from abcgen.model.inference import StepNetwork
from abcgen.model.sampling import LEAST_TEMPERATURE, Sampled, sample
from abcgen.notation.bars import bar_problems
from abcgen.notation.instruments import Instrument, suited
from abcgen.notation.model_text import decode_tune
from abcgen.notation.titles import new_title
from abcgen.pipeline.checking import second_opinion
from abcgen.score.referee import Referee

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from abcgen.config import SampleConfig
    from abcgen.notation.tune import Tune

UNENDED = "did not end by itself"
UNREADABLE = "is no readable ABC"
FREE = "has no metre to add up to"
BARS = "has bars that do not add up"
SAME = "was drawn before"
DISAGREED = "is read otherwise by music21"


@dataclass(frozen=True, slots=True)
class SampleRun:
    """Tunes drawn from a checkpoint.

    Attributes:
        tunes: The valid ones, as many as were asked for unless drawing was given up.
        drawn: How many were drawn and judged.
        thrown_away: How many of them were not valid, by the first reason found.
    """

    tunes: tuple[Tune, ...]
    drawn: int
    thrown_away: Mapping[str, int]


def sample_tunes(
    folder: Path,
    config: SampleConfig,
    seed: int,
    instrument: Instrument,
    *,
    on_tune: Callable[[Tune], None] | None = None,
) -> SampleRun:
    """Draw tunes until as many as wanted are valid.

    A tune is valid when it ended by itself, every bar adds up, and music21 reads the same notes
    from it within a time limit. It is moved to a key that suits the instrument and given a title.

    Args:
        folder: The checkpoint.
        config: How to draw, and how many.
        seed: With the checkpoint and ``config`` it determines the tunes.
        instrument: What they are to be played on.
        on_tune: Called with each valid tune.

    Raises:
        CheckpointError: if the checkpoint cannot be read.
    """
    with Referee() as referee:  # it starts while the checkpoint is read
        maker = _Maker(folder.resolve().name, seed, config.temperature, instrument, referee)
        for drawn in _draw(load_checkpoint(folder), config, seed):
            tune = maker.judge(drawn)
            if tune and on_tune:
                on_tune(tune)
            if len(maker.tunes) == config.count:
                break
    return SampleRun(tuple(maker.tunes), maker.drawn, dict(maker.thrown_away))


def sample_text(checkpoint: Checkpoint, config: SampleConfig, seed: int) -> str:
    """One model text, whatever it is."""
    network = StepNetwork.of(checkpoint)
    return next(sample(network, checkpoint.vocabulary, [(0, "")], config, seed)).text


def _draw(checkpoint: Checkpoint, config: SampleConfig, seed: int) -> Iterator[Sampled]:
    # Where the likeliest character is always taken, all texts are the same one.
    same = config.temperature < LEAST_TEMPERATURE
    attempts = 1 if same else config.count * config.max_attempts
    beginnings = ((number, "") for number in range(attempts))
    network = StepNetwork.of(checkpoint)
    return sample(network, checkpoint.vocabulary, beginnings, config, seed)


class _Maker:
    """Makes tunes of texts, and keeps count of those that are none."""

    def __init__(
        self, name: str, seed: int, temperature: float, instrument: Instrument, referee: Referee
    ) -> None:
        self._source = f"abcgen {__version__}, checkpoint {name}, seed {seed}, T {temperature:g}"
        self._seed, self._instrument, self._referee = seed, instrument, referee
        self._texts: set[str] = set()
        self.tunes: list[Tune] = []
        self.drawn = 0
        self.thrown_away: Counter[str] = Counter()

    def judge(self, drawn: Sampled) -> Tune | None:
        """Make a tune of a text if it is valid, else count why not."""
        self.drawn += 1
        tune = self._tune(drawn)
        if isinstance(tune, str):
            self.thrown_away[tune] += 1
            return None
        self.tunes.append(tune)
        return tune

    def _tune(self, drawn: Sampled) -> Tune | str:
        """The tune, or the first reason against it."""
        if not drawn.ended:
            return UNENDED
        try:
            tune = decode_tune(drawn.text)
        except NotationError:
            return UNREADABLE
        if tune.metre.is_free:
            return FREE
        if bar_problems(tune):
            return BARS
        if drawn.text in self._texts:
            return SAME
        self._texts.add(drawn.text)
        tune = self._dressed(tune, drawn.number)
        return DISAGREED if second_opinion(tune, self._referee) else tune

    def _dressed(self, tune: Tune, number: int) -> Tune:
        """With key, title, source and number."""
        chance = random.Random(f"{self._seed} {number}")  # noqa: S311 - for titles, not secrets
        tune = suited(tune, self._instrument, chance.random())
        return replace(
            tune,
            title=new_title(chance, {other.title for other in self.tunes}),
            source=self._source,
            number=len(self.tunes) + 1,
        )
