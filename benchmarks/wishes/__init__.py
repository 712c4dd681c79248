"""Whether tunes keep a raga, and how far a mood shifts what is measured of them."""
