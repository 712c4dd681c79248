"""The commands as plain functions: the only modules that see notation, corpus, model and score.

Programs can call them as the command line does. What takes long reports its progress to a callback
``(done, total)``.
"""
