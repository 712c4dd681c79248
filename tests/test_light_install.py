"""All but training works where TensorFlow, Keras, scikit-learn and SciPy are not installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from abcgen.pipeline.checkpoints import find_checkpoint
from tests.pipeline.checkpoints import untrained
from tests.small_corpus import write_small_corpus
from tests.test_cli import commands

CHECKOUT = Path(__file__).parents[1]
HEAVY = ("tensorflow", "keras", "scikit-learn")
MODULES = ("tensorflow", "keras", "sklearn", "scipy")

# A command line for every command, in this order, in a folder with a small corpus, a network and
# a blind test.
WORKING = {
    "sample": "sample --count 1 --candidates 2 --seed 3 --to pdf,html,midi,musicxml,wav --out made",
    "rewrite": "rewrite made/tunes.abc --bars 2 --count 1 --candidates 1 --to none --out anew",
    "vary": "vary made/tunes.abc --count 1 --candidates 1 --to none --out varied",
    "harmonise": "harmonise made/tunes.abc --tune 1 --to none --out harmonised",
    "replay": "replay made/tunes.abc",
    "render": "render made/tunes.abc --to pdf,png,svg --out printed",
    "plot": "plot pretrained --out plots",
    "evaluate": "evaluate small --samples small.abc --out judged --json",
    "networks": "networks",
    "normalise": "normalise made/tunes.abc --out clean.abc --report clean.html",
    "check": "check made/tunes.abc --critic",
    "blindtest make": "blindtest make --count 2 --out test",
    "blindtest score": "blindtest score answers.json --key key.json",
    "corpus list": "corpus list",
    "corpus install": "corpus install airds",
    "corpus credits": "corpus credits airds",
}
# These learn from tunes.
TRAINING = {
    "train": "train small.abc --epochs 1",
    "critic": "critic small small.abc",
}
# The first needs them too, but only after minutes of sampling; the second serves until it is ended.
UNTRIED = {"refine", "studio"}


# Runs command lines one after another, for most of what each would cost alone is the start.
PROGRAM = """
import contextlib, io, json, sys
from abcgen.cli import main

answers = {}
for line in sys.argv[1:]:
    print(line, file=sys.stderr)  # the last one seen is to blame if all ends here
    out, errors = io.StringIO(), io.StringIO()
    sys.argv = ["abcgen", *line.split()]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            main()
        except SystemExit as ended:
            answers[line] = (ended.code or 0, out.getvalue(), errors.getvalue())
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, str]]:
    """Exit code, output and messages of all command lines, without the heavy libraries."""
    folder, hidden = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("hidden")
    for name in MODULES:
        error = f"raise ModuleNotFoundError('No module named {name}', name='{name}')\n"
        (hidden / f"{name}.py").write_text(error, encoding="utf-8")
    write_small_corpus(folder)
    network = untrained(folder / "checkpoints" / "small")
    held_out = json.loads((find_checkpoint(None) / "held-out.json").read_text(encoding="utf-8"))
    held_out |= {part: held_out[part][:20] for part in ("test", "validation", "ngrams")}
    held_out["baselines"] = {}
    (network / "held-out.json").write_text(json.dumps(held_out), encoding="utf-8")
    shutil.copy(CHECKOUT / "tests/unchanged/given/answers.json", folder)
    shutil.copy(CHECKOUT / "tests/unchanged/given/key.json", folder)
    path = os.pathsep.join([str(hidden), os.environ["PYTHONPATH"]])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *WORKING.values(), *TRAINING.values()],
        cwd=folder, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, tuple[int, str, str]] = json.loads(done.stdout)
    return found


def test_every_command_is_tried() -> None:
    assert {" ".join(words) for words in commands()} == set(WORKING) | set(TRAINING) | UNTRIED


@pytest.mark.parametrize("command", WORKING)
def test_it_works_without_the_libraries_of_training(
    command: str, answers: dict[str, tuple[int, str, str]]
) -> None:
    code, out, error = answers[WORKING[command]]
    assert code == 0, error
    assert "Traceback" not in error
    assert out
    if command == "evaluate":
        facts = json.loads(out)
        assert "discriminator_auc" not in facts
        assert any("scikit-learn" in note for note in facts["notes"])


@pytest.mark.parametrize("command", TRAINING)
def test_training_says_in_one_line_what_to_install(
    command: str, answers: dict[str, tuple[int, str, str]]
) -> None:
    code, _, error = answers[TRAINING[command]]
    lines = [line for line in error.splitlines() if line.startswith("error:")]
    assert code == 1
    assert len(lines) == 1, error
    assert "pip install" in lines[0]
    assert "Traceback" not in error


def requirements(lines: list[str]) -> dict[str, str]:
    """Return version bounds by the name of the package."""
    pairs = (re.fullmatch(r"([\w-]+)(.*)", line.partition(";")[0].strip()) for line in lines)
    return {match[1]: match[2] for match in pairs if match}


def test_the_light_requirements_are_all_others() -> None:
    text = (CHECKOUT / "requirements" / "light.txt").read_text(encoding="utf-8")
    light = requirements([line for line in text.splitlines() if not line.startswith("#")])
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    whole = requirements(project["dependencies"])
    assert light == {name: bound for name, bound in whole.items() if name not in HEAVY}
