"""Harmonise a tune: chord symbols by rule (``with_chords``), or further voices (``Harmoniser``).

A network of several voices reads the tune as its first voice and draws the bars of the others in
between, under a grammar in which the tune is given to the character. It hears only what came
before, so several harmonies are drawn, and the one is kept after which it finds the tune itself
likeliest: importance resampling, as for bars drawn anew.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from abcgen import __version__
from abcgen.config import Request, SampleConfig
from abcgen.errors import InputError, NotationError
from abcgen.grammar import Rules
from abcgen.grammar.given_voice import GivenBar, given_voice_grammar
from abcgen.grammar.positions import form_line_of
from abcgen.model.scoring import log_probabilities
from abcgen.notation.harmony import harmonised
from abcgen.notation.model_text import NEXT_VOICE, decode_tune, encode_bars, encode_tune
from abcgen.notation.reader import read_abc
from abcgen.notation.staves import Staff
from abcgen.notation.transpose import from_c, plainly_spelled
from abcgen.notation.tune import Note, Rest, Tuplet, Voice
from abcgen.notation.walk import keys_and_metres
from abcgen.notation.writer import write_abc
from abcgen.pipeline.checkpoints import LoadedNetwork
from abcgen.pipeline.choosing import Chooser, Reason, Rejection, SampledTune
from abcgen.pipeline.recipes import RULE, Recipe, with_recipe
from abcgen.pipeline.revision import Harmony
from abcgen.pipeline.voices import clef_for, ensemble_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from abcgen.model.sampling import Sampled, Watcher
    from abcgen.notation.tune import Bar, Item, Tune
    from abcgen.score.referee import Referee

CANDIDATES = 4
# The tune may be anywhere, beside the other voices in their ranges.
ANY_KEYS = (-200, 400)
BAR_CHARACTERS = 60  # of each voice
SLACK = 300
MAX_BARS = 500
MAX_CHORD_DRAWS = 50  # of chord symbols, for each version wanted


class ChordVersion(NamedTuple):
    """A tune with chord symbols, and its ABC with a recipe."""

    tune: Tune
    abc: str


def with_chords(tune: Tune, count: int, seed: int) -> list[ChordVersion]:
    """Return versions of a tune with chord symbols by rule: the likeliest, and others drawn.

    There may be fewer than wanted: no two are the same.

    Raises:
        InputError: if it cannot be harmonised.
    """
    harmony = harmony_of(tune, "")
    tune = read_abc(harmony.tune)
    try:
        # By their number: 0 is the likeliest.
        versions = {0: harmonised(tune)}
        for number in range(1, 1 + MAX_CHORD_DRAWS * (count - 1)):
            if len(versions) == count:
                break
            version = harmonised(tune, seed + number - 1)
            if version not in versions.values():
                versions[number] = version
    except NotationError as error:
        raise InputError(f"cannot harmonise {tune.title!r}: {error.reason}") from error
    return [
        _chord_version(version, harmony, seed, number, reference)
        for reference, (number, version) in enumerate(versions.items(), start=1)
    ]


def with_chords_again(recipe: Recipe) -> ChordVersion:
    """Return the version of a recipe of ``with_chords``.

    Raises:
        InputError: if its tune cannot be harmonised.
    """
    if recipe.harmony is None:
        raise InputError("no tune in a recipe of chord symbols")
    try:
        tune, number = read_abc(recipe.harmony.tune), recipe.number
        version = harmonised(tune, recipe.seed + number - 1 if number else None)
    except NotationError as error:
        raise InputError(f"cannot harmonise {recipe.title!r}: {error.reason}") from error
    return _chord_version(version, recipe.harmony, recipe.seed, number, recipe.reference)


def _chord_version(
    tune: Tune, harmony: Harmony, seed: int, number: int, reference: int
) -> ChordVersion:
    note = f"chord symbols by rule, abcgen {__version__}"
    tune = replace(tune, number=reference, words=tune.words.with_text("N", note))
    recipe = Recipe(
        version=__version__,
        checkpoint=RULE,
        name=RULE,
        seed=seed,
        number=number,
        settings=SampleConfig(parallels=True),  # as of any recipe of one voice
        request=Request(),
        reference=reference,
        title=tune.title,
        harmony=harmony,
    )
    return ChordVersion(tune, with_recipe(tune, recipe, [f"{__version__}: {note}"]))


class Harmoniser(Chooser):
    """Draws further voices to a tune with one checkpoint.

    Args:
        network: The network, or its checkpoint.
        config: The settings of sampling.
        seed: Determines the voices, together with the checkpoint, ``config`` and ``harmony``.
        harmony: The tune, and the voices wanted.
        name: The name of the checkpoint in the tunes; by default that of its folder.
        referee: A second reader that was started before, and is not stopped.

    Raises:
        CheckpointError: if the checkpoint cannot be read.
        InputError: if the tune cannot be read, or get these voices.
    """

    several_voices = True
    counts_forced = False  # the tune is not the grammar's correction
    judge = "network"

    def __init__(
        self,
        network: Path | LoadedNetwork,
        config: SampleConfig,
        seed: int,
        harmony: Harmony,
        name: str = "",
        referee: Referee | None = None,
    ) -> None:
        # 1) The tune, and the voices.
        self._harmony, self._original = harmony, tune_of(harmony)
        loaded = network if isinstance(network, LoadedNetwork) else LoadedNetwork(network, name)
        longest = SLACK + BAR_CHARACTERS * loaded.config.voices * len(self._original.bars)
        config = config.replace(max_characters=max(config.max_characters, longest))
        super().__init__(loaded, config, seed, name, referee)
        self.candidates = 1 if self._is_deterministic else config.candidates or CANDIDATES
        ensemble = ensemble_of(loaded.config, loaded.about, added_to_first(harmony.voices))
        if ensemble is None:
            raise InputError(
                "the network writes one voice",
                hint="name one of several with --checkpoint, or leave out --voices for chords",
            )
        self._names = ensemble.names
        self._chosen_voices = [index for index in ensemble.chosen if index]

        # 2) The tune as the network reads it, and the grammar of the voices around it.
        characters = frozenset(self._vocabulary.characters) - {'"'}
        shown = self._original
        if "(" not in characters:
            shown = replace(shown, bars=tuple(map(without_tuplets, shown.bars)))
        bars = given_bars(shown, form_line=self._has_form_line)
        key = self._original.key
        # ``transpose`` moves by less than half an octave up, or by up to half an octave down.
        move = (key.tonic_pitch_class + 6) % 12 - 6
        below = tuple((voice.lowest, voice.highest) for voice in ensemble.ranges[1:])
        low, high = ANY_KEYS
        rules = Rules(
            characters,
            voices=(ANY_KEYS, *below),
            ranges={key.mode: ((low - move, high - move),)},
            form_line=self._has_form_line,
        )
        grammar = given_voice_grammar(bars, rules)
        self._constraint = self._with_part_writing(grammar, loaded.config.voices)
        self._tune_of = lru_cache(maxsize=512)(self._with_voices)
        # By text, the log of the probability of the tune, and of the voices.
        self._nats: dict[str, tuple[float, float]] = {}

    def sample(
        self, numbers: Iterable[int], batch_size: int | None = None, watch: Watcher | None = None
    ) -> Iterator[Sampled]:
        """Yield the texts with these numbers, in order, whether valid or not."""
        beginnings = ((number, "") for number in numbers)
        yield from self._drawn(beginnings, self._constraint, batch_size, watch)

    def candidate(self, sampled: Sampled) -> Tune | Reason:
        """Return the tune with the voices of a text, or what is wrong with it."""
        return self._tune_of(sampled)

    def ranked(self, group: Sequence[Sampled]) -> list[Sampled]:
        """Count texts, and return those that make a valid tune, the best first."""
        texts = {sampled.text for sampled in group} - self._nats.keys()
        self._measure(sorted(texts) if self.candidates > 1 else [])
        return super().ranked(group)

    def log_probability(self, sampled: Sampled) -> float:
        """Return the log of the probability of the voices, by the network alone."""
        if sampled.text not in self._nats:
            self._measure([sampled.text])
        return self._nats[sampled.text][1]

    def _measure(self, texts: Sequence[str]) -> None:
        """Remember how likely the network finds the tune and the voices of texts."""
        measured = log_probabilities(self._network, self._vocabulary, texts)
        for text, nats in zip(texts, measured, strict=True):
            given = float(nats[_is_given(text)].sum())
            self._nats[text] = given, float(nats.sum()) - given

    def score(self, sampled: Sampled, tune: Tune) -> float:  # noqa: ARG002 - the text says it
        """Return the log of how likely the tune is after the voices drawn."""
        return self._nats[sampled.text][0] if self.candidates > 1 else 0.0

    def title(self, sampled: Sampled, used: set[str]) -> str:  # noqa: ARG002 - none is invented
        """Return the tune's own title."""
        return self._original.title

    def finish(self, sampled: Sampled, reference: int, title: str) -> SampledTune | Rejection:
        """Return the tune with the voices of a text, or the reason why it is rejected."""
        tune = self._tune_of(sampled)
        if isinstance(tune, Rejection):
            return tune
        words = tune.words.with_text("N", self.note)
        tune = replace(tune, number=reference, title=title, words=words)
        if self._is_misread(tune, self._original):
            return Rejection.DISAGREEMENT
        recipe = self._recipe(sampled, reference, title, Request(), harmony=self._harmony)
        remarks = [f"{__version__}, checkpoint {self._name}: the tune is as it was"]
        return SampledTune(tune, with_recipe(tune, recipe, remarks), sampled, None)

    @property
    def note(self) -> str:
        """A line that says what is new, and where it comes from."""
        names = ", ".join(self._names[index].lower() for index in self._chosen_voices)
        return f"{names} by abcgen {__version__}, checkpoint {self._name}, seed {self._seed}"

    def _with_voices(self, sampled: Sampled) -> Tune | Rejection:
        """Return the tune with the voices of a text, or the reason why there is none."""
        if not sampled.ended:
            return Rejection.UNENDED
        try:
            drawn = decode_tune(sampled.text)
        except NotationError:
            return Rejection.UNREADABLE
        tune, others = self._original, []
        for index in self._chosen_voices:
            bars = from_c(drawn.voices[index].bars, tune)
            bars = tuple(bar.with_notes(plainly_spelled) for bar in bars)
            if [bar.duration for bar in bars] != [bar.duration for bar in tune.bars]:
                return Rejection.BARS
            voice = Voice(self._names[index], bars)
            others.append(replace(voice, clef=clef_for(voice, voice.name)))
        staves = tuple(Staff((index,), bracket=1) for index in range(1 + len(others)))
        name = tune.voice or self._names[0]
        return replace(tune, voice=name, others=tuple(others), staves=staves)


