"""The tunes that a checkpoint did not learn from, kept in it so that it can be judged anywhere.

::

    held-out.json   model texts of the test and validation tunes, what n-grams and lzma that learnt
                    the training tunes make of the test tunes, and tunes drawn from the n-grams
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from abcgen.config import LIMITS, SplitConfig
from abcgen.corpus.cache import NOTHING_KEPT, key_of, version_of
from abcgen.corpus.families import families_by_intervals, split_tunes
from abcgen.corpus.records import extract_of, read_again
from abcgen.errors import CheckpointError, InputError, NotationError
from abcgen.evaluation.baselines import LZMA, NGRAMS, Baselines, Piece, baselines_of
from abcgen.files import damaged
from abcgen.model.checkpoint import read_json, write_json
from abcgen.notation.model_text import ModelText, decode_tune
from abcgen.notation.transpose import pitches_of
from abcgen.pipeline.checkpoints import split_config_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.families import Split
    from abcgen.corpus.records import Extract
    from abcgen.model.checkpoint import Checkpoint
    from abcgen.notation.tune import Tune
    from abcgen.pipeline.overlap import TrainingTunes

HELD_OUT = "held-out.json"
FORMAT_VERSION = 1
MOST_TUNES = 20_000
_ROOMS = ("notation", "evaluation")  # whose code works the baselines out


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Tunes to judge a network by.

    Attributes:
        test: Tunes that were never looked at in training.
        validation: Tunes that training was watched by, of other families: what real tunes are
            like beside the test tunes.
        ngrams: Tunes drawn from character n-grams, as many as test tunes.
        baselines: What others make of the test tunes, by name; empty if the training tunes are
            not known.
    """

    test: tuple[ModelText, ...]
    validation: tuple[ModelText, ...]
    ngrams: tuple[str, ...] = ()
    baselines: Mapping[str, tuple[Piece, ...]] | None = None

    def to_json(self) -> dict[str, object]:
        """As it is saved."""
        return {
            "format_version": FORMAT_VERSION,
            "test": [tune.text for tune in self.test],
            "validation": [tune.text for tune in self.validation],
            "ngrams": list(self.ngrams),
            "baselines": {name: list(own) for name, own in (self.baselines or {}).items()},
        }

    @classmethod
    def from_json(cls, data: object) -> HeldOut:
        """Read what ``to_json`` gave, trusting nothing.

        Raises:
            InputError: if it is anything else.
        """
        if not isinstance(data, dict) or data.get("format_version") != FORMAT_VERSION:
            raise InputError(f"held-out tunes of format {FORMAT_VERSION} expected")
        baselines = data.get("baselines")
        if not isinstance(baselines, dict) or not set(baselines) <= {NGRAMS, LZMA}:
            raise InputError("'baselines' must be an object of known names")
        return cls(
            _tunes(data.get("test")),
            _tunes(data.get("validation")),
            tuple(_texts(data.get("ngrams"))),
            {name: _pieces(own) for name, own in baselines.items()},
        )


def _held_out_of(
    training: tuple[ModelText, ...],
    validation: tuple[ModelText, ...],
    test: tuple[ModelText, ...],
    cache: TextCache,
) -> HeldOut:
    """What is to be kept of tunes that were divided."""
    if not test:
        return HeldOut(test, validation)
    texts = (one.text for one in (*training, *test))
    key = key_of(version_of(_ROOMS), str(len(test)), *texts)
    found = cache.worked_out(key, _baselines, lambda: baselines_of(training, test))
    return HeldOut(test, validation, *found)


def _baselines(data: Any) -> Baselines:
    drawn, pieces = data
    costs = {name: _pieces(pieces[name]) for name in (NGRAMS, LZMA)}
    return Baselines(tuple(_texts(drawn)), costs)


def keep_held_out(
    folder: Path,
    split: Split,
    before: TrainingTunes | None = None,
    cache: TextCache = NOTHING_KEPT,
) -> None:
    """Write the held-out tunes into a checkpoint, ``MOST_TUNES`` of each kind at most.

    Args:
        folder: The checkpoint.
        split: The tunes.
        before: What the network had learnt before; versions of it are not held out.
        cache: What was worked out before.

    Raises:
        OutputError: if it cannot be written to.
    """
    validation, test = (
        _some(_texts_of(strange_tunes(part, before))) for part in (split.validation, split.test)
    )
    held_out = _held_out_of(_texts_of(split.training), validation, test, cache)
    write_json(folder / HELD_OUT, held_out.to_json())


def kept_held_out(folder: Path) -> HeldOut:
    """The held-out tunes of a checkpoint.

    Raises:
        CheckpointError: if it has none, or they are damaged.
    """
    if not (folder / HELD_OUT).is_file():
        raise CheckpointError(
            f"{folder} does not tell which tunes were held out from training",
            hint="name the tunes that it was trained on with --tunes, or train it anew",
        )
    try:
        held_out = HeldOut.from_json(read_json(folder / HELD_OUT))
    except InputError as error:
        raise damaged(folder / HELD_OUT, error.message) from error
    if not held_out.test:
        raise CheckpointError(
            f"no tunes were held out when {folder} was trained: there were too few",
            hint="train it on more, or name tunes that it does not know with --tunes",
        )
    return held_out


