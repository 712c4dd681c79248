"""The whole way, as plain functions: the only modules that see notation, corpus, model and score.

Each command of the command line is one of them; a program that has no command line calls them
just the same. What takes time reports how far it is through a callback ``(done, total)``.
"""