def tune_of(harmony: Harmony) -> Tune:
    """Return the tune of a harmony.

    Raises:
        InputError: if it cannot be read, has several voices already, or bars without a metre.
    """
    try:
        tune = read_abc(harmony.tune)
    except NotationError as error:
        raise InputError(f"cannot read the tune to harmonise: {error.reason}") from error
    if tune.others:
        raise InputError(
            f"{tune.title!r} has {len(tune.voices)} voices already",
            hint="harmonise one of them: keep the others out of the file",
        )
    if any(metre.is_free for _, metre in keys_and_metres(tune.bars, tune.key, tune.metre)):
        raise InputError(
            f"{tune.title!r} has bars without a metre, whose length is not known",
            hint="give the tune a metre (M:) first",
        )
    if len(tune.bars) > MAX_BARS:
        raise InputError(f"{tune.title!r} has {len(tune.bars)} bars, more than {MAX_BARS}")
    if not any(isinstance(note, Note) for note in tune.notes):
        raise InputError(f"{tune.title!r} has no notes")
    return tune


def added_to_first(voices: str) -> str:
    """Return the voices wanted as an ensemble takes them, together with the first, the melody."""
    is_named = voices and not voices.isdecimal() and voices != "auto"
    return f"melody,{voices}" if is_named else voices


