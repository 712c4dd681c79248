"""Speed of training, compared with PyTorch."""
