"""Ragas: the notes that rise and fall, the chief notes, a phrase, the time of day.

Sargam is written as usual in plain letters: S r R g G m M P d D n N, small r g d n for komal (flat)
notes, M for tivra (sharp) Ma; a comma for the octave below, an apostrophe for the one above.

After V. N. Bhatkhande, *Kramik Pustak Malika* (six volumes, 1920-1937), and where he has none, or
teachers now differ, after J. Bor (ed.), *The Raga Guide* (1999); those are marked. It was compared
with tables that follow these books, not with their pages; ``docs/wishes.md`` names them, and where
they differ. Where arohana or avarohana turn back (vakra), the table has their notes, not their
turns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.errors import InputError
from abcgen.wishes.sounding import Scale

if TYPE_CHECKING:
    from abcgen.wishes.sounding import Degree

SARGAM: dict[str, Degree] = {
    "S": (0, 0),
    "r": (1, -1),
    "R": (1, 0),
    "g": (2, -1),
    "G": (2, 0),
    "m": (3, 0),
    "M": (3, 1),
    "P": (4, 0),
    "d": (5, -1),
    "D": (5, 0),
    "n": (6, -1),
    "N": (6, 0),
}
NAMES = {degree: name for name, degree in SARGAM.items()}
# What the first string of a tanpura is tuned to, the first of these that a raga has, in semitones
# above Sa.
DRONES = {"P": 7, "m": 5, "N": 11}
SA = SARGAM["S"]
_NOTE = re.compile(r"([SrRgGmMPdDnN])([,']?)")


@dataclass(frozen=True, slots=True)
class Raga:
    """A raga."""

    name: str
    # The family of scales (thaat) that Bhatkhande counts it among.
    thaat: str
    # The notes of arohana and avarohana, from Sa up; avarohana as arohana if empty.
    rising: str
    falling: str
    # The sonant and the consonant note.
    vadi: str
    samvadi: str
    time: str
    # A phrase by which it is known.
    pakad: str

    @property
    def scale(self) -> Scale:
        """Its degrees, rising and falling."""
        rising = frozenset(SARGAM[name] for name in self.rising)
        falling = frozenset(SARGAM[name] for name in self.falling or self.rising)
        return Scale(rising, falling)

    @property
    def drone(self) -> int:
        """What the first string of a tanpura is tuned to, in semitones above Sa."""
        notes = self.rising + self.falling
        return next(semitones for name, semitones in DRONES.items() if name in notes)

    @property
    def phrase(self) -> list[tuple[int, Degree]]:
        """The pakad as octaves, 0 for the middle one, and degrees."""
        octaves = {",": -1, "": 0, "'": 1}
        return [(octaves[octave], SARGAM[name]) for name, octave in _NOTE.findall(self.pakad)]


# Name, thaat, arohana, avarohana, vadi, samvadi, time, pakad; * after The Raga Guide.
TABLE = """
ahir-bhairav*|Bhairav|SrGmPDn||m|S|morning|G m r S D, n, r S
asavari|Asavari|SRmPd|SRgmPdn|d|g|late morning|R m P n d P
bageshri|Kafi|SgmDn|SRgmPDn|m|S|midnight|S n, D, S m D n D m g R S
bhairav|Bhairav|SrGmPdN||d|r|dawn|G m d d P G m r r S
bhairavi|Bhairavi|SrgmPdn||m|S|morning|m g S r S d, n, S
bhimpalasi|Kafi|SgmPn|SRgmPDn|m|S|afternoon|n, S m m g P m g m g R S
bhupali|Kalyan|SRGPD||G|D|early night|G R S D, S R G P G D P G R S
bihag|Bilawal|SGmPN|SRGmPDN|G|N|night|N, S G m P G m G R S
bilawal|Bilawal|SRGmPDN||D|G|morning|G R G P D N S'
brindavani-sarang|Kafi|SRmPN|SRmPn|R|P|noon|N, S R m R P m R S
des|Khamaj|SRmPN|SRGmPDn|R|P|night|R m P n D P m G R G S
deshkar|Bilawal|SRGPD||D|G|morning|D P G P G R S
durga*|Bilawal|SRmPD||m|S|night|P m P D m R S
gunkali|Bhairav|SrmPd||d|r|morning|S r m P d P m r S
hamsadhvani*|Bilawal|SRGPN||S|P|evening|G R N, P, S
hindol|Kalyan|SGMDN||D|G|early morning|S G M D N D M G S
jaunpuri|Asavari|SRmPdn|SRgmPdn|d|g|late morning|m P n d P d m P g R m P
jog*|Khamaj|SGmPn|SgGmPn|m|S|night|S G m P m G m g S
jogiya|Bhairav|SrmPd|SrmPdN|m|S|dawn|S r m P d P d m r S
kafi|Kafi|SRgmPDn||P|S|midnight|S S R R g g m m P
kalavati*|Khamaj|SGPDn||P|S|night|G P D n D P G P G S
khamaj|Khamaj|SGmPDN|SRGmPDn|G|N|night|n D m P D m G
madhuvanti*|Todi|SgMPN|SRgMPDN|P|S|afternoon|N, S g M P D P M g R S
malkauns|Bhairavi|Sgmdn||m|S|after midnight|m g m d n d m g S
marwa|Marwa|SrGMDN||r|D|sunset|D M G r G M G r S
megh|Kafi|SRmPn||S|P|rainy season|R m P n P m R S
multani|Todi|SgMPN|SrgMPdN|P|S|late afternoon|N, S M g P g r S
patdip*|Kafi|SgmPN|SRgmPDN|P|S|afternoon|m P N S' D P m g R S
puriya|Marwa|SrGMDN||G|N|sunset|G N, r S N, D, N, r G
puriya-dhanashri|Purvi|SrGMPdN||P|r|sunset|N, r G M P d P M G r S
purvi|Purvi|SrGMPdN|SrGmMPdN|G|N|sunset|N, S r G m G M G r S
rageshri|Khamaj|SGmDn|SRGmDn|G|n|night|G m D n D m G R S
shivranjani*|Kafi|SRgPD||P|S|night|g P D S' D P g R S
shri|Purvi|SrMPN|SrGMPdN|r|P|sunset|S r r S P M G r G r S
shuddh-kalyan|Kalyan|SRGPD|SRGMPDN|G|D|early night|G R S N, D, P, S G R S
sohni|Marwa|SGMDN|SrGMDN|D|G|before dawn|S' N D N D G M D N S'
tilang|Khamaj|SGmPN|SGmPn|G|N|night|S' n P G m G S
todi|Todi|SrgMdN|SrgMPdN|d|g|late morning|d, N, S r g r S
vibhas|Bhairav|SrGPd||d|r|dawn|d P G P G r S
yaman|Kalyan|SRGMPDN||G|N|early night|N, R G R S P M G R S
"""


def _ragas() -> dict[str, Raga]:
    rows = (line.split("|") for line in TABLE.strip().splitlines())
    ragas = (Raga(*(cell.strip().rstrip("*") for cell in row)) for row in rows)
    return {raga.name: raga for raga in ragas}


RAGAS = _ragas()


def raga_named(name: str) -> Raga:
    """Return the raga of that name.

    Raises:
        InputError: if the table has none.
    """
    plain = re.sub(r"[\s_-]+", "-", name.strip().lower())
    try:
        return RAGAS[plain]
    except KeyError as error:
        raise InputError(
            f"unknown raga {name[:40]!r}", hint=f"one of {', '.join(RAGAS)}"
        ) from error


def likeness(melody: list[Degree], raga: Raga) -> float:
    """Return how much of a raga's character a melody has, about 0 to 3.

    It is the share of vadi, half of that of samvadi, and how many of the phrase's turns of three
    notes occur, by their share.
    """
    if not melody:
        return 0.0
    vadi, samvadi = SARGAM[raga.vadi], SARGAM[raga.samvadi]
    chief = (melody.count(vadi) + melody.count(samvadi) / 2) / len(melody)
    phrase = [degree for _, degree in raga.phrase]
    turns = set(zip(phrase, phrase[1:], phrase[2:], strict=False))
    heard = set(zip(melody, melody[1:], melody[2:], strict=False))
    return 2 * chief + len(turns & heard) / len(turns)
