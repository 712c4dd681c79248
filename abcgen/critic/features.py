"""A tune in some hundred numbers, by group, as the critic sees it (``measure``).

They share no code with ``abcgen.evaluation.features``, by which tunes are reported on.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from abcgen.critic.ngrams import LANGUAGES, MARK, joined
from abcgen.critic.outline import DOWNBEAT, OFF_BEAT, PHRASE, WHOLE
from abcgen.critic.places import bits_by_bar
from abcgen.critic.words import DEGREES, LAGS, METRES, MODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from abcgen.critic.ngrams import Ngrams
    from abcgen.critic.outline import Outline, OutlinedBar, Tone

CADENCE = 2  # bars


def share(part: float, whole: float) -> float:
    """Return a share, 0 of nothing."""
    return part / whole if whole else 0.0


def mean(values: Sequence[float]) -> float:
    """Return the mean, 0 of nothing."""
    return sum(values) / len(values) if values else 0.0


def measure(outline: Outline, ngrams: Mapping[str, Ngrams]) -> dict[str, float]:
    """Return all features of a tune by name, the same in every key.

    Args:
        outline: The tune.
        ngrams: N-grams of real tunes for each of ``LANGUAGES``.
    """
    bars = outline.bars
    tones = [tone for bar in bars for tone in bar.tones]
    return {
        **surprise(outline, ngrams),
        **melody(tones),
        **rhythm(bars),
        **returns(list(outline.counted.values())),
        **cadences(outline),
        **form(outline),
        **mode_and_range(outline, tones),
    }


def surprise(outline: Outline, ngrams: Mapping[str, Ngrams]) -> dict[str, float]:
    """Return how surprising the melody and the rhythm are, on the whole and at most."""
    values: dict[str, float] = {}
    for language, (texts_of, _) in LANGUAGES.items():
        sections = texts_of(outline)
        text = joined(sections)
        forwards = list(ngrams[language].bits(text))
        backwards = list(ngrams[language].bits(text, backwards=True))
        by_bar = [bits for _, bits in bits_by_bar(sections, ngrams[language])]
        # The marks after sections.
        closings = [bits for bits, char in zip(forwards, text[1:], strict=True) if char == MARK]
        overall = mean(forwards)
        values |= {
            f"{language} forwards": overall,
            f"{language} backwards": mean(backwards),
            f"{language} of a bar": max(by_bar, default=0.0),
            f"{language} least": min(by_bar, default=0.0),
            f"{language} spread": mean([(bits - overall) ** 2 for bits in by_bar]) ** 0.5,
            f"{language} closing": mean(closings),
        }
    return values


def melody(tones: Sequence[Tone]) -> dict[str, float]:
    """Return shares of intervals, of turns and of degrees on and off the beat."""
    moves = [second.height - first.height for first, second in pairwise(tones)]
    sizes = Counter(min(abs(move), 8) for move in moves)
    leaps = [(first, second) for first, second in pairwise(moves) if abs(first) >= 3]
    turns = [first * second < 0 for first, second in pairwise(moves) if first and second]
    values = {f"interval {size}": share(sizes[size], len(moves)) for size in range(9)}
    values["rising"] = share(sum(move > 0 for move in moves), len(moves) - sizes[0])
    values["turns"] = mean(turns)
    values["recovered leaps"] = mean([first * second < 0 for first, second in leaps])
    values["runs"] = mean(
        [abs(first) == 1 and first == second for first, second in pairwise(moves)]
    )
    values["arpeggios"] = mean(
        [
            abs(first) == 2 and first * second > 0 and abs(second) in {2, 3}
            for first, second in pairwise(moves)
        ]
    )
    for name, chosen in (
        ("down", [tone for tone in tones if tone.strength == DOWNBEAT]),
        ("on", [tone for tone in tones if tone.strength not in {DOWNBEAT, OFF_BEAT}]),
        ("off", [tone for tone in tones if tone.strength == OFF_BEAT]),
    ):
        degrees = Counter(tone.degree for tone in chosen)
        for degree in range(7):
            values[f"degree {degree} {name}"] = share(degrees[degree], len(chosen))
    values["altered"] = share(sum(tone.altered for tone in tones), len(tones))
    return values


def rhythm(bars: Sequence[OutlinedBar]) -> dict[str, float]:
    """Return shares of durations, and how varied the rhythms of bars are."""
    durations = [duration for bar in bars for duration, _ in bar.rhythm]
    sounding = [duration for duration in durations if duration > 0]
    count = len(sounding)
    total = sum(abs(duration) for duration in durations)
    rhythms = [bar.rhythm for bar in bars if bar.rhythm]
    commonest = Counter(rhythms).most_common(1)
    dotted = {WHOLE * 3 // 32, WHOLE * 3 // 16, WHOLE * 3 // 8}
    uneven = [first != second for first, second in pairwise(sounding)]
    return {
        "tones": share(count * WHOLE / 8, total),
        "sixteenths": share(sum(duration <= WHOLE // 16 for duration in sounding), count),
        "eighths": share(sounding.count(WHOLE // 8), count),
        "quarters": share(sounding.count(WHOLE // 4), count),
        "long": share(sum(duration > WHOLE // 4 for duration in sounding), count),
        "dotted": share(sum(duration in dotted for duration in sounding), count),
        "triplets": share(
            sum(3 * duration in {WHOLE // 2, WHOLE // 4, WHOLE // 8} for duration in sounding),
            count,
        ),
        "rests": share(len(durations) - count, len(durations)),
        "uneven": mean(uneven),
        "rhythms": share(len(set(rhythms)), len(rhythms)),
        "commonest rhythm": share(commonest[0][1] if commonest else 0, len(rhythms)),
        "even bars": mean([len({ticks for ticks, _ in rhythm}) == 1 for rhythm in rhythms]),
    }


def returns(bars: Sequence[OutlinedBar]) -> dict[str, float]:
    """Return which bars return, after how many bars, in tones or in rhythm alone."""
    music = [bar.music for bar in bars]
    count = len(bars)
    values: dict[str, float] = {}
    for lag in LAGS:
        pairs = list(zip(bars, bars[lag:], strict=False))
        same = [music[n] == music[n + lag] for n in range(count - lag)]
        values[f"returns {lag}"] = mean(same)
        values[f"rhythm returns {lag}"] = mean(
            [first.rhythm == second.rhythm for first, second in pairs]
        )
    # How many bars return on end, at the same distance.
    longest = 0
    for lag in range(1, min(count, 33)):
        run = 0
        for n in range(count - lag):
            run = run + 1 if music[n] == music[n + lag] else 0
            longest = max(longest, run)
    occurrences = Counter(music)
    seen: set[object] = set()
    new = longest_new = 0
    for item in music:
        new = 0 if item in seen else new + 1
        longest_new = max(longest_new, new)
        seen.add(item)
    moves = [_moves(bar) for bar in bars]
    half = [_halves_equal(bar) for bar in bars if len(bar.tones) >= 4]
    values |= {
        "heard before": share(count - len(occurrences), count),
        "longest return": longest,
        "longest return share": share(longest, count),
        "longest new": longest_new,
        "once": share(sum(n == 1 for n in occurrences.values()), count),
        "most often": max(occurrences.values(), default=0),
        "sequences": mean(
            [
                first == second and bars[n].tones[:1] != bars[n + 1].tones[:1]
                for n, (first, second) in enumerate(pairwise(moves))
                if len(first) > 1
            ]
        ),
        "first bar returns": share(occurrences[music[0]] - 1, count) if music else 0.0,
        "half bars": mean(half),
        "nearly": mean(
            [_nearly(bars[n], bars[n + lag]) for lag in (2, 4, 8) for n in range(count - lag)]
        ),
    }
    return values


def _moves(bar: OutlinedBar) -> tuple[int, ...]:
    return tuple(second.height - first.height for first, second in pairwise(bar.tones))


def _halves_equal(bar: OutlinedBar) -> bool:
    middle, odd = divmod(len(bar.tones), 2)
    first, second = bar.tones[:middle], bar.tones[middle:]
    return not odd and [tone.midi for tone in first] == [tone.midi for tone in second]


def _nearly(bar: OutlinedBar, later: OutlinedBar) -> bool:
    """Return whether a bar returns with its first half alone."""
    half = max(2, len(bar.tones) // 2)
    first, second = bar.tones[:half], later.tones[:half]
    return (
        len(first) >= 2
        and [tone.midi for tone in first] == [tone.midi for tone in second]
        and bar.music != later.music
    )


def cadences(outline: Outline) -> dict[str, float]:
    """Return how sections and phrases begin and end, and whether their ends rhyme."""
    values: dict[str, float] = {}
    sections = [[tone for bar in s.bars for tone in bar.tones] for s in outline.sections]
    sections = [tones for tones in sections if tones]
    last = sections[-1][-1] if sections else None
    for degree, name in enumerate(DEGREES):
        values[f"ends on {name}"] = float(last is not None and last.degree == degree)
        values[f"sections end on {name}"] = mean([tones[-1].degree == degree for tones in sections])
        values[f"sections begin on {name}"] = mean(
            [tones[0].degree == degree for tones in sections]
        )
    values["closing leap"] = mean(
        [abs(tones[-1].height - tones[-2].height) > 2 for tones in sections if len(tones) > 1]
    )
    values["closing step down"] = mean(
        [tones[-1].height - tones[-2].height == -1 for tones in sections if len(tones) > 1]
    )
    values["closing repeat"] = mean(
        [tones[-1].height == tones[-2].height for tones in sections if len(tones) > 1]
    )
    ends = [section.bars[-1] for section in outline.sections]
    values["last tone long"] = mean(
        [share(bar.tones[-1].duration, bar.duration) for bar in ends if bar.tones]
    )
    values["last tone on the beat"] = mean(
        [bar.tones[-1].strength != OFF_BEAT for bar in ends if bar.tones]
    )
    values["tones in the last bar"] = mean([len(bar.tones) for bar in ends])
    # The same ending for sections.
    values["sections rhyme"] = _rhymes([section.bars for section in outline.sections])
    values["sections begin alike"] = _equal_pairs(
        [section.counted[0].music for section in outline.sections if section.counted]
    )
    # The ends of whole phrases; the second of two rhymes with it, or opens.
    phrases = [phrase for s in outline.sections for phrase in s.phrases if len(phrase) == PHRASE]
    values["phrases rhyme"] = _rhymes(phrases)
    values["phrases rhyme in rhythm"] = _equal_pairs(
        [tuple(bar.rhythm for bar in phrase[-CADENCE:]) for phrase in phrases]
    )
    values["phrases begin alike"] = _equal_pairs([phrase[0].music for phrase in phrases])
    values["phrases begin alike in rhythm"] = _equal_pairs([phrase[0].rhythm for phrase in phrases])
    finals = [phrase[-1].tones[-1] for phrase in phrases if phrase[-1].tones]
    values["phrases end on tonic"] = mean([tone.degree == 0 for tone in finals])
    values["phrases end long"] = mean([tone.duration > WHOLE // 8 for tone in finals])
    return values


def _rhymes(parts: Sequence[Sequence[OutlinedBar]]) -> float:
    return _equal_pairs([tuple(bar.music for bar in part[-CADENCE:]) for part in parts])


def _equal_pairs(items: Sequence[object]) -> float:
    """Return the share of items that another equals."""
    counts = Counter(items)
    return share(sum(counts[item] > 1 for item in items), len(items))


def form(outline: Outline) -> dict[str, float]:
    """Return how many bars and sections there are, and how sections are joined."""
    sections = outline.sections
    lengths = [len(section.counted) for section in sections]
    completed = [
        s.bars[0].duration + s.bars[-1].duration == _full(s.bars[1:-1])
        for s in sections
        if s.pickup and len(s.bars) > 2
    ]
    return {
        "bars": sum(lengths),
        "sections": len(sections),
        "sections of 8": mean([length == 8 for length in lengths]),
        "sections of 4": mean([length == 4 for length in lengths]),
        "sections of 16": mean([length == 16 for length in lengths]),
        "odd sections": mean([length % 4 != 0 for length in lengths]),
        "longest section": max(lengths, default=0),
        "equal sections": _equal_pairs(lengths),
        "repeated": mean([section.repeated for section in sections]),
        "all repeated": float(all(section.repeated for section in sections)),
        "endings": mean([section.endings for section in sections]),
        "pickups": mean([section.pickup for section in sections]),
        "some pickups": float(0 < sum(section.pickup for section in sections) < len(sections)),
        "completed pickups": mean(completed) if completed else 1.0,
        "short bars": share(sum(not bar.full for bar in outline.bars), len(outline.bars)),
        "changes": float(outline.changes > 0),
        "two eights": float(lengths == [8, 8] and all(section.repeated for section in sections)),
    }


def _full(bars: Iterable[OutlinedBar]) -> int:
    return max((bar.duration for bar in bars), default=0)


def mode_and_range(outline: Outline, tones: Sequence[Tone]) -> dict[str, float]:
    """Return metre, mode and range."""
    heights = [tone.height for tone in tones]
    low, high = min(heights, default=0), max(heights, default=0)
    parts = [[t.height for bar in s.bars for t in bar.tones] for s in outline.sections]
    centres = [mean(part) for part in parts if part]
    return {
        **{f"metre {metre}": float(outline.metre == metre) for metre in METRES},
        **{f"mode {mode}": float(outline.mode == mode) for mode in MODES},
        "range": high - low,
        "centre": mean(heights) - low,
        "heights used": share(len(set(heights)), high - low + 1),
        "lowest degree tonic": float(low % 7 == 0),
        "sections differ in height": max(centres, default=0.0) - min(centres, default=0.0),
        "second part higher": centres[1] - centres[0] if len(centres) > 1 else 0.0,
        "chords": float(outline.chords > 0),
    }
