"""The doctor's report as a file: JSON for programs, HTML for people."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.config import LIMITS
from abcgen.errors import OutputError
from abcgen.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from abcgen.corpus.doctor import FamilyMember, Report

MAX_CHART_BARS = 24


def report_writer(path: Path) -> Callable[[Report], None]:
    """Return a function that writes a report to a file, in the format of the file's suffix.

    Raises:
        OutputError: if the suffix is neither .json nor .html.
    """
    render = {".json": report_json, ".html": report_page, ".htm": report_page}.get(
        path.suffix.lower()
    )
    if render is None:
        raise OutputError(f"cannot write a report to {path}", hint="name it .html or .json")
    return lambda report: write_atomically(path, render(report).encode())


def report_json(report: Report) -> str:
    """Return a report as JSON."""
    return json.dumps(report_facts(report), indent=1) + "\n"


def report_facts(report: Report) -> dict[str, Any]:
    """Return a report as JSON's own types."""
    return {
        "total": asdict(report.total),
        "files": [asdict(file) for file in report.files],
        "left_out": [_finding_facts(finding) for finding in report.left_out],
        "repaired": [_finding_facts(finding) for finding in report.repaired],
        "inferred": [_finding_facts(finding) for finding in report.inferred],
        "wrong_bars": [_finding_facts(finding) for finding in report.wrong_bars],
        "duplicates": [[_finding_facts(tune) for tune in group] for group in report.duplicates],
        "families": [[_finding_facts(tune) for tune in group] for group in report.families],
        "distributions": report.distributions,
    }


def _finding_facts(finding: Any) -> dict[str, Any]:
    """Return a finding's fields, those of its location first and on the same level."""
    facts: dict[str, Any] = finding._asdict()
    location: dict[str, Any] = facts.pop("location")._asdict()
    return location | facts


def report_page(report: Report) -> str:
    """Return a report as one self-contained HTML page; markup in titles is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - only for pages

    # autoescape, because titles come from untrusted files.
    environment = Environment(
        loader=PackageLoader("abcgen.corpus", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    # Omit families that consist of a tune and its duplicates: these are listed already.
    duplicates = {tuple(tune.location for tune in group) for group in report.duplicates}
    families = [
        group
        for group in report.families
        if tuple(tune.location for tune in group) not in duplicates
    ]
    charts = {}
    for name, counts in report.distributions.items():
        longest = max(counts.values(), default=1)
        bars = [_ChartBar(value, count, 100 * count / longest) for value, count in counts.items()]
        charts[name] = _FirstRows(bars[:MAX_CHART_BARS], len(bars))
    return environment.get_template("report.html").render(
        total=report.total,
        files=_first_rows(report.files),
        sections={
            "left_out": _by_file(report.left_out),
            "repaired": _by_file(report.repaired),
            "inferred": _by_file(report.inferred),
            "wrong_bars": _by_file(report.wrong_bars),
        },
        duplicates=_first_groups(report.duplicates),
        families=_first_groups(families),
        charts=charts,
    )


class _FirstRows(NamedTuple):
    """The rows that are shown, and the total number."""

    shown: list[Any]
    total: int


class _ChartBar(NamedTuple):
    """A bar of a chart; its width is in percent of the longest."""

    name: str
    tunes: int
    width: float


def _first_rows(rows: Sequence[Any]) -> _FirstRows:
    return _FirstRows(list(rows[: LIMITS.report_rows]), len(rows))


def _by_file(findings: Sequence[Any]) -> _FirstRows:
    """Group the first findings by file."""
    shown, total = _first_rows(findings)
    files = groupby(shown, lambda finding: finding.location.file)
    return _FirstRows([(file, list(in_file)) for file, in_file in files], total)


def _first_groups(groups: Sequence[Sequence[FamilyMember]]) -> _FirstRows:
    """Return the first groups that fit into the rows allowed; the last may be cut short."""
    shown, rows_left = [], LIMITS.report_rows
    for group in groups:
        if rows_left <= 0:
            break
        shown.append(_FirstRows(list(group[:rows_left]), len(group)))
        rows_left -= len(group)
    return _FirstRows(shown, len(groups))
