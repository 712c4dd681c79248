"""The critic's features in a musician's words (``FEATURES``), in the order they are measured."""

from __future__ import annotations

from typing import NamedTuple

MELODY, RHYTHM, RETURNS = "melody", "rhythm", "returns"
CADENCES, FORM, RANGE = "cadences", "form", "mode and range"
SURPRISE = "surprise"
GROUPS = (SURPRISE, MELODY, RHYTHM, RETURNS, CADENCES, FORM, RANGE)

DEGREES = ("tonic", "second", "third", "fourth", "fifth", "sixth", "seventh")
INTERVALS = (
    "repeated tones",
    "steps",
    "thirds",
    "fourths",
    "fifths",
    "sixths",
    "sevenths",
    "octaves",
    "leaps of more than an octave",
)
LAGS = (1, 2, 3, 4, 6, 8, 12, 16)
METRES = ("4/4", "2/2", "2/4", "3/4", "3/8", "6/8", "9/8")
MODES = {"maj": "major", "min": "minor", "dor": "dorian", "mix": "mixolydian"}


class Feature(NamedTuple):
    """What a number means."""

    group: str
    # What to say of a value that is larger or smaller than usual.
    more: str
    less: str
    # The unit in which it is shown: ``%``, nothing for plain numbers, None if it is not shown.
    unit: str | None = "%"

    def sentence(self, value: float, low: float, high: float) -> str:
        """Return how a value is unusual, given the usual ones.

        Args:
            value: The value of a tune.
            low: Four in five real tunes have at least this.
            high: Four in five real tunes have at most this.
        """
        words = self.more if value > high else self.less
        if self.unit is None:
            return words
        usual = self._shown(low) if low == high else f"{self._shown(low)} to {self._shown(high)}"
        return f"{words}: {self._shown(value)}, usually {usual}"

    def _shown(self, value: float) -> str:
        return f"{100 * value:.0f}%" if self.unit == "%" else f"{value:.3g}"


def many(group: str, what: str, unit: str | None = "%") -> Feature:
    """Return a feature that counts something."""
    return Feature(group, f"more {what} than usual", f"fewer {what} than usual", unit)


def whether(group: str, what: str, otherwise: str) -> Feature:
    """Return a feature that is 1 if a tune has a property, else 0."""
    return Feature(group, what, otherwise, None)


def measured(
    group: str, what: str, comparatives: tuple[str, str], unit: str | None = ""
) -> Feature:
    """Return a feature that measures something, with words for more and for less of it."""
    more, less = comparatives
    return Feature(group, f"{what} {more} than usual", f"{what} {less} than usual", unit)


def _surprise(language: str, what: str) -> dict[str, Feature]:
    words = {
        "forwards": (f"{what} is stranger than usual", f"{what} is plainer than usual"),
        "backwards": (
            f"{what}, read backwards, is stranger",
            f"{what}, read backwards, is plainer",
        ),
        "of a bar": (f"{what} is odd in one bar", f"{what} has no bar that surprises"),
        "least": (
            f"{what} is strange even in its plainest bar",
            f"{what} is very plain in one bar",
        ),
        "spread": (f"{what} is now plain, now strange", f"{what} is equally plain in all bars"),
        "closing": (f"{what} closes where tunes seldom do", f"{what} closes very plainly"),
    }
    return {
        f"{language} {name}": Feature(SURPRISE, more, less, None)
        for name, (more, less) in words.items()
    }


def _melody() -> dict[str, Feature]:
    features = {f"interval {n}": many(MELODY, name) for n, name in enumerate(INTERVALS)}
    features |= {
        "rising": many(MELODY, "rising intervals"),
        "turns": many(MELODY, "turns between up and down"),
        "recovered leaps": many(MELODY, "leaps that turn back"),
        "runs": many(MELODY, "steps on end in one direction"),
        "arpeggios": many(MELODY, "broken chords"),
    }
    places = {"down": "at the beginning of bars", "on": "on other beats", "off": "off the beat"}
    for place, where in places.items():
        for degree, name in enumerate(DEGREES):
            features[f"degree {degree} {place}"] = many(MELODY, f"tones on the {name} {where}")
    return features | {"altered": many(MELODY, "accidentals")}


def _rhythm() -> dict[str, Feature]:
    return {
        "tones": many(RHYTHM, "tones to a quaver", ""),
        "sixteenths": many(RHYTHM, "semiquavers and shorter notes"),
        "eighths": many(RHYTHM, "quavers"),
        "quarters": many(RHYTHM, "crotchets"),
        "long": many(RHYTHM, "notes longer than a crotchet"),
        "dotted": many(RHYTHM, "dotted notes"),
        "triplets": many(RHYTHM, "triplets"),
        "rests": many(RHYTHM, "rests"),
        "uneven": many(RHYTHM, "changes between long and short notes"),
        "rhythms": many(RHYTHM, "different rhythms of bars"),
        "commonest rhythm": many(RHYTHM, "bars in the commonest rhythm"),
        "even bars": many(RHYTHM, "bars of equal notes"),
    }


