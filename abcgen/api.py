"""The Python interface: load a network, sample tunes, read tunes, print and play them.

::

    import abcgen

    tunes = abcgen.load("pretrained").sample(metre="6/8", key="D", count=2, seed=7)
    print(tunes.abc)
    tunes.to_pdf("jigs.pdf")

In a notebook, tunes as the last expression of a cell are shown as sheet music with a player. The
command line offers the same and more.
"""

from __future__ import annotations

import html
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from abcgen.config import (
    MAX_SEED,
    NetworkConfig,
    SampleConfig,
    SplitConfig,
    TrainConfig,
)
from abcgen.corpus.cache import TextCache, default_folder
from abcgen.corpus.reading import load_corpus
from abcgen.corpus.records import extract_corpus
from abcgen.errors import InputError
from abcgen.files import hold_folder, write_atomically
from abcgen.notation.tune import Tune
from abcgen.notation.writer import write_abc
from abcgen.pipeline.checkpoints import LoadedNetwork, find_checkpoint, new_run
from abcgen.pipeline.formats import FORMATS, RenderOptions, all_readers
from abcgen.pipeline.recipes import drone_in
from abcgen.pipeline.rendering import with_usual_heading
from abcgen.pipeline.requests import make_request
from abcgen.pipeline.revision import VariationConfig
from abcgen.pipeline.rewriting import Rewriter, revision_of, spans_wanted
from abcgen.pipeline.sampling import Composer
from abcgen.pipeline.varying import CLOSENESS, setting_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from abcgen.corpus.reading import SkippedTune
    from abcgen.model.events import Event
    from abcgen.pipeline.choosing import Chooser

# The frame in a notebook: height in pixels per tune, added margin, and tunes before it scrolls.
FRAME_HEIGHT, FRAME_MARGIN, MOST_FRAMED = 560, 80, 3


class Playable:
    """Tunes that can be written, printed and played; the base of `PlayableTune` and `Tunebook`."""

    def _tunes(self) -> Sequence[PlayableTune]:
        raise NotImplementedError

    @property
    def abc(self) -> str:
        """Canonical ABC; sampled tunes are followed by the recipe to sample them again."""
        return "\n".join(write_abc(tune) + tune.remarks for tune in self._tunes())

    def to_abc(self, path: str | Path) -> Path:
        """Write an ABC file. Like all of these methods, it overwrites an existing file."""
        write_atomically(Path(path), self.abc.encode())
        return Path(path)

    def to_pdf(self, path: str | Path) -> Path:
        """Write sheet music as PDF."""
        return self._write(path, "pdf")

    def to_html(self, path: str | Path) -> Path:
        """Write a self-contained web page that shows and plays the tunes."""
        return self._write(path, "html")

    def to_midi(self, path: str | Path) -> Path:
        """Write a MIDI file; for one tune only."""
        return self._write(path, "midi")

    def to_musicxml(self, path: str | Path) -> Path:
        """Write a MusicXML file; for one tune only."""
        return self._write(path, "musicxml")

    def to_wav(self, path: str | Path) -> Path:
        """Write sound as a WAV file; for one tune only."""
        return self._write(path, "wav")

    def _repr_html_(self) -> str:
        """Return staff and player for a notebook, in a frame with its own style sheet."""
        page = html.escape(self._content("html").decode(), quote=True)
        height = FRAME_MARGIN + FRAME_HEIGHT * min(len(self._tunes()), MOST_FRAMED)
        return (
            f'<iframe srcdoc="{page}" sandbox="allow-scripts allow-downloads"'
            f' allow="clipboard-write" title="Sheet music"'
            f' style="width: 100%; height: {height}px; border: 0"></iframe>'
        )

    def _write(self, path: str | Path, name: str) -> Path:
        write_atomically(Path(path), self._content(name))
        return Path(path)

    def _content(self, name: str) -> bytes:
        tunes, file_format = self._tunes(), FORMATS[name]
        if file_format.bind is None and len(tunes) != 1:
            raise InputError(
                f"a {file_format.suffix} file holds one tune, not {len(tunes)}",
                hint=f"write them one by one, as in tunes[0].to_{name}(...)",
            )
        if not tunes:
            raise InputError("there is no tune to write")
        options = RenderOptions(footer=tunes[0].source)
        parts = [
            file_format.render(
                with_usual_heading(tune) if tune.remarks else tune,
                replace(options, drone=drone_in(tune.remarks)),
            )
            for tune in tunes
        ]
        content: bytes = file_format.bind(parts, options)[0] if file_format.bind else parts[0]
        return content


