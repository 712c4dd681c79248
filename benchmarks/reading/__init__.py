"""How rightly ABC is read."""
