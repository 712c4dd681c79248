"""Sample valid tunes from a checkpoint.

``Composer.compose`` is the whole way:

1. sample texts, under the grammar, several for each tune wanted;
2. decode each text, check its bars and repeats, reject broken tunes, and let the critic choose;
3. choose a key and an octave, and add title and source;
4. let music21 read the ABC, and check that it finds the same notes;
5. compare the tune with the training tunes;
6. write its ABC and its recipe.
"""

from __future__ import annotations

import math
import os
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import IO, TYPE_CHECKING

from abcgen import __version__
from abcgen.errors import InputError, NotationError, OutputError, reason_of
from abcgen.example import Example
from abcgen.grammar import Grammar, HeaderConstraint, PrefixConstraint
from abcgen.grammar.form_line import announced_form
from abcgen.model.scoring import measure_each
from abcgen.notation.harmony import harmonised
from abcgen.notation.model_text import decode_tune, header_of
from abcgen.notation.shape import shape_of
from abcgen.notation.transpose import arrange_for
from abcgen.notation.validation import bar_problems, repeat_problems
from abcgen.notation.writer import write_abc
from abcgen.pipeline.checkpoints import LoadedNetwork
from abcgen.pipeline.choosing import SIDE_BY_SIDE, Chooser, Reason, Rejection, SampledTune
from abcgen.pipeline.clashes import impossible
from abcgen.pipeline.moods import MOOD_WEIGHT, distance, in_mood
from abcgen.pipeline.recipes import with_recipe
from abcgen.pipeline.requests import (
    beginning_of,
    check_request,
    check_voices,
    given_bars,
    instrument_of,
    key_of,
    metre_of,
    rules_after,
    rules_of,
    unseen_wishes,
)
from abcgen.pipeline.voices import ensemble_of
from abcgen.wishes.moods import mood_of
from abcgen.wishes.ragas import likeness, raga_named
from abcgen.wishes.sargam import degrees_of, with_sargam

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from abcgen.config import Request, SampleConfig
    from abcgen.model.sampling import Sampled, Watcher
    from abcgen.notation.tune import Tune
    from abcgen.score.referee import Referee

RAGA_WEIGHT = 3.0  # of likeness to a raga, beside the critic's log-odds
BAR_CHARACTERS = 16  # allowed for each requested bar; a bar of eight quavers takes nine
VOICE_CHARACTERS = 600  # allowed for each of several voices
# A text is decoded to look for faults, to be judged and to be finished.
_decoded = lru_cache(maxsize=2 * SIDE_BY_SIDE)(decode_tune)


