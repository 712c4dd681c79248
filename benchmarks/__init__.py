"""Measurements, each with its script, its README and its table."""