@dataclass(frozen=True, slots=True)
class PlayableTune(Tune, Playable):
    """A ``Tune`` that can also be written to files, printed and played."""

    # Comment lines below its ABC: for a sampled tune, the recipe.
    remarks: str = field(default="", compare=False, repr=False)

    def _tunes(self) -> Sequence[PlayableTune]:
        return [self]

    @classmethod
    def of(cls, tune: Tune, remarks: str = "") -> PlayableTune:
        """Return a tune as a ``PlayableTune``."""
        parts = {part.name: getattr(tune, part.name) for part in fields(Tune)}
        return cls(**parts, remarks=remarks)


class Tunebook(Playable, Sequence[PlayableTune]):
    """Several tunes, in order.

    Args:
        tunes: The tunes.
        left_out: Tunes that could not be read, each with file, line and reason.
    """

    def __init__(self, tunes: Iterable[PlayableTune], left_out: Sequence[SkippedTune] = ()) -> None:
        self.tunes = tuple(tunes)
        self.left_out = tuple(left_out)

    def _tunes(self) -> Sequence[PlayableTune]:
        return self.tunes

    @overload
    def __getitem__(self, index: int) -> PlayableTune: ...
    @overload
    def __getitem__(self, index: slice) -> Tunebook: ...
    def __getitem__(self, index: int | slice) -> PlayableTune | Tunebook:
        if isinstance(index, slice):
            return Tunebook(self.tunes[index])
        return self.tunes[index]

    def __len__(self) -> int:
        return len(self.tunes)

    def __repr__(self) -> str:
        titles = ", ".join(repr(tune.title) for tune in self.tunes[:6])
        more = ", ..." if len(self.tunes) > 6 else ""
        return f"Tunebook([{titles}{more}])"


