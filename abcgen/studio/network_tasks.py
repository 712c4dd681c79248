"""The work of the studio's processes on networks: composing, rewriting, harmonising, explaining.

A task takes the body of a request, tells of tunes as they are made, and returns what JSON can hold.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from abcgen.config import MAX_SEED, Request, SampleConfig
from abcgen.errors import AbcgenError, InputError, NotationError
from abcgen.notation.model_text import decode_tune
from abcgen.notation.reader import read_abc
from abcgen.notation.tune import BarLine
from abcgen.notation.walk import keys_and_metres
from abcgen.notation.writer import write_abc
from abcgen.pipeline.barnumbers import numbers_of
from abcgen.pipeline.checkpoints import LoadedNetwork
from abcgen.pipeline.explaining import (
    bars_looked_at,
    expectations_of,
    nearest_tune,
    steps_of,
)
from abcgen.pipeline.harmonising import Harmoniser, harmony_of, with_chords
from abcgen.pipeline.networks import all_networks, choose_network
from abcgen.pipeline.requests import make_request
from abcgen.pipeline.rewriting import Rewriter, revision_of, spans_wanted
from abcgen.pipeline.sampling import Composer
from abcgen.pipeline.surprise import surprise_of
from abcgen.pipeline.varying import CLOSENESS, setting_of
from abcgen.score.referee import Referee
from abcgen.studio.bodies import HarmoniseBody, RewriteBody, SampleBody, TuneBody
from abcgen.studio.worker import Tasks

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from abcgen.notation.tune import Tune
    from abcgen.pipeline.choosing import Chooser
    from abcgen.studio.bodies import VersionsBody
    from abcgen.studio.worker import Connection

MOST_NETWORKS = 2  # in memory
# Of ``SampleBody``, as ``Request`` has them.
WISHES = set(SampleBody.model_fields) & set(Request.model_fields) - {"instrument"}
DRAFT_SECONDS = 0.15  # between two drafts


class NetworkTasks(Tasks):
    """Tasks on networks, which stay in memory."""

    def __init__(self) -> None:
        self._networks: OrderedDict[Path, LoadedNetwork] = OrderedDict()
        self._referee = Referee()

    def warm_up(self) -> None:
        """Load the best network, and start music21."""
        self._referee.__enter__()
        # Where there is no network yet, the first task says so.
        with suppress(AbcgenError):
            _ = self.network("").critic

    def network(self, name: str, voices: str = "") -> LoadedNetwork:
        """Return the network with a name, or the best of one voice or of several, loaded.

        Raises:
            InputError: if there is none; paths are no names.
        """
        if name:
            named = {facts.name: facts.folder for facts in all_networks()}
            if name not in named:
                raise InputError(f"unknown network {name[:80]!r}")
            folder = named[name]
        else:
            folder = choose_network(None, voices=voices).folder
        if folder not in self._networks:
            self._networks[folder] = LoadedNetwork(folder)
        self._networks.move_to_end(folder)
        while len(self._networks) > MOST_NETWORKS:
            self._networks.popitem(last=False)
        return self._networks[folder]

    def do_sample(self, body: dict[str, Any], connection: Connection) -> dict[str, Any]:
        """Compose tunes; tell of drafts as they are written, and of each tune chosen."""
        wishes = SampleBody(**body)
        network = self.network(wishes.network)
        request = make_request(
            **wishes.model_dump(include=WISHES),
            instrument=wishes.instrument or None,
            # With a line end it cannot be the name of a file.
            prime=f"{wishes.prime}\n" if wishes.prime.strip() else "",
            keep_bars=wishes.keep_bars if wishes.prime.strip() else None,
        )
        seed = _seed(wishes.seed)
        with Composer(network, _sampling(wishes), seed, request, referee=self._referee) as composer:
            connection.tell(
                "start",
                seed=seed,
                network=network.name,
                candidates=composer.candidates,
                warnings=composer.warnings,
            )
            draft = Draft(composer, connection, network if wishes.explain else None)
            for made in composer.compose(watch=draft.watch):
                overlap = made.overlap
                connection.tell(
                    "tune",
                    abc=made.abc,
                    title=made.tune.title,
                    number=made.sampled.number,
                    shared_bars=float(overlap.bars) if overlap else None,
                    nearest=overlap.title if overlap else None,
                )
        tally = composer.tally
        return {"seed": seed, "sampled": tally.sampled, "made": tally.valid}

    def do_rewrite(self, body: dict[str, Any], connection: Connection) -> dict[str, Any]:
        """Draw bars of a tune anew; tell of each version, and of its new bars."""
        wishes = RewriteBody(**body)
        network, tune = self.network(wishes.network), read_abc(wishes.abc)
        spans = list(wishes.bars)
        if wishes.part or (wishes.end_on_tonic and not spans):
            spans += spans_wanted(tune, part=wishes.part, end_on_tonic=wishes.end_on_tonic)
        if spans:
            revision = revision_of(tune, spans, end_on_tonic=wishes.end_on_tonic)
            closeness = 0.0
        else:
            revision = setting_of(network, tune, float(wishes.amount))
            closeness = CLOSENESS
        rewriter = Rewriter(
            network,
            _sampling(wishes),
            _seed(wishes.seed),
            revision,
            closeness=closeness,
            referee=self._referee,
        )
        return _versions(
            rewriter, network.name, connection, bars=rewriter.bars, span=spans[0] if spans else None
        )

    def do_harmonise(self, body: dict[str, Any], connection: Connection) -> dict[str, Any]:
        """Add chord symbols to a tune, or voices; tell of each version."""
        wishes = HarmoniseBody(**body)
        tune, seed = read_abc(wishes.abc), _seed(wishes.seed)
        if wishes.voices:
            network = self.network(wishes.network, wishes.voices)
            harmony = harmony_of(tune, wishes.voices)
            harmoniser = Harmoniser(
                network, _sampling(wishes), seed, harmony, referee=self._referee
            )
            return _versions(harmoniser, network.name, connection)
        connection.tell("start", seed=seed, network=None, candidates=1, warnings=[])
        versions = with_chords(tune, wishes.count, seed)
        for version, abc in versions:
            connection.tell("tune", abc=abc, title=version.title, excerpt=write_abc(version))
        return {"seed": seed, "sampled": len(versions), "made": len(versions)}

    def do_surprise(self, body: dict[str, Any], _connection: Connection) -> dict[str, Any]:
        """Return how surprised a network is at each note, in bits."""
        wanted = TuneBody(**body)
        network = self.network(wanted.network)
        surprise = surprise_of(network, read_abc(wanted.abc))
        return {
            "network": network.name,
            "bits": [[round(bits, 2) for bits in bar] for bar in surprise],
        }

    def do_explain(self, body: dict[str, Any], _connection: Connection) -> dict[str, Any]:
        """Return how a network reads a tune, and the training tune that is most like it."""
        wanted = TuneBody(**body)
        network, tune = self.network(wanted.network), read_abc(wanted.abc)
        steps, bars = steps_of(network, tune)
        attention = bars_looked_at(network, tune)
        known = network.training_tunes
        nearest = nearest_tune(known, tune) if known else None
        return {
            "network": network.name,
            "numbers": numbers_of(tune),
            "steps": [_as_json(step) for step in steps],
            "bars": bars,
            "attention": attention and [[round(share, 4) for share in row] for row in attention],
            "knows_tunes": known is not None,
            "nearest": nearest
            and {
                "title": nearest.title,
                "shared": round(nearest.bars, 2),
                "abc": write_abc(nearest.tune),
                "here": nearest.here,
                "there": nearest.there,
            },
        }


def _sampling(wishes: SampleBody | VersionsBody) -> SampleConfig:
    return SampleConfig(
        temperature=float(wishes.temperature), count=wishes.count, candidates=wishes.candidates
    )


def _versions(
    chooser: Chooser,
    network: str,
    connection: Connection,
    bars: str | None = None,
    span: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Make versions of a tune, and tell of each.

    Args:
        chooser: Makes them.
        network: The name of its network.
        connection: Is told of them.
        bars: The bars that are new, for people.
        span: The bars that are shown of a version; all if None.
    """
    seed = chooser.seed
    with chooser:
        connection.tell(
            "start",
            seed=seed,
            network=network,
            candidates=chooser.candidates,
            warnings=chooser.warnings,
            bars=bars,
            span=span,
        )
        for made in chooser.compose():
            connection.check()
            shown = _excerpt(made.tune, *span) if span else made.tune
            connection.tell("tune", abc=made.abc, title=made.tune.title, excerpt=write_abc(shown))
    return {"seed": seed, "sampled": chooser.tally.sampled, "made": chooser.tally.valid}