class Composer(Chooser):
    """Composes tunes with one checkpoint for one request.

    Args:
        network: The network, or its checkpoint.
        config: The settings of sampling.
        seed: Determines the tunes, together with the checkpoint, ``config`` and ``request``.
        request: The wishes.
        name: The name of the checkpoint in the tunes; by default that of its folder.
        referee: A second reader that was started before, and is not stopped.

    Raises:
        CheckpointError: if the checkpoint cannot be read.
        InputError: if the request is impossible.
    """

    several_voices = True

    def __init__(
        self,
        network: Path | LoadedNetwork,
        config: SampleConfig,
        seed: int,
        request: Request,
        name: str = "",
        referee: Referee | None = None,
    ) -> None:
        check_request(request)
        self._request, self._mood = request, mood_of(request)
        longest = max(config.max_characters, BAR_CHARACTERS * request.bars)
        loaded = network if isinstance(network, LoadedNetwork) else LoadedNetwork(network, name)
        super().__init__(loaded, config.replace(max_characters=longest), seed, name, referee)
        self._ensemble = ensemble_of(loaded.config, loaded.about, request.voices)
        if self._ensemble:
            check_voices(request)
            # The same again for a recipe, which has this number.
            longest = max(
                longest,
                len(self._ensemble.ranges) * max(VOICE_CHARACTERS, BAR_CHARACTERS * request.bars),
            )
            self._config = self._config.replace(max_characters=longest)

        # The beginning of every text, and the grammar for the rest.
        self._beginning = beginning_of(request)
        # Draws the form line of a tune to continue.
        self._header_constraint: HeaderConstraint | None = None
        self._vocabulary.encode(self._beginning)  # raises if the network cannot read it
        alphabet = frozenset(self._vocabulary.characters)
        facts = self._training_tunes.facts if self._training_tunes else None
        self.warnings = [*unseen_wishes(request, facts, alphabet), *self.warnings]
        unknown = self._vocabulary.unknown_in([self._beginning])
        if unknown:
            self.warnings.append(f"the beginning has {unknown!r}, unknown to the network")
        if request.free and len(self._beginning) >= longest:
            raise InputError(
                f"the beginning has {len(self._beginning)} characters, "
                f"but a tune may have only {longest}",
                hint="keep fewer of its bars with --keep-bars",
            )
        if self._has_form_line and request.beginning:
            rules = rules_of(request, alphabet.union(unknown), form_line=True)
            self._header_constraint = HeaderConstraint(Grammar(rules))
        # Whether endings that were announced are all that the grammar asks for beyond valid tunes.
        self._keeps_only_endings = False
        self._grammar = None if request.free else self._grammar_for(alphabet, unknown)
        self._constraint = self._with_part_writing(self._grammar, loaded.config.voices)
        self._given_bars = given_bars(request)
        self._learnt_chords = '"' in alphabet

    def _grammar_for(self, alphabet: frozenset[str], unknown: str) -> PrefixConstraint:
        """Return the grammar of the request, constrained to its beginning.

        Args:
            alphabet: The characters that the network can write.
            unknown: Other characters of the beginning, which it can only read.

        Raises:
            InputError: if no tune can fit the request.
        """
        longest = self._config.max_characters
        try:
            rules = rules_of(
                self._request,
                alphabet.union(unknown),
                form_line=self._has_form_line,
                keeps_endings=self._config.keep_endings,
            )
            self._keeps_only_endings = rules.keeps_endings and rules.is_without_wishes
            if self._ensemble:
                rules = self._ensemble.rules(rules, key_of(self._request))
            whole_grammar = Grammar(rules)
            # Unknown characters are allowed in the beginning, but not in the rest.
            rest = rules_after(self._beginning, rules, alphabet)
            rest_grammar = Grammar(rest) if unknown else whole_grammar
            beginning = self._beginning
            if self._header_constraint:
                # Any form line will do here: each text gets one of its own.
                header = header_of(beginning)
                shortest = self._header_constraint.completed(header)
                beginning = shortest + beginning.removeprefix(header)
            grammar = PrefixConstraint(whole_grammar, rest_grammar, beginning)
            fits = grammar.fits(longest)
        except InputError as error:
            raise impossible(
                self._request, error, alphabet, form_line=self._has_form_line
            ) from error
        if not fits:
            raise InputError(
                f"such a tune takes more than {longest} characters",
                hint="keep fewer of its bars with --keep-bars"
                if self._request.beginning
                else "ask for fewer bars",
            )
        return grammar

    def candidate(self, sampled: Sampled) -> Tune | Reason:
        """Return the tune of a text, in C, or the reason to reject it."""
        metre = metre_of(self._request)
        tune = validated(sampled, free_metre=metre is not None and metre.is_free)
        return tune if isinstance(tune, Rejection) else self.fault(sampled, tune) or tune

    def sample(
        self, numbers: Iterable[int], batch_size: int | None = None, watch: Watcher | None = None
    ) -> Iterator[Sampled]:
        """Yield the texts with these numbers, in order, whether valid or not."""
        if self._header_constraint:
            yield from self._continuations(numbers, self._header_constraint, batch_size, watch)
            return
        beginnings = ((number, self._beginning) for number in numbers)
        yield from self._drawn(beginnings, self._constraint, batch_size, watch)

    def _continuations(
        self,
        numbers: Iterable[int],
        form_lines: HeaderConstraint,
        batch_size: int | None,
        watch: Watcher | None,
    ) -> Iterator[Sampled]:
        """Yield continuations of the beginning, each with its own form line."""
        header = header_of(self._beginning)
        music = self._beginning.removeprefix(header)
        headers = ((number, header) for number in numbers)
        # 1) The network writes the form line after the header ...
        for with_form in self._drawn(headers, form_lines, batch_size, None):
            # 2) ... and continues the music after it.
            beginning = with_form.text + music
            grammar = self._grammar and self._grammar.with_prefix(beginning)
            yield from self._drawn([(with_form.number, beginning)], grammar, batch_size, watch)

    def fault(self, sampled: Sampled, tune: Tune) -> Reason | None:
        """Return in what way the network made a broken tune, or None if it did not.

        What the user requested is no fault.
        """
        # A beginning of more than half the characters may leave the network too few to end in.
        may_be_limited = 2 * len(self._beginning) > self._config.max_characters
        if sampled.limited and not may_be_limited:
            return Rejection.UNENDED
        bounds = self._training_tunes.bounds if self._training_tunes else None
        if bounds is None:
            return None
        any_length = bool(self._request.bars or self._request.parts)
        findings = bounds.faults(shape_of(tune, self._given_bars), any_length=any_length)
        return next((finding.fault for finding in findings), None)

    def finish(self, sampled: Sampled, reference: int, title: str) -> SampledTune | Rejection:
        """Return the tune of a text, or the reason why it is rejected.

        It may have faults: those sampled by earlier versions were not looked at for any.

        Args:
            sampled: The text.
            reference: Reference number of the tune (``X:``).
            title: Title of the tune.
        """
        # 2) Decode and validate.
        metre = metre_of(self._request)
        tune = validated(sampled, free_metre=metre is not None and metre.is_free)
        if isinstance(tune, Rejection):
            return tune

        # 3) Key and octave, title and source.
        tune = self.arranged(tune, sampled.number)
        source = (
            f"abcgen {__version__}, checkpoint {self._name}, seed {self._seed}, "
            f"T {self._config.temperature:g}"
        )
        if metre and metre.symbol:  # model text has no symbols
            tune = replace(tune, metre=metre)
        words = tune.words
        if self._request.after:
            words = words.with_text("C", f"after {self._request.after}")
        tune = replace(tune, title=title, source=source, number=reference, words=words)
        if self._mood:
            tune = in_mood(tune, self._mood)
        if self._request.sargam:
            tune = with_sargam(tune)
        if self._request.chord_symbols and not self._learnt_chords and not tune.metre.is_free:
            tune = harmonised(tune)

        # 4) A second reader.
        if self._referee.disagreement(tune, write_abc(tune)):
            return Rejection.DISAGREEMENT

        # 5) Overlap with training tunes.
        overlap = self._training_tunes.compare(tune) if self._training_tunes else None

        # 6) ABC with remarks and recipe.
        remarks = self._remarks(sampled, overlap, with_grammar=self._grammar is not None)
        recipe = self._recipe(sampled, reference, title, self._request)
        return SampledTune(tune, with_recipe(tune, recipe, remarks), sampled, overlap)

    def arranged(self, tune: Tune, number: int) -> Tune:
        """Return the tune of the text with a number, in a key and an octave for the instrument."""
        chance = self._random(number)
        chance.random()  # the first number chose the title once
        if self._ensemble:
            return self._ensemble.arranged(tune, key_of(self._request), chance.random())
        # To keep every note in range, the grammar counts on a free choice of octave.
        first_pitch = None if self._request.in_range else self._request.first_pitch or None
        return arrange_for(
            tune,
            instrument_of(self._request),
            chance.random(),
            first_pitch,
            keep_spelling=self._request.depends_on_spelling,
        )

    def score(self, sampled: Sampled, tune: Tune) -> float:
        """Return how good a tune is among the candidates, and how near to its raga or mood."""
        score = super().score(sampled, tune)
        if self._keeps_only_endings and announced_form(sampled.text).bars_before_endings:
            # What the grammar ruled out is what the network itself had announced otherwise.
            score += sampled.removed
        if self._request.raga:
            score += RAGA_WEIGHT * likeness(degrees_of(tune), raga_named(self._request.raga))
        if self._mood:
            arranged = self.arranged(tune, sampled.number)
            score -= MOOD_WEIGHT * distance(arranged, self._mood)
        return score

    def log_probability(self, sampled: Sampled) -> float:
        """Return the natural logarithm of the probability of what was sampled of a text.

        It is that of the network alone, after what was given: at temperature 1, without grammar.
        """
        given = len(sampled.text) + sampled.ended - sampled.drawn
        example = Example(sampled.text, unscored=given)
        (bits,) = measure_each(self._network, self._vocabulary, [example])
        return -bits.total * math.log(2)


