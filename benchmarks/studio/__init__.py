"""The studio under load, and when it is killed."""
