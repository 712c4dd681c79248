"""Tunes, and how they are read and written as ABC. Pure Python, without arrays or other programs.

In reading order:

1. ``tune``: the frozen types that all other modules use; ``words``: those of the words around the
   music; ``staves``: which voices share one; ``percussion``: drums, and the notes for them.
2. ``walk``: iterates over bars and notes in time, with the key and metre in force; joins ties.
3. ``reader``: a file's text to tunes (``read_tunebook``, ``read_abc``). It uses ``encoding`` (bytes
   and accents), ``tunebook`` (a book to tunes), ``parser`` (lines to fields and voices), ``fields``
   and ``properties`` (their values), ``macros``, ``lexer`` (symbols of a line), ``body`` and
   ``note`` (symbols to bars), ``lyrics`` (words to notes), ``draft`` (ties, repeats and tuplets
   of the whole tune) and ``voices`` (which open and end together).
4. ``writer``: tunes as canonical ABC (``write_abc``); ``model_text``: tunes as the network sees
   them (``encode_tune``, ``decode_tune``).
5. ``analysis`` (melody, mode, sections), ``playback`` (the order of bars), ``validation`` (bars
   that add up, repeats that pair), ``transpose`` (keys and instruments), ``titles``, and
   ``splicing`` (other notes in some bars, all else as it is), and ``harmony`` (chord symbols).
"""
