"""Tunes as sheet music and sound. The only package that uses music21, verovio and typst.

In reading order:

1. ``musicxml``: a tune as a music21 Score and as MusicXML (``musicxml_of``). It uses ``layout``
   (voices in parallel, the plan of all bars, line breaks), ``clefs``, ``printed_notes`` (any
   duration as tied notes), ``symbols`` (beams, accidentals, tuplets), ``marks`` (decorations,
   chords, lyrics, slurs), ``additions`` (what music21 cannot write) and ``playback`` (instrument
   and tempo, for other programs).
2. ``engrave``: MusicXML to SVG with verovio, ``metronome`` its metronome marks, ``shading`` the
   shade of new bars; ``pages``: SVG to PDF and PNG with typst.
3. ``performance``: a tune as it is played, with repeats, swing, tempo and accompaniment;
   ``midi`` and ``wav`` write it as files.
4. ``web``: a page that shows and plays tunes; ``blind``: the page of a blind test.
5. ``referee``: music21 (in ``referee_worker``) and abc2midi as second readers of our ABC.
6. ``read_musicxml``: MusicXML to tunes, by ``musicxml_measures`` (what sounds when),
   ``musicxml_symbols`` (chords and marks) and ``musicxml_voices`` (staves, voices, tuplets).
7. ``text``: titles and names of keys as they are printed.
"""
