"""MIDI files to tunes that a musician would have written.

`read_midi` in ``transcribe`` leads through the modules in this order:

    performance    bytes to messages, and messages to notes
    texture        what of them is written: the tune, chords, voices
    beats          beats of free playing; swing
    quantize       exact note values
    key            the likeliest key, and spelling
    metre          the likeliest metre and pickup
    bars           bars, ties and tuplets
    repeats        passages played twice
"""

from abcgen.midi.performance import MAX_BYTES
from abcgen.midi.transcribe import read_midi

__all__ = ["MAX_BYTES", "read_midi"]
