"""Measures of tunes and texts, and how sure they are; pure functions over music and numbers."""
