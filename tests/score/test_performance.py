from __future__ import annotations

import io
import wave
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

from abcgen.errors import InputError
from abcgen.notation.transpose import INSTRUMENTS
from abcgen.notation.tune import FREE_METRE, Marks, Metre, Note, Pitch, Tune
from abcgen.notation.walk import Sound
from abcgen.notation.words import Tempo
from abcgen.score.marks import CHORD_KINDS, chord_kind
from abcgen.score.midi import midi_of
from abcgen.score.performance import (
    CHORDS,
    TANPURA,
    PlaybackOptions,
    perform,
    strokes,
    with_usual_tempo,
)
from abcgen.score.wav import LONGEST_SECONDS, RATE, TIMBRES, wav_of
from abcgen.system import LazyModule
from abcgen.wishes.ragas import DRONES
from tests.marked_tunes import DUET, MARKED, at, with_marks
from tests.musicxml_readers import merge_voices
from tests.tunes import JIG, REEL, TOO_LOW, tune

if TYPE_CHECKING:
    from collections.abc import Iterable

mido = LazyModule("mido")
music21 = LazyModule("music21")
numpy = LazyModule("numpy")
FIDDLE = PlaybackOptions(INSTRUMENTS["fiddle"])
ALL = PlaybackOptions(INSTRUMENTS["piano"], swing=True, chords=True)
HORNPIPE = "hornpipe"


def onsets(tune: Tune, *, swing: bool = True) -> list[Fraction]:
    """In eighths."""
    played = perform(tune, replace(FIDDLE, swing=swing))
    return [sound.onset * 8 for sound in played.voices[0]]


def thirds(*numbers: int) -> list[Fraction]:
    return [Fraction(number, 3) for number in numbers]


def test_a_hornpipe_swings_when_asked() -> None:
    even = tune("ABcd efga |]", rhythm=HORNPIPE)
    assert onsets(even) == thirds(0, 4, 6, 10, 12, 16, 18, 22)
    assert onsets(even, swing=False) == list(range(8))


def test_a_reel_does_not_swing() -> None:
    assert onsets(tune("ABcd efga |]", rhythm="reel")) == list(range(8))


def test_triplets_dotted_notes_and_sixteenths_are_left_as_they_are() -> None:
    mixed = tune("(3ABc d>e f/g/a/b/ ag |]", rhythm=HORNPIPE)
    assert onsets(mixed) == [
        *thirds(0, 2, 4),
        *(2, Fraction(7, 2), 4, Fraction(9, 2), 5, Fraction(11, 2)),
        *thirds(18, 22),
    ]


def test_in_two_four_the_sixteenths_swing() -> None:
    assert onsets(tune("A/B/c/d/ ef |]", rhythm=HORNPIPE, metre=Metre(2, 4)))[:3] == [
        0,
        Fraction(2, 3),
        1,
    ]


def test_a_swung_pickup_leads_into_the_beat() -> None:
    assert onsets(tune("B | A8 |]", rhythm=HORNPIPE)) == [Fraction(1, 3), 1]


def test_two_voices_swing_together_or_not_at_all() -> None:
    even = tune("ABcd efga |]", rhythm=HORNPIPE)
    straight = tune("(3ABc c2 e2 g2 |]", rhythm=HORNPIPE)
    duet = replace(even, others=(replace(DUET.others[0], bars=straight.bars),))
    assert onsets(duet)[:4] == [0, 1, 2, Fraction(10, 3)]


def accompanied(body: str, *chords: str, metre: Metre | None = None) -> list[Sound]:
    """The accompaniment, a chord symbol at the first note of each bar; times in eighths."""
    plain = tune(body, metre=metre)
    marks = {(bar, 0): at(chord) for bar, chord in enumerate(chords) if chord}
    sounds = perform(with_marks(plain, marks), replace(FIDDLE, chords=True)).accompaniment
    return [Sound(onset * 8, duration * 8, keys) for onset, duration, keys in sounds]


def test_bass_and_chord_alternate_in_common_time() -> None:
    sounds = accompanied("A8 |]", "C")
    assert [sound.onset for sound in sounds] == [0, 2, 4, 6]
    assert [sound.keys for sound in sounds] == [(36,), (48, 52, 55)] * 2


@pytest.mark.parametrize(
    ("metre", "bass", "chord"),
    [
        (Metre(3, 4), [0], [2, 4]),
        (Metre(2, 4), [0], [2]),
        (Metre(2, 2, "C|"), [0, 4], [2, 6]),
        (Metre(6, 8), [0, 3], [2, 5]),
        (Metre(9, 8), [0, 3, 6], [2, 5, 8]),
        (Metre(3, 8), [0], [1, 2]),
        (FREE_METRE, [], [0]),
    ],
)
def test_every_metre_has_its_pattern(metre: Metre, bass: list[int], chord: list[int]) -> None:
    found = list(strokes(metre))
    assert [place * 8 for place, _, is_bass in found if is_bass] == bass
    assert [place * 8 for place, _, is_bass in found if not is_bass] == chord


