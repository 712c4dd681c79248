"""The documentation site describes all commands and names, its links hold, it loads nothing."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import abcgen
from abcgen.cli import app
from tests.test_cli import commands

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site() -> Any:
    spec = importlib.util.spec_from_file_location("site_pages", ROOT / "scripts" / "site.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_command_and_option_is_described(site: Any) -> None:
    page = site.commands_page()
    for words in commands():
        assert f"# abcgen {' '.join(words)}\n" in page
    for command in get_command(app).commands.values():  # type: ignore[attr-defined]
        for parameter in command.params:
            assert all(flag in page for flag in parameter.opts if flag.startswith("--"))


def test_every_public_name_is_described(site: Any) -> None:
    page = site.api_page()
    assert all(f"## {name}\n" in page for name in ("load", "read", "train", "Network", "Tunebook"))
    assert "### Network.sample" in page
    documented = {name for name in abcgen.__all__ if f"## {name}\n" in page}
    assert set(abcgen.__all__) - documented <= {"__version__"}


def test_links_are_those_of_the_site(site: Any) -> None:
    paths = site.site_paths()
    text = "[a](docs/grammar.md#x) ![p](docs/page.png) [b](LICENSE) [c](https://abc) [d](no.md)"
    assert site.relinked(text, "README.md", paths) == (
        "[a](grammar.md#x) ![p](page.png) b [c](https://abc) [d](no.md)"
    )
    card = "[curves](../../docs/pretrained-curves.svg)"
    source = "checkpoints/pretrained/MODEL_CARD.md"
    assert site.relinked(card, source, paths) == "[curves](pretrained-curves.svg)"
    table = "[up](../../docs/peers.md)"
    assert site.relinked(table, "benchmarks/reading/README.md", paths) == "[up](../../peers.md)"


def test_the_site_is_built_and_loads_nothing(tmp_path: Path) -> None:
    if not find_spec("mkdocs"):
        pytest.skip("MkDocs is not installed: pip install '.[dev]'")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", tmp_path],
        cwd=ROOT,
        check=True,
    )
    for name in ("index", "tour/index", "commands/index", "api/index", "model-card/index"):
        text = (tmp_path / f"{name}.html").read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe)[^>]* src="?([^"\s>]+)', text)
        loaded += re.findall(r'<link[^>]* rel="?stylesheet"?[^>]* href="?([^"\s>]+)', text)
        loaded += re.findall(r'<link[^>]* href="?([^"\s>]+)[^>]* rel="?stylesheet', text)
        assert loaded
        assert not [address for address in loaded if "//" in address]
