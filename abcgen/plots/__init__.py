"""Pictures of numbers and names. The only package that imports matplotlib.

``run`` draws a training run and its network for ``abcgen plot``, ``comparing`` the results of
``abcgen evaluate``; ``canvas`` has their common style and writes them as files.
"""
