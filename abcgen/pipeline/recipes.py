"""How a sampled tune was made, written under it in comments that a machine can read back."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.config import LIMITS
from abcgen.errors import InputError
from abcgen.files import read_bounded
from abcgen.model.checkpoint import CONFIG, MAX_JSON_BYTES, VOCABULARY, WEIGHTS
from abcgen.notation.writer import write_abc
from abcgen.pipeline.requests import Request

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.config import SampleConfig
    from abcgen.notation.tune import Tune

SIGN = "%abcgen "
_RECIPE = re.compile(r"(?m)^%abcgen (\{.*\})\s*$")
SETTINGS = ("temperature", "top_k", "top_p", "max_characters")
MOST_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that determines a sampled tune.

    Attributes:
        version: The abcgen that made it.
        checkpoint: Hash of the checkpoint.
        name: What its folder was called.
        seed: The seed.
        number: Which tune of that seed.
        settings: Temperature and the like, by name.
        request: What was asked for.
        reference: Its reference number (``X:``).
        title: Its title.
    """

    version: str
    checkpoint: str
    name: str
    seed: int
    number: int
    settings: dict[str, float]
    request: Request
    reference: int
    title: str

    def to_json(self) -> str:
        """The recipe on one line."""
        data = {
            "version": self.version,
            "checkpoint": self.checkpoint,
            "name": self.name,
            "seed": self.seed,
            "number": self.number,
            "settings": self.settings,
            "request": self.request.to_json(),
            "reference": self.reference,
            "title": self.title,
        }
        return json.dumps(data, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read what ``to_json`` gave, trusting nothing.

        Raises:
            InputError: if it is anything else.
        """
        try:
            data = json.loads(text[:MOST_CHARACTERS])
            settings = {name: data["settings"][name] for name in SETTINGS}
            words = [data[name] for name in ("version", "checkpoint", "name", "title")]
            numbers = [data[name] for name in ("seed", "number", "reference")]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(f"no recipe of a tune: {text[:60]!r}") from error
        if not all(type(word) is str for word in words):
            raise InputError(f"no recipe of a tune: {text[:60]!r}")
        if not all(type(number) is int and 0 <= number < 2**63 for number in numbers):
            raise InputError("seed, number and reference of a recipe must be whole numbers")
        request = Request.from_json(data.get("request"))
        (version, checkpoint, name, title), (seed, number, reference) = words, numbers
        return cls(version, checkpoint, name, seed, number, settings, request, reference, title)


def settings_of(config: SampleConfig) -> dict[str, float]:
    """The settings that a tune depends on."""
    return {name: getattr(config, name) for name in SETTINGS}


def checkpoint_hash(folder: Path) -> str:
    """A hash of all in a checkpoint that a sampled tune depends on.

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
    """A tune as canonical ABC, with how it was made under it.

    Args:
        tune: The tune.
        recipe: All that determines it.
        remarks: Lines for people, put before the recipe.
    """
    lines = [*remarks, recipe.to_json()]
    return write_abc(tune) + "".join(f"{SIGN}{_one_line(line)}\n" for line in lines)


def recipe_in(text: str) -> Recipe | None:
    """The recipe under a tune, None if there is none.

    Raises:
        InputError: if it is damaged.
    """
    found = _RECIPE.search(text)
    return Recipe.from_json(found[1]) if found else None


def _one_line(text: str) -> str:
    return " ".join(text.split())
