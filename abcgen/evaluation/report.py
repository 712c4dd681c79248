"""An evaluation as a page that needs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from abcgen.evaluation.evaluation import FREE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from abcgen.evaluation.evaluation import Evaluation

SHOWN = 6


class Illustration(NamedTuple):
    """A picture for the page.

    Attributes:
        label: What it shows, for those who cannot see it.
        svg: The picture, as an element.
    """

    label: str
    svg: str


def report_page(
    evaluation: Evaluation, pictures: Mapping[str, Sequence[Illustration]], version: str
) -> str:
    """The page.

    Args:
        evaluation: What to show.
        pictures: By the group that they belong to; markup that is trusted.
        version: Of the program.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - for a page only

    environment = Environment(
        loader=PackageLoader("abcgen.evaluation", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("report.html").render(
        facts=evaluation.facts,
        notes=evaluation.notes,
        tables=list(evaluation.tables()),
        pictures=pictures,
        firsts=[one.text.strip() for one in evaluation.judged[FREE][:SHOWN]],
        version=version,
    )