def test_a_chord_lasts_over_bars_and_repeats_until_the_next() -> None:
    sounds = accompanied("|: A8 | B8 | c8 :|", "C", "", "G/B")
    assert [sound.keys for sound in sounds if len(sound.keys) == 1] == [
        *[(36,)] * 4,
        *[(47,)] * 2,
        *[(36,)] * 4,
        *[(47,)] * 2,
    ]


def test_nothing_is_played_before_the_first_chord_or_under_a_pickup_s_missing_beats() -> None:
    assert accompanied("A2 | B8 |]", "", "D")[0].onset == 2
    assert accompanied("A8 |]") == []


@pytest.mark.parametrize(
    ("text", "name", "semitones"),
    [
        ("", "major", (0, 4, 7)),
        ("min7", "minor-seventh", (0, 3, 7, 10)),
        ("m7b5", "half-diminished", (0, 3, 6, 10)),
        ("\u00b07", "diminished-seventh", (0, 3, 6, 9)),
        ("sus", "suspended-fourth", (0, 5, 7)),
        ("7(b9)", "other", (0, 4, 7, 10)),
        ("madd11", "other", (0, 3, 7)),
    ],
)
def test_kinds_of_chord_are_known_by_their_spellings(
    text: str, name: str, semitones: tuple[int, ...]
) -> None:
    assert chord_kind(text) == (name, semitones)


def test_every_chord_has_at_least_a_fifth() -> None:
    assert all(set(kind.semitones) & {6, 7, 8} for kind in CHORD_KINDS.values())


def midi_notes(midi: bytes) -> list[tuple[int, int, int]]:
    """(onset, end, key) in ticks, of all tracks, by mido."""
    found = []
    for track in mido.MidiFile(file=BytesIO(midi)).tracks:
        now, begun = 0, {}
        for message in track:
            now += message.time
            if message.type == "note_on":
                begun[message.note] = now
            elif message.type == "note_off":
                found.append((begun.pop(message.note), now, message.note))
        assert not begun
    return sorted(found)


def music21_notes(midi: bytes) -> list[tuple[int, int, int]]:
    """Return the notes that music21 reads, without rounding."""
    file = music21.midi.MidiFile()
    file.openFileLike(io.BytesIO(midi))
    file.read()
    score = music21.midi.translate.midiFileToStream(file, quantizePost=False).stripTies()
    return sorted(
        (round(480 * start), round(480 * (start + note.quarterLength)), pitch.midi)
        for part in score.parts
        for note in part.flatten().notes
        for start in [note.offset]
        for pitch in note.pitches
    )


def intended(tune: Tune, playing: PlaybackOptions) -> list[tuple[int, int, int]]:
    played = perform(tune, playing)
    lines: Iterable[Any] = (*played.voices, played.accompaniment)
    return sorted(
        (round(1920 * onset), round(1920 * (onset + duration)), key)
        for onset, duration, keys in merge_voices(list(line) for line in lines)
        for key in keys
    )


@pytest.mark.parametrize("playing", [FIDDLE, ALL], ids=["plain", "all"])
@pytest.mark.parametrize("tune", [JIG, REEL, MARKED, DUET], ids=lambda tune: tune.title)
def test_mido_and_music21_read_back_the_notes_intended(
    tune: Tune, playing: PlaybackOptions
) -> None:
    midi = midi_of(tune, playing)
    assert midi_notes(midi) == intended(tune, playing)
    assert music21_notes(midi) == intended(tune, playing)


def test_voices_and_accompaniment_have_a_track_and_a_channel_each() -> None:
    file = mido.MidiFile(file=BytesIO(midi_of(DUET, ALL)))
    channels = [
        {message.channel for message in track if not message.is_meta} for track in file.tracks
    ]
    assert (file.type, channels) == (1, [{0}, {1}, {2}])
    programs = [message.program for message in file if message.type == "program_change"]
    assert programs == [0, 0, 24]


def test_drums_never_play_a_voice() -> None:
    many = replace(JIG, others=tuple(replace(DUET.others[0], name=str(n)) for n in range(20)))
    file = mido.MidiFile(file=BytesIO(midi_of(many, FIDDLE)))
    assert 9 not in {message.channel for message in file if not message.is_meta}


def test_the_schedule_names_the_notes_on_the_page() -> None:
    steps = perform(tune("|: A4 z4 | B8 :|"), FIDDLE).schedule
    assert [step.onset for step in steps] == [0, 1, 2, 3]
    assert [step.name for step in steps] == ["v0b0n0", "v0b1n0"] * 2


