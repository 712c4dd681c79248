"""Transcribe a MIDI file to a tune, as a musician would write it down."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import LIMITS, MidiConfig
from abcgen.errors import NotationError
from abcgen.midi.accompaniment import hear
from abcgen.midi.bars import BarSpan, bar_spans
from abcgen.midi.beats import count_in_beats, find_swing, keeps_grid
from abcgen.midi.key import choose_key
from abcgen.midi.melody import polyphony
from abcgen.midi.metre import MetreHypothesis, choose_metre
from abcgen.midi.performance import DEFAULT_TEMPO, parse, perform
from abcgen.midi.phase import move_notes, pasted_passages
from abcgen.midi.quantize import Quantizer, is_on_grid
from abcgen.midi.signatures import nearest_96th, read_signatures
from abcgen.midi.staves import is_keyboard, staff_name, usual_clef
from abcgen.midi.texture import (
    MidiVoice,
    accompanying_chords,
    choose_texture,
    divide_hands,
    drum_strokes,
    fold,
    fullest_first,
    group_chords,
    label,
    lower_notes,
    separate_voices,
    skyline,
)
from abcgen.midi.writing import Score, in_metre, write_tune
from abcgen.notation.draft import Repair
from abcgen.notation.percussion import PERCUSSION
from abcgen.notation.reader import Reading
from abcgen.notation.tune import BarLine, Tune
from abcgen.notation.writer import of_readable_length

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from abcgen.midi.accompaniment import Accompaniment
    from abcgen.midi.performance import MidiPerformance, Part, PlayedNote
    from abcgen.midi.quantize import QuantizedNote
    from abcgen.midi.texture import TextureChoice
    from abcgen.notation.tune import Key, Metre


DEFAULTS = MidiConfig()
LN_2 = 0.693
DRUMS = "Drums"  # the name of drums that have none
# If this share of a part's notes sounds with others, it accompanies itself.
MIN_ACCOMPANIED = 0.25
VALUE_NAMES = {1: "whole note", 2: "half", 4: "quarter", 8: "eighth", 16: "sixteenth"}


class _Played(NamedTuple):
    """The notes to write and those that are only heard, on beats and without swing."""

    # The notes of each part to write, the tune's first.
    parts: list[tuple[Part, list[PlayedNote]]]
    # All other parts, and drums.
    others: list[PlayedNote]
    drums: list[tuple[Part, list[PlayedNote]]]
    # The time of a tick if times are still those of the file, else 0.
    tick: float


def read_midi(
    data: bytes,
    *,
    title: str = "",
    config: MidiConfig = DEFAULTS,
    judge: Callable[[Tune], float] | None = None,
) -> Reading:
    """Transcribe a MIDI file.

    Args:
        data: The file's bytes.
        title: The tune's title if the file has none.
        config: Choices of texture, track, range and repeats.
        judge: A function of a tune, the bits that a trained network needs for it; it helps to
            choose among the likeliest metres and pickups.

    Returns:
        The tune, what was wrong with the file as repairs, and what was inferred from the notes.

    Raises:
        NotationError: if there is nothing in the file that can be written.
    """
    # 1) Messages, and 2) notes.
    performance = perform(parse(data))

    # 3) What of them is written: the tune, chords or voices.
    choice = choose_texture(performance.parts, config.texture, config.track, performance.syllables)
    with_drums = _writes_drums(choice, config)
    inferences = ["drums were left out"] if performance.drums and not with_drums else []
    inferences += [choice.why] if choice.why else []

    # 4) Beats as they were played, without swing.
    played = _find_beats(choice.parts, performance, inferences)

    # 5) Exact note values, in voices.
    title = performance.title or title
    voices, line = _quantize(played, choice.texture, config, title, performance.remarks)
    if with_drums:
        voices += _drum_voices(played, title, LIMITS.voices - len(voices), performance.remarks)
    notes = [note for voice in voices for note in voice.notes]
    if not notes:
        raise NotationError("no notes")
    begin, end = min(note.onset for note in notes), max(note.offset for note in notes)

    # 6) The key.
    keys = _keys_in_force(voices, performance, begin, inferences)
    chords = accompanying_chords(choice.tune, performance.parts, config.track)
    accompaniment = [note for _, group in played.parts[1:] for note in group] + played.others
    score = Score(voices, line, begin, end, keys, accompaniment if chords else [])
    if chords:
        of_parts = label(chords[0]) if len(chords) == 1 else f"{len(chords)} parts"
        inferences.append(f"chord symbols named from the chords of {of_parts}")

    # 7) The metre and pickup: those of the file if it changes metre, else the likeliest.
    # Then 8) bars, 9) repeats and 10) the tune.
    metres = read_signatures(performance.metres, begin, end)
    if not played.tick:
        # Counted in beats, the file's times are none.
        metres = dict([*metres.items()][:1])
    if _is_irregular(metres):
        tune = write_tune(*_as_named(score, metres), [])
    else:
        tune = _in_likeliest_metre(score, metres, played, config, judge, inferences)
    tune = of_readable_length(replace(tune, title=title))
    repairs = tuple(Repair(0, text) for text in performance.remarks)
    return Reading(tune, 0, repairs, tuple(inferences), tune_first=True)


def _writes_drums(choice: TextureChoice, config: MidiConfig) -> bool:
    """Return whether drums are written: where every part is, as a voice."""
    return choice.texture == "voices" and not config.track


class ListedPart(NamedTuple):
    """A part of a file, and what becomes of it."""

    part: Part
    # ``tune``, ``voice``, ``drums``, or empty if it is left out.
    use: str


def list_parts(data: bytes, config: MidiConfig = DEFAULTS) -> list[ListedPart]:
    """Return the parts of a MIDI file in the order of tracks and channels.

    Raises:
        NotationError: if there is nothing in the file that can be written.
    """
    performance = perform(parse(data))
    choice = choose_texture(performance.parts, config.texture, config.track, performance.syllables)
    written = {id(part) for part in choice.parts}

    def use(part: Part) -> str:
        if part is choice.tune:
            return "tune"
        return "voice" if id(part) in written else ""

    parts = [ListedPart(part, use(part)) for part in performance.parts]
    use_of_drums = "voice" if _writes_drums(choice, config) else "drums"
    parts += [ListedPart(part, use_of_drums) for part in performance.drums]
    return sorted(parts, key=lambda listed: (listed.part.track, listed.part.channel))


def _find_beats(
    parts: Sequence[Part], performance: MidiPerformance, inferences: list[str]
) -> _Played:
    """Return the notes of every part, on beats and without swing."""
    written_parts = {id(part) for part in parts}
    others = [
        note for part in performance.parts if id(part) not in written_parts for note in part.notes
    ]
    notes = sorted(note for part in parts for note in part.notes)
    onsets = sorted({note.onset for note in notes})
    tick = performance.tick
    groups = [[*part.notes] for part in parts] + [others]
    groups += [[*part.notes] for part in performance.drums]
    metre = next((one.metre for one in performance.metres if one.metre.beats > 1), None)
    passages = pasted_passages(notes, tick, float(metre.bar_duration) if metre else None)
    if passages:
        if len(passages) > 1:
            inferences.append(f"{len(passages)} passages off the grid were put back on it")
        groups = [move_notes(group, passages) for group in groups]
    elif not is_on_grid(onsets, tick) and not keeps_grid(onsets):
        counted = count_in_beats(
            [note for group in groups for note in group], performance.tempos, DEFAULT_TEMPO
        )
        if counted:
            remark = "played freely: beats were found by listening, not by the file's count"
            inferences.append(remark)
            tick = 0.0
            moved = iter(counted)
            groups = [[next(moved) for _ in group] for group in groups]
    # Only where the file's beats are quarters or halves may they be swung.
    elif all(one.metre.unit <= 4 for one in performance.metres):
        swing = find_swing(onsets)
        if swing:
            late = round(100 * swing.place)
            inferences.append(f"swung {late}:{100 - late}: written as even eighths")
            groups = [swing.straighten(group) for group in groups]
    written, others, drums = groups[: len(parts)], groups[len(parts)], groups[len(parts) + 1 :]
    return _Played(
        list(zip(parts, written, strict=True)),
        others,
        list(zip(performance.drums, drums, strict=True)),
        tick,
    )


def _quantize(
    played: _Played, texture: str, config: MidiConfig, title: str, remarks: dict[str, None]
) -> tuple[list[MidiVoice], tuple[QuantizedNote, ...]]:
    """Return the voices to write, and the line of the tune."""
    quantizer = Quantizer((notes for _, notes in played.parts), played.tick)
    quantized = [quantizer.quantize(notes) for _, notes in played.parts]
    if config.fold_range:
        quantized = [fold(notes, *config.fold_range) for notes in quantized]
    line = skyline(quantized[0])
    if texture in {"melody", "chords"}:
        together = [note for notes in quantized for note in notes]
        if texture == "melody":
            line = skyline(together)
            return [MidiVoice("", line)], line
        return [MidiVoice("", group_chords(together))], line

    voices: list[MidiVoice] = []
    left_out = staff = 0
    for (part, _), notes in zip(played.parts, quantized, strict=True):
        name, of_keyboard = staff_name(part, title), is_keyboard(part, title)
        # Music on one track is a piano's.
        for hand in divide_hands(notes) if len(quantized) == 1 else [notes]:
            own, missing = separate_voices(hand, LIMITS.voices - len(voices))
            # The voice that has most to say comes first in the tune's part.
            for voice in own if voices else fullest_first(own):
                voices.append(
                    replace(
                        voice,
                        name=name,
                        staff=staff,
                        is_keyboard=of_keyboard,
                        clef=usual_clef(part),
                        program=part.program,
                    )
                )
                name = ""
            left_out += missing
            staff += 1
    if left_out:
        remarks[f"{left_out} notes were left out: more than {LIMITS.voices} voices"] = None
    return [voice for voice in voices if voice.notes], line


def _drum_voices(
    played: _Played, title: str, most: int, remarks: dict[str, None]
) -> Iterator[MidiVoice]:
    """Yield a voice for each part of drums, as many as there may be."""
    strokes = [notes for _, notes in played.drums]
    quantizer = Quantizer([*(notes for _, notes in played.parts), *strokes], played.tick)
    for number, (part, notes) in enumerate(played.drums):
        if number == most:
            left_out = sum(map(len, strokes[number:]))
            remarks[f"{left_out} strokes were left out: more than {LIMITS.voices} voices"] = None
            return
        yield MidiVoice(
            staff_name(part, title) if part.name else DRUMS,
            drum_strokes(quantizer.quantize(notes)),
            staff=-1 - number,
            clef=PERCUSSION,
            program=part.program,
        )


def _keys_in_force(
    voices: Sequence[MidiVoice],
    performance: MidiPerformance,
    begin: Fraction,
    inferences: list[str],
) -> dict[Fraction, Key]:
    """Return the key of the notes, and the changes of key that the file names."""
    named = [(nearest_96th(time), key) for time, key in sorted(performance.keys.items())]
    opening = next((key for time, key in reversed(named) if time <= begin), None)
    # Later notes are in another key.
    change = next((time for time, _ in named if time > begin), None)
    lines = [voice.notes for voice in voices if voice.clef != PERCUSSION]
    if change is not None:
        lines = [tuple(note for note in line if note.onset < change) for line in lines]
    key = choose_key([line for line in lines if line], opening)
    if opening is None or key.fifths != opening.fifths:
        why = "the file names none" if opening is None else f"not {opening} as the file says"
        inferences.append(f"key {key} inferred from the notes: {why}")
    changes = {time: changed for time, changed in named if time > begin}
    return {min(Fraction(0), begin): key, **changes}


def _is_irregular(metres: Mapping[Fraction, Metre]) -> bool:
    """Return whether a file names more than one metre, or bars that are cut short."""
    if len(set(metres.values())) > 1:
        return True
    later = [*metres][1:]
    return any((time - later[0]) % metres[time].bar_duration for time in later)


def _as_named(score: Score, metres: Mapping[Fraction, Metre]) -> tuple[Score, list[BarSpan]]:
    """Return a score and its bars as the file names them."""
    spans = bar_spans(score.begin, score.end, min(metres), metres)
    return _with_first_rest(score, spans[0].onset, spans[0].metre.bar_duration), spans


def _with_first_rest(score: Score, bar_line: Fraction, bar: Fraction) -> Score:
    """Return a score begun at the bar line before it if that is less than half a bar earlier."""
    rest = score.begin - bar_line
    return score._replace(begin=bar_line) if 0 < rest < bar / 2 else score


def _in_likeliest_metre(
    score: Score,
    metres: Mapping[Fraction, Metre],
    played: _Played,
    config: MidiConfig,
    judge: Callable[[Tune], float] | None,
    inferences: list[str],
) -> Tune:
    """Return the tune in the likeliest metre, with its repeats; the file names one or none."""
    named = next(iter(metres.values()), None)
    # The file's bar line, by its count or because it says how long the pickup is.
    bar_line = [*metres][:2][-1] if metres else Fraction(0)
    if named and bar_line:
        pickup = (bar_line - score.begin) % named.bar_duration
        hypotheses = [MetreHypothesis(named, pickup, 0.0)]
    else:
        hypotheses = _hypotheses(score, named, played)
    if judge is None:
        hypotheses = hypotheses[:1]
    # Where the bars are the file's, a silence before the first note is written as a rest.
    own_bars = [
        each.metre == named
        and (score.begin + each.pickup - bar_line) % each.metre.bar_duration == 0
        for each in hypotheses
    ]
    tunes = []
    for hypothesis, is_own in zip(hypotheses, own_bars, strict=True):
        full, pickup = hypothesis.metre.bar_duration, hypothesis.pickup
        begun = score
        if is_own and played.tick and pickup and score.begin >= full - pickup:
            begun = _with_first_rest(score, score.begin + pickup - full, full)
        pickup -= full if begun is not score else 0
        tunes.append(in_metre(begun, hypothesis.metre, max(pickup, Fraction(0)), config))
    best = 0
    if judge and len(tunes) > 1:
        # Bits in nats; the judge's evidence counts a quarter of the tables'.
        odds = [
            hypothesis.score - LN_2 * judge(tune) / 4
            for hypothesis, tune in zip(hypotheses, tunes, strict=True)
        ]
        best = odds.index(max(odds))

    metre, pickup, _ = hypotheses[best]
    if named is None:
        inferences.append(f"metre {metre} inferred: the file names none")
    elif named != metre:
        inferences.append(f"metre {metre} inferred: not {named} as the file says")
    if pickup and not own_bars[best]:
        value = VALUE_NAMES.get(pickup.denominator, f"{pickup.denominator}ths")
        plural = "s" if pickup.numerator > 1 else ""
        inferences.append(f"a pickup of {pickup.numerator} {value}{plural} inferred")
    repeats = sum(bar.line is BarLine.REPEAT for bar in tunes[best].bars)
    if repeats:
        passages = "a passage" if repeats == 1 else f"{repeats} passages"
        inferences.append(f"{passages} played twice written as repeats")
    return tunes[best]


def _hypotheses(score: Score, named: Metre | None, played: _Played) -> list[MetreHypothesis]:
    """Return the likeliest metres, with the pickups from the beginning of the piece."""
    tonic = score.keys[min(score.keys)].tonic_pitch_class
    notes = [note for note in score.line if note.pitches]
    hypotheses = choose_metre(
        notes,
        tonic,
        named,
        _hear(played),
        score.begin if played.tick else None,
    )
    lead = notes[0].onset - score.begin
    return [
        each._replace(pickup=(lead + each.pickup) % each.metre.bar_duration) for each in hypotheses
    ]


def _hear(played: _Played) -> Accompaniment | None:
    """Return the chords under the tune, if it has an accompaniment."""
    (_, tune), *written = played.parts
    begin = min(note.onset for note in tune)
    beneath = sorted([*(note for _, notes in written for note in notes), *played.others])
    drums = [note for _, notes in played.drums for note in notes]
    if beneath or drums:
        return hear(beneath, beneath, drums, begin)
    in_order = sorted(tune)
    if polyphony(in_order)[0] <= MIN_ACCOMPANIED:
        return None
    return hear(in_order, lower_notes(in_order), (), begin)
