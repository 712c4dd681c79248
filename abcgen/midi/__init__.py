"""MIDI files to tunes that a musician would have written.

`read_midi` in ``transcribe`` leads through the modules in this order:

    performance    bytes to messages, and messages to notes
    names          titles, instruments, drums and parts by their names
    texture        what of the notes is written: the tune, chords, voices
    melody         which part is the tune
    phase          passages that were pasted off the grid
    beats          beats of free playing; swing
    quantize       exact note values
    key            the likeliest key, and spelling
    signatures     what the file's events of metre mean
    accompaniment  where bass, chords and drums put the bar lines
    metre          the likeliest metre and pickup
    bars           bars, ties and tuplets
    repeats        passages played twice
    staves         which voices share a staff; names, clefs, braces
"""

from abcgen.midi.performance import MAX_BYTES
from abcgen.midi.transcribe import list_parts, read_midi

__all__ = ["MAX_BYTES", "list_parts", "read_midi"]
