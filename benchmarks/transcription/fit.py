"""Count the tables and fit the weights by which MIDI is read; write them into the package.

    python -m benchmarks.transcription.fit

Tables come from collections whose files do not restrict their use; Essen, which is for
non-commercial use only, is not counted in them. The weights, 36 for all metres, 24 for each and
17 for key, are fitted on other tunes than the tables, Essen's among them. The
benchmark's 300 tunes are not looked at.
"""

from __future__ import annotations

import argparse
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

    from abcgen.midi.metre import MelodyGrid
    from abcgen.notation.tune import Key

TARGET = Path(abcgen.midi.__file__).with_name("tables.json")
# Tunes by hash: up to here they are counted in the tables, from here on they fit the weights.
FIRST_WEIGHTED = 0.7
# The metre's logit has many candidates to a tune; more of them would take many minutes.
METRE_TUNES, KEY_TUNES = 1800, 2500
# A habit is in the table if it occurs this often.
MIN_HABIT = 12
SAME_METRE = {Metre(2, 2): Metre(4, 4), Metre(4, 8): Metre(2, 4)}
METRE_ROUNDS, KEY_ROUNDS = 250, 400
LEARNING_RATE, L2_PENALTY = 0.05, 1e-3


class Example:
    """A melody whose metre, pickup and key are known."""

    def __init__(self, truth: Truth, *, expanded: bool) -> None:
        tune = truth.tune if expanded else without_repeats(truth.tune)
        notes = sounding(tune)
        self.notes = [QuantizedNote(on, on + length, (key,)) for on, length, key in notes]
        metre = Metre(tune.metre.beats, tune.metre.unit)
        self.metre = SAME_METRE.get(metre, metre)
        self.key, self.collection = tune.key, truth.collection
        self.fits_signature = fits_signature(tune) and not tune.key.extra
        pickup = (first_bar(tune) - notes[0][0]) * 16
        self.pickup = int(pickup % bar_sixteenths(self.metre)) if pickup.denominator == 1 else -1

    @cached_property
    def grid(self) -> MelodyGrid:
        """Its melody, in the key it is in."""
        return melody_grid(self.notes, self.key.tonic_pitch_class)


def main() -> None:
    """Count the tables, fit the weights, and write both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=TARGET, help="file to write")
    out = parser.parse_args().out
    truths = [truth for truth in all_truths() if FITTING[0] <= truth.hash_position]
    free = [truth for truth in truths if truth.collection != "essen"]
    counted = [truth for truth in free if truth.hash_position < FIRST_WEIGHTED]
    chosen = [truth for truth in truths if truth.hash_position >= FIRST_WEIGHTED]
    random.Random(1).shuffle(chosen)  # noqa: S311 - no secret
    examples = list(_examples(counted))
    weighted = list(_examples(chosen[:KEY_TUNES]))
    print(f"{len(examples)} tunes counted, {len(weighted)} weighted")
    metres = {str(metre): _table(examples, metre) for metre in TABLE_METRES}
    degrees = _degrees(examples)
    tables = {name: MetreTable.from_json(table) for name, table in metres.items()}
    result = {
        "source": "O'Neill's, Ryan's and Aird's collections and others: statistics, no tunes",
        "metres": metres,
        **_metre_weights(weighted[:METRE_TUNES], tables),
        "degrees": degrees,
        "key_weights": _key_weights(weighted, degree_tables(degrees)),
    }
    out.write_text(json.dumps(result, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{out} ({out.stat().st_size // 1000} kB)")


def _examples(truths: Iterable[Truth]) -> Iterable[Example]:
    for truth in truths:
        example = Example(truth, expanded=int(truth.hash_position * 1e6) % 2 == 0)
        if len(example.notes) >= 8 and example.pickup >= 0:
            yield example


def _table(examples: Sequence[Example], metre: Metre) -> Any:
    """Return a metre's table, in hundredths of nats."""
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
        if steps[place, before].total() >= MIN_HABIT
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
    """Return probabilities, drawn towards a base that weighs as much as *weight* observations."""
    total = counts.total() + weight
    return [(counts[kind] + weight * base[kind]) / total for kind in range(kinds)]


def _against(
    counts: Mapping[int, Counter[int]], anywhere: Counter[int], full: int, kinds: int
) -> list[list[float]]:
    base = _shares(anywhere, kinds, [1 / kinds] * kinds, kinds)
    rows = [_shares(counts[place], kinds, base, 30) for place in range(full)]
    return [[log(x / b) for x, b in zip(row, base, strict=True)] for row in rows]


def _degrees(examples: Sequence[Example]) -> Any:
    """Return the tables of degrees by mode, in hundredths of nats."""
    tables: Any = {}
    for mode in MODES:
        own = [
            example for example in examples if example.key.mode is mode and example.fits_signature
        ]
        lines = [example.grid.degrees.tolist() for example in own]
        met = Counter(chain.from_iterable(lines))
        pairs = Counter(chain.from_iterable(map(pairwise, lines)))
        present = Counter(chain.from_iterable(map(set, lines)))
        even = [1 / 12] * 12
        shares = _shares(met, 12, even, 3)
        following = [Counter({b: pairs[a, b] for b in range(12)}) for a in range(12)]
        given = [(present[degree] + 0.5) / (len(own) + 1) for degree in range(12)]
        tables[mode.abbreviation] = {
            "met": _logs(shares),
            "first": _logs(_shares(Counter(line[0] for line in lines), 12, even, 3)),
            "last": _logs(_shares(Counter(line[-1] for line in lines), 12, even, 3)),
            "pairs": [_logs(_shares(counts, 12, shares, 20)) for counts in following],
            "present": _logs(given),
            "absent": _logs([1 - share for share in given]),
        }
    return _hundredths(tables)


