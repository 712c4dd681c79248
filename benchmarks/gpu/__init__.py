"""How fast training is where the arithmetic is, and what the host costs it."""
