"""What users may wish for a tune's notes, as tables and in words.

1. ``sounding``: reads a pitch range, a scale and note values as people write them.
2. ``levels``: the levels of sight-reading.
3. ``ragas``, ``sargam``: the notes of Indian ragas, and their names.
4. ``moods``: what a mood asks of mode, tempo, articulation, register, leaps and density.
5. ``checking``: says which of a request's wishes a finished tune breaks, without the grammar.

``abcgen.pipeline.wishes`` translates them for the grammar.
"""
