"""Read what ``K:`` and ``V:`` say about a voice: its clef, how far it sounds from its letters.

Source: the ABC standard 2.1, sections 4.6 (clefs and transposition) and 7.1 (voice properties), and
the spellings of abcm2ps, abcjs and xml2abc.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from abcgen.errors import NotationError
from abcgen.notation.note import spelling
from abcgen.notation.percussion import CHANNEL, KEYS
from abcgen.notation.tune import Pitch, clef_octaves

MAX_OCTAVES, MAX_SEMITONES = 4, 48
PROGRAMS = 128  # of General MIDI
MAX_DRUMS = 2 * KEYS

# ``name=value``. A key before an accidental (``K:Dmix=c``) begins with a capital.
_PROPERTY = re.compile(
    r'(?<![\w^_="])(?:(?P<name>[a-z]\w+|(?i:clef|octave|transpose|middle|stafflines))='
    r"|(?P<spaced>clef|octave|transpose|name|nm)\s*=\s*|(?P<short>[mt])=)"
    r'(?P<value>"[^"]*"?|[^\s"]*)'
)
_CLEF = re.compile(
    r"(?P<name>treble|alto|tenor|bass|percussion|perc|none|mezzo-?soprano|mezzo|soprano"
    r"|baritone|subbass|[GCFP])(?P<line>[1-5]?)[,']*(?:(?P<sign>[-+^_])(?P<interval>8|15))?",
    re.IGNORECASE,
)
# A clef on its own in ``K:``, where single letters are keys and ``none`` is one too.
_BARE_CLEF = re.compile(
    r"(?<![\w=\"-])(?:treble|alto|tenor|bass|perc|mezzosoprano|soprano|baritone|subbass)"
    r"[1-5]?[,']*(?:[-+^_](?:8|15))?(?![\w-])|(?<=\s)[GFC][1-5]?[-+^_](?:8|15)(?!\w)",
    re.IGNORECASE,
)
_LETTER_CLEFS = {"G": "treble", "F": "bass", "C": "alto", "P": "perc"}
_OCTAVE_SIGN = re.compile(r"[-+^_](?:8|15)$")
# The lines on which these clefs stand where no number says so.
_LINES = {"treble": "2", "bass": "4", "alto": "3"}
# Properties that transpose from a note to another: ``sound=`` what sounds, ``shift=`` the page too.
_INTERVALS = frozenset({"sound", "shift"})
_MIDI = re.compile(
    r"(?:%%|I:)[ \t]*MIDI[ \t=]+(transpose|program)(?:[ \t]+\d{1,3})?[ \t=]+([+-]?\d{1,3})\b.*"
)
_NOTE_NAME = re.compile(r"(\^\^|\^|__|_|=)?([A-Ga-g])([,']{0,4})")
_DRUM_CHANNEL = re.compile(rf"(?:%%|I:)[ \t]*MIDI[ \t=]+channel[ \t=]+{CHANNEL}\b.*")
_DRUM = re.compile(
    rf"(?:%%|I:)[ \t]*(?:MIDI[ \t=]+)?drummap[ \t=]+{_NOTE_NAME.pattern}[ \t]+(\d{{1,3}})\b.*"
)


@dataclass(frozen=True, slots=True)
class VoiceProperties:
    """What a ``K:`` or ``V:`` field says about a voice; None where it says nothing."""

    # ``treble``, ``bass3``, ``treble-8``.
    clef: str | None = None
    # Octaves from the letters to the sound, by ``octave=`` and by the 8 of the clef.
    octave: int | None = None
    # Semitones from the letters to the sound.
    transpose: int | None = None
    name: str | None = None
    # The program of General MIDI, counted from 0.
    program: int | None = None
    # Whether it plays the drums' channel, and its drums by the notes that stand for them.
    plays_drums: bool = False
    drums: tuple[tuple[int, int], ...] = ()

    @property
    def octaves(self) -> int:
        """Octaves from the letters to the sound."""
        return (self.octave or 0) + clef_octaves(self.clef or "")

    def over(self, other: VoiceProperties) -> VoiceProperties:
        """Return these properties, and the other's where these say nothing."""
        return VoiceProperties(
            other.clef if self.clef is None else self.clef,
            other.octave if self.octave is None else self.octave,
            other.transpose if self.transpose is None else self.transpose,
            other.name if self.name is None else self.name,
            other.program if self.program is None else self.program,
            self.plays_drums or other.plays_drums,
            (*other.drums, *self.drums)[:MAX_DRUMS],
        )


