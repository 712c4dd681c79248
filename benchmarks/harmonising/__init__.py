"""How far harmonised tunes agree with their own chords."""
