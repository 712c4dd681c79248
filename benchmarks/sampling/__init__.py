"""Correctness of sampled tunes."""
