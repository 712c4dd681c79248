"""Whether several devices, and several processes, learn what one does."""
