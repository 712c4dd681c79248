"""Pictures. Only this room imports matplotlib; it sees numbers and names, no tunes or networks."""
