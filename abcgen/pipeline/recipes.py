"""How a sampled tune was made, in comments under it that a machine can read back."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from abcgen.config import LIMITS, SampleConfig, Schema
from abcgen.errors import InputError, shown
from abcgen.files import read_bounded
from abcgen.model.checkpoint import CONFIG, MAX_JSON_BYTES, VOCABULARY, WEIGHTS
from abcgen.notation.writer import write_abc
from abcgen.pipeline.requests import Request

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.notation.tune import Tune

PREFIX = "%abcgen "
_RECIPE = re.compile(r"(?m)^%abcgen (\{.*\})\s*$")
MAX_CHARACTERS = 20_000
# A tune depends on all settings of sampling but these.
SETTINGS = set(SampleConfig.model_fields) - {"count", "batch_size", "max_attempts"}
# Those that every recipe has. Where a later setting is missing, the tune was made with its default.
FIRST_SETTINGS = {"temperature", "top_k", "top_p", "max_characters"}

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

    def to_json(self) -> str:
        """Return the recipe on one line."""
        parts = {
            "settings": self.settings.model_dump(include=SETTINGS),
            "request": self.request.to_json(),
        }
        return json.dumps(dict(self) | parts, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Recipe:
        """Read the untrusted result of ``to_json``.

        Raises:
            InputError: if it is anything else.
        """
        try:
            data = json.loads(text[:MAX_CHARACTERS])
            given = data["settings"]
            first = {name: given[name] for name in FIRST_SETTINGS}
            later = {name: given[name] for name in SETTINGS - FIRST_SETTINGS if name in given}
            parts = {name: data[name] for name in cls.model_fields if name != "request"}
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(f"not the recipe of a tune: {shown(text)}") from error
        settings = SampleConfig(**first, **later)
        request = Request.from_json(data.get("request"))
        return cls(**parts | {"settings": settings, "request": request})


def checkpoint_hash(folder: Path) -> str:
    """Return a hash of everything in a checkpoint that a sampled tune depends on.

    Raises:
        CheckpointError: if it cannot be read, or is larger than a checkpoint may be.
    """
    digest = hashlib.sha256()
    limits = {
        WEIGHTS: LIMITS.checkpoint_bytes,
        VOCABULARY: MAX_JSON_BYTES,
        CONFIG: MAX_JSON_BYTES,
    }
    for name, limit in limits.items():
        digest.update(hashlib.sha256(read_bounded(folder / name, limit)).digest())
    return digest.hexdigest()[:16]


def with_recipe(tune: Tune, recipe: Recipe, remarks: list[str]) -> str:
    """Return a tune as canonical ABC with remarks for people and its recipe under it."""
    lines = (" ".join(line.split()) for line in (*remarks, recipe.to_json()))
    return write_abc(tune) + "".join(f"{PREFIX}{line}\n" for line in lines)


def recipe_in(text: str) -> Recipe | None:
    """Return the recipe under a tune; None if there is none.

    Raises:
        InputError: if it is damaged.
    """
    found = _RECIPE.search(text)
    return Recipe.from_json(found[1]) if found else None
