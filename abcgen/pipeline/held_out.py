"""The tunes held out from training, saved in the checkpoint so that it can be evaluated anywhere.

::

    held-out.json   model texts of the test and validation tunes, the results on the test tunes of
                    n-grams and lzma that know the training tunes, and samples of the n-grams
"""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, Field, Strict, TypeAdapter, ValidationError

from abcgen.config import Amount, Count, SplitConfig
from abcgen.corpus.cache import NO_CACHE, key_of, version_of
from abcgen.corpus.families import HeldOutTunes, families_by_intervals, split_tunes
from abcgen.corpus.records import extract_of, read_again
from abcgen.errors import CheckpointError, InputError, NotationError, first_problem
from abcgen.evaluation.baselines import LZMA, NGRAMS, Baselines, ScoredText, baselines_of
from abcgen.example import Example
from abcgen.files import damaged
from abcgen.model.checkpoint import load_description, read_json, write_json
from abcgen.notation.model_text import decode_tune
from abcgen.notation.transpose import pitches_of
from abcgen.pipeline.checkpoints import split_config_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.families import Split
    from abcgen.corpus.overlap import TrainingTunes
    from abcgen.corpus.records import Extract, Extracts
    from abcgen.model.checkpoint import Checkpoint
    from abcgen.notation.tune import Tune

