"""What a tune is, and ABC read and written: pure Python, no arrays, no other programs."""
