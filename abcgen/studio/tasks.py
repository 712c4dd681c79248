"""The work of the studio's processes: ``NetworkTasks`` on networks, ``TuneTasks`` on tunes.

A task takes the body of a request and returns what JSON can hold.
"""

from __future__ import annotations

import base64
import random
from collections import OrderedDict
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import PurePath
from time import monotonic
from typing import TYPE_CHECKING, Any

from abcgen.config import LARGE_PRINT, MAX_SEED, PageConfig, Request, SampleConfig, SoundConfig
from abcgen.errors import AbcgenError, InputError, NotationError
from abcgen.notation.encoding import decode_text
from abcgen.notation.model_text import decode_tune
from abcgen.notation.reader import LeftOut, Reading, read_abc, read_block
from abcgen.notation.transpose import instrument_named
from abcgen.notation.tune import BarLine
from abcgen.notation.tunebook import split_tunebook
from abcgen.notation.walk import keys_and_metres
from abcgen.notation.writer import write_abc
from abcgen.pipeline.barnumbers import numbers_of
from abcgen.pipeline.checkpoints import LoadedNetwork
from abcgen.pipeline.formats import FORMATS, RenderOptions, all_readers
from abcgen.pipeline.networks import all_networks, choose_network
from abcgen.pipeline.requests import make_request
from abcgen.pipeline.rewriting import Rewriter, revision_of
from abcgen.pipeline.sampling import Composer
from abcgen.pipeline.surprise import surprise_of
from abcgen.pipeline.varying import CLOSENESS, setting_of
from abcgen.score.referee import Referee
from abcgen.score.web import web_sheet_of, web_tune_of
from abcgen.studio.bodies import (
    MOST_RENDERED,
    CheckBody,
    RenderBody,
    RewriteBody,
    SampleBody,
    SurpriseBody,
)
from abcgen.studio.doctor import messages_of
from abcgen.studio.worker import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from abcgen.notation.tune import Tune
    from abcgen.studio.worker import Connection

