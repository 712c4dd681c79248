"""Invent titles for new tunes in the style of traditional ones (``new_title``)."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

_PEOPLE = (
    "Biddy", "Brennan", "Clancy", "Eileen", "Fergus", "Flora", "Hanna", "Isobel", "Jenny", "Kitty",
    "Lachlan", "Maggie", "Malcolm", "Molly", "Morag", "Nell", "Old Tom", "Padraig", "Peggy",
    "Sally", "The Cooper", "The Ferryman", "The Miller", "The Piper", "The Schoolmaster",
    "The Tailor", "The Widow",
)  # fmt: skip
_THINGS = (
    "Bonnet", "Boots", "Cat", "Delight", "Dream", "Fancy", "Farewell", "Favourite", "Garden",
    "Goose", "Kettle", "Lantern", "Lament for the Kettle", "Market Day", "Mill", "Ramble",
    "Return", "Rose", "Snuff Box", "Walking Stick", "Wedding", "Welcome Home",
)  # fmt: skip
_QUALITIES = (
    "Black", "Blooming", "Broken", "Crooked", "Dusty", "Early", "Frosty", "Green", "Hasty",
    "Homeward", "Humming", "Idle", "Lonesome", "Merry", "Misty", "Restless", "Silver", "Sleepy",
    "Stony", "Wandering", "Wild", "Windy",
)  # fmt: skip
_SIGHTS = (
    "Blackbird", "Bridge", "Carter", "Causeway", "Cuckoo", "Fiddler", "Ford", "Gate", "Hare",
    "Harvest", "Heron", "Hill", "Lark", "Lighthouse", "Milestone", "Morning", "Plough", "Road",
    "Shore", "Stile", "Thrush", "Weaver",
)  # fmt: skip
_PLACES = (
    "Bog", "Bridge", "Crossroads", "Fair", "Glen", "Harbour", "Heather", "Hearth", "Island",
    "Loft", "Meadow", "Quay", "Rye", "Snow", "Square", "Thatch", "Tide", "Wood",
)  # fmt: skip
_ATTEMPTS = 200


def new_title(random_numbers: random.Random, used: set[str]) -> str:
    """Return a random title that is not among those used, which are casefolded."""
    pick = random_numbers.choice
    for _ in range(_ATTEMPTS):
        pattern = random_numbers.randrange(3)
        if pattern == 0:
            title = f"{pick(_PEOPLE)}'s {pick(_THINGS)}"
        elif pattern == 1:
            title = f"The {pick(_QUALITIES)} {pick(_SIGHTS)}"
        else:
            title = f"The {pick(_SIGHTS)} in the {pick(_PLACES)}"
        if title.casefold() not in used:
            return title
    numbered = (f"{title} No. {number}" for number in count(2))
    return next(each for each in numbered if each.casefold() not in used)
