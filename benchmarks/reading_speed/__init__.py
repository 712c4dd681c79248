"""How fast tunes are read, and in how much memory."""
