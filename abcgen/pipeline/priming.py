"""Tunes to go on from: the beginning of a tune as model text."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from abcgen.config import LIMITS
from abcgen.errors import InputError, NotationError, reason_of
from abcgen.notation.model_text import encode_tune
from abcgen.notation.reader import decode_text, read_abc, split_tunebook
from abcgen.notation.transpose import pitches_of
from abcgen.notation.tune import BarLine
from abcgen.pipeline.requests import key_of, metre_of

if TYPE_CHECKING:
    from abcgen.notation.tune import Bar, Tune
    from abcgen.pipeline.requests import Request

_KEY = re.compile(r"(?m)^\s*K:")
# A line of a header, unlike one of music that begins with a repeat sign.
_FIELD = re.compile(r"\s*[A-Za-z]:(?![|:])")
_COMMENT = re.compile(r"(?<!\\)%.*")
_BAR_LINE = re.compile(r"(?:\||\|\]|::|\|:)\s*\Z")


@dataclass(frozen=True, slots=True)
class Prime:
    """A tune to go on from.

    Attributes:
        tune: What there is of it.
        is_open: Whether its last bar goes on.
    """

    tune: Tune
    is_open: bool


def primed(request: Request, source: str, keep_bars: int | None) -> Request:
    """The request, to go on from a tune.

    Args:
        request: What is asked for besides.
        source: A file's name, or ABC.
        keep_bars: How many bars of it to keep, a pickup not counted; None for all.

    Raises:
        InputError: if there is no such file, or it is not music.
    """
    prime = _read(source, request)
    if keep_bars is not None:
        bars = _first_bars(prime.tune, keep_bars)
        prime = Prime(replace(prime.tune, bars=bars), is_open=False)
    _check_wishes(request, prime.tune)
    tune = replace(prime.tune, rhythm=request.rhythm or prime.tune.rhythm)
    text = encode_tune(tune).text.removesuffix("\n")
    pitches = pitches_of(tune)
    return replace(
        request,
        beginning=text.removesuffix("|") if prime.is_open else text,
        key=request.key or str(replace(tune.key, extra=())),
        metre=request.metre or str(replace(tune.metre, symbol="")),
        first_pitch=0 if request.key or not pitches else pitches[0],
    )


def _read(source: str, request: Request) -> Prime:
    text = source
    if source.lower().endswith(".abc"):
        text = _first_tune(Path(source))
    if not _KEY.search(text):
        # Its own metre and unit come later, and so are the ones that hold.
        lines = text.splitlines()
        head = list(takewhile(_FIELD.match, lines))
        first = [f"M:{request.metre or '4/4'}", "L:1/8", *head, f"K:{request.key or 'C'}"]
        text = "\n".join([*first, *lines[len(head) :]])
    try:
        return Prime(read_abc(text), is_open=not _is_closed(text))
    except NotationError as error:
        raise InputError(f"cannot go on from {source[:60]!r}: {error.reason}") from error


def _check_wishes(request: Request, tune: Tune) -> None:
    """See that the beginning is what is asked for, of which it cannot be made.

    Raises:
        InputError: if it is not.
    """
    metre, key = metre_of(request), key_of(request)
    if metre and (metre.beats, metre.unit) != (tune.metre.beats, tune.metre.unit):
        raise InputError(f"the beginning is in {tune.metre}, not in {metre}")
    if key and key.mode is not tune.key.mode:
        raise InputError(f"the beginning is in {tune.key}, which cannot become {key}")


def _is_closed(text: str) -> bool:
    """Whether the last line of music ends with a bar line."""
    lines = (_COMMENT.sub("", line) for line in text.splitlines())
    music = [line for line in lines if line.strip() and not _FIELD.match(line)]
    return bool(music and _BAR_LINE.search(music[-1]))


def _first_tune(path: Path) -> str:
    try:
        with path.open("rb") as file:
            blocks = split_tunebook(decode_text(file.read(LIMITS.file_bytes)))
            return next(blocks).text
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason_of(error)}") from error
    except StopIteration:
        raise InputError(f"no tune in {path}: no line begins with X:") from None


def _first_bars(tune: Tune, count: int) -> tuple[Bar, ...]:
    """The first bars of a tune, so many of them besides pickups."""
    if count < 1:
        raise InputError(f"--keep-bars must be 1 or more, not {count}")
    kept: list[Bar] = []
    counted, full, opens = 0, tune.metre.bar_duration, True
    for bar in tune.bars:
        if counted == count:
            break
        kept.append(bar)
        full = bar.metre.bar_duration if bar.metre else full
        is_pickup = (opens or bar.repeat_start) and bar.duration < full
        counted += not is_pickup
        opens = bar.line is not BarLine.SINGLE
    last = kept[-1]
    if last.line is not BarLine.REPEAT:
        kept[-1] = replace(last, line=BarLine.SINGLE)
    return tuple(kept)