NO_PROPERTIES = VoiceProperties()


def midi_properties(text: str) -> VoiceProperties | None:
    """Return what ``%%MIDI`` says about a voice; None if that is nothing that we know.

    It is how far it transposes, its program, which a channel may come before, or its drums.
    """
    if _DRUM_CHANNEL.match(text):
        return VoiceProperties(plays_drums=True)
    if drum := _DRUM.match(text):
        _, step, alter = spelling(*drum.groups()[:3])
        place, key = Pitch(step, alter or 0).midi, int(drum[4])
        return VoiceProperties(drums=((place, key),) if key < KEYS else ())
    match = _MIDI.match(text)
    if not match:
        return None
    number = int(match[2])
    if match[1] == "transpose":
        return VoiceProperties(transpose=max(-MAX_SEMITONES, min(number, MAX_SEMITONES)))
    return VoiceProperties(program=number if 0 <= number < PROGRAMS else None)


def read_properties(
    value: str, *, line: int = 0, in_voice: bool = False
) -> tuple[VoiceProperties, str]:
    """Return what a field says about a voice, and the rest of its text.

    Args:
        value: The field's text, without the id of a voice.
        line: Its line in the file, for the error.
        in_voice: Whether it is a ``V:`` field, where a letter names a clef.

    Raises:
        NotationError: if it transposes in a way that is not known.
    """
    found = NO_PROPERTIES
    rest = value
    for match in _PROPERTY.finditer(value):
        name = (match["name"] or match["spaced"] or match["short"]).lower()
        found = _with_property(found, name, match["value"].strip('"'), line)
    rest = _PROPERTY.sub(" ", rest)
    if in_voice:
        bare = next((word for word in rest.split() if _CLEF.fullmatch(word)), "")
    else:
        clef = _BARE_CLEF.search(rest)
        bare = clef[0] if clef else ""
        rest = _BARE_CLEF.sub(" ", rest)
    if bare and found.clef is None:
        found = replace(found, clef=_clef_named(bare))
    return found, rest.strip()


def _with_property(found: VoiceProperties, name: str, value: str, line: int) -> VoiceProperties:
    """Return the properties with one more; those that change no note are ignored."""
    if name == "clef":
        return replace(found, clef=_clef_named(value))
    if name in {"name", "nm"}:
        return replace(found, name=value)
    if name == "octave":
        return replace(found, octave=_number(name, value, MAX_OCTAVES, line))
    if name in {"transpose", "t"}:
        return replace(found, transpose=_number(name, value, MAX_SEMITONES, line))
    if name in _INTERVALS:
        return replace(found, transpose=_interval(name, value, line))
    if name == "instrument" and value:
        raise NotationError("instrument= not understood", line=line, text=value)
    # ``score=`` moves the page only.
    return found


def _interval(name: str, value: str, line: int) -> int:
    """Return the semitones between two notes, as in ``sound=CD``."""
    keys: list[int] = []
    place = 0
    while match := _NOTE_NAME.match(value, place):
        _, step, alter = spelling(*match.groups())
        keys.append(Pitch(step, alter or 0).midi)
        place = match.end()
    if place < len(value) or len(keys) != 2 or abs(keys[1] - keys[0]) > MAX_SEMITONES:
        raise NotationError(f"{name}= not understood", line=line, text=value)
    return keys[1] - keys[0]


def _number(name: str, value: str, limit: int, line: int) -> int:
    if not re.fullmatch(r"[+-]?\d{1,3}", value) or abs(int(value)) > limit:
        raise NotationError(f"{name}= not understood", line=line, text=value)
    return int(value)


def _clef_named(text: str) -> str:
    """Return a clef in the standard's spelling, or the text itself if it names none."""
    match = _CLEF.fullmatch(text)
    if not match:
        # Whatever the clef, its 8 says where the notes sound.
        octave = _OCTAVE_SIGN.search(text)
        return f"treble{octave[0]}" if octave else text[:20]
    name = match["name"]
    letter = len(name) == 1
    name = _LETTER_CLEFS[name.upper()] if letter else name.lower().replace("-", "")
    name = {"percussion": "perc", "mezzo": "mezzosoprano"}.get(name, name)
    clef_line = "" if match["line"] == _LINES.get(name) else match["line"]
    suffix = f"{match['sign']}{match['interval']}" if match["sign"] else ""
    if name == "alto" and clef_line == "4":
        name, clef_line = "tenor", ""
    return f"{name}{clef_line}{suffix}"
