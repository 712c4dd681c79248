"""How surprised a network is at each note of a tune, in bits."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from abcgen.grammar.positions import with_form_line
from abcgen.model.scoring import log_probabilities
from abcgen.notation.model_text import encode_bars
from abcgen.notation.tune import notes_in
from abcgen.pipeline.voices import refuse_voices

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune
    from abcgen.pipeline.checkpoints import LoadedNetwork


class ReadText(NamedTuple):
    """The text that a network reads of a tune."""

    text: str
    # Where the first bar begins.
    begin: int
    # The pieces from there on, each with its bar, and the number of the item in the bar; None for
    # what stands between items.
    pieces: list[tuple[str, tuple[int, int | None]]]


def text_read(network: LoadedNetwork, tune: Tune) -> ReadText:
    """Return the text that a network reads of a tune, of whose voices only the first counts.

    Raises:
        InputError: if the network is of several voices.
    """
    refuse_voices(network.config, "asked how they read a tune")
    header, bars = encode_bars(tune)
    pieces = [
        (piece, (bar, index))
        for bar, text in enumerate(bars)
        for index, piece in [(None, text.left), *enumerate(text.items), (None, text.line)]
    ]
    body = "".join(piece for piece, _ in pieces)
    text = f"{header}{body}\n"
    whole = with_form_line(text) if network.config.form else text
    return ReadText(whole, len(whole) - len(body) - 1, pieces)


def surprise_of(network: LoadedNetwork, tune: Tune) -> list[list[float]]:
    """Return the negative log₂ of the probability of each note and rest, by bar.

    A note's accidental and length count too; the notes of a tuplet share what it takes. Only the
    first voice is looked at.
    """
    read = text_read(network, tune)
    (nats,) = log_probabilities(network.steps, network.vocabulary, [read.text])
    # The bits of each character, summed.
    bits = [0.0, *accumulate(-float(value) / math.log(2) for value in nats)]
    surprise: list[list[float]] = [[] for _ in tune.bars]
    begin = read.begin
    for piece, (bar, index) in read.pieces:
        if index is not None:
            notes = len(notes_in(tune.bars[bar].items[index]))
            taken = bits[begin + len(piece)] - bits[begin]
            surprise[bar] += [taken / notes] * notes
        begin += len(piece)
    return surprise
