"""Draw bars of a tune anew, and keep all else to the note (``Rewriter``).

1. Draw texts for the bars, under a grammar in which each keeps its length, and bar lines, repeats
   and endings are given.
2. Put their notes into the tune, reject what is broken or hardly differs from what was there, and
   choose: by how likely the network finds the music around the bars after them, and by the critic.
3. Let music21 read the ABC, compare the tune with the training tunes, write ABC and recipe.

A network that was trained with gaps has read both sides of the bars when it draws them. Any other
knows only the left side, and the right side decides afterwards: drawing several and choosing by the
probability of what follows is importance resampling.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import compress
from typing import TYPE_CHECKING

from abcgen import __version__
from abcgen.config import Request
from abcgen.errors import InputError, NotationError
from abcgen.grammar.gap import GapBar, gap_grammar
from abcgen.grammar.positions import form_line_of
from abcgen.model.filling import Gap as TextGap
from abcgen.model.filling import ReadGap
from abcgen.model.scoring import log_probabilities
from abcgen.notation.analysis import sections_of
from abcgen.notation.model_text import decode_bars, encode_bars, encode_tune
from abcgen.notation.reader import read_abc
from abcgen.notation.shape import shape_of
from abcgen.notation.splicing import emptied, gap_in, likeness, splice, with_copies
from abcgen.notation.tune import total
from abcgen.notation.walk import keys_and_metres
from abcgen.notation.writer import best_unit, write_abc
from abcgen.pipeline.barnumbers import (
    described,
    endings_of,
    joined,
    last_bars,
    numbers_of,
    part_named,
    spans_named,
)
from abcgen.pipeline.choosing import Chooser, Reason, Rejection, SampledTune
from abcgen.pipeline.recipes import with_recipe
from abcgen.pipeline.revision import Revision

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from abcgen.config import SampleConfig
    from abcgen.model.sampling import Sampled, Watcher
    from abcgen.notation.model_text import BarText
    from abcgen.notation.splicing import Gap
    from abcgen.notation.tune import Item, Tune
    from abcgen.pipeline.barnumbers import Span
    from abcgen.pipeline.checkpoints import LoadedNetwork
    from abcgen.score.referee import Referee

# Bars that are at least so much like those that were there, or those of another tune chosen, are
# no other bars.
MOST_LIKE = 0.8
# Characters after the last bar by which a draw is weighed: some eight bars.
CHARACTERS_AFTER = 100
# Characters for each bar: the grammar would end it in haste in fewer.
BAR_CHARACTERS = 60
SLACK = 300
MOST_NAMED = 5  # tunes that are named to choose from
_SETTING = re.compile(r"(.*), setting (\d{1,4})")


@dataclass(frozen=True, slots=True)
class Template:
    """A model text with places for the notes of some bars."""

    # What stands before and between the places, and what a text for them ends with.
    before: str
    ends: tuple[str, ...]
    # What stands after the last place, as far as draws are weighed by it.
    after: str

    def split(self, drawn: str) -> list[str]:
        """Return what was drawn for each place.

        Raises:
            NotationError: if it does not fit.
        """
        match = re.fullmatch("".join(f"(.+?){re.escape(end)}" for end in self.ends), drawn)
        if not match:
            raise NotationError("not the bars that were to be drawn", text=drawn[:40])
        return list(match.groups())

    def whole(self, places: Sequence[str]) -> tuple[str, list[bool]]:
        """Return the text from the first place on, and of each character whether it is given."""
        text, is_given = "", []
        for place, given in zip(places, [*self.ends[:-1], self.after], strict=True):
            text += place + given
            is_given += [False] * len(place) + [True] * len(given)
        return text, is_given


class Rewriter(Chooser):
    """Draws bars of a tune anew with one checkpoint.

    Args:
        network: The network, or its checkpoint.
        config: The settings of sampling.
        seed: Determines the bars, together with the checkpoint, ``config`` and ``revision``.
        revision: The tune and its bars.
        name: The name of the checkpoint in the tunes; by default that of its folder.
        closeness: How much it counts, in choosing, that the new bars are like the old ones.
        referee: A second reader that was started before, and is not stopped.

    Raises:
        CheckpointError: if the checkpoint cannot be read.
        InputError: if the tune cannot be read, or its bars cannot be redrawn.
    """

    def __init__(
        self,
        network: Path | LoadedNetwork,
        config: SampleConfig,
        seed: int,
        revision: Revision,
        name: str = "",
        closeness: float = 0.0,
        referee: Referee | None = None,
    ) -> None:
        # 1) The tune, and its bars.
        self._original, self._revision = tune_of(revision), revision
        tune, self._closeness = self._original, closeness
        bars, self._gaps = tune.bars, gaps_of(tune, revision.bars)
        self._places = [index for gap in self._gaps for index in gap.bars]
        longest = SLACK + BAR_CHARACTERS * (self._places[-1] - self._places[0] + 1)
        longest = max(config.max_characters, longest)
        super().__init__(network, config.replace(max_characters=longest), seed, name, referee)

        # 2) The text around them, which the network reads once, and the grammar of theirs.
        header, self._texts = encode_bars(emptied(tune, self._gaps))
        if self._has_form_line:
            header += form_line_of(encode_tune(tune).text)
        before, *between, after = _given(header, self._texts, self._gaps)
        knows_after = self._vocabulary.gap_mark is not None
        # Without gaps a network does not end its text; it goes on.
        ends = (*between, "" if knows_after else after[0])
        self._template = Template(before, ends, "" if knows_after else after[:CHARACTERS_AFTER])
        _, old = encode_bars(tune)
        was = [
            "".join(old[index].items[slice(*gap.free_span(bars[index], index))])
            for gap in self._gaps
            for index in gap.bars
        ]
        self._network_here = ReadGap(
            self._network,
            self._vocabulary,
            TextGap(before, after, "".join(map("".join, zip(was, (*between, ""), strict=True)))),
        )
        free = (
            total(item.duration for item in gap.free(bars[index], index))
            for gap in self._gaps
            for index in gap.bars
        )
        alphabet = frozenset(self._vocabulary.characters) - {'"'}
        self._grammar = gap_grammar(
            [GapBar(duration, end) for duration, end in zip(free, ends, strict=True)], alphabet
        )

        # The grammar also writes the bars between gaps.
        self.counts_forced = len(self._gaps) == 1

        # 3) What the draws are compared with.
        # By text, the log of the probability of what is given, and of what is drawn.
        self._nats: dict[str, tuple[float, float]] = {}
        self._chosen: list[Tune] = []
        self._tune_of = lru_cache(maxsize=512)(self._spliced)

    def sample(
        self, numbers: Iterable[int], batch_size: int | None = None, watch: Watcher | None = None
    ) -> Iterator[Sampled]:
        """Yield the texts with these numbers, in order, whether valid or not."""
        beginnings = ((number, "") for number in numbers)
        for sampled in self._drawn(
            beginnings, self._grammar, batch_size, watch, self._network_here
        ):
            # A network without gaps is always made to end.
            made_to_end = self._vocabulary.gap_mark is None and sampled.ended
            yield replace(sampled, forced=sampled.forced - made_to_end)

    def candidate(self, sampled: Sampled) -> Tune | Reason:
        """Return the tune with the bars of a text, or what is wrong with it."""
        tune = self._tune_of(sampled)
        if isinstance(tune, Rejection):
            return tune
        if sampled.limited:
            return Rejection.UNENDED
        if self._revision.end_on_tonic and not sections_of(tune)[-1].on_tonic:
            return Rejection.NOT_ON_TONIC
        if self._likeness(self._original, tune) >= MOST_LIKE:
            return Rejection.UNCHANGED
        if self._training_tunes and self._training_tunes.bounds:
            bounds = self._training_tunes.bounds
            # What is odd about the tune itself is no fault of its new bars.
            before = {finding.fault for finding in bounds.faults(shape_of(self._original))}
            for finding in bounds.faults(shape_of(tune)):
                if finding.fault not in before:
                    return finding.fault
        return tune

    def ranked(self, group: Sequence[Sampled]) -> list[Sampled]:
        """Count texts, and return those that make a valid tune, the best first."""
        texts = {
            sampled.text for sampled in group if not isinstance(self._tune_of(sampled), Rejection)
        }
        new = sorted(texts - self._nats.keys())
        wholes = [self._template.whole(self._template.split(text)) for text in new]
        texts_and_after = [whole for whole, _ in wholes]
        scored = log_probabilities(self._network_here, self._vocabulary, texts_and_after)
        for text, (_, is_given), nats in zip(new, wholes, scored, strict=True):
            given = sum(map(float, compress(nats, is_given)))
            self._nats[text] = given, float(nats.sum()) - given
        return super().ranked(group)

    def log_probability(self, sampled: Sampled) -> float:
        """Return the log of the probability of the new notes, by the network alone."""
        return self._nats[sampled.text][1]

    def score(self, sampled: Sampled, tune: Tune) -> float:
        """Return the log of how likely the music around the bars is, and that the tune is real."""
        like = self._closeness * self._likeness(self._original, tune) if self._closeness else 0.0
        return self._nats[sampled.text][0] + super().score(sampled, tune) + like

    def title(self, sampled: Sampled, used: set[str]) -> str:  # noqa: ARG002 - none is invented
        """Return the tune's own title, or that of the next setting."""
        if not self._revision.alike:
            return self._original.title
        return setting_title(self._original.title, self.tally.valid + 1)

    def is_repeated(self, result: SampledTune) -> bool:
        """Return whether a tune is too much like one chosen before; else remember it."""
        if any(self._likeness(chosen, result.tune) >= MOST_LIKE for chosen in self._chosen):
            return True
        self._chosen.append(result.tune)
        return False

    def finish(self, sampled: Sampled, reference: int, title: str) -> SampledTune | Rejection:
        """Return the tune with the bars of a text, or the reason why it is rejected."""
        tune = self._tune_of(sampled)
        if isinstance(tune, Rejection):
            return tune
        words = tune.words.with_text("N", self.note)
        # Written as it was, so that no other character of its music changes.
        unit = best_unit(self._original)
        tune = replace(tune, number=reference, title=title, words=words, unit=unit)
        if self._is_misread(tune, self._original):
            return Rejection.DISAGREEMENT
        overlap = self._training_tunes.compare(tune) if self._training_tunes else None
        recipe = self._recipe(sampled, reference, title, Request(), self._revision)
        remarks = [f"{__version__}, checkpoint {self._name}: all but {self.bars} is as it was"]
        if overlap:
            remarks.append(f"longest passage shared with a training tune: {overlap}")
        return SampledTune(tune, with_recipe(tune, recipe, remarks), sampled, overlap)

    @property
    def bars(self) -> str:
        """The bars that are drawn, by their numbers."""
        return described(self._original, self._revision.bars)

    @property
    def note(self) -> str:
        """A line that says what is new, and where it comes from."""
        return (
            f"{self.bars} drawn anew by abcgen {__version__}, checkpoint {self._name}, "
            f"seed {self._seed}"
        )

    def _spliced(self, sampled: Sampled) -> Tune | Rejection:
        """Return the tune with the bars of a text, or the reason why it is rejected."""
        if not sampled.ended:
            return Rejection.UNENDED
        try:
            drawn = dict(zip(self._places, self._template.split(sampled.text), strict=True))
            tune = self._original
            for gap in self._gaps:
                tune = splice(tune, gap, self._items(gap, drawn))
        except NotationError:
            return Rejection.UNREADABLE
        lengths = [bar.duration for bar in tune.bars]
        if lengths != [bar.duration for bar in self._original.bars]:
            return Rejection.BARS
        return with_copies(tune, self._original, self._places) if self._revision.alike else tune

    def _items(self, gap: Gap, drawn: dict[int, str]) -> list[tuple[Item, ...]]:
        """Return the new items of each bar of a gap."""
        whole = []
        for index in gap.bars:
            before = gap.held_before if index == gap.first else 0
            items = self._texts[index].items
            whole.append("".join(items[:before]) + drawn[index] + "".join(items[before:]))
        bars = decode_bars(whole, self._original, gap.first)
        return [gap.free(bar, index) for index, bar in zip(gap.bars, bars, strict=True)]

    def _likeness(self, one: Tune, other: Tune) -> float:
        return likeness(
            [one.bars[index] for index in self._places],
            [other.bars[index] for index in self._places],
        )


