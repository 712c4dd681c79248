"""What a tune is, and ABC read and written: pure Python, no arrays, no other programs.

In reading order:

1. ``tune``: the frozen types that everything else speaks in.
2. ``walk``: the one walk through bars and notes, in time and with the key and metre in force, and
   the joining of ties.
3. ``reader``: from a file's text to tunes. It uses ``fields`` (values of header fields), ``lexer``
   (symbols of a line), ``body`` (symbols to bars) and ``draft`` (what only the whole tune settles).
4. ``writer``: tunes as canonical ABC; ``model_text``: tunes as the network sees them.
5. ``analysis`` (melody, mode, form), ``playback`` (the order of bars), ``validation`` (bars that
   add up, repeats that pair), ``transpose`` (keys and instruments) and ``titles``.
"""
