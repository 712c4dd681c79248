"""Part writing and harmony of pieces in several voices.

``measured`` returns shares and rates of a piece: crossed voices, parallel fifths and octaves,
dissonance, singers' ranges. ``harmony_of`` counts its chords, progressions and cadences, and
``chords_of_voices`` and ``chords_of_symbols`` name one for each half bar, to be compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, groupby, pairwise
from typing import TYPE_CHECKING

from abcgen.notation.ensemble import KINDS
from abcgen.notation.tune import LETTERS, Note, Pitch, opens_section
from abcgen.notation.walk import walk_bars, walk_notes, walk_tune

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from abcgen.notation.tune import Tune

    # The keys of all voices at some time, from the top; None where one rests.
    Sounding = tuple[int | None, ...]
    # Root as a pitch class, and whether the third is minor.
    Triad = tuple[int, bool]

BEAT = Fraction(1, 4)
FIFTH, OCTAVE = 7, 0
# Semitones above the root of the chords that are named, commonest first.
CHORDS = {
    "major": (0, 4, 7),
    "minor": (0, 3, 7),
    "diminished": (0, 3, 6),
    "dominant seventh": (0, 4, 7, 10),
    "minor seventh": (0, 3, 7, 10),
    "major seventh": (0, 4, 7, 11),
    "half diminished": (0, 3, 6, 10),
    "diminished seventh": (0, 3, 6, 9),
    "augmented": (0, 4, 8),
}
TRIADS = ("major", "minor", "diminished")
CONSONANT = [
    frozenset((root + tone) % 12 for tone in CHORDS[name]) for root in range(12) for name in TRIADS
]
OTHER_CHORD = "other"
DEGREES = ("I", "bII", "II", "bIII", "III", "IV", "#IV", "V", "bVI", "VI", "bVII", "VII")


def on_beats(tune: Tune) -> list[Sounding]:
    """Return the keys of all voices on each quarter."""
    return [keys for _, keys in _at_quarters(tune)]


def _at_quarters(tune: Tune) -> Iterator[tuple[Fraction, Sounding]]:
    lines = [
        [
            (timed.onset, timed.onset + timed.duration, timed.note.pitches[-1].midi)
            for timed in walk_notes(voice.bars, tune.key, tune.metre)
            if isinstance(timed.note, Note)
        ]
        for voice in tune.voices
    ]
    end = max((offset for line in lines for _, offset, _ in line), default=Fraction(0))
    time, reached = Fraction(0), [0] * len(lines)
    while time < end:
        keys: list[int | None] = []
        for number, line in enumerate(lines):
            while reached[number] < len(line) and line[reached[number]][1] <= time:
                reached[number] += 1
            following = line[reached[number]] if reached[number] < len(line) else None
            keys.append(following[2] if following and following[0] <= time else None)
        yield time, tuple(keys)
        time += BEAT


def strong_beats(tune: Tune) -> set[Fraction]:
    """Return the times of the first beat of each bar and, of four beats, of the third."""
    times = set()
    for timed in walk_bars(tune.bars, tune.key, tune.metre):
        full = timed.metre.bar_duration
        missing = full - timed.bar.duration if opens_section(tune.bars, timed.index) else Fraction()
        begin = timed.onset - max(missing, Fraction())
        times |= {begin, begin + full / 2} if timed.metre.beats == 4 else {begin}
    return times


@dataclass(frozen=True, slots=True)
class Harmony:
    """What chords a piece has, each by degree and kind."""

    chords: Counter[str]
    # From one chord to another.
    progressions: Counter[str]
    # Of the last two chords of each section.
    cadences: Counter[str]
    # The last chord.
    closing: str


def measured(tune: Tune) -> dict[str, float]:
    """Return the measures of a piece, shares but for the parallels, which are per hundred beats."""
    timed = list(_at_quarters(tune))
    beats = [keys for _, keys in timed]
    strong = strong_beats(tune)
    accented = [keys for time, keys in timed if time in strong]
    pairs = list(pairwise(beats))
    count = max(1, len(pairs))
    return {
        "crossings": _share(map(_crosses, beats)),
        "parallel_fifths": 100 * sum(_parallels(*pair, FIFTH) for pair in pairs) / count,
        "parallel_octaves": 100 * sum(_parallels(*pair, OCTAVE) for pair in pairs) / count,
        "dissonance": _share(map(_is_dissonant, beats)),
        "strong_dissonance": _share(map(_is_dissonant, accented)),
        "beyond_choir": _beyond(beats),
    }


def parallels(tune: Tune) -> int:
    """Return how many pairs of voices move in parallel fifths or octaves, in the whole piece."""
    return sum(
        _parallels(before, after, interval)
        for before, after in pairwise(on_beats(tune))
        for interval in (FIFTH, OCTAVE)
    )


def _share(flags: Iterator[bool]) -> float:
    known = list(flags)
    return sum(known) / max(1, len(known))


def _crosses(keys: Sounding) -> bool:
    sung = [key for key in keys if key is not None]
    return any(upper < lower for upper, lower in pairwise(sung))


def _parallels(before: Sounding, after: Sounding, interval: int) -> int:
    """Return how many pairs of voices move from a perfect interval to the same one."""
    moves = [
        (key, key_after)
        for key, key_after in zip(before, after, strict=True)
        if key is not None and key_after is not None
    ]
    return sum(
        (upper - lower) % 12 == interval == (upper_after - lower_after) % 12
        and (upper_after - upper) * (lower_after - lower) > 0
        for (upper, upper_after), (lower, lower_after) in combinations(moves, 2)
    )


def _is_dissonant(keys: Sounding) -> bool:
    classes = {key % 12 for key in keys if key is not None}
    return not any(classes <= chord for chord in CONSONANT)


def _beyond(beats: Sequence[Sounding]) -> float:
    # Of fewer than four voices the last is a bass.
    kinds = (*KINDS[:-1][: len(beats[0]) - 1], KINDS[-1]) if beats else KINDS
    sung = [
        (key, kind)
        for keys in beats
        for key, kind in zip(keys, kinds, strict=False)
        if key is not None
    ]
    return sum(not kind.lowest <= key <= kind.highest for key, kind in sung) / max(1, len(sung))


def harmony_of(tune: Tune) -> Harmony:
    """Return the chords of a piece, one for each quarter, and what follows what."""
    tonic = tune.key.tonic_pitch_class
    named = [(time, chord_named(keys, tonic)) for time, keys in _at_quarters(tune)]
    sections = [
        timed.onset
        for timed in walk_bars(tune.bars, tune.key, tune.metre)
        if opens_section(tune.bars, timed.index)
    ]
    cadences: Counter[str] = Counter()
    after = named[-1][0] + BEAT if named else Fraction(0)
    for begin, end in pairwise([*sections, after]):
        inside = [name for time, name in named if begin <= time < end]
        changes = [name for name, _ in groupby(inside)]
        if len(changes) > 1:
            cadences[" ".join(changes[-2:])] += 1
    names = [name for _, name in named]
    moves = (f"{before} {after}" for before, after in pairwise(names) if before != after)
    return Harmony(Counter(names), Counter(moves), cadences, names[-1] if names else OTHER_CHORD)


def chord_named(keys: Sounding, tonic: int) -> str:
    """Return the chord of notes that sound together, by its degree and kind: ``V major``.

    Of several that have all its notes it is the one with fewest others, then that whose root is in
    the bass.
    """
    sung = [key for key in keys if key is not None]
    classes = {key % 12 for key in sung}
    if not classes:
        return OTHER_CHORD
    fitting = [
        (len(tones), (min(sung) - root) % 12 != 0, number, root, name)
        for number, (name, tones) in enumerate(CHORDS.items())
        for root in range(12)
        if classes <= {(root + tone) % 12 for tone in tones}
    ]
    if not fitting:
        return OTHER_CHORD
    *_, root, name = min(fitting)
    return f"{DEGREES[(root - tonic) % 12]} {name}"


# Chords of half bars, to compare two harmonies of a tune.


def half_bars(tune: Tune) -> Iterator[tuple[Fraction, Fraction]]:
    """Yield the beginning and the end of each half bar, or of each bar of an odd metre."""
    for timed in walk_bars(tune.bars, tune.key, tune.metre):
        length = timed.metre.bar_duration
        step = length / 2 if timed.metre.beats % 2 == 0 else length
        end = timed.onset + timed.bar.duration
        begin = timed.onset
        while step and begin < end:
            yield begin, min(begin + step, end)
            begin += step


def chords_of_symbols(tune: Tune) -> dict[Fraction, Triad]:
    """Return the chord in force at the beginning of each half bar, from the first symbol on."""
    symbols = [
        (timed.onset, timed.note.marks.chord_symbol)
        for timed in walk_tune(tune)
        if timed.note.marks and timed.note.marks.chord_symbol
    ]
    chords: dict[Fraction, Triad] = {}
    for begin, _ in half_bars(tune):
        past = [symbol for onset, symbol in symbols if onset <= begin]
        if past and past[-1].root:
            letter, alter = past[-1].root
            kind = past[-1].kind
            is_minor = kind.startswith(("m", "dim", "-")) and not kind.startswith("maj")
            chords[begin] = Pitch(LETTERS.index(letter), alter).midi % 12, is_minor
    return chords


def chords_of_voices(tune: Tune) -> dict[Fraction, Triad]:
    """Return the triad that most of what sounds in each half bar belongs to."""
    sounding = [
        (timed.onset, timed.onset + timed.duration, pitch.midi, voice is tune.voices[-1])
        for voice in tune.voices
        for timed in walk_notes(voice.bars, tune.key, tune.metre)
        if isinstance(timed.note, Note)
        for pitch in timed.note.pitches
    ]
    chords: dict[Fraction, Triad] = {}
    for begin, end in half_bars(tune):
        weights: dict[int, float] = defaultdict(float)
        first_bass = None
        for onset, offset, key, is_bass in sounding:
            inside = min(offset, end) - max(onset, begin)
            if inside > 0:
                weights[key % 12] += float(inside)
                if is_bass and first_bass is None:
                    first_bass = key % 12
        if weights:
            chords[begin] = nearest_triad(weights, first_bass)
    return chords


def nearest_triad(weights: dict[int, float], bass: int | None) -> Triad:
    """Return the triad to which most belongs; of equals, that whose root is in the bass."""

    def fit(chord: Triad) -> tuple[float, bool, float]:
        root, is_minor = chord
        tones = {root, (root + (3 if is_minor else 4)) % 12, (root + 7) % 12}
        belongs = sum(weight for key, weight in weights.items() if key in tones)
        return belongs, root == bass, weights.get(root, 0.0)

    return max(((root, minor) for root in range(12) for minor in (False, True)), key=fit)