def tune_of(revision: Revision) -> Tune:
    """Return the tune of a revision.

    Raises:
        InputError: if it cannot be read, or has more than one voice.
    """
    try:
        tune = read_abc(revision.tune)
    except NotationError as error:
        raise InputError(f"cannot read the tune to redraw: {error.reason}") from error
    if tune.others:
        raise InputError(
            f"{tune.title!r} has {len(tune.voices)} voices, but only bars of a single voice can be "
            "drawn anew"
        )
    return tune


def revision_of(
    tune: Tune, spans: Sequence[Span], *, alike: bool = False, end_on_tonic: bool = False
) -> Revision:
    """Return the revision of some bars of a tune.

    Raises:
        InputError: if it shall end on the tonic, but keep its last bar.
    """
    last = len(tune.bars) - 1
    if end_on_tonic and not any(first <= last <= stop for first, stop in spans):
        raise InputError(
            "to end on the tonic, the last bar must be among those drawn anew",
            hint=f"add bar {numbers_of(tune)[last]}",
        )
    return Revision(tune=write_abc(tune), bars=tuple(spans), alike=alike, end_on_tonic=end_on_tonic)


def gaps_of(tune: Tune, spans: Sequence[Span]) -> list[Gap]:
    """Return the gaps that some bars make.

    Raises:
        InputError: if there are no such bars, or they have nothing to redraw.
    """
    in_force = keys_and_metres(tune.bars, tune.key, tune.metre)
    for first, last in spans:
        if not first <= last < len(tune.bars):
            raise InputError(f"no bars {first + 1} to {last + 1} in {len(tune.bars)} bars")
        if any(metre.is_free for _, metre in in_force[first : last + 1]):
            raise InputError(
                f"{tune.title!r} has bars without a metre, whose length is not known",
                hint="give the tune a metre (M:) first",
            )
    return [gap_in(tune.bars, first, last) for first, last in joined(spans)]