def validated(sampled: Sampled, *, free_metre: bool = False) -> Tune | Rejection:
    """Return the tune of a text, in C, or the first reason why it is not valid.

    Args:
        sampled: The text.
        free_metre: Accept free metre, in which bars cannot be checked.
    """
    if not sampled.ended:
        return Rejection.UNENDED
    try:
        tune = _decoded(sampled.text)
    except NotationError:
        return Rejection.UNREADABLE
    if tune.metre.is_free and not free_metre:
        return Rejection.FREE_METRE
    voices = [replace(tune, bars=voice.bars) for voice in tune.voices]
    if any(map(bar_problems, voices)):
        return Rejection.BARS
    return Rejection.REPEATS if any(map(repeat_problems, voices)) else tune


class TuneStream:
    """Writes tunes to a file one by one, so that an interruption loses none; a context manager.

    The file is created with the first tune, and has each tune when ``write`` returns.

    Args:
        path: The file.
        force: Whether to overwrite it.
    """

    def __init__(self, path: Path, *, force: bool = False) -> None:
        self._path = path
        self._mode = "w" if force else "x"
        self._file: IO[str] | None = None
        # Bytes of the tunes that are complete.
        self._complete = 0

    def __enter__(self) -> TuneStream:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            # All has been flushed, or the error is on its way.
            with suppress(OSError):
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
            self._complete = self._file.tell()
        except OSError as error:
            # Half a tune is none.
            with suppress(OSError):
                os.truncate(self._path, self._complete)
            raise OutputError(f"cannot write {self._path}: {reason_of(error)}") from error
