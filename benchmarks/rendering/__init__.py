"""Correctness and speed of sheet music and sound."""
