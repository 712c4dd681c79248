"""Tunes as sheet music and sound: the only part that knows music21, the engraver and MIDI."""
