"""How many sampled tunes are right."""
