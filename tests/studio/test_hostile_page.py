"""A stranger's tunes in the studio: their words are shown, and do nothing."""

from __future__ import annotations

import json
from dataclasses import replace
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


@pytest.mark.parametrize("payload", ["handler", "svg"])
def test_payloads_in_versions_of_a_tune_are_words(
    started: Any,  # noqa: F811 - a fixture
    tmp_path: Path,
    payload: str,
) -> None:
    words = PAYLOADS[payload]
    abc = write_abc(replace(everywhere(words), others=(), staves=()))

    def press(selector: str) -> None:
        wait_for(lambda: started.find_elements("css selector", selector), SECONDS)
        started.execute_script(f"document.querySelector({json.dumps(selector)}).click()")

    def wait_until_seen(selector: str) -> None:
        wait_for(lambda: started.find_elements("css selector", selector), SECONDS)

    with (
        running(tmp_path, cwd=tmp_path) as link,
        httpx.Client(base_url=link, timeout=SECONDS) as client,
    ):
        own = (link, "blob:", "data:")
        answer = client.post("/api/history", json={"abc": abc})
        assert answer.status_code == 201, answer.text
        client.post("/api/training/files", params={"name": f"{words}.abc"}, content=b"X:1")
        open_quietly(started, link)
        wait_until_seen(f"{CARD} svg .note")
        # 1) Bars drawn anew, chosen, and drawn anew again.
        for work in ("rewrite", "chords"):
            press(f"{CARD} [data-do=rework]")
            press(f"[data-rework={work}]")
            wait_until_seen(".version svg .note")
            wait_for(lambda: progress_of(started) == "", SECONDS)
            check_nothing_ran(started, own)
            press(".version [data-rework=choose]")
            wait_for(lambda: not started.find_elements("css selector", ".version"), SECONDS)
        # 2) How it works.
        press(f"{CARD} [data-do=explain]")
        wait_until_seen(".mine svg .note")
        check_nothing_ran(started, own)
        # 3) Names of files to learn, and of networks.
        started.get(f"{link}#train")
        wait_until_seen("#training-files li")
        check_nothing_ran(started, own)
        assert words in words_on(started)
        kept = client.get("/api/history").json()["tunes"][0]["abc"]
        assert "drawn anew" in kept
        assert "chord symbols" in kept


def progress_of(browser: Any) -> str:
    """Return what the panel of versions says of its progress."""
    return str(browser.find_element("css selector", ".rework [data-show=progress]").text)
