"""``abcgen normalise``: convert tunes to canonical ABC, and report their problems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abcgen.cli.common import (
    OUTPUT,
    Cache,
    FoldRange,
    Force,
    Json,
    Paths,
    Texture,
    Track,
    skipped_facts,
    text_cache,
)
from abcgen.cli.display import Display, counted
from abcgen.files import check_writable, refuse_to_overwrite, unused_folder

if TYPE_CHECKING:
    from abcgen.corpus.doctor import Report


def normalise(
    paths: Paths,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            readable=False,
            help="A file (.abc) or a folder.",
            show_default="a new folder under output/",
            rich_help_panel="Output",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="Write all findings, with file and line, to a .html or .json file.",
            rich_help_panel="Output",
        ),
    ] = None,
    cache: Cache = True,
    texture: Texture = "auto",
    track: Track = "",
    fold_range: FoldRange = "",
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write tunes as canonical ABC: four bars a line, beamed, repeats explicit.

    Ends with a table of findings: repaired and skipped tunes, bars that do not add up, duplicates.
    """
    from abcgen.corpus.report import report_writer
    from abcgen.pipeline.formats import all_readers, midi_config
    from abcgen.pipeline.normalising import ReadingOptions, normalise_files

    # 1) Check that results can be written.
    display = Display(as_json=as_json)
    target = out or unused_folder(OUTPUT, "normalised")
    write_report = report_writer(report) if report else None
    if report:
        refuse_to_overwrite(report, force=force)
        check_writable(report)
    # 2) Read and write the tunes.
    readers = all_readers(midi_config(texture, track, fold_range))
    options = ReadingOptions(readers, cache=text_cache(use=cache))
    with display.progress("reading tunes") as on_progress:
        result = normalise_files(paths, target, options, force=force, on_progress=on_progress)
    written = list(result.files)
    if report and write_report:
        write_report(result.report)
        written.append(report)
    # 3) Report.
    display.left_out(result.skipped)
    _show_findings(result.report, display)
    display.files(written)
    total = result.report.total
    findings = (total.repaired, total.wrong_bars, total.duplicates, total.relatives)
    if not report and any(findings):
        display.text("each of them by file and line: add --report report.html")
    display.result(
        {
            "tunes": total.tunes,
            "repaired": total.repaired,
            "wrong_bars": total.wrong_bars,
            "tunes_with_wrong_bars": total.wrong_tunes,
            "duplicates": total.duplicates,
            "families": len(result.report.families),
            "tunes_in_families": total.relatives,
            "left_out": [skipped_facts(tune) for tune in result.skipped],
            "files": [str(path) for path in result.files],
            "report": str(report) if report else None,
        }
    )


def _show_findings(report: Report, display: Display) -> None:
    total = report.total
    rows = {
        "tunes read": (total.tunes, f"in {counted(len(report.files), 'file')}"),
        "put right": (total.repaired, "their bars or notes said what was meant"),
        "left out": (total.left_out, "could not be read with certainty"),
        "bars that do not add up": (total.wrong_bars, f"in {counted(total.wrong_tunes, 'tune')}"),
        "duplicates": (total.duplicates, "note for note, in any key"),
        "families": (len(report.families), f"{counted(total.relatives, 'version')} of one another"),
    }
    columns = ("what was found", "", "")
    display.table("", columns, [[name, f"{count:,}", note] for name, (count, note) in rows.items()])
