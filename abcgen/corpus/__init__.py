"""Finds files, turns them into tunes, and divides them for training and testing."""