def samples_of(wav: bytes) -> Any:
    with wave.open(BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return numpy.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(float)


def strongest(samples: Any, start: float) -> float:
    """The frequency that sounds loudest in the quarter second from a time on."""
    piece = samples[int(start * RATE) : int((start + 0.25) * RATE)]
    spectrum = numpy.abs(numpy.fft.rfft(piece * numpy.hanning(len(piece)), 1 << 16))
    return float(numpy.argmax(spectrum)) * RATE / (1 << 16)


@pytest.mark.parametrize("instrument", ["fiddle", "flute", "accordion", "piano"])
def test_the_pitches_heard_are_those_of_the_tune(instrument: str) -> None:
    playing = PlaybackOptions(INSTRUMENTS[instrument], tempo=60)
    samples = samples_of(wav_of(tune("A2 c2 e2 z2 |]", key="C"), playing))
    for place, key in enumerate([69, 72, 76]):
        expected = 440 * 2 ** ((key - 69) / 12)
        assert abs(strongest(samples, place + 0.1) - expected) < 2
    assert numpy.abs(samples[int(3.2 * RATE) : int(3.9 * RATE)]).max() < 40
    assert 20_000 < numpy.abs(samples).max() <= 32_767


def test_a_silent_tune_is_silent() -> None:
    assert not samples_of(wav_of(tune("z8 |]"), FIDDLE)).any()


def test_every_instrument_has_a_timbre() -> None:
    tones = {instrument.tone for instrument in INSTRUMENTS.values()}
    assert tones | {CHORDS.tone, TANPURA.tone} == set(TIMBRES)


@pytest.mark.parametrize(("tonic", "sa"), [("D", 50), ("Bb", 46), ("A", 57)])
@pytest.mark.parametrize("string", DRONES.values())
def test_a_tanpura_plays_sa_and_its_first_string_as_long_as_the_tune(
    tonic: str, sa: int, string: int
) -> None:
    playing = replace(FIDDLE, drone=string)
    reel = tune("DEFG ABcd | " * 8, key=tonic)
    played = perform(reel, playing)
    strokes = played.accompaniment
    assert {keys for _, _, keys in strokes} == {(sa + string - 12,), (sa,), (sa - 12,)}
    assert strokes[0].onset == 0
    assert max(onset + duration for onset, duration, _ in strokes) == played.length
    seconds = float(strokes[1].onset) * played.whole_note_seconds
    assert 0.7 <= seconds <= 1.42
    assert played.voices == perform(reel, FIDDLE).voices
    file = mido.MidiFile(file=BytesIO(midi_of(reel, playing)))
    programs = [one.program for one in file if one.type == "program_change"]
    assert programs == [FIDDLE.instrument.program, TANPURA.program]
    assert wav_of(reel, playing) != wav_of(reel, FIDDLE)


def test_a_staccato_note_sounds_half_as_long_as_it_is_written() -> None:
    played = perform(tune(".A2 B2 (3.cde .f2-|f2 .[Ac]2 z4 |]"), FIDDLE)
    lengths = [sound.duration * 8 for sound in played.voices[0]]
    assert lengths == [1, 2, Fraction(1, 3), Fraction(2, 3), Fraction(2, 3), 4, 1]


def test_a_tune_too_long_for_a_wav_file_is_refused_before_memory_is_spent() -> None:
    hours = replace(JIG, bars=JIG.bars * 20)
    with pytest.raises(InputError):
        wav_of(hours, replace(FIDDLE, tempo=10))
    assert LONGEST_SECONDS < 3600


def test_a_note_beyond_midi_cannot_be_performed() -> None:
    with pytest.raises(InputError):
        perform(TOO_LOW, FIDDLE)


def test_a_tune_of_one_note_has_one_sound() -> None:
    one = replace(JIG, bars=tune("A8 |]").bars)
    (sounds,) = perform(one, FIDDLE).voices
    assert sounds == (Sound(Fraction(0), Fraction(1), (69,)),)
    assert Note((Pitch(33),), Fraction(1)).pitches[0].midi == 69


@pytest.mark.parametrize(
    ("rhythm", "metre", "tempo"),
    [
        ("jig", Metre(6, 8), "3/8=112"),
        ("reel", Metre(4, 4), "1/4=196"),
        ("", Metre(2, 2, symbol="C|"), "1/2=80"),
        ("", FREE_METRE, "None"),
    ],
)
def test_a_tune_that_says_no_tempo_can_say_the_usual_one(
    rhythm: str, metre: Metre, tempo: str
) -> None:
    silent = replace(tune("ABcd efga |]", rhythm=rhythm), metre=metre)
    said = with_usual_tempo(silent)
    assert str(said.words.tempo) == tempo
    assert perform(said, FIDDLE) == perform(silent, FIDDLE)


def test_a_tune_that_says_a_tempo_keeps_it() -> None:
    slow = replace(REEL, words=replace(REEL.words, tempo=Tempo("Slowly")))
    changing = with_marks(REEL, {(0, 0): Marks(tempo=Tempo("", (Fraction(1, 4),), 60.0))})
    assert with_usual_tempo(slow) == slow
    assert with_usual_tempo(changing) == changing
