"""Where in a tune something is that the critic finds unusual (``place_of``)."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from abcgen.critic.ngrams import LANGUAGES, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from abcgen.critic.ngrams import Ngrams
    from abcgen.critic.outline import Outline

_ODD_BAR = re.compile(rf"({'|'.join(LANGUAGES)}) of a bar")
_RETURN = re.compile(r"returns (\d+)|heard before|longest return( share)?")


def place_of(feature: str, outline: Outline, ngrams: Mapping[str, Ngrams]) -> str:
    """Return where a tune has much of a feature, such as ``bar 7``; empty if all over the tune.

    Bars are counted from 1 as written, pickups included.

    Args:
        feature: The name of the feature.
        outline: The tune.
        ngrams: N-grams of real tunes by language.
    """
    if match := _ODD_BAR.fullmatch(feature):
        language = match[1]
        bits = dict(bits_by_bar(LANGUAGES[language][0](outline), ngrams[language]))
        return f"bar {max(bits, key=lambda bar: bits[bar]) + 1}" if bits else ""
    if match := _RETURN.fullmatch(feature):
        return _longest_return(outline, int(match[1]) if match[1] else None)
    if feature == "most often":
        return _commonest(outline)
    return ""


def bits_by_bar(sections: list[list[str]], ngrams: Ngrams) -> Iterator[tuple[int, float]]:
    """Yield the index of every bar that is not empty, and its bits per character."""
    bits = list(ngrams.bits(joined(sections)))
    index = start = 0
    for section in sections:
        for bar in section:
            if bar:
                yield index, sum(bits[start : start + len(bar)]) / len(bar)
            start += len(bar)
            index += 1
        start += 1  # the mark


def _longest_return(outline: Outline, only: int | None) -> str:
    """Return the longest passage that returns, after any number of bars or one only."""
    numbers, music = list(outline.counted), [bar.music for bar in outline.counted.values()]
    lags = range(1, len(music)) if only is None else [only]
    length, begin, back = 0, 0, 0
    for lag in lags:
        run = 0
        for n in range(len(music) - lag):
            run = run + 1 if music[n] == music[n + lag] else 0
            if run > length:
                length, begin, back = run, n + lag - run + 1, lag
    if not length:
        return ""
    later = _span(numbers[begin : begin + length])
    first = _span(numbers[begin - back : begin - back + length])
    return f"{later} {'repeats' if length == 1 else 'repeat'} {first}"


def _span(numbers: list[int]) -> str:
    first, last = numbers[0], numbers[-1]
    return f"bar {first}" if first == last else f"bars {first} to {last}"


def _commonest(outline: Outline) -> str:
    by_music: defaultdict[object, list[int]] = defaultdict(list)
    for number, bar in outline.counted.items():
        by_music[bar.music].append(number)
    *others, last = max(by_music.values(), key=len, default=[0])
    return f"bars {', '.join(map(str, others))} and {last} are the same" if others else ""
