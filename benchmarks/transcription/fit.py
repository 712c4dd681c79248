"""Counts the tables and fits the weights by which MIDI is read; writes them into the package.

    python -m benchmarks.transcription.fit

Tables come from collections whose files do not restrict their use; Essen, which is for
non-commercial use only, is not counted in them. The weights, 36 for all metres, 24 for each and
17 for key, are fitted on other tunes than the tables, Essen's among them. None of the
benchmark's 300 tunes is looked at.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from functools import cached_property
from itertools import chain, pairwise
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import abcgen.midi
from abcgen.midi.key import KEYS, MODES, MetreTable, count_pitches, degree_tables, key_features
from abcgen.midi.metre import (
    METRES,
    STEPS,
    TABLE_METRES,
    bar_sixteenths,
    melody_grid,
    metre_features,
    table_for,
)
from abcgen.midi.quantize import QuantizedNote
from abcgen.notation.tune import Metre
from benchmarks.transcription.measures import first_bar, fits_signature, sounding
from benchmarks.transcription.truths import FITTING, Truth, all_truths, without_repeats

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from abcgen.midi.metre import MelodyGrid, MetreFeatures
    from abcgen.notation.tune import Key

TARGET = Path(abcgen.midi.__file__).with_name("tables.json")
COUNTED, WEIGHED = (FITTING[0], 0.7), (0.7, FITTING[1])
# The metre's logit has many candidates to a tune; more of them would take many minutes.
METRE_TUNES, KEY_TUNES = 1800, 2500
OFTEN = 12  # a habit counts if met so often
SAME_METRE = {Metre(2, 2): Metre(4, 4), Metre(4, 8): Metre(2, 4)}
METRE_ROUNDS, KEY_ROUNDS = 250, 400
RATE, SHRINK = 0.05, 1e-3


class Example:
    """A line whose metre, pickup and key are known."""

    def __init__(self, truth: Truth, *, expanded: bool) -> None:
        tune = truth.tune if expanded else without_repeats(truth.tune)
        notes = sounding(tune)
        self.sounds = [QuantizedNote(on, on + length, (key,)) for on, length, key in notes]
        metre = Metre(tune.metre.beats, tune.metre.unit)
        self.metre = SAME_METRE.get(metre, metre)
        self.key, self.collection, self.place = tune.key, truth.collection, truth.place
        self.fits = fits_signature(tune) and not tune.key.extra
        pickup = (first_bar(tune) - notes[0][0]) * 16
        self.pickup = int(pickup % bar_sixteenths(self.metre)) if pickup.denominator == 1 else -1

    @cached_property
    def grid(self) -> MelodyGrid:
        """Its melody, in the key it is in."""
        return melody_grid(self.sounds, self.key.tonic_pitch_class)


def main() -> None:
    """Count, fit, write."""
    truths = [truth for truth in all_truths() if FITTING[0] <= truth.place]
    free = [truth for truth in truths if truth.collection != "essen"]
    counted = [truth for truth in free if COUNTED[0] <= truth.place < COUNTED[1]]
    chosen = [truth for truth in truths if truth.place >= WEIGHED[0]]
    random.Random(1).shuffle(chosen)  # noqa: S311 - no secret
    examples = list(_examples(counted))
    weighed = list(_examples(chosen[:KEY_TUNES]))
    print(f"{len(examples)} tunes counted, {len(weighed)} weighed")
    metres = {str(metre): _table(examples, metre) for metre in TABLE_METRES}
    degrees = _degrees(examples)
    known = {name: MetreTable.from_json(table) for name, table in metres.items()}
    result = {
        "source": "O'Neill's, Ryan's and Aird's collections and others: statistics, no tunes",
        "metres": metres,
        **_metre_weights(weighed[:METRE_TUNES], known),
        "degrees": degrees,
        "key_weights": _key_weights(weighed, degree_tables(degrees)),
    }
    TARGET.write_text(json.dumps(result, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{TARGET} ({TARGET.stat().st_size // 1000} kB)")


def _examples(truths: Iterable[Truth]) -> Iterable[Example]:
    for truth in truths:
        example = Example(truth, expanded=int(truth.place * 1e6) % 2 == 0)
        if len(example.sounds) >= 8 and example.pickup >= 0:
            yield example


def _table(examples: Sequence[Example], metre: Metre) -> Any:
    """A metre's table, in hundredths of nats."""
    full = bar_sixteenths(metre)
    own = [example for example in examples if example.metre in METRES]
    own = [example for example in own if table_for(example.metre)[0] == metre]
    steps: defaultdict[Any, Counter[int]] = defaultdict(Counter)
    degrees, leaps, lasts, pickups = (_counters() for _ in range(4))
    anywhere: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for example in own:
        scale = table_for(example.metre)[1]
        grid, pickup = example.grid.at(scale), int(example.pickup * scale)
        places = ((grid.onsets - pickup) % full).tolist()
        pickups[0][pickup] += 1
        lasts[0][places[-1]] += 1
        rows = (grid.steps_before.tolist(), grid.steps.tolist())
        for place, before, step in zip(places, *rows, strict=False):
            steps[place][step] += 1
            steps[place, before][step] += 1
        for place, degree in zip(places, grid.degrees.tolist(), strict=True):
            degrees[place][degree] += 1
        for place, leap in zip(places[1:], grid.leaps.tolist(), strict=True):
            leaps[place][leap] += 1
        anywhere["step"].update(rows[1])
    for example in examples:
        anywhere["degree"].update(example.grid.degrees.tolist())
        anywhere["leap"].update(example.grid.leaps.tolist())
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
        "rhythm": [_logs(row) for row in rhythm],
        "habit": {name: _logs(row) for name, row in habit.items()},
        "degree": _against(degrees, anywhere["degree"], full, 12),
        "leap": _against(leaps, anywhere["leap"], full, 5),
        "pickup": [share + log(x) for x in _shares(pickups[0], full, [1 / full] * full, 0.5)],
        "last": _logs(_shares(lasts[0], full, [1 / full] * full, 0.5)),
    }
    return _hundredths(logs)


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
    """Of each mode how often each degree is met, is first, last, follows another, or is missing.

    In hundredths of nats.
    """
    found: Any = {}
    for mode in MODES:
        own = [example for example in examples if example.key.mode is mode and example.fits]
        lines = [example.grid.degrees.tolist() for example in own]
        met = Counter(chain.from_iterable(lines))
        pairs = Counter(chain.from_iterable(map(pairwise, lines)))
        present = Counter(chain.from_iterable(map(set, lines)))
        even = [1 / 12] * 12
        shares = _shares(met, 12, even, 3)
        following = [Counter({b: pairs[a, b] for b in range(12)}) for a in range(12)]
        given = [(present[degree] + 0.5) / (len(own) + 1) for degree in range(12)]
        found[mode.abbreviation] = {
            "met": _logs(shares),
            "first": _logs(_shares(Counter(line[0] for line in lines), 12, even, 3)),
            "last": _logs(_shares(Counter(line[-1] for line in lines), 12, even, 3)),
            "pairs": [_logs(_shares(counts, 12, shares, 20)) for counts in following],
            "present": _logs(given),
            "absent": _logs([1 - share for share in given]),
        }
    return _hundredths(found)


