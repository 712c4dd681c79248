"""Samples of a network for judging it: nothing chosen, nothing left out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from abcgen.errors import NotationError
from abcgen.evaluation.structure import parts_of, sections_of
from abcgen.model.inference import StepNetwork
from abcgen.model.sampling import Sampled, sample
from abcgen.notation.bars import bar_problems
from abcgen.notation.grammar import Grammar, Rules
from abcgen.notation.key import Key
from abcgen.notation.model_text import decode_tune
from abcgen.notation.modes import mode_of
from abcgen.pipeline.requests import Request, beginning_of, form_of, key_of, metre_of, rules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from abcgen.config import SampleConfig
    from abcgen.model.checkpoint import Checkpoint
    from abcgen.model.masking import Constraint
    from abcgen.notation.tune import Tune

    Progress = Callable[[int, int], None]

ASKED_SHARE = 10  # of so many samples one is asked for something
REQUESTS = tuple(
    Request(metre=metre, key=key, bars=bars, parts=parts)
    for metre, key, bars, parts in (
        ("6/8", "C", 16, "AABB"),
        ("4/4", "C", 16, "AABB"),
        ("2/4", "C", 16, "AB"),
        ("3/4", "C", 16, "AABB"),
        ("6/8", "Cmix", 16, "AABB"),
        ("4/4", "Cdor", 16, "AABB"),
        ("9/8", "C", 8, "AABB"),
        ("6/8", "Cm", 24, "AABBCC"),
        ("4/4", "C", 32, "AABBCCDD"),
        ("2/2", "Cm", 16, "AABB"),
        ("3/8", "C", 16, "AABB"),
        ("4/4", "Cmix", 12, "AAB"),
    )
)
"""Requests in turn: common metres and modes, some rare ones, and several forms. In C, because it
is the network that is asked; moving to another key afterwards cannot go wrong."""


class Draws:
    """Draws texts of a network with the grammar and without.

    Args:
        checkpoint: The network.
        config: How to draw.
        seed: Of all texts.
    """

    def __init__(self, checkpoint: Checkpoint, config: SampleConfig, seed: int) -> None:
        self._network, self._vocabulary = StepNetwork.of(checkpoint), checkpoint.vocabulary
        self._alphabet = frozenset(checkpoint.vocabulary.characters)
        self._config, self._seed = config, seed

    def bound(self, count: int, on_progress: Progress) -> list[Sampled]:
        """Texts number 0 to ``count``, kept right by the grammar."""
        rules = Grammar(Rules(self._alphabet))
        drawn = self._drawn(((number, "") for number in range(count)), rules)
        return list(_told(drawn, count, on_progress))

    def free(self, count: int, bound: Sequence[Sampled], on_progress: Progress) -> list[Sampled]:
        """The same texts as they come by themselves.

        Args:
            count: How many.
            bound: The same numbers with the grammar, or nothing. Where it never stepped in, the
                text is the same, and is not drawn again.
            on_progress: Called with texts drawn and in all.
        """
        texts = {one.number: replace(one, removed=0.0) for one in bound if not one.forced}
        left = [number for number in range(count) if number not in texts]
        drawn = self._drawn(((number, "") for number in left), None)
        texts |= {one.number: one for one in _told(drawn, len(left), on_progress)}
        return [texts[number] for number in range(count)]

    def asked(
        self, count: int, *, free: bool, on_progress: Progress
    ) -> list[tuple[Request, Sampled]]:
        """Texts that are asked to be in a metre and key and, by the grammar, of a form."""
        pairs: list[tuple[Request, Sampled]] = []
        for place, request in enumerate(REQUESTS):
            numbers = range(place, count, len(REQUESTS))
            if not self._alphabet.issuperset(beginning_of(request)):
                # What the network has no sign for it cannot deliver.
                pairs += [(request, Sampled("", ended=False, number=number)) for number in numbers]
                continue
            rules = None if free else Grammar(rules_of(request, self._alphabet))
            beginnings = ((number, beginning_of(request)) for number in numbers)
            for sampled in self._drawn(beginnings, rules):
                pairs.append((request, sampled))
                on_progress(len(pairs), count)
        return pairs

    def _drawn(
        self, beginnings: Iterable[tuple[int, str]], rules: Constraint | None
    ) -> Iterator[Sampled]:
        return sample(
            self._network, self._vocabulary, beginnings, self._config, self._seed, constraint=rules
        )


def _told(drawn: Iterable[Sampled], count: int, on_progress: Progress) -> Iterator[Sampled]:
    on_progress(0, count)
    for number, sampled in enumerate(drawn, start=1):
        on_progress(number, count)
        yield sampled


@dataclass(frozen=True, slots=True)
class Delivery:
    """Whether what was asked for was delivered.

    Attributes:
        metre: All of the tune is in the metre, and every bar adds up to it.
        key: All of the tune says that it is in the key, and its notes are in that mode.
        bars: It has as many bars.
        parts: It has the parts, each repeated or not as asked, and all of one length.
    """

    metre: bool = False
    key: bool = False
    bars: bool = False
    parts: bool = False


def delivery(request: Request, sampled: Sampled) -> Delivery:
    """What of a request was delivered; nothing by a text that cannot be read."""
    try:
        tune = decode_tune(sampled.text) if sampled.ended else None
    except NotationError:
        tune = None
    if tune is None:
        return Delivery()
    sections = sections_of(tune)
    wanted = form_of(request).sections
    return Delivery(
        metre=tune.metre == metre_of(request) and keeps_metre(tune),
        key=tune.key == key_of(request) and keeps_key(tune),
        bars=sum(section.bars for section in sections) == request.bars,
        parts=parts_of(sections) == request.parts
        and [section.bars for section in sections] == [section.bars for section in wanted],
    )


def keeps_metre(tune: Tune) -> bool:
    """Whether a tune never changes its metre, and all bars add up to it."""
    return not any(bar.metre for bar in tune.bars) and not bar_problems(tune)


def keeps_key(tune: Tune) -> bool:
    """Whether a tune in C never changes its key, and its notes are in the mode that it names."""
    same = not any(bar.key for bar in tune.bars)
    return same and mode_of(tune.bars, Key("C")) is tune.key.mode
