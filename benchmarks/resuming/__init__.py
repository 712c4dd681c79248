"""Comparison of training runs with and without kills."""