def tune_named(tunes: Sequence[Tune], wanted: str) -> Tune:
    """Return the tune with a number (``X:``) or place among some, or with words in its title.

    Args:
        tunes: The tunes.
        wanted: A number, or words; empty for the only tune.

    Raises:
        InputError: if there is none, or more than one.
    """
    if not wanted and len(tunes) == 1:
        return tunes[0]
    titles = ", ".join(f"{tune.number} {tune.title!r}" for tune in tunes[:MOST_NAMED])
    if len(tunes) > MOST_NAMED:
        titles += " ..."
    if not wanted:
        raise InputError(f"there are {len(tunes)} tunes", hint=f"choose one with --tune: {titles}")
    if wanted.isdecimal():
        number = int(wanted[:9])
        found = [tune for tune in tunes if tune.number == number]
        if len(found) != 1:
            found = list(tunes[number - 1 : number]) if number else []
    else:
        found = [tune for tune in tunes if wanted.casefold() in tune.title.casefold()]
    if len(found) != 1:
        raise InputError(
            f"{len(found) or 'no'} tunes are {wanted!r}",
            hint=f"choose one by its number: {titles}",
        )
    return found[0]


def spans_wanted(
    tune: Tune, bars: str = "", part: str = "", *, ending: bool = False, end_on_tonic: bool = False
) -> list[Span]:
    """Return the bars that a user chose: by number, by part, the endings, or those of a part.

    If the tune shall end on the tonic, and nothing else was chosen, they are the last two.

    Raises:
        InputError: if none were chosen, or the tune has none of that name.
    """
    spans = spans_named(tune, bars) if bars else []
    within = part_named(tune, part) if part else None
    if ending:
        spans += endings_of(tune, within)
    elif within:
        spans.append(within)
    elif end_on_tonic and not spans:
        spans.append(last_bars(tune))
    if not spans:
        raise InputError(
            "no bars to redraw", hint="choose some with --bars 5-8, --part B or --ending"
        )
    return joined(spans)


def setting_title(title: str, number: int) -> str:
    """Return the title of the n-th setting after a tune, which may be a setting itself."""
    match = _SETTING.fullmatch(title)
    name, before = (match[1], int(match[2])) if match else (title, 1)
    return f"{name}, setting {before + number}"


def _given(header: str, texts: Sequence[BarText], gaps: Sequence[Gap]) -> list[str]:
    """Return what stands before, between and after the notes that are redrawn.

    Args:
        header: The header of the model text.
        texts: Its bars, which hold only what is not redrawn.
        gaps: The gaps.
    """
    given, text = [], header
    redrawn = {index: gap for gap in gaps for index in gap.bars}
    for index, bar in enumerate(texts):
        text += bar.left
        items = bar.items
        if gap := redrawn.get(index):
            held = gap.held_before if index == gap.first else 0
            given.append(text + "".join(items[:held]))
            text, items = "", items[held:]
        text += "".join(items) + bar.line
    return [*given, f"{text}\n"]
