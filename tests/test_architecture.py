"""Imports go one way, and each heavy library is imported by few packages."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import abcgen

PACKAGE = Path(abcgen.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# The packages that each package may import from.
BASE = {"config", "errors", "example", "files", "system", "workers"}
ALLOWED = {
    "errors": set(),
    "example": set(),
    "config": {"errors", "limits"},
    "limits": set(),
    "presets": {"config"},
    "files": {"errors"},
    "system": set(),
    "workers": {"system"},
    "notation": BASE,
    "grammar": BASE | {"notation"},
    "wishes": BASE | {"notation"},
    "midi": BASE | {"notation"},
    "corpus": BASE | {"notation", "midi"},
    "score": BASE | {"notation", "midi"},  # the mode of a signature is judged as MIDI's is
    "model": BASE,
    "plots": BASE,
    "evaluation": BASE | {"notation"},
    "critic": BASE | {"notation"},
    "pipeline": BASE
    | {"notation", "grammar", "corpus", "midi", "score", "model", "plots", "evaluation"}
    | {"critic", "presets", "wishes"},
    "studio": BASE | {"notation", "wishes", "score", "pipeline"},
    "cli": BASE
    | {"presets", "wishes"}
    | {"notation", "corpus", "critic", "score", "model", "evaluation", "pipeline", "studio"},
    "api": BASE | {"notation", "corpus", "model", "pipeline"},
    "__main__": {"cli"},
    "__init__": {"errors", "notation", "api"},
}
OWNERS = {
    "keras": {"model"},
    "tensorflow": {"model"},
    "jax": {"model"},
    "torch": {"model"},
    "safetensors": {"model", "corpus"},  # the index of training tunes is arrays in a checkpoint
    "numpy": {"model", "grammar", "score", "corpus", "midi", "evaluation", "critic"},
    "music21": {"score"},
    "verovio": {"score"},
    "typst": {"score"},
    "mido": {"score", "midi"},
    "matplotlib": {"plots"},
    "sklearn": {"evaluation", "critic"},
    "tensorboard": {"pipeline"},
    "jinja2": {"corpus", "evaluation", "score"},
    "starlette": {"studio"},
    "uvicorn": {"studio"},
    "segno": {"cli"},
    "rich": {"cli"},
    "typer": {"cli"},
}


def package_of(path: Path) -> str:
    """The package, or module at the root, that a file belongs to."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Full names of what a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names.add(module)
            names.update(f"{module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    own = package_of(path)
    packages = {name.split(".")[1] for name in imported(path) if name.startswith("abcgen.")}
    others = {other for other in packages if other in ALLOWED} - {own}
    assert others <= ALLOWED[own]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_library_is_imported_by_its_packages_only(path: Path) -> None:
    for name in imported(path):
        assert package_of(path) in OWNERS.get(name.split(".")[0], {package_of(path)}), name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 550
    longest = 80 if package_of(path) == "cli" else 60
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.body[0].lineno <= longest, node.name


def test_every_package_has_its_imports_listed() -> None:
    assert {package_of(path) for path in MODULES} == set(ALLOWED)


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a statement loads in a fresh interpreter."""
    code = f"import sys\n{statement}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


@pytest.mark.parametrize("statement", ["import abcgen", "import abcgen.cli"])
def test_what_is_heavy_waits_until_it_is_needed(statement: str) -> None:
    heavy = {"keras", "tensorflow", "music21", "numpy", "verovio", "typst", "mido", "matplotlib"}
    assert not heavy & loaded_by(statement)


def test_sampling_never_waits_for_tensorflow() -> None:
    assert not {"keras", "tensorflow"} & loaded_by("import abcgen.pipeline.sampling")


def test_no_module_can_run_code_from_data() -> None:
    for path in MODULES:
        assert not imported(path) & {"pickle", "shelve", "marshal", "dill", "joblib"}


def test_public_names_are_there() -> None:
    for name in abcgen.__all__:
        assert getattr(abcgen, name)
    with pytest.raises(AttributeError):
        _ = abcgen.nothing
