"""Tunes in any form to canonical ABC."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from abcgen.files import refuse_to_overwrite, write_atomically
from abcgen.notation.writer import write_tunebook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.corpus.loading import Corpus, FileReading
    from abcgen.notation.tune import Tune


def write_normalised(corpus: Corpus, out: Path, *, force: bool = False) -> list[Path]:
    """Write tunes as canonical ABC.

    Args:
        corpus: The tunes.
        out: A file ending in .abc for all of them; otherwise a folder, for a file to each file
            read, with the folders they stood in.
        force: Whether to write over what is there.

    Returns:
        The files written.

    Raises:
        OutputError: if one is there already or cannot be written.
    """
    refuse_to_overwrite(out, force=force)
    if out.suffix.lower() == ".abc":
        _write(out, [tune for file in corpus.files for tune in _with_sources(file)])
        return [out]
    files = [file for file in corpus.files if file.tunes]
    targets = _targets([file.path for file in files], out)
    for file, target in zip(files, targets, strict=True):
        _write(target, _with_sources(file))
    return targets


def _write(path: Path, tunes: Sequence[Tune]) -> None:
    """Write a tunebook; where two tunes have one number, all are numbered anew."""
    if len({tune.number for tune in tunes}) < len(tunes):
        tunes = [replace(tune, number=number) for number, tune in enumerate(tunes, start=1)]
    write_atomically(path, write_tunebook(tunes).encode())


def _with_sources(file: FileReading) -> list[Tune]:
    """The tunes of a file; one that names no source comes from the file."""
    return [replace(tune, source=tune.source or file.path.name) for tune in file.tunes]


def _targets(sources: Sequence[Path], out: Path) -> list[Path]:
    """Where each file goes: under the folder that all come from, names kept apart."""
    folders = [str(path.resolve().parent) for path in sources]
    common = Path(os.path.commonpath(folders)) if folders else Path()
    taken: set[Path] = set()
    targets = []
    for path in sources:
        inside = path.resolve().relative_to(common)
        target = out / inside.with_suffix(".abc")
        if target in taken:
            target = out / inside.with_name(f"{inside.name}.abc")
        taken.add(target)
        targets.append(target)
    return targets
