from __future__ import annotations

import random

from abcgen.notation.titles import new_title


def test_titles_do_not_repeat() -> None:
    used: set[str] = set()
    for number in range(400):
        used.add(new_title(random.Random(number), used))
    assert len(used) == 400
