"""``abcgen normalise``: convert tunes to canonical ABC and report their problems."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abcgen.cli.common import (
    OUTPUT,
    STDOUT,
    Cache,
    FoldRange,
    Force,
    Json,
    KeepLines,
    Paths,
    Texture,
    Track,
    display_for,
    skipped_facts,
    text_cache,
    to_stdout,
)
from abcgen.cli.display import counted
from abcgen.files import check_writable, new_folder, refuse_to_overwrite

if TYPE_CHECKING:
    from abcgen.cli.display import Display
    from abcgen.config import MidiConfig


def normalise(
    paths: Paths,
    # Data
    texture: Texture = "auto",
    track: Track = "",
    fold_range: FoldRange = "",
    cache: Cache = True,
    list_tracks: Annotated[
        bool,
        typer.Option(
            "--list-tracks",
            help="List the tracks of MIDI files and which is taken as the tune; write nothing.",
            rich_help_panel="Data",
        ),
    ] = False,
    # Output
    keep_lines: KeepLines = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            readable=False,
            help="An .abc file for all tunes, or a folder; - for standard output.",
            show_default="a new folder under output/",
            rich_help_panel="Output",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="Write all problems, with file and line, to an .html or .json file.",
            rich_help_panel="Output",
        ),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Convert tunes to canonical ABC: four bars to a line, beamed, with explicit repeats.

    Prints a summary of problems: repaired and skipped tunes, bars that do not add up, duplicates.
    """
    from abcgen.corpus.report import report_writer
    from abcgen.pipeline.formats import all_readers, midi_config
    from abcgen.pipeline.normalising import ReadingOptions, normalise_files

    display = display_for(out, as_json=as_json)
    if list_tracks:
        _list_tracks(paths, midi_config(texture, track, fold_range), display)
        return
    # 1) Check that results can be written. `normalise_files` checks the target.
    target = out or new_folder(OUTPUT, "normalised")
    write_report = report_writer(report) if report else lambda _report: None
    if report:
        refuse_to_overwrite(report, force=force)
        check_writable(report)

    # 2) Read and write the tunes.
    readers = all_readers(midi_config(texture, track, fold_range))
    options = ReadingOptions(readers, cache=text_cache(use=cache), keep_lines=keep_lines)
    with (
        to_stdout("abc") if out == STDOUT else nullcontext(target) as place,
        display.progress("reading tunes") as on_progress,
    ):
        result = normalise_files(
            paths, place, options, force=force, on_progress=on_progress, on_report=write_report
        )
    written = [] if out == STDOUT else list(result.files)
    if report:
        written.append(report)

    # 3) Report.
    display.left_out(result.skipped)
    display.inferred(result.report.inferred)
    total, families = result.report.total, len(result.report.families)
    files = counted(len(result.report.files), "file")
    rows = [
        ("tunes read", total.tunes, f"in {files}"),
        ("repaired", total.repaired, "where bars and notes show what was meant"),
        ("inferred", total.inferred, "of metre, key, pickup or parts, where the file is silent"),
        ("left out", total.left_out, "could not be read with certainty"),
        ("bars that do not add up", total.wrong_bars, f"in {counted(total.wrong_tunes, 'tune')}"),
        ("duplicates", total.duplicates, "note for note, in any key"),
        ("families", families, f"of versions, {counted(total.relatives, 'tune')} in all"),
    ]
    table = [(name, f"{count:,}", note) for name, count, note in rows]
    display.table("", ("finding", "number", ""), table)
    display.files(written)
    findings = (total.repaired, total.inferred, total.wrong_bars, total.duplicates, total.relatives)
    if not report and any(findings):
        display.text("to list them by file and line, add: --report report.html")
    display.result(
        {
            "tunes": total.tunes,
            "repaired": total.repaired,
            "inferred": total.inferred,
            "wrong_bars": total.wrong_bars,
            "tunes_with_wrong_bars": total.wrong_tunes,
            "duplicates": total.duplicates,
            "families": families,
            "tunes_in_families": total.relatives,
            "left_out": [skipped_facts(tune) for tune in result.skipped],
            "files": [str(path) for path in result.files],
            "report": str(report) if report else None,
        }
    )


def _list_tracks(paths: list[Path], config: MidiConfig, display: Display) -> None:
    """Print the parts of MIDI files."""
    from abcgen.corpus.tune_files import MIDI_SUFFIXES, READERS, find_files
    from abcgen.pipeline.normalising import list_tracks

    columns = ("track", "name", "instrument", "notes", "from", "to", "use")
    facts = {}
    midi_readers = {suffix: READERS[suffix] for suffix in MIDI_SUFFIXES}
    for path in find_files(paths, midi_readers):
        rows = list_tracks(path, config)
        display.table(str(path), columns, [tuple(map(str, row)) for row in rows])
        facts[str(path)] = [row._asdict() for row in rows]
    display.result({"tracks": facts})
