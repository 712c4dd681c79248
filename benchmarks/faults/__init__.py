"""How commands end with faulty inputs, outputs, limits and settings."""
