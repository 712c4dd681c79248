"""Evaluate a network of several voices beside the pieces held out from it (``evaluate_voices``).

Every text that is drawn counts: those that are invalid or cut off are not filtered out.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from abcgen.config import Request, SampleConfig
from abcgen.errors import AbcgenError, NotationError
from abcgen.evaluation.part_writing import chords_of_symbols, chords_of_voices
from abcgen.evaluation.report import CONSTRAINED, NETWORK, REAL, SOURCES, Evaluation
from abcgen.evaluation.voice_measures import (
    VOICE_GROUPS,
    VOICE_MEASURES,
    Agreement,
    VoiceSample,
    bits_of_voice,
    piece_of,
)
from abcgen.grammar.positions import with_form_line
from abcgen.model.sampling import check_seed
from abcgen.model.scoring import log_probabilities, measure
from abcgen.notation.harmony import harmonised
from abcgen.notation.model_text import NEXT_VOICE, decode_tune
from abcgen.notation.transpose import pitches_of
from abcgen.notation.tune import Mode
from abcgen.pipeline.checkpoints import LoadedNetwork, examples_for
from abcgen.pipeline.evaluating import check_count, general_notes, reporting
from abcgen.pipeline.harmonising import Harmoniser, harmony_of
from abcgen.pipeline.held_out import read_held_out
from abcgen.pipeline.sampling import Composer
from abcgen.pipeline.timing import TimedStages
from abcgen.pipeline.voices import names_of, recorded_ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from fractions import Fraction
    from pathlib import Path

    from abcgen.evaluation.measures import Figures
    from abcgen.evaluation.part_writing import Harmony, Triad
    from abcgen.evaluation.voice_measures import Piece, VoiceMeasure
    from abcgen.example import Example
    from abcgen.notation.tune import Tune
    from abcgen.pipeline.timing import Progress, Stage

TONIC, RULE = "tonic", "rule"
PREDICTORS = {NETWORK: "network", RULE: "by rule", TONIC: "tonic throughout"}
MINOR = frozenset({Mode.MINOR, Mode.DORIAN, Mode.PHRYGIAN})


def evaluate_voices(folder: Path, config: SampleConfig, seed: int, stage: Stage) -> Evaluation:
    """Evaluate a network of several voices.

    Args:
        folder: Its checkpoint.
        config: How to sample; ``count`` pieces.
        seed: Seed of all samples.
        stage: See ``evaluating.evaluate``.

    Raises:
        CheckpointError: if the checkpoint cannot be read, or holds no tunes to evaluate on.
        InputError: if a setting is invalid.
    """
    timed = TimedStages(stage)
    check_seed(seed)
    check_count(config)
    network, held_out = LoadedNetwork(folder), read_held_out(folder)
    composer = Composer(network, config, seed, Request())
    named = recorded_ranges(network.about, network.config.voices)
    ranges = [(voice.lowest, voice.highest) for voice in named]

    def piece(text: str, number: int, *, ended: bool = True) -> Piece:
        try:
            tune = composer.arranged(decode_tune(text), number)
        except NotationError:
            tune = None
        return piece_of(text, tune, ranges, ended=ended)

    # 1) Held-out pieces: what each voice costs, and how far given first voices get their chords.
    with timed("measuring bits per note of each voice"):
        scores = [voice_scores(network, example) for example in held_out.test]
    examples = (*held_out.test, *held_out.validation)
    with timed("harmonising first voices") as on_progress:
        agreements = agreements_of(network, examples, seed, on_progress)

    # 2) Pieces.
    with timed("drawing with the grammar") as on_progress:
        texts = composer.sample(range(config.count))
        drawn = [
            piece(sampled.text, sampled.number, ended=sampled.ended_freely)
            for sampled in reporting(texts, config.count, on_progress)
        ]
    real = [piece(example.text, number) for number, example in enumerate(examples)]
    test, validation = real[: len(held_out.test)], real[len(held_out.test) :]

    # 3) All measures.
    samples = {name: VoiceSample(agreements=own) for name, own in agreements.items()}
    samples[NETWORK] = replace(samples[NETWORK], scores=scores)
    samples[REAL] = VoiceSample(real, validation, test)
    samples[CONSTRAINED] = VoiceSample(drawn, drawn[: len(validation) or len(test)], test, real)
    measures = VOICE_MEASURES | {
        f"bits_per_note_{number}": bits_of_voice(name, number - 1)
        for number, name in enumerate(names_of(named), start=1)
    }
    with timed("comparing"):
        figures = {column: _figures(sample, measures) for column, sample in samples.items()}
    facts: dict[str, Any] = {"checkpoint": network.name, "checkpoint_hash": network.hash}
    facts |= {"voices": network.config.voices, "samples": config.count}
    facts |= {"temperature": config.temperature, "seed": seed}
    facts |= {"test_tunes": len(test), "validation_tunes": len(validation)}
    facts |= {"seconds": timed.seconds}
    return _evaluation(facts, figures, {REAL: real, CONSTRAINED: drawn}, measures)


def _figures(sample: VoiceSample, measures: Mapping[str, VoiceMeasure]) -> Figures:
    return {name: measure.compute(sample) for name, measure in measures.items()}


def _evaluation(
    facts: Mapping[str, Any],
    figures: Mapping[str, Figures],
    pieces: Mapping[str, Sequence[Piece]],
    measures: Mapping[str, VoiceMeasure],
) -> Evaluation:
    """Return the results of an evaluation, as they are shown."""
    sources = {REAL: "held-out pieces", CONSTRAINED: SOURCES[CONSTRAINED]}
    return Evaluation(
        facts,
        figures,
        {},
        tuple(general_notes()),
        title=f"How good are the voices of {facts['checkpoint']}?",
        introduction=f"{facts['samples']:,} pieces were drawn at temperature "
        f"{facts['temperature']:g}, seed {facts['seed']}, and set beside {len(pieces[REAL])} real "
        "ones that the network did not learn from. None was chosen or left out.",
        predictors=PREDICTORS,
        sources=sources,
        heard=(CONSTRAINED,),
        measures=measures,
        groups=VOICE_GROUPS,
        pieces={name: [each.tune for each in group if each.tune] for name, group in pieces.items()},
        counts=_counts({sources[name]: group for name, group in pieces.items()}),
    )


def _counts(pieces: Mapping[str, Sequence[Piece]]) -> dict[str, dict[str, Counter[str]]]:
    """Return chords, progressions and cadences of all pieces of each source."""

    def total(kind: str, group: Iterable[Piece]) -> Counter[str]:
        own: Iterator[Harmony] = (each.harmony for each in group if each.harmony)
        return sum((getattr(harmony, kind) for harmony in own), Counter())

    return {
        kind: {source: total(kind, group) for source, group in pieces.items()}
        for kind in ("chords", "progressions", "cadences")
    }


def voice_scores(network: LoadedNetwork, example: Example) -> list[tuple[float, int]]:
    """Return the bits and the number of notes of each voice of a held-out piece.

    What is not a voice's own, the lines before the music, bar lines and the end, counts with the
    first.
    """
    text = with_form_line(example.text) if network.config.form else example.text
    (nats,) = log_probabilities(network.steps, network.vocabulary, [text])
    bits = [0.0] * network.config.voices
    begin, voice = text.rstrip("\n").rindex("\n") + 1, 0
    for index, (character, cost) in enumerate(zip(text, nats, strict=True)):
        if index >= begin and character == NEXT_VOICE:
            voice += 1
        elif index >= begin and character in "|\n":
            voice = 0
        if index >= example.unscored:
            bits[voice] -= float(cost) / math.log(2)
    whole = measure(network.steps, network.vocabulary, examples_for(network.config, [example]))
    bits[0] += whole.total - sum(bits)
    tune = decode_tune(example.text)
    notes = [len(pitches_of(replace(tune, bars=voice.bars))) for voice in tune.voices]
    return list(zip(bits, notes, strict=True))


def agreements_of(
    network: LoadedNetwork, examples: Sequence[Example], seed: int, on_progress: Progress
) -> dict[str, list[Agreement]]:
    """Return how far harmonies of first voices agree with the pieces' own chords, by predictor."""
    agreements: dict[str, list[Agreement]] = defaultdict(list)
    for number, example in enumerate(examples):
        on_progress(number, len(examples))
        tune = decode_tune(example.text)
        melody, own = replace(tune, others=(), staves=()), chords_of_voices(tune)
        tonic = tune.key.tonic_pitch_class, tune.key.mode in MINOR
        harmonies = {
            TONIC: dict.fromkeys(own, tonic),
            RULE: chords_of_symbols(harmonised(melody)),
            NETWORK: chords_of_voices(with_voices(network, melody, seed)),
        }
        for name, chords in harmonies.items():
            agreements[name].append(_agreement(own, chords))
    return agreements


def _agreement(own: dict[Fraction, Triad], chords: dict[Fraction, Triad]) -> Agreement:
    pairs = [(chord, chords.get(time)) for time, chord in own.items()]
    return Agreement(
        root=sum(found is not None and found[0] == chord[0] for chord, found in pairs),
        quality=sum(found is not None and found[1] == chord[1] for chord, found in pairs),
        both=sum(found == chord for chord, found in pairs),
        half_bars=len(pairs),
    )


def with_voices(network: LoadedNetwork, melody: Tune, seed: int) -> Tune:
    """Return a tune with the voices that a network draws first of all.

    Raises:
        AbcgenError: if it draws none that are valid.
    """
    config = SampleConfig(count=1, candidates=1)
    harmoniser = Harmoniser(network, config, seed, harmony_of(melody, "auto"))
    for sampled in harmoniser.sample(range(config.max_attempts), batch_size=1):
        tune = harmoniser.candidate(sampled)
        if not isinstance(tune, str):
            return tune
    raise AbcgenError(f"no voices for {melody.title!r}")
