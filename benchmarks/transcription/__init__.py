"""How well MIDI is transcribed, beside other converters."""
