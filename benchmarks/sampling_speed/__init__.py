"""How fast tunes are sampled."""