MOST_NETWORKS = 2  # in memory
# Of ``SampleBody``, as ``Request`` has them.
WISHES = set(SampleBody.model_fields) & set(Request.model_fields) - {"instrument"}
DRAFT_SECONDS = 0.15  # between two drafts
WARM_UP = "X:1\nT:Warm-up\nM:4/4\nL:1/8\nK:D\n|: DEFA dfaf | g2 fe d4 :|\n"


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

    def network(self, name: str) -> LoadedNetwork:
        """Return the network with a name, loaded.

        Raises:
            InputError: if there is none; paths are no names.
        """
        if name:
            named = {facts.name: facts.folder for facts in all_networks()}
            if name not in named:
                raise InputError(f"unknown network {name[:80]!r}")
            folder = named[name]
        else:
            folder = choose_network(None).folder
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
        config = SampleConfig(
            temperature=float(wishes.temperature), count=wishes.count, candidates=wishes.candidates
        )
        seed = _seed(wishes.seed)
        with Composer(network, config, seed, request, referee=self._referee) as composer:
            connection.tell(
                "start",
                seed=seed,
                network=network.name,
                candidates=composer.candidates,
                warnings=composer.warnings,
            )
            draft = Draft(composer, connection)
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
        """Draw bars of a tune anew; tell of each version, and of the new bars that were named."""
        wishes = RewriteBody(**body)
        network, tune = self.network(wishes.network), read_abc(wishes.abc)
        config = SampleConfig(
            temperature=float(wishes.temperature), count=wishes.count, candidates=wishes.candidates
        )
        seed = _seed(wishes.seed)
        if wishes.bars:
            revision, closeness = revision_of(tune, wishes.bars), 0.0
        else:
            revision = setting_of(network, tune, float(wishes.amount))
            closeness = CLOSENESS
        with Rewriter(
            network, config, seed, revision, closeness=closeness, referee=self._referee
        ) as rewriter:
            connection.tell(
                "start",
                seed=seed,
                network=network.name,
                candidates=rewriter.candidates,
                warnings=rewriter.warnings,
                bars=rewriter.bars,
            )
            for made in rewriter.compose():
                connection.check()
                shown = _excerpt(made.tune, *wishes.bars[0]) if wishes.bars else made.tune
                connection.tell(
                    "tune", abc=made.abc, title=made.tune.title, excerpt=write_abc(shown)
                )
        return {"seed": seed, "sampled": rewriter.tally.sampled, "made": rewriter.tally.valid}

    def do_surprise(self, body: dict[str, Any], _connection: Connection) -> dict[str, Any]:
        """Return how surprised a network is at each note, in bits."""
        wanted = SurpriseBody(**body)
        network = self.network(wanted.network)
        surprise = surprise_of(network, read_abc(wanted.abc))
        return {
            "network": network.name,
            "bits": [[round(bits, 2) for bits in bar] for bar in surprise],
        }


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
    """

    def __init__(self, composer: Composer, connection: Connection) -> None:
        self._composer, self._connection = composer, connection
        self._number = -1
        self._text = ""
        self._told = monotonic()

    def watch(self, number: int, character: str) -> None:
        """Read the next character of a candidate."""
        self._connection.check()
        first = number - number % self._composer.candidates
        if number != first:
            return
        if number != self._number:
            self._number, self._text = number, ""
        self._text += character
        if character not in "| \n" and monotonic() - self._told < DRAFT_SECONDS:
            return
        if abc := self._abc():
            self._told = monotonic()
            self._connection.tell("draft", number=number, text=self._text, abc=abc)

    def _abc(self) -> str:
        """Return the ABC so far; empty if it cannot be read yet."""
        try:
            tune = decode_tune(f"{self._text}\n")
            return write_abc(self._composer.arranged(tune, self._number)) if tune.bars else ""
        except (NotationError, InputError):
            return ""


class TuneTasks(Tasks):
    """Tasks on tunes: reading, checking, engraving, and the list of networks."""

    def warm_up(self) -> None:
        """Load the engraver."""
        web_sheet_of(read_abc(WARM_UP))

    def do_networks(self, _body: dict[str, Any], _connection: Connection) -> dict[str, Any]:
        """Return the networks that can be named."""
        found = all_networks()
        chosen = choose_network(None).folder if found else None
        return {
            "networks": [
                {
                    "name": one.name,
                    "default": one.folder == chosen,
                    "bits_per_note": one.bits,
                    "tunes": one.tunes,
                    "problem": one.problem,
                }
                for one in found
            ]
        }

    def do_read(self, body: dict[str, Any], _connection: Connection) -> dict[str, Any]:
        """Read an uploaded file, and return its tunes as canonical ABC."""
        name, data = PurePath(body["name"]).name, base64.b64decode(body["data"])
        readers = all_readers()
        reader = readers.get(PurePath(name).suffix.lower())
        if reader is None:
            raise InputError(
                f"{name[:80]!r} is no file of tunes", hint="drop .abc, .mid or .musicxml"
            )
        tunes: list[dict[str, Any]] = []
        left_out: list[dict[str, Any]] = []
        for found in reader.read(data, name):
            if isinstance(found, LeftOut):
                left_out.append(asdict(found))
            elif len(tunes) < MOST_RENDERED:
                tunes.append({"abc": write_abc(found.tune), "title": found.tune.title})
            else:
                reason = f"only {MOST_RENDERED} tunes are taken at once"
                left_out.append(
                    asdict(LeftOut(found.line, str(found.tune.number), found.tune.title, reason))
                )
        return {"tunes": tunes, "left_out": left_out[:MOST_RENDERED]}

    def do_check(self, body: dict[str, Any], _connection: Connection) -> dict[str, Any]:
        """Return what the tune doctor says of ABC as it is typed, by line."""
        return {"messages": messages_of(CheckBody(**body).abc)}

    def do_render(self, body: dict[str, Any], _connection: Connection) -> dict[str, Any]:
        """Show tunes, or write them in a file format."""
        wanted = RenderBody(**body)
        tunes, left_out = _tunes_in(wanted.abc)
        options = _render_options(wanted, tunes[0])
        if wanted.draft:
            sheet = web_sheet_of(options.moved(tunes[0]), narrow=wanted.narrow)
            return {"svg": sheet.svg, "glyphs": sheet.glyphs, "rules": sheet.rules}
        if wanted.to == "staff":
            return {
                "tunes": [_shown(options.moved(tune), options) for tune in tunes],
                "left_out": left_out,
            }
        file_format = FORMATS[wanted.to]
        if file_format.bind is None and len(tunes) > 1:
            raise InputError(f"a {file_format.suffix} file holds one tune, not {len(tunes)}")
        parts = [file_format.render(options.moved(tune), options) for tune in tunes]
        content: bytes = file_format.bind(parts, options)[0] if file_format.bind else parts[0]
        return {"data": base64.b64encode(content).decode(), "suffix": file_format.suffix}


def _tunes_in(abc: str) -> tuple[list[Tune], list[dict[str, Any]]]:
    """Return the tunes of a book, and those that cannot be read.

    Raises:
        InputError: if none can be read, or there are too many.
    """
    tunes, left_out = [], []
    for block in split_tunebook(decode_text(abc.encode())):
        found = read_block(block)
        if isinstance(found, Reading):
            tunes.append(found.tune)
        else:
            left_out.append(asdict(found))
        if len(tunes) > MOST_RENDERED:
            raise InputError(f"more than {MOST_RENDERED} tunes")
    if not tunes:
        if left_out:
            raise InputError(f"line {left_out[0]['line']}: {left_out[0]['reason']}")
        # A fragment without X: is read as one tune.
        tunes = [read_abc(abc)]
    return tunes, left_out


def _render_options(wanted: RenderBody, first: Tune) -> RenderOptions:
    height = LARGE_PRINT if wanted.large_print else PageConfig().staff_height
    page = PageConfig(paper=wanted.paper, staff_height=height, keep_lines=wanted.keep_lines)
    return RenderOptions(
        page=page,
        footer=first.source,
        title=wanted.title,
        tempo=float(wanted.tempo) if wanted.tempo else None,
        semitones=wanted.semitones,
        chords=True,
        instrument=instrument_named(wanted.instrument or SoundConfig().instrument),
    )


def _shown(tune: Tune, options: RenderOptions) -> dict[str, Any]:
    """Return all that the page shows and plays of a tune."""
    shown = web_tune_of(tune, options.playback, keep_lines=options.page.keep_lines)
    return {
        "title": shown.title,
        "bars": numbers_of(tune),
        "rhythm_and_key": shown.rhythm_and_key,
        "composer": shown.composer,
        "subtitles": shown.subtitles,
        "stanzas": shown.stanzas,
        "wide": shown.wide,
        "narrow": shown.narrow,
        "rules": shown.rules,
        "glyphs": shown.glyphs,
        "slowest": shown.slowest,
        "fastest": shown.fastest,
        "data": shown.data,
    }


TASKS: dict[str, Callable[[], Tasks]] = {"networks": NetworkTasks, "tunes": TuneTasks}
