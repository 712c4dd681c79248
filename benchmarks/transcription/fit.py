"""Counts the tables and fits the weights by which MIDI is read; writes them into the package.

    python -m benchmarks.transcription.fit

Tables come from collections whose files do not restrict their use; Essen, which is for
non-commercial use only, is not counted in them. The weights, some sixty numbers for metre and a
score for key, are fitted on other tunes than the tables, Essen's among them. None of the
benchmark's 300 tunes is looked at.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from functools import cached_property
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import abcgen.corpus.midi
from abcgen.corpus.midi.key import DEGREES, MODES, key_features, keys_thought_of
from abcgen.corpus.midi.line import STEPS, line_of
from abcgen.corpus.midi.metre import METRES, MetreTable, bar_sixteenths, features
from abcgen.corpus.midi.values import Sound
from abcgen.notation.tune import Metre
from benchmarks.transcription.measures import first_bar, fits_signature, sounding
from benchmarks.transcription.truths import FITTING, Truth, all_truths, without_repeats

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from abcgen.corpus.midi.line import Line
    from abcgen.notation.key import Key

TARGET = Path(abcgen.corpus.midi.__file__).with_name("tables.json")
COUNTED, WEIGHED = (FITTING[0], 0.7), (0.7, FITTING[1])
WEIGHED_TUNES = 2500
OFTEN = 12  # a habit counts if met so often
SAME_METRE = {Metre(2, 2): Metre(4, 4), Metre(4, 8): Metre(2, 4)}
ROUNDS, RATE, SHRINK = 400, 0.05, 1e-3


class Example:
    """A line whose metre, pickup and key are known."""

    def __init__(self, truth: Truth, *, expanded: bool) -> None:
        tune = truth.tune if expanded else without_repeats(truth.tune)
        notes = sounding(tune)
        self.sounds = [Sound(on, on + length, (key,)) for on, length, key in notes]
        metre = Metre(tune.metre.beats, tune.metre.unit)
        self.metre = SAME_METRE.get(metre, metre)
        self.key, self.collection, self.place = tune.key, truth.collection, truth.place
        self.fits = fits_signature(tune) and not tune.key.extra
        pickup = (first_bar(tune) - notes[0][0]) * 16
        self.pickup = int(pickup % bar_sixteenths(self.metre)) if pickup.denominator == 1 else -1

    @cached_property
    def line(self) -> Line:
        """Its melody, in the key it is in."""
        return line_of(self.sounds, self.key.tonic_pitch_class)


def main() -> None:
    """Count, fit, write."""
    truths = [truth for truth in all_truths() if FITTING[0] <= truth.place]
    free = [truth for truth in truths if truth.collection != "essen"]
    counted = [truth for truth in free if COUNTED[0] <= truth.place < COUNTED[1]]
    chosen = [truth for truth in truths if truth.place >= WEIGHED[0]]
    random.Random(1).shuffle(chosen)  # noqa: S311 - no secret
    examples = list(_examples(counted))
    weighed = list(_examples(chosen[:WEIGHED_TUNES]))
    print(f"{len(examples)} tunes counted, {len(weighed)} weighed")
    metres = {str(metre): _table(examples, metre) for metre in METRES}
    degrees = _degrees(examples)
    known = {name: MetreTable(**_scaled(table, 0.01)) for name, table in metres.items()}
    result = {
        "source": "O'Neill's, Ryan's and Aird's collections and others: statistics, no tunes",
        "metres": metres,
        "weights": _rounded(_metre_weights(weighed, known)),
        "degrees": degrees,
        "key_weights": _rounded(_key_weights(weighed, _scaled(degrees, 0.01))),
    }
    TARGET.write_text(json.dumps(result, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{TARGET} ({TARGET.stat().st_size // 1000} kB)")


def _examples(truths: Iterable[Truth]) -> Iterable[Example]:
    for truth in truths:
        example = Example(truth, expanded=int(truth.place * 1e6) % 2 == 0)
        if len(example.sounds) >= 8 and example.pickup >= 0:  # noqa: PLR2004 - more than a motif
            yield example


def _table(examples: Sequence[Example], metre: Metre) -> Any:
    """A metre's table, in hundredths of nats."""
    full = bar_sixteenths(metre)
    own = [example for example in examples if example.metre == metre]
    steps: defaultdict[Any, Counter[int]] = defaultdict(Counter)
    degrees, leaps, lasts, pickups = (_counters() for _ in range(4))
    anywhere: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for example in own:
        line = example.line
        pickups[0][example.pickup] += 1
        lasts[0][(line.onsets[-1] - example.pickup) % full] += 1
        for row in line.steps:
            place = (row.onset - example.pickup) % full
            if row.step >= 0:
                steps[place][row.step] += 1
                steps[place, row.before][row.step] += 1
                anywhere["step"][row.step] += 1
            degrees[place][row.degree] += 1
            if row.leap >= 0:
                leaps[place][row.leap] += 1
    for example in examples:
        anywhere["degree"].update(row.degree for row in example.line.steps)
        anywhere["leap"].update(row.leap for row in example.line.steps if row.leap >= 0)
    step = _shares(anywhere["step"], len(STEPS) + 1, [1 / (len(STEPS) + 1)] * (len(STEPS) + 1), 20)
    rhythm = [_shares(steps[place], len(step), step, 5) for place in range(full)]
    habit = {
        f"{place} {before}": _shares(steps[place, before], len(step), rhythm[place], 5)
        for place in range(full)
        for before in range(len(step))
        if steps[place, before].total() >= OFTEN
    }
    share = log(len(own) / len(examples))
    logs = {
        "rhythm": [[log(x) for x in row] for row in rhythm],
        "habit": {name: [log(x) for x in row] for name, row in habit.items()},
        "degree": _against(degrees, anywhere["degree"], full, 12),
        "leap": _against(leaps, anywhere["leap"], full, 5),
        "pickup": [share + log(x) for x in _shares(pickups[0], full, [1 / full] * full, 0.5)],
        "last": [log(x) for x in _shares(lasts[0], full, [1 / full] * full, 0.5)],
    }
    return _scaled(logs, 100, whole=True)


