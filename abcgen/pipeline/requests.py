"""Requests for new tunes: check the wishes, and translate them for the grammar and the network.

A request may continue a tune, whose beginning the network then reads as model text.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from itertools import groupby, takewhile
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

from abcgen.config import LIMITS, Request
from abcgen.corpus.tune_files import chunks_of
from abcgen.errors import InputError, NotationError, reason_of
from abcgen.files import open_regular
from abcgen.grammar import Form, Rules, SectionPlan
from abcgen.grammar.positions import begun_form
from abcgen.notation.encoding import decode_text
from abcgen.notation.ensemble import melody_of
from abcgen.notation.fields import RHYTHMS, read_key, read_metre, rhythm_named
from abcgen.notation.model_text import decode_tune, encode_tune
from abcgen.notation.parser import COMMENT
from abcgen.notation.reader import LeftOut, read_abc
from abcgen.notation.spoken import abc_key, abc_metre, metre_of_rhythm
from abcgen.notation.transpose import (
    instrument_named,
    pitches_of,
    playing_in,
    ranges_in_c,
    within_range,
)
from abcgen.notation.tune import BarLine, Mode, opens_section
from abcgen.notation.tunebook import FIELD, split_tunebook
from abcgen.pipeline.wishes import level_of, narrowed, scales_of
from abcgen.wishes.moods import mood_of
from abcgen.wishes.ragas import raga_named
from abcgen.wishes.sounding import mode_of, read_note_values, read_range, read_scale

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.corpus.overlap import TrainingFacts
    from abcgen.corpus.tune_files import Reader
    from abcgen.notation.transpose import Instrument
    from abcgen.notation.tune import Bar, Key, Metre, Tune


PARTS_HINT = "give each part a letter, twice if it is repeated, such as AABB, AAB or AB"
MOST_NAMED = 10  # metres, modes or rhythms that are named as known


def make_request(
    *,
    instrument: str | None = None,
    free: bool = False,
    prime: str = "",
    keep_bars: int | None = None,
    end_on_tonic: bool | None = None,
    **wishes: Any,
) -> Request:
    """Return the checked request for a user's wishes, in words that people use.

    Args:
        instrument: If one is named, every note must be within its range.
        free: Sample without the grammar, and so without a guaranteed range.
        prime: A tune to continue: ABC, or the name of a tune file.
        keep_bars: Bars of ``prime`` to keep, without pickups; all if None.
        end_on_tonic: Whether to end on the tonic; by default if bars or parts are asked for.
        wishes: Other fields of ``Request``.

    Raises:
        InputError: if a wish is unknown or impossible, or ``prime`` cannot be read.
    """
    if instrument is not None:
        wishes = {"instrument": instrument, "in_range": not free, **wishes}
    spoken = {"metre": abc_metre, "key": abc_key}
    wishes |= {name: abc(wishes[name]) for name, abc in spoken.items() if wishes.get(name)}
    if parts := wishes.get("parts"):
        wishes["parts"] = _named_in_order(parts)
    implied = metre_of_rhythm(rhythm_named(wishes.get("rhythm", "")))
    if implied and not (wishes.get("metre") or prime):
        wishes["metre"] = str(implied)
    request = with_implied_wishes(Request(free=free, **wishes))
    if end_on_tonic:
        request = request.replace(end_on_tonic=True)
    check_request(request)
    if prime:
        request = continue_tune(request, prime, keep_bars)
    if request.raga and end_on_tonic is False:
        raise InputError("--raga and --any-end clash: a raga comes to rest on Sa")
    if end_on_tonic is None and (request.bars or request.parts) and not request.free:
        # The tonic of a tune that changes its key is not the first one.
        request = request.replace(end_on_tonic=not _CHANGE.search(request.beginning))
    return request


def with_implied_wishes(request: Request) -> Request:
    """Return the request with what its wishes for notes imply: form, key and range.

    Raises:
        InputError: if one of them is impossible.
    """
    level = level_of(request)
    if level and not (request.bars or request.parts):
        request = request.replace(bars=level.bars, parts="A")
    if request.scale and not request.key:
        _, key = read_scale(request.scale, None)
        request = request.replace(key=str(key) if key else "")
    if request.raga:
        # Sa is D if nothing else is said, as on many harmoniums and flutes.
        mode = mode_of(raga_named(request.raga).scale)
        key = read_key(request.key or "D")
        if key.mode not in {Mode.MAJOR, mode}:
            raise InputError(
                f"a raga has no mode such as {key}", hint="name Sa only, as in --key D"
            )
        request = request.replace(key=str(replace(key, mode=mode)), end_on_tonic=True)
    mood = mood_of(request)
    if mood and not request.max_leap:
        request = request.replace(max_leap=mood.max_leap)
    if request.range or level:
        request = request.replace(in_range=True)
    return request


def _named_in_order(parts: str) -> str:
    """Return parts in capitals, after checking that their names are A, B, C and so on in order.

    Raises:
        InputError: if they are not.
    """
    names = [letter for letter, _ in groupby(parts.upper())]
    if names != list(ascii_uppercase[: len(names)]):
        raise InputError(f"impossible parts {parts!r}", hint=PARTS_HINT)
    return parts.upper()


def check_request(request: Request) -> None:
    """Check that wishes are possible and do not contradict each other.

    Raises:
        InputError: naming the first impossible wish.
    """
    # These functions raise InputError where a wish is impossible.
    metre_of(request), key_of(request), instrument_of(request), form_of(request)
    level_of(request), scales_of(request), mood_of(request)
    if request.mood and not (request.valence is None and request.arousal is None):
        raise InputError("--mood clashes with --valence and --arousal", hint="it implies them")
    for name, option in {"scale": "--scale", "no_accidentals": "--no-accidentals"}.items():
        if request.raga and getattr(request, name):
            raise InputError(f"--raga and {option} clash: a raga has notes of its own")
    if request.rhythms:
        read_note_values(request.rhythms)
    if request.max_leap == 1:
        raise InputError("the widest leap must be 2, a second, or more", hint="or 0 for any")
    if request.rhythm and not rhythm_named(request.rhythm):
        raise InputError(f"unknown rhythm {request.rhythm!r}", hint=f"one of {', '.join(RHYTHMS)}")
    if request.free and request.needs_grammar:
        raise InputError(
            "only the grammar, which --free switches off, can keep bars, parts and notes",
            hint="leave out --free",
        )
    if request.free and request.key and not (request.metre or request.beginning):
        raise InputError(
            "only the grammar, which --free switches off, can keep a key without a metre",
            hint="give --metre too, or leave out --free",
        )


def check_voices(request: Request) -> None:
    """Check that a network of several voices can meet the wishes.

    Raises:
        InputError: naming the first that it cannot.
    """
    # That a tune of requested bars ends on the tonic is no wish; a choir's does not have to.
    if request.replace(end_on_tonic=False).limits_notes:
        raise InputError(
            "only a network of one voice keeps a range, a scale, leaps, rhythms or a level",
            hint="voices are in their own ranges; or name another network with --checkpoint",
        )
    if request.beginning:
        raise InputError(
            "a network of several voices continues no tunes",
            hint="leave out --prime, or name a network of one voice with --checkpoint",
        )


def metre_of(request: Request) -> Metre | None:
    """Return the requested metre.

    Raises:
        InputError: if there is no such metre.
    """
    try:
        return read_metre(request.metre) if request.metre else None
    except NotationError as error:
        raise InputError(
            f"unknown metre {request.metre!r}", hint="choose one such as 4/4, 6/8, C| or none"
        ) from error


def key_of(request: Request) -> Key | None:
    """Return the requested key.

    Raises:
        InputError: if there is no such key.
    """
    try:
        return read_key(request.key) if request.key else None
    except NotationError as error:
        raise InputError(
            f"unknown key {request.key!r}", hint="choose one such as D, Em, Dmix or Ador"
        ) from error


def instrument_of(request: Request) -> Instrument:
    """Return the instrument, limited to the requested key and range if there are any.

    Raises:
        InputError: if there is no such instrument, key or range.
    """
    instrument = playing_in(instrument_named(request.instrument), key_of(request))
    if not request.range:
        return instrument
    return within_range(instrument, *read_range(request.range, request.instrument))


def form_of(request: Request) -> Form:
    """Return the requested bars and sections.

    Raises:
        InputError: if they are impossible or contradict each other.
    """
    if not request.parts:
        return Form(request.bars)
    # AABB is A twice and B twice: every letter is a part, doubled if it is repeated.
    runs = [(letter, len(list(run))) for letter, run in groupby(request.parts)]
    letters = {letter for letter, _ in runs}
    longest = max(length for _, length in runs)
    if not request.parts.isalpha() or len(letters) < len(runs) or longest > 2:
        raise InputError(
            f"impossible parts {request.parts!r}",
            hint=PARTS_HINT,
        )
    if request.bars % len(runs):
        raise InputError(f"{request.bars} bars cannot be divided evenly among {len(runs)} parts")
    bars = request.bars // len(runs)
    return Form(sections=tuple(SectionPlan(bars, length == 2) for _, length in runs))


# From requests to the grammar and the network.

_CHANGE = re.compile(r"\[[KM]:")
_METRE_LINE, _KEY_LINE = re.compile(r"(?m)^M:.*\n"), re.compile(r"(?m)^K:.*\n")


def rules_of(
    request: Request,
    alphabet: frozenset[str],
    *,
    form_line: bool = False,
    keeps_endings: bool = False,
) -> Rules:
    """Return the grammar's rules for a model text.

    Args:
        request: The wishes.
        alphabet: The characters that may be used.
        form_line: Whether the text has a form line.
        keeps_endings: Whether sections have the endings that it announces.
    """
    metre, key, form = metre_of(request), key_of(request), form_of(request)
    rhythm = rhythm_named(request.rhythm)
    modes = (key.mode,) if key else tuple(Mode)
    # A beginning has its metre and key already, and may change them any number of times.
    beginning_changes = bool(_CHANGE.search(request.beginning))
    constrained = bool(metre or key or not form.is_free)
    rules = Rules(
        alphabet,
        rhythms=(rhythm,) if rhythm else Rules(alphabet).rhythms,
        metres=(replace(metre, symbol=""),) if metre and not beginning_changes else (),
        modes=tuple(Mode) if beginning_changes else modes,
        changes=beginning_changes or not constrained,
        # Neat is stricter than valid, and a tune to continue need only be valid.
        neat=not request.beginning,
        form=form,
        form_line=form_line,
        # Music that is given may have left them out already.
        keeps_endings=keeps_endings and form_line and not request.beginning,
        begun=begun_form(request.beginning) if form_line and request.beginning else None,
        ranges=ranges_in_c(instrument_of(request), modes) if request.in_range else {},
    )
    return narrowed(rules, request)


def rules_after(beginning: str, rules: Rules, alphabet: frozenset[str]) -> Rules:
    """Return the rules for the rest of a text, whose alphabet is smaller than the beginning's.

    Rhythm, metre and key are unconstrained if the beginning has them, as none is written twice.
    """
    return replace(
        rules,
        alphabet=alphabet & rules.alphabet,
        rhythms=Rules(alphabet).rhythms if beginning.startswith("R:") else rules.rhythms,
        metres=() if _METRE_LINE.search(beginning) else rules.metres,
        modes=tuple(Mode) if _KEY_LINE.search(beginning) else rules.modes,
    )


def beginning_of(request: Request) -> str:
    """Return the model text that is given to the network, such as ``R:jig`` and ``M:6/8`` lines."""
    if request.beginning:
        return request.beginning
    rhythm, metre, key = rhythm_named(request.rhythm), metre_of(request), key_of(request)
    text = f"R:{rhythm}\n" if rhythm else ""
    if metre:
        text += f"M:{metre.beats}/{metre.unit}\n" if not metre.is_free else "M:none\n"
        # The key's line comes after the metre's. Without a metre, the grammar keeps the mode.
        text += f"K:C{key.mode.abbreviation}\n" if key else ""
    return text


def given_bars(request: Request) -> int:
    """Return the number of bars in the beginning, of which the last may be unfinished."""
    if not request.beginning:
        return 0
    try:
        return len(decode_tune(f"{request.beginning}\n").bars)
    except NotationError:
        return request.beginning.count("|")


def unseen_wishes(
    request: Request, facts: TrainingFacts | None, alphabet: frozenset[str]
) -> list[str]:
    """Return a warning for each wish that no training tune had.

    Args:
        request: The request.
        facts: Metres, modes and rhythms of the training tunes; None if the checkpoint records
            none, so that only the alphabet can be checked.
        alphabet: The network's characters.
    """
    metre, key = metre_of(request), key_of(request)
    wishes = {
        "metre": ("metres", f"{metre.beats}/{metre.unit}" if metre else ""),
        "mode": ("modes", key.mode.abbreviation if key else ""),
        "rhythm": ("rhythms", rhythm_named(request.rhythm)),
    }
    warnings = []
    for name, (names, value) in wishes.items():
        counts: dict[str, int] = getattr(facts, names) if facts else {}
        unseen = facts and value not in counts
        if value and (unseen or not alphabet.issuperset(value)):
            learnt = ", ".join(sorted(counts, key=lambda name: -counts[name])[:MOST_NAMED])
            more = f"; it learnt {learnt}" if learnt else ""
            warnings.append(f"this network was not trained on the {name} {value}{more}")
    return warnings


# Tunes to continue.

_KEY = re.compile(r"(?m)^\s*K:")
# A line of a header, unlike one of music that begins with a repeat sign.
_FINAL_BAR_LINE = re.compile(r"(?:\||\|\]|::|\|:)\s*\Z")


def continue_tune(request: Request, source: str, keep_bars: int | None = None) -> Request:
    """Return the request completed by a tune to continue.

    Args:
        request: The other wishes.
        source: ABC, or the name of a tune file, whose first tune is used.
        keep_bars: Number of its bars to keep, not counting pickups; all if None.

    Raises:
        InputError: if the tune cannot be read, has ended, or contradicts the request.
    """
    # 1) Read the tune, and whether its last bar is closed.
    try:
        reader = _reader_of(source)
        tune, is_closed = reader(source) if reader else _read_begun(source, request)
    except NotationError as error:
        raise InputError(f"cannot continue {source[:60]!r}: {error.reason}") from error

    # 2) Shorten it.
    if keep_bars is not None:
        tune = replace(tune, bars=_first_bars(tune, keep_bars))
        is_closed = True
    elif _has_ended(tune):
        raise InputError(
            f"{tune.title or 'the tune'!r} is whole: it has no open end to go on from",
            hint="keep its beginning with --keep-bars, or redraw bars of it with abcgen rewrite",
        )

    # 3) Check that it has the requested metre and mode. Its tonic can be transposed.
    metre, key = metre_of(request), key_of(request)
    if metre and (metre.beats, metre.unit) != (tune.metre.beats, tune.metre.unit):
        raise InputError(f"the beginning is in {tune.metre}, not {metre}")
    if key and key.mode is not tune.key.mode:
        raise InputError(f"the beginning is in {tune.key}, which cannot be transposed to {key}")

    # 4) Write it as model text.
    tune = replace(tune, rhythm=request.rhythm or tune.rhythm)
    beginning = encode_tune(tune).text.removesuffix("\n")
    pitches = pitches_of(tune)
    return request.replace(
        beginning=beginning if is_closed else beginning.removesuffix("|"),
        key=request.key or str(replace(tune.key, extra=())),
        metre=request.metre or str(replace(tune.metre, symbol="")),
        first_pitch=0 if request.key or not pitches else pitches[0],
        after=tune.title,
    )


def _has_ended(tune: Tune) -> bool:
    """Return whether a tune has a final bar line, or closes its second section or a later one."""
    line = tune.bars[-1].line
    sections = sum(opens_section(tune.bars, index) for index in range(len(tune.bars)))
    return line is BarLine.FINAL or (line is not BarLine.SINGLE and sections > 1)


def _reader_of(source: str) -> Callable[[str], tuple[Tune, bool]] | None:
    """Return the function that reads a MIDI or MusicXML file, or None for ABC."""
    from abcgen.pipeline.formats import all_readers  # noqa: PLC0415 - only for such files

    suffix = Path(source).suffix.lower() if "\n" not in source else ""
    reader = all_readers().get(suffix)
    return None if reader is None or reader.is_tunebook else partial(_read_file, reader)


def _read_file(reader: Reader, source: str) -> tuple[Tune, bool]:
    """Return the tune of a file that is no tunebook, and whether its last bar is full."""
    path = Path(source)
    if not path.exists():
        raise InputError(f"{path} does not exist")
    for chunk in chunks_of(path, reader):
        if isinstance(chunk, LeftOut):
            raise InputError(f"cannot read {path}: {chunk.reason}")
        for reading in reader.read(chunk.data, path.name):
            if isinstance(reading, LeftOut):
                raise NotationError(reading.reason)
            # Such files close every tune; here it goes on.
            tune = melody_of(reading.tune, tune_first=reading.tune_first).tune
            *bars, last = tune.bars
            if last.line is BarLine.FINAL:
                last = replace(last, line=BarLine.SINGLE)
            metres = [bar.metre for bar in (*bars, last) if bar.metre]
            full = (metres[-1] if metres else tune.metre).bar_duration
            return replace(tune, bars=(*bars, last)), last.duration >= full
    raise InputError(f"no tune in {path}")


def _read_begun(source: str, request: Request) -> tuple[Tune, bool]:
    """Return the tune of ABC or of an ``.abc`` file, and whether it ends with a bar line.

    A header without K: is completed from the request.
    """
    text = _first_tune(Path(source)) if source.lower().endswith(".abc") else source
    if not _KEY.search(text):
        # Later fields of a header win, so the tune's own M: and L: override these.
        lines = text.splitlines()
        header = list(takewhile(FIELD.match, lines))
        start = [f"M:{request.metre or '4/4'}", "L:1/8", *header, f"K:{request.key or 'C'}"]
        text = "\n".join([*start, *lines[len(header) :]])
    without_comments = (COMMENT.sub("", line) for line in text.splitlines())
    music = [line for line in without_comments if line.strip() and not FIELD.match(line)]
    return melody_of(read_abc(text)).tune, bool(music and _FINAL_BAR_LINE.search(music[-1]))


def _first_tune(path: Path) -> str:
    try:
        with open_regular(path) as file:
            blocks = split_tunebook(decode_text(file.read(LIMITS.file_bytes)))
            block = next(blocks)
            return "\n".join([*block.book_lines, *block.lines])
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason_of(error)}") from error
    except StopIteration:
        raise InputError(f"no tune in {path}: no line begins with X:") from None


def _first_bars(tune: Tune, count: int) -> tuple[Bar, ...]:
    """Return the first ``count`` bars of a tune, and any pickups before and among them."""
    if count < 1:
        raise InputError(f"--keep-bars must be 1 or more, not {count}")
    bars: list[Bar] = []
    counted, full, opens_section = 0, tune.metre.bar_duration, True
    for bar in tune.bars:
        if counted == count:
            break
        bars.append(bar)
        full = bar.metre.bar_duration if bar.metre else full
        is_pickup = (opens_section or bar.repeat_start) and bar.duration < full
        counted += not is_pickup
        opens_section = bar.line is not BarLine.SINGLE
    if bars[-1].line is not BarLine.REPEAT:
        bars[-1] = replace(bars[-1], line=BarLine.SINGLE)
    return tuple(bars)
