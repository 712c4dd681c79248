"""Characters a second learnt from, beside PyTorch."""
