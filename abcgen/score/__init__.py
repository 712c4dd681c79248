"""Tunes as sheet music and sound: the only room that knows music21, verovio and typst."""