def _as_json(step: tuple[str, float, Iterable[tuple[str, float]]]) -> list[Any]:
    """Return a character, its probability and the likeliest in its place."""
    character, probability, likeliest = step
    shares = [[other, round(share, 4)] for other, share in likeliest]
    # Rounded to digits, not places: what is hardly expected is not impossible.
    return [character, float(f"{probability:.4g}"), shares]


def _seed(wanted: int | None) -> int:
    return random.randrange(MAX_SEED) if wanted is None else wanted  # noqa: S311 - no secret


def _excerpt(tune: Tune, first: int, last: int) -> Tune:
    """Return some bars of a tune as a tune, without repeats and endings."""
    in_force = keys_and_metres(tune.bars, tune.key, tune.metre)
    key, metre = in_force[first]
    bars = tuple(
        replace(bar, line=BarLine.SINGLE, repeat_start=False, ending=())
        for bar in tune.bars[first : last + 1]
    )
    return replace(tune, key=key, metre=metre, bars=bars)


class Draft:
    """The first candidate of each tune while it is written.

    Args:
        composer: Composes the tunes.
        connection: Is told of the text, character by character, and of the ABC, bar by bar.
        network: If given, how it expected each character is told too.
    """

    def __init__(
        self, composer: Composer, connection: Connection, network: LoadedNetwork | None
    ) -> None:
        self._composer, self._connection = composer, connection
        self._network = network
        self._number = -1
        self._text = ""
        self._told = monotonic()
        self._expectations = expectations_of(network) if network else None
        self._steps: list[list[Any]] = []  # not yet told

    def watch(self, number: int, character: str) -> None:
        """Read the next character of a candidate."""
        self._connection.check()
        first = number - number % self._composer.candidates
        if number != first:
            return
        if number != self._number:
            self._number, self._text = number, ""
            self._expectations = expectations_of(self._network) if self._network else None
            self._steps = []
        self._text += character
        if self._expectations:
            self._steps.append(_as_json(self._expectations.read(character)))
        if character not in "| \n" and monotonic() - self._told < DRAFT_SECONDS:
            return
        if abc := self._abc():
            self._told = monotonic()
            more = {"steps": self._steps} if self._expectations else {}
            self._connection.tell("draft", number=number, text=self._text, abc=abc, **more)
            self._steps = []

    def _abc(self) -> str:
        """Return the ABC so far; empty if it cannot be read yet."""
        try:
            tune = decode_tune(f"{self._text}\n")
            return write_abc(self._composer.arranged(tune, self._number)) if tune.bars else ""
        except (NotationError, InputError):
            return ""
