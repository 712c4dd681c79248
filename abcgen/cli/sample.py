"""``abcgen sample``: compose new tunes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from abcgen.cli.common import (
    BookTitle,
    CheckpointOption,
    Force,
    JsonLines,
    LargePrint,
    LayoutOption,
    NewFolder,
    Paper,
    Temperature,
    completion,
    option,
    page_config,
    target_for,
)
from abcgen.cli.display import Display
from abcgen.cli.drawing import (
    Candidates,
    Formats,
    Output,
    Parallels,
    Verbose,
    draw_tunes,
    formats_to_write,
    seed_or_random,
)
from abcgen.cli.wishes import (  # noqa: TC001 - Typer looks them up
    Arousal,
    EndOnTonic,
    LevelOption,
    MaxLeap,
    MoodOption,
    NoAccidentals,
    RagaOption,
    Range,
    Rhythms,
    Sargam,
    ScaleOption,
    Valence,
)
from abcgen.config import MAX_SEED, PageConfig, Request, SampleConfig, SoundConfig
from abcgen.notation.fields import RHYTHMS
from abcgen.notation.transpose import INSTRUMENTS
from abcgen.wishes.ragas import raga_named

DEFAULTS, INSTRUMENT = SampleConfig(), SoundConfig().instrument
PAGE = PageConfig()
VOICES_HELP = (
    "Compose in several voices: their number, or the names of some, such as soprano,bass. "
    "Takes a network of several voices, such as chorales."
)


def request_option(field: str, *flags: str, show_default: str = "any", **changes: Any) -> Any:
    """Return the option for a field of ``Request``."""
    changes |= {"show_default": show_default, "rich_help_panel": "What to compose"}
    return option(Request, field, *flags, **changes)


def sampling_option(field: str, *flags: str, **changes: Any) -> Any:
    """Return the option for a field of ``SampleConfig``."""
    return option(SampleConfig, field, *flags, rich_help_panel="Sampling", **changes)


def sample(
    # Network
    checkpoint: CheckpointOption = None,
    # What to compose
    count: Annotated[
        int,
        option(
            SampleConfig, "count", "--count", "-n", bounded=True, rich_help_panel="What to compose"
        ),
    ] = DEFAULTS.count,
    metre: Annotated[str, request_option("metre", "--metre", "--meter", "-m")] = "",
    key: Annotated[
        str, request_option("key", "--key", "-k", show_default="one that suits the instrument")
    ] = "",
    rhythm: Annotated[
        str,
        request_option(
            "rhythm",
            help=f"Rhythm; some imply the metre: {', '.join(RHYTHMS)}.",
            **completion(RHYTHMS),
        ),
    ] = "",
    bars: Annotated[int | None, request_option("bars", min=1)] = None,
    parts: Annotated[str, request_option("parts")] = "",
    voices: Annotated[
        str,
        request_option(
            "voices", metavar="N|NAME,…", show_default="all of the network's", help=VOICES_HELP
        ),
    ] = "",
    chord_symbols: Annotated[bool, request_option("chord_symbols", "--chord-symbols")] = False,
    instrument: Annotated[
        str | None,
        request_option(
            "instrument",
            help=f"Instrument: sets sound, key and range. {', '.join(INSTRUMENTS)}.",
            show_default=f"{INSTRUMENT}, any range",
            **completion(INSTRUMENTS),
        ),
    ] = None,
    prime: Annotated[
        str,
        typer.Option(
            help="A tune to continue: ABC, or the name of an .abc, .mid or .musicxml file.",
            show_default="none",
            rich_help_panel="What to compose",
        ),
    ] = "",
    keep_bars: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Keep only this many bars of --prime.",
            show_default="all",
            rich_help_panel="What to compose",
        ),
    ] = None,
    max_copy: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Reject tunes that share more than this many bars with a training tune.",
            show_default="no limit",
            rich_help_panel="What to compose",
        ),
    ] = None,
    # What may sound
    pitch_range: Range = "",
    scale: ScaleOption = "",
    max_leap: MaxLeap = 0,
    rhythms: Rhythms = "",
    no_accidentals: NoAccidentals = False,
    end_on_tonic: EndOnTonic = None,
    level: LevelOption = 0,
    raga: RagaOption = "",
    sargam: Sargam = False,
    mood: MoodOption = "",
    valence: Valence = None,
    arousal: Arousal = None,
    # Sampling
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MAX_SEED,
            help="Random seed; the same seed gives the same tunes.",
            show_default="random",
            rich_help_panel="Sampling",
        ),
    ] = None,
    temperature: Temperature = DEFAULTS.temperature,
    header_temperature: Annotated[
        float | None, sampling_option("header_temperature")
    ] = DEFAULTS.header_temperature,
    top_k: Annotated[int, sampling_option("top_k")] = DEFAULTS.top_k,
    top_p: Annotated[float, sampling_option("top_p")] = DEFAULTS.top_p,
    candidates: Candidates = None,
    choose: Annotated[str, sampling_option("choose")] = DEFAULTS.choose,
    parallels: Parallels = DEFAULTS.parallels,
    free: Annotated[bool, option(Request, "free", "--free", rich_help_panel="Sampling")] = False,
    # Sheet music
    title: BookTitle = "",
    paper: Paper = PAGE.paper,
    large_print: LargePrint = False,
    page_layout: LayoutOption = PAGE.layout,
    # Output
    to: Formats = None,
    out: NewFolder = None,
    verbose: Verbose = False,
    force: Force = False,
    as_json: JsonLines = False,
) -> None:
    """Compose new tunes, print them, and write them as ABC and in other formats.

    With --to none, only the ABC is written.
    """
    from abcgen.pipeline.networks import choose_network
    from abcgen.pipeline.requests import make_request
    from abcgen.pipeline.sampling import Composer

    # 1) Check the request, before anything is written.
    display = Display(as_json=as_json)
    if keep_bars is not None and not prime:
        raise typer.BadParameter("--keep-bars needs --prime")
    request = make_request(
        metre=metre,
        key=key,
        rhythm=rhythm,
        bars=bars or 0,
        parts=parts,
        voices=voices,
        chord_symbols=chord_symbols,
        instrument=instrument,
        free=free,
        prime=prime,
        keep_bars=keep_bars,
        range=pitch_range,
        scale=scale,
        max_leap=max_leap,
        rhythms=rhythms,
        no_accidentals=no_accidentals,
        end_on_tonic=end_on_tonic,
        level=level,
        raga=raga,
        sargam=sargam,
        mood=mood,
        valence=valence,
        arousal=arousal,
    )
    config = SampleConfig(
        temperature=temperature,
        header_temperature=header_temperature,
        top_k=top_k,
        top_p=top_p,
        count=count,
        candidates=candidates,
    ).replace(choose=choose, parallels=parallels)
    seed = seed_or_random(seed)
    network = choose_network(checkpoint, voices=voices)
    output = Output(
        folder=target_for(out, "tunes", force=force),
        formats=formats_to_write(to, count),
        page=page_config(paper, large_print=large_print, layout=page_layout),
        force=force,
        verbose=verbose,
        as_json=as_json,
        title=title,
        instrument=request.instrument,
        drone=raga_named(request.raga).drone if request.raga else 0,
    )

    # 2) Compose, render and report.
    composer = Composer(network.folder, config, seed, request)
    draw_tunes(composer, network, config, seed, output, display, max_copy=max_copy, free=free)
