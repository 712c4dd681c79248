"""A blind test: held-out and generated tunes, mixed and made ready in the same way."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from abcgen.config import BlindTestConfig, SampleConfig, SoundConfig
from abcgen.errors import InputError
from abcgen.grammar import Grammar, Rules
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.sampling import Sampled, check_seed, sample
from abcgen.notation.transpose import instrument_named, moved_to
from abcgen.notation.tune import Tune
from abcgen.notation.writer import write_abc
from abcgen.pipeline.checkpoints import step_network
from abcgen.pipeline.held_out import held_out_in, kept_held_out
from abcgen.pipeline.listening import Key, KeyTune
from abcgen.pipeline.overlap import training_tunes
from abcgen.pipeline.recipes import checkpoint_hash
from abcgen.pipeline.sampling import judged
from abcgen.score.blind import blind_page
from abcgen.score.performance import Playing
from abcgen.score.web import web_tune_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from abcgen.model.checkpoint import Checkpoint

    OnProgress = Callable[[int, int], None]

NAME_BITS = 32
AT_MOST = 200
"""Tunes of each kind on a page; more would be too much for any listener and for a browser."""


@dataclass(frozen=True, slots=True)
class BlindTest:
    """What came of making a test.

    Attributes:
        page: The page for listeners, HTML.
        key: What the page does not tell.
        words: Which tunes the real ones were taken from.
    """

    page: bytes
    key: Key
    words: str


def make_blind_test(
    folder: Path,
    tunes: Sequence[Tune],
    config: BlindTestConfig,
    seed: int,
    *,
    on_progress: OnProgress = lambda _done, _total: None,
) -> BlindTest:
    """Mix tunes that a network wrote with tunes that it never learnt.

    Both go one way: as model text, judged by the same rules, of the same lengths, without title
    and rhythm, moved to a key that a fiddler likes, written and engraved alike. None is picked:
    they are the first that fit, of the held-out tunes in an order drawn by chance.

    Args:
        folder: The checkpoint.
        tunes: Where to take the real tunes from; the held-out ones kept in the checkpoint if empty.
        config: How many, how long, and how to draw.
        seed: With all of these it determines the test.
        on_progress: Called with the tunes engraved so far and in all.

    Raises:
        CheckpointError: if the checkpoint cannot be read, or keeps no held-out tunes.
        InputError: if there are not enough tunes of either kind.
    """
    if not 1 <= config.count <= AT_MOST:
        raise InputError(f"--count must be from 1 to {AT_MOST}, not {config.count}")
    checkpoint = load_checkpoint(folder)
    chance = random.Random(f"blind test {seed}")  # noqa: S311 - no secret
    real, words = _held_out(checkpoint, folder, tunes, chance)
    mixed = [
        *((tune, True) for tune in _enough(real, config, "held-out")),
        *((tune, False) for tune in _enough(_written(checkpoint, config, seed), config, "valid")),
    ]
    chance.shuffle(mixed)
    dressed = [_dressed(tune, place, chance) for place, (tune, _) in enumerate(mixed, start=1)]
    numbers = chance.sample(range(2**NAME_BITS), len(mixed))
    names = [f"{number:0{NAME_BITS // 4}x}" for number in numbers]
    key = Key(
        test=hashlib.sha256("".join(map(write_abc, dressed)).encode()).hexdigest()[:12],
        tunes={
            name: KeyTune(real=is_real, abc=write_abc(tune))
            for name, tune, (_, is_real) in zip(names, dressed, mixed, strict=True)
        },
        about={
            "checkpoint": checkpoint_hash(folder),
            "seed": seed,
            "real_tunes": words,
            **config.model_dump(),
        },
    )
    return BlindTest(_page(key, names, dressed, on_progress), key, words)


def _held_out(
    checkpoint: Checkpoint, folder: Path, tunes: Sequence[Tune], chance: random.Random
) -> tuple[Iterator[str], str]:
    """Model texts of tunes that the network never learnt, in any order, and which they are."""
    if not tunes:
        kept = list(kept_held_out(folder).test)
        chance.shuffle(kept)
        return (text.text for text in kept), "held out from its training"
    held_out, words = held_out_in(tunes, checkpoint, folder, training_tunes(folder))
    given = [*held_out.test, *held_out.validation]
    chance.shuffle(given)
    return (text.text for text in given), f"of {words}"


def _written(checkpoint: Checkpoint, config: BlindTestConfig, seed: int) -> Iterator[str]:
    """Model texts of the network, as ``abcgen sample`` draws them."""
    size = min(SampleConfig().batch_size, config.count)
    drawing = SampleConfig(temperature=config.temperature, batch_size=size)
    check_seed(seed)
    grammar = Grammar(Rules(frozenset(checkpoint.vocabulary.characters)))
    numbers = range(drawing.max_attempts * config.count)
    drawn = sample(
        step_network(checkpoint),
        checkpoint.vocabulary,
        ((number, "") for number in numbers),
        drawing,
        seed,
        constraint=grammar,
    )
    return (one.text for one in drawn if one.ended)


def _enough(texts: Iterable[str], config: BlindTestConfig, kind: str) -> list[Tune]:
    """The first tunes that are right and of the lengths asked for, each once.

    Raises:
        InputError: if there are too few.
    """
    found: dict[str, Tune] = {}
    for text in texts:
        tune = judged(Sampled(text, ended=True, number=0))
        if isinstance(tune, Tune) and _fits(tune, config):
            found[text] = tune
        if len(found) == config.count:
            return list(found.values())
    raise InputError(
        f"only {len(found)} {kind} tunes of {config.fewest_bars} to {config.most_bars} bars, "
        f"not {config.count}",
        hint="ask for fewer with --count",
    )


def _fits(tune: Tune, config: BlindTestConfig) -> bool:
    return config.fewest_bars <= len(tune.bars) <= config.most_bars


def _dressed(tune: Tune, place: int, chance: random.Random) -> Tune:
    """Without anything that tells where it is from, in a key as a fiddler likes."""
    moved = moved_to(tune, instrument_named(SoundConfig().instrument), chance.random())
    return replace(moved, title=f"Tune {place}", rhythm="", source="", number=place)


def _page(key: Key, names: Sequence[str], tunes: Sequence[Tune], on_progress: OnProgress) -> bytes:
    playing = Playing(instrument_named(SoundConfig().instrument))
    ready = []
    for tune in tunes:
        ready.append(web_tune_of(tune, playing))
        on_progress(len(ready), len(tunes))
    return blind_page(key.test, names, ready)
