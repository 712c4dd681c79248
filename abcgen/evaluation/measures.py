"""The measures of a sample of tunes, each with its name, and how they are reckoned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from abcgen.evaluation.features import KINDS, QUANTITIES
from abcgen.evaluation.statistics import (
    SHARE,
    Estimate,
    coverage,
    kolmogorov_smirnov,
    ratio_of,
    share_of,
    total_variation,
)
from abcgen.notation.analysis import is_two_eights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.evaluation.features import TuneFeatures
    from abcgen.notation.analysis import Section
    from abcgen.notation.tune import Tune

Figures = dict[str, Estimate | None]
SURPRISE, RIGHT, FORM = "Surprise", "Right", "Form"
LIKENESS, ORIGINALITY, CONTROL = "Likeness", "Originality", "Control"
GROUPS = {
    SURPRISE: "How surprising held-out tunes are, in bits; the fewer the better.",
    RIGHT: "How many tunes each reader accepts by itself; none was left out beforehand.",
    FORM: "How many tunes, or of sections how many, are built as real ones are.",
    LIKENESS: "Distance to the held-out test tunes, 0 alike to 1 nothing in common. What real "
    "tunes show is the least to be hoped for.",
    ORIGINALITY: "What is shared with the training tunes, in any key, and among the samples.",
    CONTROL: "How often what was asked for came. Real tunes: whether they are what they say.",
}
MANY_BARS = 8
RARE = 0.95  # of real tunes that borrow less


class Measure(NamedTuple):
    """What is measured.

    Attributes:
        group: What it belongs to.
        words: What it is called.
        is_share: Whether it is shown in percent.
    """

    group: str
    words: str
    is_share: bool = True


MEASURES = {
    "bits_per_note": Measure(SURPRISE, "bits per note", is_share=False),
    "bits_per_character": Measure(SURPRISE, "bits per character", is_share=False),
    "readable": Measure(RIGHT, "can be read"),
    "checker_accepts": Measure(RIGHT, "accepted by our checker"),
    "music21_accepts": Measure(RIGHT, "accepted by music21"),
    "abc2midi_accepts": Measure(RIGHT, "accepted by abc2midi, no warning"),
    "music21_agrees": Measure(RIGHT, "checked, and the same to music21"),
    "bars_right": Measure(RIGHT, "all bars right"),
    "grammar_forced": Measure(RIGHT, "characters the grammar replaced"),
    "two_eights": Measure(FORM, "two 8-bar parts, each repeated"),
    "has_repeats": Measure(FORM, "with repeats"),
    "has_endings": Measure(FORM, "with endings"),
    "second_ending_differs": Measure(FORM, "a second ending that differs"),
    "sections_on_tonic": Measure(FORM, "sections that close on the tonic"),
    "ends_on_tonic": Measure(FORM, "tunes that end on the tonic"),
    "discriminator_auc": Measure(LIKENESS, "discriminator AUC, 0.5 is perfect", is_share=False),
    **{
        f"distance_{name}": Measure(LIKENESS, words, is_share=False)
        for name, words in (KINDS | QUANTITIES).items()
    },
    "shared_bars": Measure(ORIGINALITY, "longest shared passage, bars", is_share=False),
    "shares_eight_bars": Measure(ORIGINALITY, "share 8 bars or more with one"),
    "shares_more_than_real": Measure(ORIGINALITY, "share more than 95% of real tunes"),
    "duplicates": Measure(ORIGINALITY, "note for note like another sample"),
    "near_duplicates": Measure(ORIGINALITY, "versions of another sample"),
    "metre_coverage": Measure(ORIGINALITY, "of real tunes, metre occurs"),
    "key_coverage": Measure(ORIGINALITY, "of real tunes, mode occurs"),
    "metre_delivered": Measure(CONTROL, "metre"),
    "key_delivered": Measure(CONTROL, "key"),
    "bars_delivered": Measure(CONTROL, "bars"),
    "parts_delivered": Measure(CONTROL, "parts"),
}
"""All measures by the names they have for machines, in the order they are shown."""


@dataclass(frozen=True, slots=True)
class TuneVerdict:
    """What is said of a text.

    Attributes:
        text: The text.
        tune: What it is read as; None if it cannot be read.
        bars_right: Whether all bars add up.
        right: Whether repeats pair too: what our own checker asks.
        music21_accepts: Whether music21 finds a tune with notes in it.
        music21_agrees: Whether music21, from canonical ABC, reads the notes that are meant; only
            asked of right tunes.
        abc2midi_accepts: Whether abc2midi has neither error nor warning; None if not installed.
        traits: The tune in numbers; None if it cannot be read.
        shared_bars: How long the longest passage is that a training tune has; None if unknown.
        notes: The same for tunes of the same notes, in any key.
    """

    text: str
    tune: Tune | None
    bars_right: bool
    right: bool
    music21_accepts: bool
    music21_agrees: bool
    abc2midi_accepts: bool | None
    traits: TuneFeatures | None
    shared_bars: float | None
    notes: str


def cut_off(opinion: TuneVerdict) -> TuneVerdict:
    """What is said of a text that found no end: whoever accepts what there is, it is not right."""
    heard = opinion.abc2midi_accepts
    return replace(
        opinion,
        bars_right=False,
        right=False,
        music21_accepts=False,
        music21_agrees=False,
        abc2midi_accepts=None if heard is None else False,
    )


def rightness(sample: Sequence[TuneVerdict]) -> Figures:
    """How many tunes are right, by each reader."""
    heard = [one.abc2midi_accepts for one in sample if one.abc2midi_accepts is not None]
    return {
        "readable": share_of([one.tune is not None for one in sample]),
        "checker_accepts": share_of([one.right for one in sample]),
        "music21_accepts": share_of([one.music21_accepts for one in sample]),
        "abc2midi_accepts": share_of(heard),
        "music21_agrees": share_of([one.music21_agrees for one in sample]),
        "bars_right": share_of([one.bars_right for one in sample]),
    }


def form(sample: Sequence[TuneVerdict]) -> Figures:
    """How tunes are built; a text that cannot be read has no sections."""
    tunes = [one.traits.sections if one.traits else () for one in sample]
    on_tonic = [float(sum(section.on_tonic for section in tune)) for tune in tunes]
    return {
        "two_eights": share_of([is_two_eights(tune) for tune in tunes]),
        "has_repeats": share_of([_any(tune, "repeated") for tune in tunes]),
        "has_endings": share_of([_any(tune, "has_endings") for tune in tunes]),
        "second_ending_differs": share_of([_any(tune, "differing_ending") for tune in tunes]),
        "sections_on_tonic": ratio_of(on_tonic, [float(len(tune)) for tune in tunes], bounds=SHARE),
        "ends_on_tonic": share_of([bool(tune) and tune[-1].on_tonic for tune in tunes]),
    }


def distances(sample: Sequence[TuneVerdict], reference: Sequence[TuneVerdict]) -> Figures:
    """How far tunes are from others; those that cannot be read are far from nothing."""
    own, others = (
        [one.traits for one in side if one.traits is not None] for side in (sample, reference)
    )
    figures: Figures = {}
    for kind in KINDS:
        counted = ([traits.counts[kind] for traits in side] for side in (own, others))
        figures[f"distance_{kind}"] = total_variation(*counted)
    for name in QUANTITIES:
        measured = ([traits.quantities[name] for traits in side] for side in (own, others))
        figures[f"distance_{name}"] = kolmogorov_smirnov(*measured)
    return figures


def coverages(sample: Sequence[TuneVerdict], reference: Sequence[TuneVerdict]) -> Figures:
    """How many real tunes are of a metre, and of a mode, that occur in the sample."""
    figures: Figures = {}
    for name, kind in (("metre_coverage", "metre"), ("key_coverage", "mode")):
        own, others = (
            [next(iter(one.traits.counts[kind])) for one in side if one.traits]
            for side in (sample, reference)
        )
        figures[name] = coverage(own, others)
    return figures


def borrowings(sample: Sequence[TuneVerdict], real: Sequence[TuneVerdict]) -> Figures:
    """How much tunes share with training tunes."""
    bars = [one.shared_bars for one in sample if one.shared_bars is not None]
    known = sorted(one.shared_bars for one in real if one.shared_bars is not None)
    most = known[int(RARE * (len(known) - 1))] if known else None
    return {
        "shared_bars": ratio_of(bars, bounds=(0, float("inf"))),
        "shares_eight_bars": share_of([own >= MANY_BARS for own in bars]),
        "shares_more_than_real": None if most is None else share_of([own > most for own in bars]),
    }


def duplicates(sample: Sequence[TuneVerdict], families: Sequence[int]) -> Figures:
    """How many tunes are another of the sample over again.

    Args:
        sample: The tunes.
        families: For each of them a number, the same for versions of one another.
    """
    return {
        "duplicates": share_of(_seen_before([one.notes for one in sample])),
        "near_duplicates": share_of(_seen_before(families)),
    }


def _seen_before(things: Sequence[object]) -> list[bool]:
    seen: set[object] = set()
    again = []
    for thing in things:
        again.append(thing in seen)
        seen.add(thing)
    return again


def _any(sections: Sequence[Section], name: str) -> bool:
    return any(getattr(section, name) for section in sections)
