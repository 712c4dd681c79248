"""What is drawn anew of a tune (``Revision``), or added to it (``Harmony``)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from abcgen.config import Schema

BarIndex = Annotated[int, Field(ge=0, le=100_000)]


class Revision(Schema):
    """Bars of a tune to be drawn anew, all else unchanged."""

    tune: str = Field(description="The tune as canonical ABC.")
    # The first and last bar of each run of bars, counted from 0 as written.
    bars: Annotated[
        tuple[Annotated[tuple[BarIndex, BarIndex], Field(strict=False)], ...],
        Field(strict=False, min_length=1, max_length=1000),
    ]
    alike: bool = Field(False, description="Redraw bars of the same notes in the same way.")
    end_on_tonic: bool = Field(
        False, description="End on the tonic.", exclude_if=lambda value: not value
    )


class Harmony(Schema):
    """A tune that gets further voices, itself unchanged."""

    tune: str = Field(description="The tune as canonical ABC.")
    voices: str = Field("", description="The voices to add, such as alto,bass; all if empty.")


class VariationConfig(Schema):
    """How much of a tune a new setting redraws."""

    amount: float = Field(
        0.3, ge=0.01, le=1.0, description="Share of the tune's bars to draw anew."
    )
