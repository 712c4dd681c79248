"""MIDI files to tunes that a musician would have written.

Bytes to messages (``smf``), to notes (``performance``), to beats without swing (``beats``,
``swing``), to what of them is written (``texture``) in exact values (``grid``, ``values``), to the
likeliest metre, pickup and key (``line``, ``metre``, ``key``, ``judging``), to bars (``bars``) and
repeats (``repeats``); ``transcribe`` leads through it.
"""

from abcgen.midi.performance import MAX_BYTES
from abcgen.midi.transcribe import read_midi

__all__ = ["MAX_BYTES", "read_midi"]
