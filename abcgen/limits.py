"""Bounds on what other people's files may cost (``LIMITS``)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what other people's files may cost."""

    # Files that must be read whole, such as MIDI.
    file_bytes: int = 32_000_000
    tunebook_bytes: int = 256_000_000
    tunebook_tunes: int = 1_000_000
    # The longest part of a tunebook without a blank line or an ``X:`` line.
    paragraph_bytes: int = 1_000_000
    tune_characters: int = 40_000  # of each voice
    bars: int = 2_000
    bar_notes: int = 400
    voices: int = 32
    # Bars of one multi-bar rest (``Z8``).
    rest_bars: int = 64
    # The longest single note, in whole notes.
    duration: int = 16
    # Time that music21 may take for one tune.
    referee_seconds: float = 10.0
    # Each file of a checkpoint.
    checkpoint_bytes: int = 2_000_000_000
    cache_bytes: int = 500_000_000
    cache_entry_bytes: int = 64_000_000
    # Answers to a blind test, or its key.
    answers_bytes: int = 1_000_000
    # Rows of each kind on a report's page; the JSON has all.
    report_rows: int = 3_000
    # A step of work on texts: for the step, and for each text. A text takes a second or less; the
    # rest is for machines that are busy.
    step_seconds: float = 120.0
    step_text_seconds: float = 30.0


LIMITS = Limits()