def held_out_in(
    tunes: Sequence[Tune], checkpoint: Checkpoint, folder: Path, known: TrainingTunes | None
) -> tuple[HeldOut, str]:
    """Tunes to judge a network by, of tunes that are given.

    Of those that it was trained on, the ones that were held out. Of any others, all that share no
    half of their bars with a tune that it learnt; half of them, by family, stand in for the
    validation tunes.

    Args:
        tunes: The tunes.
        checkpoint: The network.
        folder: Where it is.
        known: The tunes that it learnt from.

    Returns:
        The held-out tunes, and in words which they are.

    Raises:
        InputError: if there are none.
        CheckpointError: if the checkpoint is damaged.
    """
    chord_symbols = checkpoint.training.chord_symbols
    extracts = [extract_of(tune, chord_symbols=chord_symbols) for tune in tunes]
    split = split_tunes(extracts, split_config_of(checkpoint, folder))
    told = checkpoint.about.get("split")
    same = isinstance(told, dict) and told.get("fingerprint") == split.fingerprint
    if same:
        training, validation, test = map(_texts_of, (split.training, split.validation, split.test))
        held_out = _held_out_of(training, validation, test, NOTHING_KEPT)
        words = f"{len(split.test)} of {len(tunes)} tunes: those held out from training"
    else:
        strange = strange_tunes(extracts, known)
        test, validation = _halves(strange)
        held_out = HeldOut(test, validation)
        words = f"{len(strange)} of {len(tunes)} tunes: " + (
            "those that share no half of their bars with a tune that it learnt"
            if known
            else "it does not tell what it learnt, so it may have learnt these"
        )
    if not held_out.test:
        raise InputError("no tune is left to judge by", hint="name more tunes with --tunes")
    return held_out, words


def _some(texts: Sequence[ModelText]) -> tuple[ModelText, ...]:
    """Every so many of very many texts, without those that are too long to be read again."""
    short = tuple(one for one in texts if len(one.text) <= LIMITS.tune_characters)
    return short[:: -(-len(short) // MOST_TUNES) or 1]


def strange_tunes(tunes: Sequence[Extract], known: TrainingTunes | None) -> list[Extract]:
    """The tunes that share no half of their bars with one that was learnt, as far as is known."""
    if known is None:
        return list(tunes)
    return [one for one, tune in read_again(tunes) if not _half_known(tune, known)]


def _half_known(tune: Tune, known: TrainingTunes) -> bool:
    return known.compare(tune).bars >= max(1, len(tune.bars)) / 2


def _halves(tunes: Sequence[Extract]) -> tuple[tuple[ModelText, ...], tuple[ModelText, ...]]:
    """Every other family, and the rest."""
    families = families_by_intervals([tune.intervals for tune in tunes], SplitConfig().similarity)
    places = {family: n for n, family in enumerate(dict.fromkeys(families))}
    sides: tuple[list[Extract], list[Extract]] = ([], [])
    for tune, family in zip(tunes, families, strict=True):
        sides[places[family] % 2].append(tune)
    return _texts_of(sides[0]), _texts_of(sides[1])


def _texts_of(tunes: Sequence[Extract]) -> tuple[ModelText, ...]:
    return tuple(tune.text for tune in tunes)


def _texts(data: object) -> list[str]:
    if not isinstance(data, list) or not all(isinstance(text, str) for text in data):
        raise InputError("held-out tunes must be lists of texts")
    if len(data) > MOST_TUNES or max(map(len, data), default=0) > LIMITS.tune_characters:
        raise InputError("too many held-out tunes, or too long ones")
    return data


def _tunes(data: object) -> tuple[ModelText, ...]:
    return tuple(map(_model_text, _texts(data)))


def _model_text(text: str) -> ModelText:
    """A text with what can be told of it by reading it."""
    given = text.index("\n") + 1 if text.startswith("R:") and "\n" in text else 0
    try:
        return ModelText(text, given, len(pitches_of(decode_tune(text))))
    except NotationError as error:
        raise InputError(f"a held-out tune cannot be read: {error.message}") from error


def _pieces(data: object) -> tuple[Piece, ...]:
    if not isinstance(data, list) or not 1 <= len(data) <= MOST_TUNES:
        raise InputError("a baseline must be a list of what each tune costs")
    return tuple(map(_piece, data))


def _piece(data: object) -> Piece:
    if not isinstance(data, list) or [type(one) for one in data] != [float, int, int]:
        raise InputError("a baseline must be bits, characters and notes of each tune")
    if not all(0 <= value < 2**53 for value in data):
        raise InputError("a baseline must be of finite numbers from 0")
    return Piece(*data)