def _logs(values: Iterable[float]) -> list[float]:
    return [log(value) for value in values]


class Choice(NamedTuple):
    """The candidates of one tune.

    Attributes:
        values: A row of features to each.
        own: Likewise of those that have a weight to each kind of candidate.
        kinds: The kind of each.
        right: Which of them are right.
    """

    values: NDArray[np.float64]
    own: NDArray[np.float64]
    kinds: NDArray[np.int64]
    right: list[int]


def _metre_weights(examples: Sequence[Example], known: Mapping[str, MetreTable]) -> Any:
    """Those that all metres share, and those that each has for itself."""
    choices = []
    for example in examples:
        found = metre_features(example.grid, known)
        places = [(one.metre, pickup) for one in found for pickup in one.pickups.tolist()]
        if (example.metre, example.pickup) in places:
            values = np.vstack([one.shared for one in found])
            own = np.vstack([one.own for one in found])
            kinds = np.repeat([METRES.index(one.metre) for one in found], [*map(_rows, found)])
            right = [places.index((example.metre, example.pickup))]
            choices.append(Choice(values, own, kinds, right))
    weights, own_weights = _logit(choices, len(METRES), METRE_ROUNDS)
    by_metre = zip(map(str, METRES), map(_rounded, own_weights), strict=True)
    return {"weights": _rounded(weights), "own_weights": dict(by_metre)}


