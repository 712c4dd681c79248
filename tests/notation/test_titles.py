from __future__ import annotations

import random

from abcgen.notation.titles import new_title


def test_titles_do_not_repeat() -> None:
    used: set[str] = set()
    for number in range(400):
        used.add(new_title(random.Random(number), used).casefold())
    assert len(used) == 400


def test_when_all_titles_are_used_they_are_numbered() -> None:
    class Everything(set[str]):
        def __contains__(self, title: object) -> bool:
            return not str(title).endswith("no. 3")

    assert new_title(random.Random(1), Everything()).endswith(" No. 3")
