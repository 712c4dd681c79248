"""What clients may ask for: the bodies of requests, as JSON, with their bounds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from abcgen.config import LIMITS, MAX_SEED, Request, SampleConfig, Schema

MOST_TUNES = 6  # composed for one request
MOST_RENDERED = 200  # in one book
# Of JSON bodies; a book of tunes is the largest.
BODY_BYTES = 2_000_000
UPLOAD_BYTES = 8_000_000
TITLE_CHARACTERS = 200

Word = Annotated[str, Field(max_length=80)]
OneTune = Annotated[str, Field(max_length=LIMITS.tune_characters)]


def _meaning(wish: str) -> str:
    """Return what a wish of ``Request`` means."""
    return Request.model_fields[wish].description or ""


class SampleBody(Schema):
    """Wishes for new tunes; what is left out is left to the network."""

    count: int = Field(1, ge=1, le=MOST_TUNES, description="Tunes to compose.")
    rhythm: Word = Field("", description=_meaning("rhythm"))
    metre: Word = Field("", description=_meaning("metre"))
    key: Word = Field("", description=_meaning("key"))
    bars: int = Field(0, ge=0, le=256, description=_meaning("bars"))
    parts: Word = Field("", description=_meaning("parts"))
    instrument: Word = Field("", description="Instrument: keeps every note within its range.")
    range: Word = Field("", description=_meaning("range"))
    scale: Word = Field("", description=_meaning("scale"))
    max_leap: int = Field(0, ge=0, le=29, description=_meaning("max_leap"))
    rhythms: Word = Field("", description=_meaning("rhythms"))
    no_accidentals: bool = Field(False, description=_meaning("no_accidentals"))
    end_on_tonic: bool | None = Field(None, description=_meaning("end_on_tonic"))
    level: int = Field(0, ge=0, le=5, description=_meaning("level"))
    raga: Word = Field("", description=_meaning("raga"))
    sargam: bool = Field(False, description=_meaning("sargam"))
    mood: Word = Field("", description=_meaning("mood"))
    prime: OneTune = Field("", description="ABC of a tune to continue.")
    keep_bars: int | None = Field(None, ge=1, le=256, description="Bars of it to keep.")

    network: str = Field("", max_length=300, description="Name of a network; empty for the best.")
    temperature: float = Field(
        SampleConfig().temperature, ge=0.0, le=3.0, description="Below 1 safer, above 1 bolder."
    )
    candidates: int | None = Field(None, ge=1, le=32, description="Texts drawn for each tune.")
    seed: int | None = Field(
        None, ge=0, le=MAX_SEED, description="The same seed gives the same tunes; null for any."
    )
    stream: bool = Field(True, description="Answer line by line while composing.")
    explain: bool = Field(
        False, description="Tell of each character how the network expected it, in drafts."
    )
    keep: bool = Field(True, description="Keep the tunes in the history.")


Bar = Annotated[int, Field(ge=0, lt=LIMITS.bars)]


class VersionsBody(Schema):
    """A tune, of which a network is to make versions to choose from."""

    abc: OneTune = Field(description="The tune.")
    count: int = Field(4, ge=1, le=MOST_TUNES, description="Versions to choose from.")
    network: str = Field("", max_length=300, description="Name of a network; empty for the best.")
    temperature: float = Field(
        SampleConfig().temperature, ge=0.0, le=3.0, description="Below 1 safer, above 1 bolder."
    )
    candidates: int | None = Field(None, ge=1, le=32, description="Texts drawn for each version.")
    seed: int | None = Field(None, ge=0, le=MAX_SEED, description="Of chance; null for any.")
    stream: bool = Field(True, description="Answer line by line.")


class RewriteBody(VersionsBody):
    """Bars of a tune to be drawn anew: those named, or those that the network is least sure of."""

    # The first and last bar of each run.
    bars: Annotated[
        tuple[Annotated[tuple[Bar, Bar], Field(strict=False)], ...],
        Field(strict=False, max_length=100),
    ] = Field((), description="Runs of bars, first and last, counted from 0 as written: [[4, 7]].")
    part: Word = Field("", description="A part to draw anew, such as B.")
    end_on_tonic: bool = Field(
        False, description="Only versions that end on the tonic; by default of the last two bars."
    )
    amount: float = Field(0.3, ge=0.0, le=1.0, description="Without bars: the share to redraw.")


class HarmoniseBody(VersionsBody):
    """A tune that gets chord symbols by rule, or further voices by a network of several."""

    voices: Word = Field(
        "", description="Voices to add below, such as alto,tenor,bass; empty for chord symbols."
    )


Target = Literal["staff", "abc", "midi", "musicxml", "pdf", "wav", "html", "svg"]


class RenderBody(Schema):
    """Tunes to be shown, or to be written in a file format."""

    abc: str = Field(max_length=1_500_000, description="One tune, or a book of several.")
    to: Target = Field(
        "staff", description="staff: JSON with SVG and the notes in time; else a file."
    )
    instrument: Word = Field("", description="Instrument to play on.")
    tempo: float | None = Field(None, ge=10, le=600, description="Beats a minute; null for usual.")
    semitones: int = Field(0, ge=-24, le=24, description="Semitones to move up or, below 0, down.")
    keep_lines: bool = Field(False, description="Break lines where the ABC does.")
    draft: bool = Field(False, description="Only the picture of the first tune, for a wide page.")
    narrow: bool = Field(False, description="With draft: for a narrow page.")
    paper: Literal["a4", "us-letter"] = "a4"
    large_print: bool = Field(False, description="Larger notes in PDF.")
    title: str = Field("", max_length=TITLE_CHARACTERS, description="Title of the book.")


class CheckBody(Schema):
    """ABC as it is being typed."""

    abc: OneTune


class TuneBody(Schema):
    """A tune that a network is to read."""

    abc: OneTune
    network: str = Field("", max_length=300, description="Name of a network; empty for the best.")


class TrainBody(Schema):
    """How to fine-tune a network."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,39}$",
        description="Name of the new network: small letters, digits and hyphens.",
    )
    network: str = Field("", max_length=300, description="Network to go on from; empty for ours.")
    minutes: float = Field(5.0, ge=0.1, le=1440, description="Minutes of training, at most.")
    liked: bool = Field(False, description="Learn the liked tunes of the history too.")


class NewTune(Schema):
    """A tune for the history."""

    abc: OneTune
    origin: Literal["brought", "written", "rewritten"] = "brought"
    parent: int | None = Field(None, ge=1, description="The tune that it was made from.")


class TuneChange(Schema):
    """What is to change of a tune in the history; what is left out stays."""

    title: str | None = Field(None, max_length=TITLE_CHARACTERS)
    liked: bool | None = None
    binned: bool | None = None
    abc: OneTune | None = None
