"""What each option of the network buys at equal training time, beside PyTorch."""