def _logs(values: Iterable[float]) -> list[float]:
    return [log(value) for value in values]


class Candidates(NamedTuple):
    """The candidates of one tune."""

    # Features whose weights all share, and those with weights for each kind of candidate:
    # (candidates, features).
    shared: NDArray[np.float64]
    own: NDArray[np.float64]
    # The kind of each: (candidates,).
    kinds: NDArray[np.int64]
    # The indices of those that are right.
    right: list[int]


def _metre_weights(examples: Sequence[Example], tables: Mapping[str, MetreTable]) -> Any:
    """Return the weights that all metres share, and those that each has for itself."""
    tunes = []
    for example in examples:
        features = metre_features(example.grid, tables)
        hypotheses = [(one.metre, pickup) for one in features for pickup in one.pickups.tolist()]
        if (example.metre, example.pickup) in hypotheses:
            shared = np.vstack([one.shared for one in features])
            own = np.vstack([one.own for one in features])
            metres = [METRES.index(one.metre) for one in features]
            kinds = np.repeat(metres, [len(one.pickups) for one in features])
            right = [hypotheses.index((example.metre, example.pickup))]
            tunes.append(Candidates(shared, own, kinds, right))
    weights, own_weights = _fit_logit(tunes, len(METRES), METRE_ROUNDS)
    by_metre = zip(map(str, METRES), map(_rounded, own_weights), strict=True)
    return {"weights": _rounded(weights), "own_weights": dict(by_metre)}


def _key_weights(examples: Sequence[Example], tables: Any) -> Any:
    """Return the weights for the key; of Essen's tunes, without modes, only signatures count."""
    tunes = []
    no_own, kinds = np.zeros((len(KEYS), 0)), np.zeros(len(KEYS), np.int64)
    for example in examples:
        right = [index for index, key in enumerate(KEYS) if _is_right(key, example)]
        if example.fits_signature and right:
            shared = key_features(count_pitches([example.notes]), tables)
            tunes.append(Candidates(shared, no_own, kinds, right))
    return _rounded(_fit_logit(tunes, 1, KEY_ROUNDS)[0])


def _is_right(key: Key, example: Example) -> bool:
    if example.collection == "essen":
        return (key.fifths - example.key.fifths) % 12 == 0
    same_tonic = key.tonic_pitch_class == example.key.tonic_pitch_class
    return same_tonic and key.mode is example.key.mode


def _fit_logit(tunes: Sequence[Candidates], kinds: int, rounds: int) -> Any:
    """Fit a conditional logit by Adam; return its shared weights, and those of each kind."""
    # 1) All candidates of all tunes, one below the other: C candidates, T tunes.
    shared, shared_spread = _scaled([tune.shared for tune in tunes])  # (C, features)
    own, own_spread = _scaled([tune.own for tune in tunes])  # (C, own features)
    kind = np.concatenate([tune.kinds for tune in tunes])  # (C,)
    rows_of = [np.flatnonzero(kind == number) for number in range(kinds)]
    ends = np.cumsum([0, *(len(tune.kinds) for tune in tunes)])  # (T + 1,)
    group = np.repeat(np.arange(len(tunes)), np.diff(ends))  # (C,)
    is_right = np.zeros(len(shared))
    for start, tune in zip(ends, tunes, strict=False):
        is_right[start + np.array(tune.right)] = 1

    width = shared.shape[1]
    weights = np.zeros(width + kinds * own.shape[1])
    first_moment, second_moment = np.zeros_like(weights), np.zeros_like(weights)
    for number in range(1, rounds + 1):
        # 2) The probability of every candidate (softmax within its tune), and among right ones.
        scores = shared @ weights[:width]  # (C,)
        own_weights = weights[width:].reshape(kinds, -1)
        for rows, block in zip(rows_of, own_weights, strict=True):
            scores[rows] += own[rows] @ block
        odds = np.exp(scores - np.maximum.reduceat(scores, ends[:-1])[group])
        share = odds / np.add.reduceat(odds, ends[:-1])[group]
        wanted = odds * is_right
        wanted = wanted / np.add.reduceat(wanted, ends[:-1])[group]
        # 3) The gradient of the mean log-likelihood, less the penalty.
        error = (wanted - share).astype(np.float32)  # (C,)
        gradients = [error @ shared, *(error[rows] @ own[rows] for rows in rows_of)]
        gradient = np.concatenate(gradients) / len(tunes) - L2_PENALTY * weights
        # 4) A step of Adam, uphill.
        first_moment = 0.9 * first_moment + 0.1 * gradient
        second_moment = 0.99 * second_moment + 0.01 * gradient**2
        mean, square = first_moment / (1 - 0.9**number), second_moment / (1 - 0.99**number)
        weights += LEARNING_RATE * (mean / (np.sqrt(square) + 1e-8))
    loss = -np.log(np.add.reduceat(share * is_right, ends[:-1])).mean()
    print(f"{len(tunes)} tunes, {loss:.3f} nats each")
    return weights[:width] / shared_spread, weights[width:].reshape(kinds, -1) / own_spread


def _scaled(rows: Sequence[NDArray[np.float64]]) -> tuple[NDArray[np.float32], Any]:
    """Return all rows, columns divided by their standard deviations, and these."""
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
