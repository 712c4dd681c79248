"""Measures of tunes and texts with their uncertainty; pure functions over music and numbers."""
