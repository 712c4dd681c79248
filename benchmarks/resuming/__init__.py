"""Does killing a training run change what it learns?"""
