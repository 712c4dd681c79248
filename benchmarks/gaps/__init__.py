"""What knowing both sides of a gap is worth."""
