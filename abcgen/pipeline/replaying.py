"""Sample tunes again from the recipes under them (``replay_file``)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from abcgen import __version__
from abcgen.errors import CheckpointError
from abcgen.pipeline.checkpoints import checkpoint_hash
from abcgen.pipeline.choosing import Chooser, SampledTune
from abcgen.pipeline.harmonising import Harmoniser, with_chords_again
from abcgen.pipeline.networks import network_with_hash
from abcgen.pipeline.recipes import RULE, Recipe, read_recipes
from abcgen.pipeline.rewriting import Rewriter
from abcgen.pipeline.sampling import Composer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Replay:
    """A tune sampled again.

    Attributes:
        recipe: Its recipe.
        abc: Its text now, or the reason why there is none.
        is_same: Whether that is the text in the file, byte for byte.
    """

    recipe: Recipe
    abc: str
    is_same: bool

    def __str__(self) -> str:
        verdict = "the same, byte for byte" if self.is_same else "not the same"
        other = "" if self.recipe.version == __version__ else f" (made by {self.recipe.version})"
        return f"X:{self.recipe.reference} {self.recipe.title}: {verdict}{other}"


def replay_file(path: Path, folder: Path | None = None) -> Iterator[Replay]:
    """Sample the tunes of a file again from their recipes.

    Args:
        path: A file that ``abcgen sample`` wrote.
        folder: The checkpoint they were sampled from; by default those with the recipes' hashes are
            looked for among the networks here.

    Raises:
        InputError: if the file cannot be read, or has no recipe.
        CheckpointError: if the tunes are from another checkpoint, or theirs is not found.
    """
    # 1) Read the recipes, and find their networks.
    recipes = read_recipes(path)
    drawn = [recipe for recipe, _ in recipes if recipe.checkpoint != RULE]
    names = {recipe.checkpoint: recipe.name for recipe in drawn}
    folders = (
        {checkpoint_hash(folder): folder}
        if folder
        else {wanted: network_with_hash(wanted, name) for wanted, name in names.items()}
    )
    for recipe in drawn:
        if recipe.checkpoint not in folders:
            own_hash = next(iter(folders))
            raise CheckpointError(
                f"X:{recipe.reference} in {path} was sampled from checkpoint {recipe.checkpoint}, "
                f"but {folder} is {own_hash}",
                hint="name the right checkpoint with --checkpoint",
            )

    # 2) Sample them. Tunes that differ only in number, reference and title go side by side.
    def shared_recipe(pair: tuple[Recipe, str]) -> Recipe:
        return pair[0].replace(number=0, reference=0, title="")

    for first, group in groupby(recipes, key=shared_recipe):
        pairs = list(group)
        if first.checkpoint == RULE:
            for recipe, text in pairs:
                abc = with_chords_again(recipe).abc
                yield Replay(recipe, abc, abc == text)
            continue
        composer = _chooser(first, folders[first.checkpoint])
        with composer:
            texts = composer.sample(recipe.number for recipe, _ in pairs)
            for (recipe, text), sampled in zip(pairs, texts, strict=True):
                result = composer.finish(sampled, recipe.reference, recipe.title)
                abc = result.abc if isinstance(result, SampledTune) else f"{result}\n"
                yield Replay(recipe, abc, abc == text)


def _chooser(recipe: Recipe, folder: Path) -> Chooser:
    """Return what drew the tune of a recipe."""
    settings = recipe.settings.replace(candidates=1)
    if recipe.revision:
        return Rewriter(folder, settings, recipe.seed, recipe.revision, recipe.name)
    if recipe.harmony:
        return Harmoniser(folder, settings, recipe.seed, recipe.harmony, recipe.name)
    return Composer(folder, settings, recipe.seed, recipe.request, recipe.name)
