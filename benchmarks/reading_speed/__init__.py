"""Speed and memory of reading."""
