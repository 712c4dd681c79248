"""Gain from fine-tuning a trained network with few tunes."""
