"""The commands as plain functions: the only package that joins music, networks and files.

Programs can call them as the command line does. Long work reports its progress to a callback
``(done, total)``. In reading order:

1. ``training``: from tunes to a checkpoint (``train_network``). ``checkpoints`` finds and opens
   checkpoints; ``held_out`` saves the held-out tunes in them; ``tensorboard`` logs the run.
2. ``choosing``: of several texts drawn for a tune, the best that nothing is wrong with
   (``Chooser``). ``sampling``: from a checkpoint to checked and titled tunes (``Composer``).
   ``requests`` translates a request for the grammar and the network; ``recipes`` records it, and
   ``replaying`` samples it again. ``rewriting`` draws bars of a tune anew (``Rewriter``), which
   ``barnumbers`` finds by number and ``varying`` by how certain the network is of them.
   ``harmonising`` adds chords and voices.
3. ``critics``: the critic that chooses among a checkpoint's tunes, learnt (``add_critic``).
4. ``rendering``: tunes to files (``render_tunes``), in one of the ``formats``.
5. ``normalising``: files to canonical ABC. ``checking``: tunes checked by us and other programs.
6. ``evaluating``, ``comparing``, ``evaluation_report``: the figures of a checkpoint, of another
   program's tunes or of several checkpoints, and their page. ``evaluating_voices``: of a
   checkpoint of several voices.
7. ``blindtest``, ``blindtest_scoring``: tests of whether people can tell its tunes apart.
8. ``surprise``: how surprised a network is at each note of a tune.
9. ``plotting``: pictures of a checkpoint and its training run.
"""
