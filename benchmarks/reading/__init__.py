"""Correctness of reading ABC."""
