"""axe-core finds nothing serious on any view: on a desk and a telephone, in light and dark."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from abcgen.notation.writer import write_abc
from tests.score.conftest import started  # noqa: F401 - a fixture
from tests.studio.browsing import CARD, DESK, PHONE, Page
from tests.studio.running import SECONDS, running
from tests.tunes import JIG, REEL

if TYPE_CHECKING:
    from collections.abc import Iterator

# It brings axe.min.js along, of which nothing else is used.
axe_core = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
RUN = """
    const done = arguments[arguments.length - 1];
    // The thousands of strokes of sheet music are one picture to a screen reader.
    const place = { include: [document], exclude: [".sheet svg"] };
    axe.run(place, { resultTypes: ["violations"] }).then(
      ({ violations, testEngine }) => done({ violations, version: testEngine.version }),
      (error) => done({ error: String(error) }));"""


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("studio")
    with running(folder, cwd=folder) as link:
        for tune in (REEL, JIG):
            httpx.post(f"{link}api/history", json={"abc": write_abc(tune)}, timeout=SECONDS)
        yield link


def serious(browser: Any) -> list[str]:
    """Return what axe-core finds serious or critical on a page, with the elements."""
    # The script is put into the page by the browser's driver, not by the page.
    browser.execute_script((files(axe_core) / "axe.min.js").read_text(encoding="utf-8"))
    result = browser.execute_async_script(RUN)
    assert result.get("version"), result
    return [
        f"{found['id']}: {node['html'][:150]}"
        for found in result["violations"]
        if found["impact"] in {"serious", "critical"}
        for node in found["nodes"]
    ]


@pytest.mark.parametrize(
    ("size", "scheme"),
    [
        pytest.param(DESK, "light", id="desk-light"),
        pytest.param(DESK, "dark", id="desk-dark", marks=pytest.mark.slow),
        pytest.param(PHONE, "light", id="phone-light", marks=pytest.mark.slow),
        pytest.param(PHONE, "dark", id="phone-dark", marks=pytest.mark.slow),
    ],
)
def test_nothing_serious_is_found(
    started: Any,  # noqa: F811 - a fixture
    link: str,
    size: tuple[int, int],
    scheme: str,
) -> None:
    page = Page(started, size)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    started.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    found: dict[str, list[str]] = {}
    try:
        started.get(link)
        page.wait(lambda: page.all(f"{CARD} .wide svg"), "the tunes")
        for details in page.all("#wishes details"):
            started.execute_script("arguments[0].open = true", details)
        found["compose"] = serious(started)
        page.click(f"{CARD} [data-do=explain]")
        page.wait(lambda: page.all(f"{CARD} .theirs svg"), "how it works")
        found["how it works"] = serious(started)
        page.click(f"{CARD} [data-do=explain]")
        page.click(f"{CARD} [data-do=rework]")
        page.click("[data-rework=chords]")
        page.wait(lambda: page.one(".rework [data-show=progress]").text == "", "versions")
        page.wait(lambda: page.all(".version svg"), "versions")
        page.click(f"{CARD} [data-do=surprise]")
        page.wait(lambda: page.all(f"{CARD} [data-bits]"), "surprise")
        page.click(f"{CARD} .menu summary")
        found["rework, surprise and menu"] = serious(started)
        for view, shown in (("tunes", ".note"), ("write", ".note"), ("train", "form")):
            page.view(view)
            page.one(f"#{view} {shown}")
            found[view] = serious(started)
    finally:
        started.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert {view: names for view, names in found.items() if names} == {}
