"""A stranger's tunes in the studio: their words are shown, and do nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from abcgen.notation.writer import write_abc
from tests.browser import wait_for
from tests.hostile import PAYLOADS, check_nothing_ran, everywhere, open_quietly, words_on
from tests.score.conftest import started  # noqa: F401 - a fixture
from tests.studio.running import SECONDS, running

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("selenium")
CARD = ".tune:not(.draft)"


def added(link: str) -> None:
    """Add a tune with each payload, and change the title of one to it."""
    with httpx.Client(base_url=link, timeout=SECONDS) as client:
        for words in PAYLOADS.values():
            answer = client.post("/api/history", json={"abc": write_abc(everywhere(words))})
            assert answer.status_code < 300, answer.text
            renamed = client.patch(f"/api/history/{answer.json()['id']}", json={"title": words})
            assert renamed.status_code == 200, renamed.text


def test_payloads_in_the_studio_are_words(started: Any, tmp_path: Path) -> None:  # noqa: F811
    def all_of(selector: str) -> list[Any]:
        found: list[Any] = started.find_elements("css selector", selector)
        return found

    def shown(selector: str) -> list[Any]:
        return [one for one in all_of(selector) if one.is_displayed()]

    with running(tmp_path) as link:
        own = (link, "blob:", "data:")
        added(link)
        # 1) The tunes, each with its staff.
        open_quietly(started, f"{link}#tunes")
        wait_for(lambda: len(all_of(f"#kept {CARD}")) == len(PAYLOADS), SECONDS)
        for card in all_of(f"#kept {CARD}"):
            # Staves are drawn where they are seen.
            started.execute_script("arguments[0].scrollIntoView()", card)
            wait_for(partial(card.find_elements, "css selector", "svg"), SECONDS)
        check_nothing_ran(started, own)
        words = words_on(started)
        assert "{{7*7}}" in words
        assert "ontoggle=alert(1)" in words
        # 2) One in the editor, with what the doctor says of it.
        edit = all_of(f"#kept {CARD} [data-do=edit]")[0]
        started.execute_script("arguments[0].click()", edit)
        wait_for(lambda: shown("#written svg"), SECONDS)
        check_nothing_ran(started, own)
        assert "<script>" in words_on(started)
        # 3) Words in the fields of wishes, and what is said of them.
        open_quietly(started, f"{link}#compose")
        wait_for(lambda: len(all_of("[name=rhythm] option")) > 5, SECONDS)
        fill = (
            "for (const one of document.querySelectorAll('#wishes input:not([type=checkbox])'))"
            " { one.value = arguments[0]; one.dispatchEvent(new Event('input')); }"
        )
        started.execute_script(fill, PAYLOADS["handler"])
        started.execute_script("arguments[0].click()", all_of("#wishes button.main")[0])
        check_nothing_ran(started, own)
