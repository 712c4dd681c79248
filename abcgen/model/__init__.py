"""The network: vocabulary, training, checkpoints, inference and sampling.

Sees characters and ids only, never music. Keras is imported inside functions, so that sampling
from a checkpoint loads NumPy and nothing heavier.
"""
