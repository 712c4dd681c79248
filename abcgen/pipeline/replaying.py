"""Making sampled tunes again from the recipes under them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from abcgen import __version__
from abcgen.config import LIMITS
from abcgen.errors import CheckpointError, InputError, reason_of
from abcgen.notation.reader import decode_text, split_tunebook
from abcgen.pipeline.recipes import Recipe, checkpoint_hash, recipe_in
from abcgen.pipeline.sampling import Composer, Made

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Replay:
    """A tune made again.

    Attributes:
        recipe: What it was made by.
        found: Its text in the file.
        made: Its text now, or why there is none.
        is_same: Whether the two are the same byte for byte.
    """

    recipe: Recipe
    found: str
    made: str
    is_same: bool

    def __str__(self) -> str:
        verdict = "the same, byte for byte" if self.is_same else "not the same"
        other = "" if self.recipe.version == __version__ else f" (made by {self.recipe.version})"
        return f"X:{self.recipe.reference} {self.recipe.title}: {verdict}{other}"


def replay_file(path: Path, folder: Path) -> Iterator[Replay]:
    """Make the tunes of a file again.

    Args:
        path: A file that ``abcgen sample`` wrote.
        folder: The checkpoint they were made from.

    Raises:
        InputError: if the file cannot be read, or has no recipe.
        CheckpointError: if the checkpoint is another one.
    """
    recipes = list(_recipes(path))
    if not recipes:
        raise InputError(f"no recipe in {path}", hint="name a file that abcgen sample wrote")
    own = checkpoint_hash(folder)
    for recipe, _ in recipes:
        if recipe.checkpoint != own:
            raise CheckpointError(
                f"X:{recipe.reference} in {path} was made from checkpoint {recipe.checkpoint}, "
                f"and {folder} is {own}",
                hint="name the right one with --checkpoint",
            )
    for _, group in groupby(recipes, key=lambda pair: _kind(pair[0])):
        yield from _replay(list(group), folder)


def _replay(recipes: list[tuple[Recipe, str]], folder: Path) -> Iterator[Replay]:
    """Make tunes of one kind again, side by side."""
    first = recipes[0][0]
    with Composer(folder, first.settings, first.seed, first.request, first.name) as composer:
        texts = composer.draw(recipe.number for recipe, _ in recipes)
        for (recipe, found), sampled in zip(recipes, texts, strict=True):
            made = composer.make(sampled, recipe.reference, recipe.title)
            text = made.abc if isinstance(made, Made) else f"{made}\n"
            yield Replay(recipe, found, text, text == found)


def _kind(recipe: Recipe) -> Recipe:
    """What tunes must have in common to be drawn side by side."""
    return recipe.replace(number=0, reference=0, title="")


def _recipes(path: Path) -> Iterator[tuple[Recipe, str]]:
    """Every tune that has a recipe, and its text."""
    try:
        with path.open("rb") as file:
            content = file.read(LIMITS.tunebook_bytes + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason_of(error)}") from error
    if len(content) > LIMITS.tunebook_bytes:
        limit = LIMITS.tunebook_bytes // 1_000_000
        raise InputError(f"{path} is larger than {limit} MB", hint="replay some of its tunes")
    text = decode_text(content)
    for block in split_tunebook(text):
        recipe = recipe_in(block.text)
        if recipe:
            yield recipe, block.text + "\n"
