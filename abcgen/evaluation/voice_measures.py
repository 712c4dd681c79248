"""The figures of networks of several voices: each is a row of ``VOICE_MEASURES``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from abcgen.evaluation.discriminator import has_library, table_auc
from abcgen.evaluation.measures import LIKENESS, RIGHT, SURPRISE
from abcgen.evaluation.part_writing import harmony_of, measured
from abcgen.evaluation.statistics import UNIT_INTERVAL, Estimate, proportion, ratio, total_variation
from abcgen.notation.transpose import pitches_of
from abcgen.notation.validation import bar_problems, repeat_problems

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from abcgen.evaluation.part_writing import Harmony
    from abcgen.notation.tune import Tune

PART_WRITING, AGREEMENT = "Part writing", "Harmonising"
VOICE_GROUPS = {
    SURPRISE: "How surprising held-out pieces are, in bits; the fewer the better. Each voice after "
    "those above it in the same bar; bar lines count with the first.",
    RIGHT: "How many pieces are right in all voices; none was left out beforehand.",
    PART_WRITING: "Means over the pieces, on each quarter.",
    LIKENESS: "Distance of chords on each quarter to those of the held-out test pieces, 0 alike to "
    "1 nothing in common; and how well a classifier tells pieces from real ones by their harmony.",
    AGREEMENT: "How many half bars of held-out pieces have the same chord as their own when only "
    "their first voice is given.",
}
MAX_CHORDS = 40  # the commonest, as features
TONIC_TRIADS = frozenset({"I major", "I minor"})


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece in several voices, in its key, and what is known of it."""

    text: str
    # None if the text cannot be read.
    tune: Tune | None
    ended: bool
    # Whether all notes are in their voices' ranges.
    in_range: bool = False
    writing: Mapping[str, float] | None = None
    harmony: Harmony | None = None


def piece_of(
    text: str, tune: Tune | None, ranges: Sequence[tuple[int, int]], *, ended: bool = True
) -> Piece:
    """Return what is known of a piece.

    Args:
        text: The text that it was read from.
        tune: The piece in its key; None if the text cannot be read.
        ranges: The lowest and highest key of each voice.
        ended: Whether the network ended it.
    """
    if tune is None:
        return Piece(text, None, ended)
    in_range = all(
        lowest <= key <= highest
        for alone, (lowest, highest) in zip(_alone(tune), ranges, strict=True)
        for key in pitches_of(alone)
    )
    return Piece(text, tune, ended, in_range, measured(tune), harmony_of(tune))


def _alone(tune: Tune) -> list[Tune]:
    """Return each voice as a tune."""
    return [replace(tune, bars=voice.bars, others=()) for voice in tune.voices]


class Agreement(NamedTuple):
    """How many half bars of a piece have the chord of its own harmony."""

    root: int
    quality: int
    both: int
    half_bars: int


@dataclass(frozen=True, slots=True)
class VoiceSample:
    """The pieces of one source, or the results of one predictor."""

    pieces: Sequence[Piece] = ()
    # The first of them, as many from every source, and the real ones that they are compared with.
    subset: Sequence[Piece] = ()
    test: Sequence[Piece] = ()
    # Real pieces to tell all pieces from; none where they are these themselves.
    real: Sequence[Piece] = ()
    # For each test piece, the bits and notes of each voice.
    scores: Sequence[Sequence[tuple[float, int]]] = ()
    agreements: Sequence[Agreement] = ()


VoiceComputation = Callable[[VoiceSample], Estimate | None]


class VoiceMeasure(NamedTuple):
    """A row of the report."""

    group: str
    label: str
    compute: VoiceComputation
    is_share: bool = True


def _share_of(flag: Callable[[Piece], bool]) -> VoiceComputation:
    return lambda sample: proportion(map(flag, sample.pieces))


def _right(problems: Callable[[Tune], object]) -> VoiceComputation:
    return _share_of(
        lambda piece: bool(piece.tune) and piece.ended and not any(map(problems, _alone_of(piece)))
    )


def _alone_of(piece: Piece) -> list[Tune]:
    return _alone(piece.tune) if piece.tune else []


def _bars_alike(piece: Piece) -> bool:
    """Return whether the bars of all voices are as long as the first voice's."""
    lengths = [[bar.duration for bar in voice.bars] for voice in _alone_of(piece)]
    return bool(lengths) and all(own == lengths[0] for own in lengths)


def _writing(name: str) -> VoiceComputation:
    return lambda sample: ratio(
        [piece.writing[name] for piece in sample.pieces if piece.writing], bounds=(0.0, math.inf)
    )


def _chords(kinds: Sequence[str]) -> VoiceComputation:
    """Return the computation of the share of quarters whose chord is of some kinds."""

    def compute(sample: VoiceSample) -> Estimate | None:
        counts = [piece.harmony.chords for piece in sample.pieces if piece.harmony]
        of_kinds = [
            sum(number for name, number in each.items() if name.partition(" ")[2] in kinds)
            for each in counts
        ]
        return ratio(of_kinds, [each.total() for each in counts], bounds=UNIT_INTERVAL)

    return compute


def _distance(counts: Callable[[Harmony], Counter[str]]) -> VoiceComputation:
    return lambda sample: total_variation(
        *(
            [counts(piece.harmony) for piece in pieces if piece.harmony]
            for pieces in (sample.subset, sample.test)
        )
    )


