"""How sheet music and sound come out, and how fast."""
