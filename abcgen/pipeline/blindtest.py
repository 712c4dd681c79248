"""Make a blind test: held-out and generated tunes, prepared alike and shuffled."""

from __future__ import annotations

import hashlib
import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from abcgen.config import BlindTestConfig, SampleConfig, SoundConfig
from abcgen.errors import InputError
from abcgen.grammar import Grammar, Rules
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.sampling import Sampled, check_seed, sample
from abcgen.notation.transpose import arrange_for, instrument_named
from abcgen.notation.tune import Tune
from abcgen.notation.writer import write_abc
from abcgen.pipeline.blindtest_scoring import KEY_FORMAT, AnswerKey, KeyTune
from abcgen.pipeline.checkpoints import checkpoint_hash, read_training_tunes, step_network
from abcgen.pipeline.held_out import read_held_out, select_held_out
from abcgen.pipeline.sampling import validated
from abcgen.pipeline.timing import check_time
from abcgen.pipeline.voices import refuse_voices
from abcgen.score.blind import blind_page
from abcgen.score.performance import PlaybackOptions
from abcgen.score.web import web_tune_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from abcgen.model.checkpoint import Checkpoint

    OnProgress = Callable[[int, int], None]

MAX_COUNT = 200  # tunes of each kind; more are too much for raters and browsers


@dataclass(frozen=True, slots=True)
class BlindTest:
    """A blind test."""

    page: bytes
    # Tells which of its tunes are real.
    key: AnswerKey
    # A description of the real tunes for people.
    description: str


def make_blind_test(
    folder: Path,
    tunes: Sequence[Tune],
    config: BlindTestConfig,
    seed: int,
    *,
    on_progress: OnProgress = lambda _done, _total: None,
) -> BlindTest:
    """Mix tunes that a network wrote with tunes that it was not trained on.

    Both are processed alike: read from model text, checked by the same rules, of the same lengths,
    without title and rhythm, in a key that suits a fiddle, engraved alike. None is chosen by hand:
    they are the first that fit, the held-out ones in random order.

    Args:
        folder: The checkpoint.
        tunes: Where to take the real tunes from; if empty, the held-out ones in the checkpoint.
        config: How many, how long, and how to sample.
        seed: Determines the test, together with the other arguments.
        on_progress: Called with the tunes engraved so far and in all.

    Raises:
        CheckpointError: if the checkpoint cannot be read, or holds no held-out tunes.
        InputError: if there are not enough tunes of either kind.
    """
    if not 1 <= config.count <= MAX_COUNT:
        raise InputError(f"--count must be from 1 to {MAX_COUNT}, not {config.count}")
    checkpoint = load_checkpoint(folder)
    rng = random.Random(f"blind test {seed}")  # noqa: S311 - no secret

    # 1) Real and generated tunes, shuffled.
    real, description = _held_out_texts(checkpoint, folder, tunes, rng)
    generated = _generated_texts(checkpoint, config, seed)
    mixed = [(tune, True) for tune in _first_fitting(real, config, "held-out")]
    mixed += [(tune, False) for tune in _first_fitting(generated, config, "valid")]
    rng.shuffle(mixed)

    # 2) Remove everything that reveals where a tune is from, and move it to a key for a fiddle.
    instrument = instrument_named(SoundConfig().instrument)
    anonymous = [
        replace(
            arrange_for(tune, instrument, rng.random()),
            title=f"Tune {number}",
            rhythm="",
            source="",
            number=number,
        )
        for number, (tune, _) in enumerate(mixed, start=1)
    ]
    names = [f"{number:08x}" for number in rng.sample(range(2**32), len(mixed))]

    # 3) The key, which raters must not see, and the page.
    abc = [write_abc(tune) for tune in anonymous]
    key = AnswerKey(
        format=KEY_FORMAT,
        version=1,
        test=hashlib.sha256("".join(abc).encode()).hexdigest()[:12],
        about={"checkpoint": checkpoint_hash(folder), "seed": seed, "real_tunes": description}
        | config.model_dump(),
        tunes={
            name: KeyTune(real=is_real, abc=text)
            for name, text, (_, is_real) in zip(names, abc, mixed, strict=True)
        },
    )
    engraved, playing = [], PlaybackOptions(instrument)
    for tune in anonymous:
        engraved.append(web_tune_of(tune, playing))
        on_progress(len(engraved), len(anonymous))
    return BlindTest(blind_page(key.test, names, engraved), key, description)


def _held_out_texts(
    checkpoint: Checkpoint, folder: Path, tunes: Sequence[Tune], rng: random.Random
) -> tuple[Iterator[str], str]:
    """Return model texts of held-out tunes in random order, and a description of them."""
    refuse_voices(checkpoint.network, "tested blind")
    if tunes:
        training_tunes = read_training_tunes(folder)
        held_out, description = select_held_out(tunes, checkpoint, folder, training_tunes)
        examples, description = [*held_out.test, *held_out.validation], f"of {description}"
    else:
        examples, description = [*read_held_out(folder).test], "held out from its training"
    rng.shuffle(examples)
    return (example.text for example in examples), description


def _generated_texts(checkpoint: Checkpoint, config: BlindTestConfig, seed: int) -> Iterator[str]:
    """Sample model texts as ``abcgen sample`` does."""
    batch_size = min(SampleConfig().batch_size, config.count)
    sampling = SampleConfig(temperature=config.temperature, batch_size=batch_size)
    check_seed(seed)
    alphabet = frozenset(checkpoint.vocabulary.characters)
    grammar = Grammar(Rules(alphabet, form_line=checkpoint.network.form))
    numbers = range(sampling.max_attempts * config.count)
    drawn = sample(
        step_network(checkpoint),
        checkpoint.vocabulary,
        ((number, "") for number in numbers),
        sampling,
        seed,
        constraint=grammar,
    )
    return (sampled.text for sampled in drawn if sampled.ended)


def _first_fitting(texts: Iterable[str], config: BlindTestConfig, kind: str) -> list[Tune]:
    """Return the first distinct tunes that are valid and of a requested length.

    Raises:
        InputError: if there are too few, or finding them takes too long.
    """
    tunes: dict[str, Tune] = {}
    began = time.monotonic()
    for text in texts:
        check_time(f"finding {kind} tunes", began, config.count)
        tune = validated(Sampled(text, ended=True, number=0))
        if isinstance(tune, Tune) and config.fewest_bars <= len(tune.bars) <= config.most_bars:
            tunes[text] = tune
        if len(tunes) == config.count:
            return list(tunes.values())
    raise InputError(
        f"only {len(tunes)} {kind} tunes of {config.fewest_bars} to {config.most_bars} bars, "
        f"not {config.count}",
        hint="ask for fewer with --count",
    )