def _closes(sample: VoiceSample) -> Estimate | None:
    """Return the share of pieces whose last chord is the tonic's."""
    return proportion(
        piece.harmony.closing in TONIC_TRIADS for piece in sample.pieces if piece.harmony
    )


def _harmonic_auc(sample: VoiceSample) -> Estimate | None:
    """Return how well a classifier tells pieces from as many real ones by chords and voices."""
    if not has_library() or not sample.real:
        return None
    drawn = [piece for piece in sample.pieces if piece.harmony][: len(sample.real)]
    real = [piece for piece in sample.real if piece.harmony]
    table = _features([*drawn, *real])
    return table_auc(table[: len(drawn)], table[len(drawn) :])


def _features(pieces: Sequence[Piece]) -> NDArray[np.float64]:
    """Return shares of the commonest chords and progressions, and part writing, of each piece."""
    rows = [[*(piece.writing or {}).values()] for piece in pieces]
    for kind in ("chords", "progressions"):
        counts = [getattr(piece.harmony, kind) for piece in pieces]
        in_pieces = Counter(name for each in counts for name in each)
        commonest = sorted(in_pieces, key=lambda name: (-in_pieces[name], name))[:MAX_CHORDS]
        for row, each in zip(rows, counts, strict=True):
            row += [each[name] / max(1, each.total()) for name in commonest]
    return np.array(rows)


def _agreement(count: Callable[[Agreement], int]) -> VoiceComputation:
    return lambda sample: ratio(
        [float(count(each)) for each in sample.agreements],
        [float(each.half_bars) for each in sample.agreements],
        bounds=UNIT_INTERVAL,
    )


def bits_of_voice(name: str, index: int) -> VoiceMeasure:
    """Return the row of bits per note of one voice."""
    return VoiceMeasure(SURPRISE, f"bits per note, {name.lower()}", _bits([index]), is_share=False)


def _bits(voices: Sequence[int] | None = None) -> VoiceComputation:
    """Return the computation of bits per note of some voices; of all if None."""

    def compute(sample: VoiceSample) -> Estimate | None:
        chosen = [
            [each for index, each in enumerate(piece) if voices is None or index in voices]
            for piece in sample.scores
        ]
        return ratio(
            [sum(bits for bits, _ in piece) for piece in chosen],
            [float(sum(notes for _, notes in piece)) for piece in chosen],
            bounds=(0.0, math.inf),
        )

    return compute


# All but the bits of each voice, by their name in JSON.
VOICE_MEASURES = {
    "bits_per_note": VoiceMeasure(SURPRISE, "bits per note, all voices", _bits(), is_share=False),
    "ended": VoiceMeasure(RIGHT, "ended by the network", _share_of(lambda piece: piece.ended)),
    "bars_right": VoiceMeasure(RIGHT, "all bars of all voices right", _right(bar_problems)),
    "bars_alike": VoiceMeasure(RIGHT, "bars of all voices equally long", _share_of(_bars_alike)),
    "repeats_right": VoiceMeasure(RIGHT, "all repeats pair", _right(repeat_problems)),
    "in_range": VoiceMeasure(
        RIGHT, "all voices in their ranges", _share_of(lambda piece: piece.in_range)
    ),
    "crossings": VoiceMeasure(PART_WRITING, "quarters with crossed voices", _writing("crossings")),
    "parallel_fifths": VoiceMeasure(
        PART_WRITING, "parallel fifths per 100 quarters", _writing("parallel_fifths"), False
    ),
    "parallel_octaves": VoiceMeasure(
        PART_WRITING, "parallel octaves per 100 quarters", _writing("parallel_octaves"), False
    ),
    "dissonance": VoiceMeasure(PART_WRITING, "quarters that are no triad", _writing("dissonance")),
    "strong_dissonance": VoiceMeasure(
        PART_WRITING, "strong beats that are no triad", _writing("strong_dissonance")
    ),
    "beyond_choir": VoiceMeasure(
        PART_WRITING, "notes beyond a good choir", _writing("beyond_choir")
    ),
    "major": VoiceMeasure(PART_WRITING, "major triads", _chords(["major"])),
    "minor": VoiceMeasure(PART_WRITING, "minor triads", _chords(["minor"])),
    "sevenths": VoiceMeasure(PART_WRITING, "dominant sevenths", _chords(["dominant seventh"])),
    "closes_on_tonic": VoiceMeasure(PART_WRITING, "pieces that close on the tonic", _closes),
    "distance_chords": VoiceMeasure(
        LIKENESS, "chords", _distance(lambda harmony: harmony.chords), False
    ),
    "distance_progressions": VoiceMeasure(
        LIKENESS, "progressions", _distance(lambda harmony: harmony.progressions), False
    ),
    "distance_cadences": VoiceMeasure(
        LIKENESS, "cadences", _distance(lambda harmony: harmony.cadences), False
    ),
    "harmonic_auc": VoiceMeasure(LIKENESS, "AUC by harmony, 0.5 is perfect", _harmonic_auc, False),
    "agreement_root": VoiceMeasure(AGREEMENT, "root", _agreement(lambda each: each.root)),
    "agreement_quality": VoiceMeasure(
        AGREEMENT, "major or minor", _agreement(lambda each: each.quality)
    ),
    "agreement_both": VoiceMeasure(AGREEMENT, "both", _agreement(lambda each: each.both)),
}
