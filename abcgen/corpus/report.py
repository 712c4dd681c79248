"""The doctor's report as a file: JSON for machines, a page of HTML for everyone else."""

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

    from abcgen.corpus.doctor import Place, Relative, Report


_TEMPLATE = "report.html"


def report_writer(path: Path) -> Callable[[Report], None]:
    """What writes a report to a file, by the file's ending.

    Raises:
        OutputError: if that is neither .json nor .html.
    """
    make = {".json": report_json, ".html": report_page, ".htm": report_page}.get(
        path.suffix.lower()
    )
    if make is None:
        raise OutputError(f"cannot write a report to {path}", hint="name it .html or .json")
    return lambda report: write_atomically(path, make(report).encode())


def report_json(report: Report) -> str:
    """All of a report as JSON."""
    return json.dumps(report_facts(report), indent=1) + "\n"


def report_facts(report: Report) -> dict[str, Any]:
    """All of a report as JSON's own types."""
    return {
        "total": asdict(report.total),
        "files": [asdict(file) for file in report.files],
        "left_out": [_facts(one) for one in report.left_out],
        "repaired": [_facts(one) for one in report.repaired],
        "wrong_bars": [_facts(one) for one in report.wrong_bars],
        "duplicates": [[_facts(tune) for tune in group] for group in report.duplicates],
        "families": [[_facts(tune) for tune in group] for group in report.families],
        "distributions": report.distributions,
    }


def report_page(report: Report) -> str:
    """A report as one page that needs nothing else; whatever stands in titles is only text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - for a page only

    environment = Environment(
        loader=PackageLoader("abcgen.corpus", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template(_TEMPLATE).render(
        total=report.total,
        files=_shortened(report.files),
        sections={
            "left_out": _by_file(report.left_out),
            "repaired": _by_file(report.repaired),
            "wrong_bars": _by_file(report.wrong_bars),
        },
        duplicates=_few_groups(report.duplicates),
        families=_few_groups(_beyond_duplicates(report)),
        charts={name: _chart(counts) for name, counts in report.distributions.items()},
    )


class _Shortened(NamedTuple):
    """The first of many: what is shown, and how many there are in all."""

    shown: list[Any]
    total: int


class _Bar(NamedTuple):
    """A bar of a chart; its width is in percent of the longest."""

    name: str
    tunes: int
    width: float


MOST_BARS = 24


def _chart(counts: dict[str, int]) -> _Shortened:
    longest = max(counts.values(), default=1)
    bars = [_Bar(name, count, 100 * count / longest) for name, count in counts.items()]
    return _Shortened(bars[:MOST_BARS], len(bars))


def _shortened(rows: Sequence[Any]) -> _Shortened:
    return _Shortened(list(rows[: LIMITS.report_rows]), len(rows))


def _by_file(rows: Sequence[Any]) -> _Shortened:
    """Findings file by file."""
    shown, total = _shortened(rows)
    return _Shortened([(file, list(own)) for file, own in groupby(shown, _file_of)], total)


def _beyond_duplicates(report: Report) -> list[list[Relative]]:
    """The families that are more than one tune and its duplicates."""
    known = {tuple(tune.place for tune in group) for group in report.duplicates}
    return [group for group in report.families if tuple(one.place for one in group) not in known]


def _few_groups(groups: Sequence[Sequence[Relative]]) -> _Shortened:
    """As many whole groups as there is room for, and of one that is too large the beginning."""
    shown, room = [], LIMITS.report_rows
    for group in groups:
        if room <= 0:
            break
        shown.append(_Shortened(list(group[:room]), len(group)))
        room -= len(group)
    return _Shortened(shown, len(groups))


def _file_of(finding: Any) -> str:
    place: Place = finding.place
    return place.file


def _facts(finding: Any) -> dict[str, Any]:
    facts: dict[str, Any] = finding._asdict()
    place: Place = facts.pop("place")
    return place._asdict() | facts
