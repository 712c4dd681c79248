"""Tunes to a file one by one, so that an end at any time leaves whole tunes behind.

From a checkpoint to tunes that are right.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING

from abcgen import __version__
from abcgen.errors import InputError, NotationError, OutputError, reason_of
from abcgen.grammar import Grammar, PrefixConstraint
from abcgen.model.checkpoint import Checkpoint, load_checkpoint
from abcgen.model.sampling import LEAST_TEMPERATURE, Sampled, check_seed, sample
from abcgen.notation.model_text import decode_tune
from abcgen.notation.titles import new_title
from abcgen.notation.transpose import arrange_for
from abcgen.notation.validation import bar_problems, repeat_problems
from abcgen.pipeline.checking import music21_disagreements
from abcgen.pipeline.checkpoints import step_network
from abcgen.pipeline.overlap import read_training_tunes
from abcgen.pipeline.recipes import Recipe, checkpoint_hash, with_recipe
from abcgen.pipeline.requests import (
    Request,
    beginning_of,
    checked_request,
    metre_of,
    never_seen,
    player_of,
    rules_after,
    rules_of,
)
from abcgen.score.referee import Referee

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from abcgen.config import SampleConfig
    from abcgen.corpus.overlap import Overlap, TrainingTunes
    from abcgen.model.sampling import Watcher
    from abcgen.notation.tune import Tune


class TuneStream:
    """A tunebook that grows; a context manager.

    Nothing is made before the first tune; each is in the file when ``write`` returns.

    Args:
        path: The file.
        force: Whether to replace what is in it.
    """

    def __init__(self, path: Path, *, force: bool = False) -> None:
        self._path = path
        self._mode = "w" if force else "x"
        self._file: IO[str] | None = None

    def __enter__(self) -> TuneStream:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def write(self, abc: str) -> None:
        """Add a tune.

        Raises:
            OutputError: if the file cannot be written.
        """
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open(self._mode, encoding="utf-8", newline="\n")
                self._file.write(abc)
            else:
                self._file.write(f"\n{abc}")
            self._file.flush()
        except OSError as error:
            reason = reason_of(error)
            raise OutputError(f"cannot write {self._path}: {reason}") from error


BAR_CHARACTERS = 16  # room for each bar asked for; a bar of eight quavers has nine
UNENDED = "did not end by itself"
UNREADABLE = "is no readable ABC"
FREE = "has no metre to add up to"
BARS = "has bars that do not add up"
REPEATS = "has repeats that do not pair"
SAME = "was drawn before"
COPIED = "borrows more than it may"
DISAGREED = "is read otherwise by music21"


@dataclass(frozen=True, slots=True)
class Made:
    """A valid tune.

    Attributes:
        tune: The tune.
        abc: Its canonical ABC, and how it was made.
        sampled: The text it was made of, and how often the grammar stepped in.
        overlap: The longest passage shared with a training tune; None if the checkpoint records
            no training tunes.
    """

    tune: Tune
    abc: str
    sampled: Sampled
    overlap: Overlap | None


@dataclass(slots=True)
class Tally:
    """What came of drawing.

    Attributes:
        drawn: How many texts were drawn and judged.
        valid: How many were valid.
        thrown_away: How many were not, by the first reason found.
        unforced: How many were never forced by the grammar: they would be right without it.
        characters: Characters drawn in all.
        forced: How many of them the grammar replaced.
        removed: The probability that it took from others, summed.
    """

    drawn: int = 0
    valid: int = 0
    thrown_away: Counter[str] = field(default_factory=Counter)
    unforced: int = 0
    characters: int = 0
    forced: int = 0
    removed: float = 0.0

    def count(self, sampled: Sampled) -> None:
        """Count a text that was drawn."""
        self.drawn += 1
        self.unforced += sampled.forced == 0
        self.characters += sampled.drawn
        self.forced += sampled.forced
        self.removed += sampled.removed


class Composer:
    """Makes tunes of one checkpoint, all by one set of wishes.

    A context manager: music21 is started on entering.

    Args:
        folder: The checkpoint.
        config: How to draw.
        seed: With the checkpoint, ``config`` and ``request`` it determines the tunes.
        request: What is asked of them.
        name: What the checkpoint is to be called in the tunes; empty for its folder's name.

    Attributes:
        warnings: What is asked for that the checkpoint never saw.
        tally: What came of drawing so far.

    Raises:
        CheckpointError: if the checkpoint cannot be read.
        InputError: if what is asked for cannot be.
    """

    def __init__(
        self, folder: Path, config: SampleConfig, seed: int, request: Request, name: str = ""
    ) -> None:
        check_seed(seed)
        self._referee = Referee()
        self._seed, self._request = seed, checked_request(request)
        longest = max(config.max_characters, BAR_CHARACTERS * request.bars)
        self._config = config.replace(max_characters=longest)
        self._name, self._hash = name or folder.resolve().name, checkpoint_hash(folder)
        checkpoint = load_checkpoint(folder)
        self._vocabulary = checkpoint.vocabulary
        self._network = step_network(checkpoint)
        self._known: TrainingTunes | None = read_training_tunes(folder)
        self._beginning = beginning_of(request)
        self._vocabulary.encode(self._beginning)
        alphabet = frozenset(self._vocabulary.characters)
        facts = self._known.facts if self._known else None
        self.warnings = never_seen(request, facts, alphabet)
        unknown = self._vocabulary.unknown_in([self._beginning])
        if unknown:
            self.warnings.append(f"the network has never seen {unknown!r}, with which it begins")
        if request.free and len(self._beginning) >= longest:
            raise InputError(
                f"the beginning has {len(self._beginning)} characters, and a tune {longest}",
                hint="keep fewer of its bars with --keep-bars",
            )
        self._grammar = None if request.free else self._grammar_for(alphabet, unknown)
        self.tally = Tally()

    def __enter__(self) -> Composer:
        self._referee.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._referee.__exit__(None, None, None)

    def compose(
        self, *, max_copy: float | None = None, watch: Watcher | None = None
    ) -> Iterator[Made]:
        """Draw until as many tunes as wanted are valid, or drawing is given up.

        Args:
            max_copy: Most bars that a tune may share with one training tune.
            watch: Called with a text's number and its next character, text after text.

        Raises:
            InputError: if overlap is to be limited and the checkpoint does not tell its tunes.
        """
        if max_copy is not None and self._known is None:
            raise InputError(
                "this checkpoint does not tell which tunes it learnt from",
                hint="leave out --max-copy, or train it anew",
            )
        texts: set[bytes] = set()
        titles: set[str] = set()
        for sampled in self._draw(watch):
            self.tally.count(sampled)
            title = new_title(_chance(self._seed, sampled.number), titles)
            made = self.make(sampled, self.tally.valid + 1, title)
            text = hashlib.sha256(sampled.text.encode()).digest()
            if isinstance(made, Made):
                made = _kept(made, max_copy) if text not in texts else SAME
            if isinstance(made, str):
                self.tally.thrown_away[made] += 1
                continue
            texts.add(text)
            titles.add(title)
            self.tally.valid += 1
            yield made
            if self.tally.valid == self._config.count:
                return

    def draw(self, numbers: Iterable[int]) -> Iterator[Sampled]:
        """The texts of these numbers, in this order."""
        beginnings = ((number, self._beginning) for number in numbers)
        return sample(
            self._network,
            self._vocabulary,
            beginnings,
            self._config,
            self._seed,
            constraint=self._grammar,
        )

    def make(self, sampled: Sampled, reference: int, title: str) -> Made | str:
        """A tune of a text, or the first reason against it.

        Args:
            sampled: The text.
            reference: The reference number it is to have.
            title: The title it is to have.
        """
        metre = metre_of(self._request)
        found = judged(sampled, free_metre=metre is not None and metre.is_free)
        if isinstance(found, str):
            return found
        tune = self._dressed(found, sampled.number, reference, title)
        if music21_disagreements(tune, self._referee):
            return DISAGREED
        overlap = self._known.compare(tune) if self._known else None
        recipe = Recipe(
            version=__version__,
            checkpoint=self._hash,
            name=self._name,
            seed=self._seed,
            number=sampled.number,
            settings=self._config,
            request=self._request,
            reference=reference,
            title=title,
        )
        abc = with_recipe(tune, recipe, self._remarks(sampled, overlap))
        return Made(tune, abc, sampled, overlap)

    def _draw(self, watch: Watcher | None) -> Iterator[Sampled]:
        # Where the likeliest character is always taken, all texts are the same one.
        same = self._config.temperature < LEAST_TEMPERATURE or self._config.top_k == 1
        attempts = 1 if same else self._config.count * self._config.max_attempts
        size = min(self._config.batch_size, self._config.count)
        return sample(
            self._network,
            self._vocabulary,
            ((number, self._beginning) for number in range(attempts)),
            self._config.replace(batch_size=1 if watch else size),
            self._seed,
            constraint=self._grammar,
            watch=watch,
        )

    def _grammar_for(self, alphabet: frozenset[str], unknown: str) -> PrefixConstraint:
        """What texts must keep to.

        Args:
            alphabet: What the network can write.
            unknown: What else the beginning is written with.
        """
        longest = self._config.max_characters
        rules = rules_of(self._request, alphabet.union(unknown))
        reading = Grammar(rules)
        try:
            after = rules_after(self._beginning, rules, alphabet)
            drawing = Grammar(after) if unknown else reading
            begun = PrefixConstraint(reading, drawing, self._beginning)
            fits = begun.fits(longest)
        except InputError as error:
            raise InputError(
                f"the beginning does not fit what is asked for: {error.message}",
                hint="ask for less, or use --free",
            ) from error
        if not fits:
            raise InputError(
                f"such a tune does not fit into {longest} characters",
                hint="keep fewer of its bars with --keep-bars"
                if self._request.beginning
                else "ask for fewer bars",
            )
        return begun

    def _dressed(self, tune: Tune, number: int, reference: int, title: str) -> Tune:
        """With key, title, source and number."""
        chance = _chance(self._seed, number)
        chance.random()
        # Where every note must be in range, so must the octave be that the grammar reckoned with.
        first = None if self._request.in_range else self._request.first_pitch or None
        tune = arrange_for(tune, player_of(self._request), chance.random(), first)
        source = (
            f"abcgen {__version__}, checkpoint {self._name}, seed {self._seed}, "
            f"T {self._config.temperature:g}"
        )
        return replace(tune, title=title, source=source, number=reference)

    def _remarks(self, sampled: Sampled, overlap: Overlap | None) -> list[str]:
        share = sampled.removed / max(1, sampled.drawn)
        grammar = (
            "drawn without the grammar"
            if self._grammar is None
            else f"the grammar stepped in at {sampled.forced} of {sampled.drawn} characters, "
            f"and ruled out {share:.2%} of probability"
        )
        remarks = [f"{__version__}, checkpoint {self._name}: {grammar}"]
        if overlap:
            remarks.append(f"longest passage shared with a training tune: {overlap}")
        return remarks


def _kept(made: Made, max_copy: float | None) -> Made | str:
    """The tune, unless it borrows more bars than it may."""
    if max_copy is None or made.overlap is None or made.overlap.bars <= max_copy:
        return made
    return COPIED


def judged(sampled: Sampled, *, free_metre: bool = False) -> Tune | str:
    """The tune, in C, that a text stands for, or the first reason why it is not right."""
    if not sampled.ended:
        return UNENDED
    try:
        tune = decode_tune(sampled.text)
    except NotationError:
        return UNREADABLE
    if tune.metre.is_free and not free_metre:
        return FREE
    if bar_problems(tune):
        return BARS
    return REPEATS if repeat_problems(tune) else tune


def sample_text(checkpoint: Checkpoint, config: SampleConfig, seed: int) -> str:
    """One model text, whatever it is."""
    network = step_network(checkpoint)
    return next(sample(network, checkpoint.vocabulary, [(0, "")], config, seed)).text


def _chance(seed: int, number: int) -> random.Random:
    return random.Random(f"{seed} {number}")  # noqa: S311 - for titles, not secrets
