"""The network: trained with Keras, sampled with NumPy. It sees characters and ids, never music.

In reading order:

1. ``vocabulary``: characters and their ids. ``architecture``: the layers of a network, defined
   once; ``positions``: the interface of position features.
2. ``network`` and ``layers``: the same as a Keras model.
3. ``trainer``: the training loop (``Trainer.fit``). It uses ``dataset`` (texts in batches),
   ``packing`` (several in a row), ``compiled`` (one step), ``events`` and ``metrics`` (progress and
   figures), ``resume`` (the state of an interrupted run). ``training`` sets it up (``train``).
4. ``checkpoint``: the folder of a trained network. ``extending``: further characters for it.
5. ``inference`` and ``cells``: the same network in NumPy, one character at a time.
6. ``sampling``: draws texts under a constraint (``generate``). ``filling``: draws what fills a gap
   between given texts. ``scoring``: bits of given texts.
7. For speed only: ``backend`` (what Keras computes with), ``lstm_cpu`` (a faster LSTM for
   TensorFlow on a CPU), ``steps`` (steps that do not wait), ``muon_torch`` (Muon in few calls),
   ``distribution`` (several devices and hosts).

Keras is imported inside functions, so that sampling from a checkpoint loads only NumPy.
"""
