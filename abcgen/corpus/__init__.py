"""Tune files: find them, read them through a cache, examine their tunes, divide these for training.

In reading order:

1. ``tune_files``: find files, choose their readers, cut them into chunks of whole tunes.
2. ``reading``: the one way to read them, in several processes and through the ``cache``; a
   ``RecordFormat`` says which parts of each tune are kept. ``records`` has the formats for reports
   and for training.
3. ``families``: find the versions of a tune among very many, and split by family.
4. ``overlap``: the longest passage that a tune shares with the training tunes.
5. ``doctor`` and ``report``: the problems of a tunebook, as JSON or HTML.
6. ``collections``: the tunes inside the music21 package.
"""
