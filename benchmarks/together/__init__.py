"""Two commands at the same moment in one folder."""