def _returns() -> dict[str, Feature]:
    features = {}
    for lag in LAGS:
        after = f"after {lag} bars" if lag > 1 else "at once"
        features[f"returns {lag}"] = many(RETURNS, f"bars that return {after}")
        features[f"rhythm returns {lag}"] = many(RETURNS, f"rhythms that return {after}")
    return features | {
        "heard before": many(RETURNS, "bars heard before"),
        "longest return": many(RETURNS, "bars on end that return", ""),
        "longest return share": many(RETURNS, "of its bars return on end"),
        "longest new": many(RETURNS, "new bars on end", ""),
        "once": many(RETURNS, "bars heard only once"),
        "most often": many(RETURNS, "returns of one and the same bar", ""),
        "sequences": many(RETURNS, "bars that the next takes up on another degree"),
        "first bar returns": many(RETURNS, "returns of the first bar"),
        "half bars": many(RETURNS, "bars whose halves are alike"),
        "nearly": many(RETURNS, "bars that return with another second half"),
    }


def _cadences() -> dict[str, Feature]:
    features = {}
    for name in DEGREES:
        features[f"ends on {name}"] = whether(
            CADENCES, f"ends on the {name}", f"does not end on the {name}"
        )
        features[f"sections end on {name}"] = many(CADENCES, f"sections that end on the {name}")
        features[f"sections begin on {name}"] = many(CADENCES, f"sections that begin on the {name}")
    return features | {
        "closing leap": many(CADENCES, "sections that end with a leap"),
        "closing step down": many(CADENCES, "sections that end with a step down"),
        "closing repeat": many(CADENCES, "sections that end on a repeated tone"),
        "last tone long": measured(CADENCES, "last tones of sections", ("longer", "shorter"), "%"),
        "last tone on the beat": many(CADENCES, "sections that end on a beat"),
        "tones in the last bar": many(CADENCES, "tones in the last bars of sections", ""),
        "sections rhyme": many(CADENCES, "sections with the same ending"),
        "sections begin alike": many(CADENCES, "sections that begin with the same bar"),
        "phrases rhyme": many(CADENCES, "phrases with the same ending"),
        "phrases rhyme in rhythm": many(CADENCES, "phrases that end in the same rhythm"),
        "phrases begin alike": many(CADENCES, "phrases that begin with the same bar"),
        "phrases begin alike in rhythm": many(CADENCES, "phrases that begin in the same rhythm"),
        "phrases end on tonic": many(CADENCES, "phrases that end on the tonic"),
        "phrases end long": many(CADENCES, "phrases that end on a long tone"),
    }


def _form() -> dict[str, Feature]:
    return {
        "bars": many(FORM, "bars", ""),
        "sections": many(FORM, "sections", ""),
        "sections of 8": many(FORM, "sections of 8 bars"),
        "sections of 4": many(FORM, "sections of 4 bars"),
        "sections of 16": many(FORM, "sections of 16 bars"),
        "odd sections": many(FORM, "sections whose bars do not come in fours"),
        "longest section": many(FORM, "bars in the longest section", ""),
        "equal sections": many(FORM, "sections of equal length"),
        "repeated": many(FORM, "sections that are repeated"),
        "all repeated": whether(
            FORM, "every section is repeated", "some sections are not repeated"
        ),
        "endings": many(FORM, "sections with first and second endings"),
        "pickups": many(FORM, "sections with a pickup"),
        "some pickups": whether(
            FORM,
            "some sections have a pickup, others not",
            "all sections have a pickup, or none has",
        ),
        "completed pickups": many(FORM, "pickups that the last bar completes"),
        "short bars": many(FORM, "short bars"),
        "changes": whether(FORM, "key or metre change", "key and metre never change"),
        "two eights": whether(
            FORM, "two repeated sections of 8 bars", "not two repeated sections of 8 bars"
        ),
    }


def _mode_and_range() -> dict[str, Feature]:
    features = {
        f"metre {metre}": whether(RANGE, f"in {metre}", f"not in {metre}") for metre in METRES
    }
    features |= {
        f"mode {mode}": whether(RANGE, f"in a {name} key", f"not in a {name} key")
        for mode, name in MODES.items()
    }
    return features | {
        "range": measured(RANGE, "range in steps", ("wider", "narrower")),
        "centre": measured(RANGE, "melody", ("higher in its range", "lower in its range")),
        "heights used": many(RANGE, "of the scale's tones in its range"),
        "lowest degree tonic": whether(
            RANGE, "the lowest tone is a tonic", "the lowest tone is not a tonic"
        ),
        "sections differ in height": measured(
            RANGE, "sections' heights", ("further apart", "closer together")
        ),
        "second part higher": measured(RANGE, "second section", ("higher", "lower"), None),
        "chords": whether(RANGE, "has chords", "has no chords"),
    }


FEATURES: dict[str, Feature] = {
    **_surprise("degrees", "the melody"),
    **_surprise("intervals", "the run of intervals"),
    **_surprise("rhythm", "the rhythm"),
    **_melody(),
    **_rhythm(),
    **_returns(),
    **_cadences(),
    **_form(),
    **_mode_and_range(),
}
