"""The readers of all kinds of tune files, with the options of MIDI."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from abcgen.config import MidiConfig
from abcgen.corpus.tune_files import MIDI_SUFFIXES, READERS, Reader, read_midi_file
from abcgen.errors import InputError
from abcgen.midi.texture import TEXTURES
from abcgen.notation.transpose import instrument_named
from abcgen.score.read_musicxml import read_musicxml_file

if TYPE_CHECKING:
    from collections.abc import Mapping

MUSICXML_SUFFIXES = (".musicxml", ".mxl")


def midi_config(texture: str, track: str, fold_range: str) -> MidiConfig:
    """Return the options of MIDI transcription, checked.

    Args:
        texture: ``auto``, ``melody``, ``chords`` or ``voices``.
        track: The only track to write, by number or name; empty for all.
        fold_range: Name of the instrument whose range notes are moved into by octaves; or empty.

    Raises:
        InputError: if there is no such texture or instrument.
    """
    if texture not in TEXTURES:
        raise InputError(f"unknown texture {texture!r}", hint=f"one of {', '.join(TEXTURES)}")
    instrument = instrument_named(fold_range) if fold_range else None
    keys = (instrument.lowest, instrument.highest) if instrument else None
    return MidiConfig(texture, track, keys)


def all_readers(midi: MidiConfig) -> Mapping[str, Reader]:
    """Return readers by suffix."""
    read = replace(READERS[".mid"], read=partial(read_midi_file, config=midi))
    musicxml = Reader(read_musicxml_file, libraries=("music21",))
    return {
        **READERS,
        **dict.fromkeys(MIDI_SUFFIXES, read),
        **dict.fromkeys(MUSICXML_SUFFIXES, musicxml),
    }
