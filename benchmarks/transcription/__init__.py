"""Correctness of MIDI transcription, compared with other converters."""
