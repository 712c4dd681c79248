"""The critic: judges whether a tune could be a real one, and says why.

It has learnt to tell a network's training tunes from tunes that the network sampled. Of several
sampled tunes ``abcgen sample`` keeps what the critic takes for the most real one. It never judges
an evaluation: ``abcgen.evaluation`` has its own features and models.

::

    config.py     how it is learnt and used
    outline.py    a tune as bars, tones and phrases in whole numbers
    ngrams.py     how surprising melodies and rhythms are, forwards and backwards
    features.py   a tune in some hundred numbers
    words.py      the same in a musician's words
    places.py     where in the tune something unusual is
    critic.py     the critic as plain numbers: a tune's score, and the reasons for it
    learning.py   learn a critic; the only module that loads scikit-learn
"""
