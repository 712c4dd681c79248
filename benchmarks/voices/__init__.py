"""Whether all bars of all voices are right."""
