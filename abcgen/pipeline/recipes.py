"""Recipes: comments under sampled tunes from which they can be replayed.

Below its ABC a sampled tune has comments for people, then its recipe as JSON:
``%abcgen {"version": "1.0", "checkpoint": "96ddabbb082d61c8", "name": "run-1", "seed": 7, …}``
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from abcgen.config import LIMITS, Request, SampleConfig, Schema
from abcgen.errors import InputError, reason_of, shown
from abcgen.files import open_regular
from abcgen.notation.encoding import decode_text
from abcgen.notation.tunebook import split_tunebook
from abcgen.notation.writer import write_abc
from abcgen.pipeline.revision import Harmony, Revision
from abcgen.wishes.ragas import raga_named

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.notation.tune import Tune

PREFIX = "%abcgen "
RULE = "rule"  # in place of a checkpoint where there was no network, but a rule
_RECIPE = re.compile(r"(?m)^%abcgen (\{.*\})\s*$")
MAX_CHARACTERS = 20_000 + 2 * LIMITS.tune_characters  # a recipe may have a tune in it
# All settings that a tune depends on.
NO_SETTINGS = {"count", "batch_size", "max_attempts", "candidates", "choose"}
SETTINGS = set(SampleConfig.model_fields) - NO_SETTINGS
# Those that every recipe has. Of later ones a recipe has those that differ from their default, so
# that a tune from before they existed is replayed with the same recipe.
FIRST_SETTINGS = {"temperature", "top_k", "top_p", "max_characters"}
# What these were before there was a choice, which is what a recipe without them means.
BEFORE = {"header_temperature": None, "keep_endings": False, "parallels": True}
LATER_SETTINGS = SETTINGS - FIRST_SETTINGS - set(BEFORE)

Number = Annotated[int, Field(ge=0, lt=2**63)]


class Recipe(Schema):
    """Everything that determines a sampled tune."""

    # The version of abcgen; hash and folder name of the checkpoint.
    version: str
    checkpoint: str
    name: str
    # The tune's number among all that are sampled with the seed.
    seed: Number
    number: Number
    settings: SampleConfig
    request: Request
    # Reference number (``X:``) and title.
    reference: Number
    title: str
    # The tune and the bars of it that were drawn; None for a new tune.
    revision: Revision | None = None
    # The tune that voices were added to; None for any other.
    harmony: Harmony | None = None

    def to_json(self) -> str:
        """Return the recipe on one line, without later settings and wishes at their default."""
        settings = self.settings
        later = settings.model_dump(include=LATER_SETTINGS, exclude_defaults=True)
        chosen = {
            name: value
            for name, value in settings.model_dump(include=set(BEFORE)).items()
            if value != BEFORE[name]
        }
        parts = {
            "settings": settings.model_dump(include=FIRST_SETTINGS) | chosen | later,
            "request": self.request.model_dump(exclude_defaults=True),
        }
        if self.revision:
            parts["revision"] = self.revision.model_dump()
        if self.harmony:
            parts["harmony"] = self.harmony.model_dump()
        values = {name: value for name, value in self if value is not None}
        return json.dumps(values | parts, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Recipe:
        """Read an untrusted recipe.

        Raises:
            InputError: if it was not written by ``to_json``.
        """
        recipe = super().from_json(text[:MAX_CHARACTERS])
        missing = FIRST_SETTINGS - recipe.settings.model_fields_set
        if missing:
            raise InputError(f"no {min(missing)} in the recipe of a tune: {shown(text)}")
        given = recipe.settings.model_fields_set & SETTINGS
        settings = SampleConfig(**BEFORE | recipe.settings.model_dump(include=given))
        return recipe.replace(settings=settings)


def with_recipe(tune: Tune, recipe: Recipe, remarks: list[str]) -> str:
    """Return a tune as canonical ABC, followed by remarks for people and its recipe."""
    lines = (" ".join(line.split()) for line in (*remarks, recipe.to_json()))
    return write_abc(tune) + "".join(f"{PREFIX}{line}\n" for line in lines)


def without_recipe(abc: str) -> str:
    """Return a sampled tune without its remarks and recipe."""
    return "".join(line for line in abc.splitlines(True) if not line.startswith(PREFIX))


def recipe_in(text: str) -> Recipe | None:
    """Return the recipe under a tune; None if there is none.

    Raises:
        InputError: if it is damaged.
    """
    match = _RECIPE.search(text)
    return Recipe.from_json(match[1]) if match else None


def drone_in(text: str) -> int:
    """Return what a tanpura plays under a tune whose recipe names a raga; 0 for no tanpura.

    Raises:
        InputError: if the recipe is damaged.
    """
    recipe = recipe_in(text)
    return raga_named(recipe.request.raga).drone if recipe and recipe.request.raga else 0


def read_recipes(path: Path) -> list[tuple[Recipe, str]]:
    """Return recipe and text of each tune in a file that has a recipe.

    Raises:
        InputError: if the file cannot be read, a recipe is damaged, or there is none.
    """
    try:
        with open_regular(path) as file:
            content = file.read(LIMITS.tunebook_bytes + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason_of(error)}") from error
    if len(content) > LIMITS.tunebook_bytes:
        limit = LIMITS.tunebook_bytes // 1_000_000
        raise InputError(f"{path} is larger than {limit} MB", hint="replay some of its tunes")
    recipes = [
        (recipe, f"{block.text}\n")
        for block in split_tunebook(decode_text(content))
        if (recipe := recipe_in(block.text))
    ]
    if not recipes:
        raise InputError(f"no recipe in {path}", hint="name a file written by abcgen sample")
    return recipes
