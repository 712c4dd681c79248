"""Measures of tunes and texts, with their uncertainty. Pure functions of music and numbers.

In reading order:

1. ``statistics``: an ``Estimate`` with its 95% interval; distances between two samples.
2. ``features``: everything that is counted and measured in a single tune (``features_of``).
3. ``measures``: every figure of ``abcgen evaluate``, a row of ``MEASURES`` for each.
   ``discriminator`` learns to tell generated tunes from real ones.
   ``part_writing`` and ``voice_measures``: the same of pieces in several voices.
4. ``baselines``: predictors without a network, character n-grams and lzma, to compare it with.
5. ``report``: the results as JSON, as tables and as a page.
"""