def _counters() -> defaultdict[int, Counter[int]]:
    return defaultdict(Counter)


def _shares(counts: Counter[int], kinds: int, base: Sequence[float], weight: float) -> list[float]:
    """Probabilities, drawn towards a base as by so many more observations."""
    total = counts.total() + weight
    return [(counts[kind] + weight * base[kind]) / total for kind in range(kinds)]


def _against(
    counts: Mapping[int, Counter[int]], anywhere: Counter[int], full: int, kinds: int
) -> list[list[float]]:
    base = _shares(anywhere, kinds, [1 / kinds] * kinds, kinds)
    rows = [_shares(counts[place], kinds, base, 30) for place in range(full)]
    return [[log(x / b) for x, b in zip(row, base, strict=True)] for row in rows]


def _degrees(examples: Sequence[Example]) -> Any:
    """How often each degree is met, and is first and last, by mode; in hundredths of nats."""
    found: Any = {}
    for mode in MODES:
        own = [example for example in examples if example.key.mode is mode and example.fits]
        counts = {name: Counter[int]() for name in DEGREES}
        for example in own:
            rows = example.line.steps
            counts["met"].update(row.degree for row in rows)
            counts["first"][rows[0].degree] += 1
            counts["last"][rows[-1].degree] += 1
        found[mode.abbreviation] = {
            name: [log(x) for x in _shares(count, 12, [1 / 12] * 12, 3)]
            for name, count in counts.items()
        }
    return _scaled(found, 100, whole=True)


def _metre_weights(examples: Sequence[Example], known: Mapping[str, MetreTable]) -> Any:
    rows, answers = [], []
    for example in examples:
        found = features(example.line, known)
        places = [(metre, pickup) for metre, pickup, _ in found]
        if (example.metre, example.pickup) in places:
            rows.append(np.array([values for *_, values in found]))
            answers.append([places.index((example.metre, example.pickup))])
    return _logit(rows, answers)


def _key_weights(examples: Sequence[Example], degrees: Any) -> Any:
    """Weights for the key; of Essen's tunes, which tell no mode, only the signature counts."""
    rows, answers = [], []
    for example in examples:
        keys = keys_thought_of()
        right = [place for place, key in enumerate(keys) if _is_right(key, example)]
        if example.fits and right:
            rows.append(np.array(key_features(example.sounds, keys, degrees)))
            answers.append(right)
    return _logit(rows, answers)


def _is_right(key: Key, example: Example) -> bool:
    if example.collection == "essen":
        return (key.fifths - example.key.fifths) % 12 == 0
    same_tonic = key.tonic_pitch_class == example.key.tonic_pitch_class
    return same_tonic and key.mode is example.key.mode


def _logit(rows: Sequence[NDArray[np.float64]], answers: Sequence[Sequence[int]]) -> Any:
    """Weights under which the right candidates are likeliest (conditional logit, by Adam)."""
    values = np.concatenate(rows)
    spread = values.std(axis=0) + 1e-9
    values = values / spread
    ends = np.cumsum([0, *map(len, rows)])
    group = np.repeat(np.arange(len(rows)), np.diff(ends))
    is_right = np.zeros(len(values))
    for start, right in zip(ends, answers, strict=False):
        is_right[start + np.array(right)] = 1
    weights = np.zeros(values.shape[1])
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    for turn in range(1, ROUNDS + 1):
        scores = values @ weights
        odds = np.exp(scores - np.maximum.reduceat(scores, ends[:-1])[group])
        share = odds / np.add.reduceat(odds, ends[:-1])[group]
        wanted = odds * is_right
        wanted = wanted / np.add.reduceat(wanted, ends[:-1])[group]
        slope = (wanted - share) @ values / len(rows) - SHRINK * weights
        first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope**2
        step = first / (1 - 0.9**turn) / (np.sqrt(second / (1 - 0.99**turn)) + 1e-8)
        weights += RATE * step
    loss = -np.log(np.add.reduceat(share * is_right, ends[:-1])).mean()
    print(f"{len(rows)} lines, {loss:.3f} nats each")
    return weights / spread


def _scaled(values: Any, factor: float, *, whole: bool = False) -> Any:
    if isinstance(values, dict):
        return {name: _scaled(value, factor, whole=whole) for name, value in values.items()}
    if isinstance(values, list):
        return [_scaled(value, factor, whole=whole) for value in values]
    return round(values * factor) if whole else values * factor


def _rounded(values: Iterable[float]) -> list[float]:
    return [float(f"{value:.4g}") for value in values]


if __name__ == "__main__":
    main()
