"""Bits per note of the network's options after the same training time, compared with PyTorch."""