def _rows(one: MetreFeatures) -> int:
    return len(one.pickups)


def _key_weights(examples: Sequence[Example], degrees: Any) -> Any:
    """Weights for the key; of Essen's tunes, which tell no mode, only the signature counts."""
    choices = []
    none, kinds = np.zeros((len(KEYS), 0)), np.zeros(len(KEYS), np.int64)
    for example in examples:
        right = [place for place, key in enumerate(KEYS) if _is_right(key, example)]
        if example.fits and right:
            values = key_features(count_pitches([example.sounds]), degrees)
            choices.append(Choice(values, none, kinds, right))
    return _rounded(_logit(choices, 1, KEY_ROUNDS)[0])


def _is_right(key: Key, example: Example) -> bool:
    if example.collection == "essen":
        return (key.fifths - example.key.fifths) % 12 == 0
    same_tonic = key.tonic_pitch_class == example.key.tonic_pitch_class
    return same_tonic and key.mode is example.key.mode


def _logit(choices: Sequence[Choice], kinds: int, rounds: int) -> Any:
    """Weights under which the right candidates are likeliest (conditional logit, by Adam).

    Returns:
        Those of the values, and those of each kind's own.
    """
    values, spread = _scaled([one.values for one in choices])
    own, own_spread = _scaled([one.own for one in choices])
    kind = np.concatenate([one.kinds for one in choices])
    rows_of = [np.flatnonzero(kind == number) for number in range(kinds)]
    ends = np.cumsum([0, *(len(one.kinds) for one in choices)])
    group = np.repeat(np.arange(len(choices)), np.diff(ends))
    is_right = np.zeros(len(values))
    for start, one in zip(ends, choices, strict=False):
        is_right[start + np.array(one.right)] = 1
    width = values.shape[1]
    weights = np.zeros(width + kinds * own.shape[1])
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    for turn in range(1, rounds + 1):
        scores = values @ weights[:width]
        each = weights[width:].reshape(kinds, -1)
        for rows, block in zip(rows_of, each, strict=True):
            scores[rows] += own[rows] @ block
        odds = np.exp(scores - np.maximum.reduceat(scores, ends[:-1])[group])
        share = odds / np.add.reduceat(odds, ends[:-1])[group]
        wanted = odds * is_right
        wanted = wanted / np.add.reduceat(wanted, ends[:-1])[group]
        gap = (wanted - share).astype(np.float32)
        slopes = [gap @ values, *(gap[rows] @ own[rows] for rows in rows_of)]
        slope = np.concatenate(slopes) / len(choices) - SHRINK * weights
        first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope**2
        step = first / (1 - 0.9**turn) / (np.sqrt(second / (1 - 0.99**turn)) + 1e-8)
        weights += RATE * step
    loss = -np.log(np.add.reduceat(share * is_right, ends[:-1])).mean()
    print(f"{len(choices)} lines, {loss:.3f} nats each")
    return weights[:width] / spread, weights[width:].reshape(kinds, -1) / own_spread


def _scaled(rows: Sequence[NDArray[np.float64]]) -> tuple[NDArray[np.float32], Any]:
    """All rows with columns of like spread, and what they were divided by."""
    values = np.concatenate(rows)
    spread = values.std(axis=0) + 1e-3
    return (values / spread).astype(np.float32), spread


def _hundredths(values: Any) -> Any:
    if isinstance(values, dict):
        return {name: _hundredths(value) for name, value in values.items()}
    if isinstance(values, list):
        return [_hundredths(value) for value in values]
    return round(values * 100)


def _rounded(values: Iterable[float]) -> list[float]:
    return [float(f"{value:.4g}") for value in values]


if __name__ == "__main__":
    main()