class Network:
    """A trained network.

    Args:
        folder: Its checkpoint.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"Network({str(self.folder)!r})"

    def sample(
        self,
        *,
        count: int = 1,
        seed: int | None = None,
        prime: str = "",
        keep_bars: int | None = None,
        max_copy: float | None = None,
        **settings: Any,
    ) -> Tunebook:
        """Compose tunes.

        Args:
            count: Number of valid tunes.
            seed: The same seed gives the same tunes; random if None.
            prime: ABC to continue, or the path of a file of it.
            keep_bars: Number of bars of ``prime`` to keep; all if None.
            max_copy: Most bars that a tune may share with a training tune.
            settings: Fields of ``SampleConfig`` and ``Request`` in ``abcgen.config``:
                ``temperature``, ``top_k``, ``top_p``, ``candidates``, ``choose`` and ``parallels``;
                ``metre``, ``key``, ``rhythm``, ``bars``, ``parts``, ``voices``, ``instrument``
                and ``free``; for what may sound, ``range``, ``scale``, ``max_leap``, ``rhythms``,
                ``no_accidentals``, ``end_on_tonic``, ``level``, ``raga``, ``mood``, ``valence`` and
                ``arousal``.

        Raises:
            InputError: if the request is impossible, or fewer than ``count`` tunes are valid.
        """
        sampling = {
            name: settings.pop(name) for name in SampleConfig.model_fields if name in settings
        }
        config = SampleConfig(count=count, **sampling)
        request = make_request(prime=prime, keep_bars=keep_bars, **settings)
        seed = random.randrange(MAX_SEED) if seed is None else seed  # noqa: S311 - no secret
        return _tunebook(Composer(self.folder, config, seed, request), count, max_copy)

    def rewrite(
        self,
        tune: Tune,
        *,
        bars: str = "",
        part: str = "",
        ending: bool = False,
        count: int = 1,
        seed: int | None = None,
        max_copy: float | None = None,
        **settings: Any,
    ) -> Tunebook:
        """Draw bars of a tune anew, and keep all else to the note.

        Args:
            tune: A tune of one voice.
            bars: Bars by number, such as ``5-8,13``; a pickup before bar 1 is 0.
            part: A part, such as ``B``.
            ending: The bars of endings, of the tune or of ``part``.
            count: Number of versions.
            seed: The same seed gives the same bars; random if None.
            max_copy: Most bars that the tune may share with a training tune.
            settings: Fields of ``SampleConfig``, such as ``temperature``.

        Raises:
            InputError: if there are no such bars, or fewer than ``count`` versions are valid.
        """
        revision = revision_of(tune, spans_wanted(tune, bars, part, ending=ending))
        seed = random.randrange(MAX_SEED) if seed is None else seed  # noqa: S311 - no secret
        config = SampleConfig(count=count, **settings)
        return _tunebook(Rewriter(self.folder, config, seed, revision), count, max_copy)

    def vary(
        self,
        tune: Tune,
        *,
        amount: float = VariationConfig().amount,
        count: int = 1,
        seed: int | None = None,
        max_copy: float | None = None,
        **settings: Any,
    ) -> Tunebook:
        """Make settings of a tune: draw anew the bars that the network finds least certain.

        Args:
            tune: A tune of one voice.
            amount: The share of its bars.
            count: Number of settings.
            seed: The same seed gives the same settings; random if None.
            max_copy: Most bars that the tune may share with a training tune.
            settings: Fields of ``SampleConfig``, such as ``temperature``.

        Raises:
            InputError: if the tune cannot be varied, or fewer than ``count`` settings are valid.
        """
        loaded = LoadedNetwork(self.folder)
        revision = setting_of(loaded, tune, VariationConfig(amount=amount).amount)
        seed = random.randrange(MAX_SEED) if seed is None else seed  # noqa: S311 - no secret
        config = SampleConfig(count=count, **settings)
        rewriter = Rewriter(loaded, config, seed, revision, closeness=CLOSENESS)
        return _tunebook(rewriter, count, max_copy)


def _tunebook(chooser: Chooser, count: int, max_copy: float | None) -> Tunebook:
    """Return the tunes that are drawn.

    Raises:
        InputError: if they are fewer than ``count``.
    """
    with chooser:
        drawn = list(chooser.compose(max_copy=max_copy))
    if len(drawn) < count:
        raise InputError(
            f"only {len(drawn)} of {count} tunes were valid", hint="try another temperature"
        )
    return Tunebook(
        PlayableTune.of(result.tune, result.abc.removeprefix(write_abc(result.tune)))
        for result in drawn
    )


def load(checkpoint: str | Path = "pretrained") -> Network:
    """Load a trained network.

    Args:
        checkpoint: Its name, such as ``"pretrained"`` for the one that comes with abcgen or
            ``"run-1"``, or its folder.

    Raises:
        CheckpointError: if there is no checkpoint.
    """
    return Network(find_checkpoint(Path(checkpoint)))


def train(
    paths: str | Path | Sequence[str | Path],
    *,
    out: str | Path | None = None,
    base: Network | None = None,
    preset: str = "auto",
    wrong_bars: bool = False,
    held_out: str | Path | None = None,
    on_event: Callable[[Event], None] = lambda _event: None,
    **settings: Any,
) -> Network:
    """Train a network on tunes, or fine-tune one.

    Args:
        paths: Files of tunes, or folders of them.
        out: The checkpoint folder; a new one under ``checkpoints/`` if None.
        base: The network to fine-tune, which is not modified; a new one is trained if None.
        preset: ``auto``, or a name from ``PRESETS`` in ``abcgen.config``.
        wrong_bars: Learn tunes with wrong bars or repeats too.
        held_out: Hold out the same tunes as this checkpoint, and no others.
        on_event: Called with every step and epoch (``abcgen.model.events``).
        settings: ``minutes``, ``epochs`` and any other field of ``TrainConfig`` or, for a new
            network, ``NetworkConfig``.

    Raises:
        InputError: if a setting is invalid, or nothing can be read.
    """
    from abcgen.pipeline import training  # noqa: PLC0415 - loads Keras when it trains

    unknown = settings.keys() - {*NetworkConfig.model_fields, *TrainConfig.model_fields}
    if unknown:
        raise InputError(f"unknown setting {min(unknown)!r}")
    folder = Path(out) if out else new_run()
    hold_folder(folder)
    cache = TextCache(default_folder())
    plan = training.plan_fine_tuning(base.folder, folder, settings) if base else None
    chord_symbols = plan.config.chord_symbols if plan else settings.get("chord_symbols", False)
    corpus = extract_corpus(
        [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)],
        all_readers(),
        cache,
        chord_symbols=chord_symbols,
    )
    split, given = (plan.split if plan else SplitConfig()).replace(wrong_bars=wrong_bars), None
    if held_out:
        learned = plan.learned if plan else None
        split, given = training.hold_out_again(Path(held_out), split, learned)
    data, divided = training.prepare_data(corpus, split, plan.base if plan else None, given)
    plan = plan or training.plan_new_run(preset, settings)
    training.train_network(data, divided, plan, folder, on_event, cache)
    return Network(folder)


def read(path: str | Path, *more: str | Path) -> Tunebook:
    """Read ABC, MIDI and MusicXML files, or folders of them.

    The result's ``left_out`` has what could not be read.

    Raises:
        InputError: if a path does not exist or nothing can be read.
    """
    corpus = load_corpus([Path(path), *map(Path, more)], readers=all_readers())
    return Tunebook(map(PlayableTune.of, corpus.tunes), corpus.skipped)