HELD_OUT = "held-out.json"
MAX_TUNES = 20_000
# A tune of a few hundred bars has less of both; a text made to be slow would have more.
MAX_CHARACTERS, MAX_WHOLE_NOTES = 8_000, 4_000
# How long reading the tunes of a checkpoint may take.
READ_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Tunes to evaluate a network on."""

    # Tunes that training never used.
    test: tuple[Example, ...]
    # Tunes of other families, from which training chose its best weights. Their distance to the
    # test tunes shows how far apart two samples of real tunes are.
    validation: tuple[Example, ...]
    # Samples of character n-grams, one per test tune.
    ngrams: tuple[str, ...] = ()
    # Costs of the test tunes by predictor; empty if the training tunes are unknown.
    baselines: Mapping[str, Sequence[ScoredText]] = field(default_factory=dict)


# The file is untrusted, so everything in it is bounded.
_Texts = Annotated[
    list[Annotated[str, Strict(), Field(max_length=MAX_CHARACTERS)]],
    Field(max_length=MAX_TUNES),
]
_Score = tuple[Annotated[Amount, Strict()], Annotated[Count, Strict()], Annotated[Count, Strict()]]
_Scores = Annotated[list[_Score], Field(min_length=1, max_length=MAX_TUNES)]
_Predictor = Annotated[str, Field(pattern=f"^({NGRAMS}|{LZMA})$")]


class _HeldOutFile(BaseModel):
    format_version: Literal[1]
    test: _Texts
    validation: _Texts
    ngrams: _Texts
    baselines: dict[_Predictor, _Scores]


_CACHED_BASELINES = TypeAdapter(tuple[_Texts, dict[_Predictor, _Scores]])


def write_held_out(
    folder: Path,
    split: Split,
    earlier: TrainingTunes | None = None,
    cache: TextCache = NO_CACHE,
) -> None:
    """Write the held-out tunes into a checkpoint, at most ``MAX_TUNES`` of each kind.

    Args:
        folder: The checkpoint.
        split: All tunes.
        earlier: Tunes of earlier training; versions of them are not held out.
        cache: Keeps the results of the baselines, which take minutes.

    Raises:
        OutputError: if it cannot be written to.
    """
    bounded = []
    for part in (split.validation, split.test):
        # Texts that are too long could not be read again.
        examples = [
            example
            for example in _examples_of(unseen_tunes(part, earlier))
            if len(example.text) <= MAX_CHARACTERS
        ]
        step = -(-len(examples) // MAX_TUNES) or 1
        bounded.append(tuple(examples[::step]))
    validation, test = bounded
    held_out = _with_baselines(_examples_of(split.training), validation, test, cache)
    data = {
        "format_version": 1,
        "test": [tune.text for tune in held_out.test],
        "validation": [tune.text for tune in held_out.validation],
        "ngrams": list(held_out.ngrams),
        "baselines": {name: list(scores) for name, scores in held_out.baselines.items()},
    }
    write_json(folder / HELD_OUT, data)


def read_held_out(folder: Path) -> HeldOut:
    """Read the held-out tunes of a checkpoint.

    Args:
        folder: The checkpoint, or its file of them.

    Raises:
        CheckpointError: if it has none, or they are damaged.
    """
    path = folder if folder.is_file() else folder / HELD_OUT
    if not path.is_file():
        raise CheckpointError(
            f"{folder} does not record which tunes were held out from training",
            hint="name the tunes that it was trained on with --tunes, or train it again",
        )
    file = _read_file(path)
    try:
        deadline = time.monotonic() + READ_SECONDS
        held_out = HeldOut(
            tuple(_example(text, deadline) for text in file.test),
            tuple(_example(text, deadline) for text in file.validation),
            tuple(file.ngrams),
            _scored_texts(file.baselines),
        )
    except NotationError as error:
        raise damaged(path, f"a held-out tune cannot be read: {error.message}") from error
    if not held_out.test:
        raise CheckpointError(
            f"no tunes were held out when {folder} was trained: there were too few",
            hint="train on more tunes, or name tunes that it was not trained on with --tunes",
        )
    return held_out


def _read_file(path: Path) -> _HeldOutFile:
    try:
        return _HeldOutFile.model_validate(read_json(path))
    except ValidationError as error:
        raise damaged(path, first_problem(error)) from error


class Yardstick(NamedTuple):
    """What a network was measured on: figures compare only by the same yardstick."""

    # Hash of the music of its held-out tunes.
    tunes: str
    # Bits a note of n-grams of characters on them; None if the training tunes were unknown.
    ngram_bits: float | None


def yardstick_of(folder: Path) -> Yardstick | None:
    """Return what the network of a checkpoint was measured on; None if it has no held-out tunes.

    Raises:
        CheckpointError: if its record is damaged.
    """
    path = folder / HELD_OUT
    if not path.is_file():
        return None
    file = _read_file(path)
    if not file.validation:
        return None
    # Headers differ between networks that are told different things.
    music = sorted(text.rstrip("\n").rpartition("\n")[2] for text in file.validation)
    scores = _scored_texts(file.baselines).get(NGRAMS, ())
    notes = sum(score.notes for score in scores)
    bits = sum(score.bits for score in scores) / notes if notes else None
    return Yardstick(hashlib.sha256("\n".join(music).encode()).hexdigest(), bits)


def tunes_held_out(folder: Path, earlier: TrainingTunes | None = None) -> HeldOutTunes:
    """Return the tunes that a checkpoint held out, to hold them out again.

    Args:
        folder: The checkpoint, or its file of them.
        earlier: Tunes of earlier training; versions of them are omitted.

    Raises:
        CheckpointError: if it has none, or they are damaged.
    """
    held_out = read_held_out(folder)
    validation, test = (
        tuple(unseen_tunes([_extract_again(tune.text) for tune in part], earlier))
        for part in (held_out.validation, held_out.test)
    )
    return HeldOutTunes(validation, test)


def _extract_again(text: str) -> Extract:
    """Return the extract of a model text, with all its voices."""
    tune = decode_tune(text)
    return extract_of(tune, voices=len(tune.voices))


def training_tunes_again(corpus: Extracts, folder: Path) -> tuple[Extract, ...]:
    """Return the training tunes of a checkpoint among all that it was trained on.

    Raises:
        InputError: if these are other tunes.
        CheckpointError: if the checkpoint cannot be read.
    """
    checkpoint = load_description(folder)
    split = split_again(corpus.tunes, checkpoint, folder)
    recorded = checkpoint.about.get("split")
    if not isinstance(recorded, dict) or recorded.get("fingerprint") != split.fingerprint:
        raise InputError(f"{folder} was trained on other tunes than these")
    return split.training


def split_again(tunes: Sequence[Extract], checkpoint: Checkpoint, folder: Path) -> Split:
    """Divide tunes as those of a checkpoint were divided.

    Raises:
        CheckpointError: if the checkpoint is damaged.
    """
    config = split_config_of(checkpoint, folder)
    return split_tunes(tunes, config, tunes_held_out(folder) if config.held_out_of else None)


def select_held_out(
    tunes: Sequence[Tune],
    checkpoint: Checkpoint,
    folder: Path,
    training_tunes: TrainingTunes | None,
) -> tuple[HeldOut, str]:
    """Select the given tunes that the network was not trained on.

    Of its own training corpus they are those that were held out. Of any other tunes they are those
    that share less than half of their bars with a training tune; half of them, by family, serve as
    validation tunes.

    Args:
        tunes: The tunes.
        checkpoint: The network.
        folder: Its folder.
        training_tunes: The tunes that it was trained on.

    Returns:
        The held-out tunes, and a description of them for people.

    Raises:
        InputError: if there are none.
        CheckpointError: if the checkpoint is damaged.
    """
    chord_symbols, voices = checkpoint.training.chord_symbols, checkpoint.network.voices
    extracts: list[Extract] = []
    for each in tunes:
        with suppress(NotationError):  # it has fewer voices than the network
            extracts += [extract_of(each, chord_symbols=chord_symbols, voices=voices)]
    split = split_again(extracts, checkpoint, folder)
    recorded = checkpoint.about.get("split")
    if isinstance(recorded, dict) and recorded.get("fingerprint") == split.fingerprint:
        training, validation, test = map(
            _examples_of, (split.training, split.validation, split.test)
        )
        held_out = _with_baselines(training, validation, test, NO_CACHE)
        description = f"{len(split.test)} of {len(tunes)} tunes: those held out from training"
    else:
        unseen = unseen_tunes(extracts, training_tunes)
        held_out = halved(unseen)
        description = f"{len(unseen)} of {len(tunes)} tunes: " + (
            "those that share no half of their bars with a tune that it learnt"
            if training_tunes
            else "it does not tell what it learnt, so it may have learnt these"
        )
    return held_out, description


def halved(tunes: Sequence[Extract]) -> HeldOut:
    """Return tunes as test and validation tunes: half of the families each.

    Raises:
        InputError: if there are none.
    """
    families = families_by_intervals([tune.intervals for tune in tunes], SplitConfig().similarity)
    # Every other family, in the order of their first tunes.
    numbers = {family: n for n, family in enumerate(dict.fromkeys(families))}
    halves: tuple[list[Extract], list[Extract]] = ([], [])
    for tune, family in zip(tunes, families, strict=True):
        halves[numbers[family] % 2].append(tune)
    if not tunes:
        raise InputError("no tune is left to evaluate on", hint="name more tunes with --tunes")
    return HeldOut(_examples_of(halves[0]), _examples_of(halves[1]))


def unseen_tunes(tunes: Sequence[Extract], training_tunes: TrainingTunes | None) -> list[Extract]:
    """Return the tunes that share less than half of their bars with a training tune."""
    if training_tunes is None:
        return list(tunes)
    return [
        extract
        for extract, tune in read_again(tunes)
        if training_tunes.compare(tune).bars < max(1, len(tune.bars)) / 2
    ]


def _examples_of(tunes: Sequence[Extract]) -> tuple[Example, ...]:
    return tuple(tune.example for tune in tunes)


def _with_baselines(
    training: tuple[Example, ...],
    validation: tuple[Example, ...],
    test: tuple[Example, ...],
    cache: TextCache,
) -> HeldOut:
    if not test:
        return HeldOut(test, validation)
    texts = (tune.text for tune in (*training, *test))
    # The packages whose code the results depend on.
    key = key_of(version_of(("notation", "evaluation")), str(len(test)), *texts)
    results = cache.get_or_compute(key, _read_baselines, lambda: baselines_of(training, test))
    return HeldOut(test, validation, results.samples, results.scores)


def _read_baselines(data: Any) -> Baselines:
    samples, scores = _CACHED_BASELINES.validate_python(data)
    by_name = _scored_texts(scores)
    return Baselines(tuple(samples), {name: by_name[name] for name in (NGRAMS, LZMA)})


def _scored_texts(
    scores: Mapping[str, Sequence[tuple[float, int, int]]],
) -> dict[str, tuple[ScoredText, ...]]:
    return {name: tuple(ScoredText(*text) for text in texts) for name, texts in scores.items()}


def _example(text: str, deadline: float) -> Example:
    """Restore an example from its text.

    Raises:
        NotationError: if it cannot be read, or is too long, or time is up.
    """
    if time.monotonic() > deadline:
        raise NotationError(f"all together take more than {READ_SECONDS:g} seconds")
    tune = decode_tune(text)
    if sum(bar.duration for bar in tune.bars) > MAX_WHOLE_NOTES:
        raise NotationError(f"longer than {MAX_WHOLE_NOTES} whole notes", text=text[:40])
    # The ``R:`` line is not scored.
    unscored = text.index("\n") + 1 if text.startswith("R:") and "\n" in text else 0
    notes = sum(len(pitches_of(replace(tune, bars=voice.bars))) for voice in tune.voices)
    return Example(text, unscored, notes)
