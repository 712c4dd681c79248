"""How exact rewriting is."""