def harmony_of(tune: Tune, voices: str) -> Harmony:
    """Return the harmony of a tune in some voices."""
    return Harmony(tune=write_abc(tune), voices=voices)


def without_tuplets(bar: Bar) -> Bar:
    """Return a bar with one note in place of each tuplet, for networks that know none."""

    def plain(item: Item) -> Item:
        if not isinstance(item, Tuplet):
            return item
        first = next((note for note in item.items if isinstance(note, Note)), None)
        if first is None:
            return Rest(item.duration)
        return replace(first, duration=item.duration, tied=False)

    return replace(bar, items=tuple(map(plain, bar.items)))


def given_bars(tune: Tune, *, form_line: bool) -> list[GivenBar]:
    """Return the bars of a tune as the first voice of a text in several."""
    tune = replace(tune, rhythm="")
    header, texts = encode_bars(tune)
    if form_line:
        header += form_line_of(encode_tune(tune).text)
    following = [*(text.left for text in texts[1:]), "\n"]
    bars = [
        GivenBar("".join(text.items), bar.duration, text.line + left)
        for bar, text, left in zip(tune.bars, texts, following, strict=True)
    ]
    bars[0] = bars[0]._replace(text=header + texts[0].left + bars[0].text)
    return bars


def _is_given(text: str) -> list[bool]:
    """Return of each character whether it is of the tune rather than of a voice below."""
    given, is_given = [], True
    for index, character in enumerate(text):
        if character == NEXT_VOICE:
            is_given = False
        elif character in "|\n" or (character == ":" and text[index + 1] in "|:"):
            is_given = True
        given.append(is_given)
    return given
