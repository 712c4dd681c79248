"""Public homes of openly licensed collections: where their files are, and whom to credit.

An address names a commit, so what it leads to cannot change unless its host breaks its word. Where
the SHA-256 of a file is known too, it is checked; where not, the tunebook that the file is
installed in says what it was. The cleaned copies are known by their SHA-256.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class HomeFile:
    """A file at a collection's home."""

    name: str
    sha256: str = ""  # empty if not known


@dataclass(frozen=True, slots=True)
class Home:
    """The public home of a collection."""

    address: str  # of the commit's files; ends in a slash
    page: str  # for people
    files: tuple[HomeFile, ...]  # tunebooks, or none if they are of a kind that abcgen cannot read
    copy: HomeFile  # the cleaned copy

    def address_of(self, file: HomeFile) -> str:
        """Return the address of one of its files."""
        return self.address + quote(file.name)


_RAW = "https://raw.githubusercontent.com"
_TUNEBOOKS = "Gubbledenut/ABC_TuneBooks"
_TUNEBOOKS_COMMIT = "aada0b8e20c88fb7c8e56c589b09768ff3590f96"
_FESTIN_COMMIT = "50b61da3d61ba9d6b2f9322749e52f5e72a6a884"
_LITTEN_COMMIT = "213ca1967fc4efee15a7ad0cf2e1747b460622af"
_MUTOPIA_COMMIT = "2144afd6f52d56c5b6995b8b589ef1268b3139f0"
VWML_CREDITS = (
    "volunteers of the Vaughan Williams Memorial Library (EFDSS) and the Village Music Project, "
    "among them John Chambers, Simon Wilson, Steve Mansfield, Mike Hicken, Ruairidh Greig, "
    "Peter Dunk, David Jacobs, Simon Furey, Lewis Jones, Edmund Spriggs, Paul Barber-Riley, "
    "Eric Conrad, Taz Tarry, Peter Kanssen, John Adams, Ian Hayden and John Gibbons"
)


def _files(*names: str) -> tuple[HomeFile, ...]:
    return tuple(HomeFile(f"{name}.abc") for name in names)


DANCES = Home(
    f"{_RAW}/{_TUNEBOOKS}/{_TUNEBOOKS_COMMIT}/",
    f"https://github.com/{_TUNEBOOKS}/tree/{_TUNEBOOKS_COMMIT}",
    _files(
        *(f"Button{year}" for year in (1809, 1810, 1818)),
        "JohnsonVol8 dance",
        "Longmans Cotillon 9236",
        *(f"Prestons{year}" for year in (1793, 1794, 1798)),
        *("RutherfordSelect 1772", "RutherfordVol1-2249", "RutherfordVol1756_with z"),
        *(f"Skillern{year}" for year in (1780, 1781, 1782)),
        *("Skillerns1799", "Straights-Skillern1777", "Straights1779", "Straights1783"),
        *(f"Thompson{year}" for year in (1762, 1765, 1767, 1774, 1776, 1778, 1779, 1780, 1782)),
        *("Urbani_Liston_1800", "WrightsVol1"),
    ),
    HomeFile(
        "vwml-printed.abc", "cf536f2365e6d64f50fd346c1ea131f0d32f0871487029742551a070fe300f0a"
    ),
)
MANUSCRIPTS = Home(
    DANCES.address,
    DANCES.page,
    _files(
        "Anon2",
        *("John Moore Bk1 4493", "John Moore Bk2 4494", "John Moore Bk3 44945"),
        *("Kitty Bridges 1745", "Malchair", "WG1", "Yarkers"),
    ),
    HomeFile(
        "vwml-manuscripts.abc", "be7ea39af4553ea4cfa09333467ac7047dadb3904398e88a7f02b816ba8e1707"
    ),
)
LITTEN = Home(
    f"{_RAW}/lucasgonze/william-litten-fiddle-tunes/{_LITTEN_COMMIT}/third-party/",
    f"https://github.com/lucasgonze/william-litten-fiddle-tunes/tree/{_LITTEN_COMMIT}",
    _files("Litten MS"),
    HomeFile("vmp-litten.abc", "73d8fafd6ac87b69ac1107adb9d05ee342db9967ef43f2c965b821a6cbfb1dcb"),
)
FESTIN = Home(
    f"{_RAW}/econrad003/music-abc/{_FESTIN_COMMIT}/",
    f"https://github.com/econrad003/music-abc/tree/{_FESTIN_COMMIT}",
    _files(*(f"Festin Joyeux(1732)_{tunes}" for tunes in ("01-15", "16-30", "31-49"))),
    HomeFile(
        "festin-joyeux-1738.abc", "3ca5a13b8437ca75a314129432a782f885ecca91bb7ce388a0494944eaa0092d"
    ),
)
# LilyPond files, which abcgen does not read.
POLSKAS = Home(
    f"{_RAW}/MutopiaProject/MutopiaProject/{_MUTOPIA_COMMIT}/ftp/Traditional/",
    f"https://github.com/MutopiaProject/MutopiaProject/tree/{_MUTOPIA_COMMIT}/ftp/Traditional",
    (),
    HomeFile(
        "swedish-1814.abc", "6ebacfca2aa8b30e8f9477826c722792c2e9e1e8fc8f8fe7e603904c9d3c9990"
    ),
)
