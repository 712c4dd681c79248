"""A hook of MkDocs that adds the pages of the site that are not in docs/.

Pages from elsewhere in the repository, such as README, model card and benchmarks, keep their links
to one another. Commands and Python interface are described from the code itself, so that neither
can be forgotten.
"""

from __future__ import annotations

import inspect
import json
import os
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# Other pages of the repository, by their place on the site.
ELSEWHERE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
    "checkpoints/pretrained/MODEL_CARD.md": "model-card.md",
    "checkpoints/README.md": "checkpoints.md",
    "corpora/README.md": "corpora.md",
}
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\]\([^)]*\))*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
# An annotation that is a string.
QUOTED = re.compile(r"(: |-> )'([^']*)'")
# A section of a docstring, and an item in it.
SECTION, ITEM = (
    re.compile(r"^(Args|Returns|Raises|Yields|Attributes):$"),
    re.compile(r"^ {4}(\S.*)"),
)


def site_paths() -> dict[str, str]:
    """Return the place on the site of every page and picture of the repository."""
    paths = dict(ELSEWHERE)
    for path in sorted((ROOT / "docs").rglob("*")):
        if path.is_file():
            paths[path.relative_to(ROOT).as_posix()] = path.relative_to(ROOT / "docs").as_posix()
    for path in sorted((ROOT / "benchmarks").rglob("*.md")):
        name = path.relative_to(ROOT).as_posix()
        paths[name] = name.replace("/README.md", "/index.md")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        paths[path.relative_to(ROOT).as_posix()] = f"notebooks/{path.stem}.md"
    return paths


def relinked(text: str, source: str, paths: dict[str, str]) -> str:
    """Return a page with its links as they are on the site.

    Links to files that are not on the site become plain text.

    Args:
        text: The page.
        source: Its path in the repository.
        paths: What ``site_paths`` returns.
    """

    def link(match: re.Match[str]) -> str:
        mark, words, target, anchor = match.groups()
        place = os.path.normpath(Path(source).parent / target).replace(os.sep, "/")
        if not mark:
            words = LINK.sub(link, words)
        if place in paths:
            here = Path(paths.get(source, source)).parent
            return f"{mark}[{words}]({os.path.relpath(paths[place], here)}{anchor or ''})"
        return words if (ROOT / place).exists() else match[0]

    return LINK.sub(link, text)


def notebook_page(path: Path) -> str:
    """Return a notebook as a page."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = [("".join(cell["source"]), cell["cell_type"]) for cell in cells]
    parts = [text if kind == "markdown" else f"```python\n{text}\n```" for text, kind in texts]
    return "\n\n".join([*parts, f"From `notebooks/{path.name}`."]) + "\n"


# The commands.


def commands_page() -> str:
    """Return the page of all commands, as the command line describes them."""
    from typer.main import get_command

    from abcgen.cli import app

    lines = ["# Commands", "", _plain(app.registered_callback.callback.__doc__), ""]
    for name, command in get_command(app).commands.items():
        inner = getattr(command, "commands", None)
        if inner:
            lines += [f"## abcgen {name}", "", _plain(command.help), ""]
            for sub, subcommand in inner.items():
                lines += _command(f"abcgen {name} {sub}", subcommand, "###")
        else:
            lines += _command(f"abcgen {name}", command, "##")
    return "\n".join(lines)


def _command(name: str, command: Any, heading: str) -> list[str]:
    lines = [f"{heading} {name}", "", _plain(command.help), ""]
    if command.epilog:
        lines += ["```sh", command.epilog.removeprefix("Example: "), "```", ""]
    parameters = [one for one in command.params if not getattr(one, "hidden", False)]
    if parameters:
        lines += ["| | | default |", "|---|---|---|"]
    for parameter in parameters:
        names = ", ".join(f"`{flag}`" for flag in [*parameter.opts, *parameter.secondary_opts])
        if not parameter.opts[0].startswith("-"):
            names = f"`{(parameter.metavar or parameter.name).upper()}`"
        elif parameter.metavar:
            names += f" `{parameter.metavar}`"
        text = _plain(parameter.help)
        lines.append(f"| {_cell(names)} | {_cell(text)} | {_cell(_default(parameter))} |")
    return [*lines, ""]


def _default(parameter: Any) -> str:
    shown = parameter.show_default
    if isinstance(shown, str):
        return shown
    if parameter.required:
        return "required"
    value = parameter.default
    if value is None or value == "" or value is False or shown is False or callable(value):
        return ""
    return f"`{value}`"


def _plain(text: str | None) -> str:
    """Return help without the line breaks of its source."""
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


# The Python interface.


def api_page() -> str:
    """Return the page of all public names, as their docstrings describe them."""
    import abcgen

    lines = ["# Python interface", "", "The names of `abcgen`; [examples](python.md).", ""]
    for name in sorted(abcgen.__all__, key=lambda name: (not name[0].islower(), name)):
        member = getattr(abcgen, name)
        if not (inspect.isclass(member) or inspect.isfunction(member)):
            continue
        lines += [f"## {name}", "", *_described(f"abcgen.{name}", member)]
        if inspect.isclass(member):
            for method_name, method in inspect.getmembers(member, inspect.isfunction):
                if not method_name.startswith("_") and method.__doc__:
                    lines += [f"### {name}.{method_name}", "", *_described(method_name, method)]
    return "\n".join(lines)


def _described(name: str, member: Any) -> list[str]:
    """Return signature and docstring as Markdown."""
    signature = QUOTED.sub(r"\1\2", str(inspect.signature(member))).replace("(self, ", "(")
    lines = ["```python", f"{name}{signature}", "```", ""]
    in_section = False
    for line in inspect.cleandoc(member.__doc__ or "").splitlines():
        if match := SECTION.match(line):
            lines += [f"**{match[1]}**", ""]
            in_section = True
        elif in_section and (item := ITEM.match(line)):
            lines.append(f"- {item[1]}")
        else:
            lines.append(line.strip() if in_section else line)
    return [*lines, ""]


# What MkDocs calls.


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are not in docs/."""
    from mkdocs.structure.files import File

    pages = {"commands.md": commands_page(), "api.md": api_page()}
    for source, page in site_paths().items():
        path = ROOT / source
        if source.startswith("notebooks/"):
            pages[page] = notebook_page(path)
        elif not source.startswith("docs/"):
            pages[page] = path.read_text(encoding="utf-8")
    for page, text in pages.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Adapt the links of a page."""
    paths = site_paths()
    sources = {place: source for source, place in paths.items()}
    source = sources.get(page.file.src_uri)
    return relinked(markdown, source, paths) if source else markdown
