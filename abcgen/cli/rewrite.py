"""``abcgen rewrite`` and ``abcgen vary``: draw bars of a tune anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abcgen.cli.common import (
    BookTitle,
    CheckpointOption,
    Force,
    Json,
    LargePrint,
    NewFolder,
    Paper,
    Temperature,
    load,
    option,
    page_config,
    target_for,
)
from abcgen.cli.display import Display
from abcgen.cli.drawing import (
    Candidates,
    Formats,
    Output,
    Verbose,
    as_it_is,
    draw_tunes,
    formats_to_write,
    numbered,
    seed_or_random,
)
from abcgen.config import MAX_SEED, PageConfig, SampleConfig
from abcgen.pipeline.revision import VariationConfig

DEFAULTS, VARIATION, PAGE = SampleConfig(), VariationConfig(), PageConfig()
COUNT = 4

File = Annotated[
    Path,
    typer.Argument(
        readable=False,
        allow_dash=True,
        help="A file of tunes: .abc, .mid or .musicxml; - for standard input.",
    ),
]
Chosen = Annotated[
    str,
    typer.Option(
        "--tune",
        help="The tune, by its number (X:), its place in the file, or words of its title.",
        show_default="the only one",
        rich_help_panel="What to draw anew",
    ),
]
Count = Annotated[
    int,
    option(
        SampleConfig, "count", "--count", "-n", bounded=True, rich_help_panel="What to draw anew"
    ),
]
MaxCopy = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Reject tunes that share more than this many bars with a training tune.",
        show_default="no limit",
        rich_help_panel="Sampling",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=MAX_SEED,
        help="Random seed; the same seed gives the same bars.",
        show_default="random",
        rich_help_panel="Sampling",
    ),
]


def rewrite(
    file: File,
    # Network
    checkpoint: CheckpointOption = None,
    # What to draw anew
    bars: Annotated[
        str,
        typer.Option(
            help="Bars by number, such as 5-8 or 5-8,13. They are counted as on abcgen's pages: "
            "from 1, each ending on; a pickup before bar 1 is 0, and one after bar 8 is 8a.",
            show_default="none",
            rich_help_panel="What to draw anew",
        ),
    ] = "",
    part: Annotated[
        str,
        typer.Option(
            help="A part, such as B: by its name in the tune, else by the order of its sections.",
            show_default="none",
            rich_help_panel="What to draw anew",
        ),
    ] = "",
    ending: Annotated[
        bool,
        typer.Option(
            "--ending",
            help="The bars under the brackets of endings, of the tune or of --part; without "
            "brackets, the last two bars.",
            rich_help_panel="What to draw anew",
        ),
    ] = False,
    end_on_tonic: Annotated[
        bool,
        typer.Option(
            "--end-on-tonic",
            help="Only versions that end on the tonic; draws the last two bars anew, unless "
            "others are chosen.",
            rich_help_panel="What to draw anew",
        ),
    ] = False,
    tune: Chosen = "",
    count: Count = COUNT,
    max_copy: MaxCopy = None,
    # Sampling
    seed: Seed = None,
    temperature: Temperature = DEFAULTS.temperature,
    candidates: Candidates = None,
    # Sheet music
    title: BookTitle = "",
    paper: Paper = PAGE.paper,
    large_print: LargePrint = False,
    # Output
    to: Formats = None,
    out: NewFolder = None,
    verbose: Verbose = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Draw some bars of a tune anew, in several versions, and keep all else to the note.

    The bars keep their lengths, bar lines, repeats and endings, and notes tied over their edges
    stay. New bars are shaded on the page.
    """
    from abcgen.pipeline.networks import choose_network
    from abcgen.pipeline.rewriting import Rewriter, revision_of, spans_wanted, tune_named

    display = Display(as_json=as_json)
    config = SampleConfig(temperature=temperature, count=count, candidates=candidates)
    seed = seed_or_random(seed)
    before = tune_named(load([file], display).tunes, tune)
    spans = spans_wanted(before, bars, part, ending=ending, end_on_tonic=end_on_tonic)
    revision = revision_of(before, spans, end_on_tonic=end_on_tonic)
    network = choose_network(checkpoint)
    rewriter = Rewriter(network.folder, config, seed, revision)

    output = Output(
        folder=target_for(out, "tunes", force=force),
        formats=formats_to_write(to, count),
        page=page_config(paper, large_print=large_print),
        force=force,
        verbose=verbose,
        as_json=as_json,
        title=title,
        footer=rewriter.note,
        printed=numbered if count > 1 else as_it_is,
    )
    draw_tunes(rewriter, network, config, seed, output, display, max_copy=max_copy)


def vary(
    file: File,
    # Network
    checkpoint: CheckpointOption = None,
    # What to draw anew
    amount: Annotated[
        float,
        option(VariationConfig, "amount", bounded=True, rich_help_panel="What to draw anew"),
    ] = VARIATION.amount,
    tune: Chosen = "",
    count: Count = COUNT,
    max_copy: MaxCopy = None,
    # Sampling
    seed: Seed = None,
    temperature: Temperature = DEFAULTS.temperature,
    candidates: Candidates = None,
    # Sheet music
    title: BookTitle = "",
    paper: Paper = PAGE.paper,
    large_print: LargePrint = False,
    # Output
    to: Formats = None,
    out: NewFolder = None,
    verbose: Verbose = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Make settings of a tune: draw anew the bars that the network finds least certain.

    Bars that return are redrawn alike, and the first bar stays. The differences are shaded on the
    page.
    """
    from abcgen.pipeline.checkpoints import LoadedNetwork
    from abcgen.pipeline.networks import choose_network
    from abcgen.pipeline.rewriting import Rewriter, tune_named
    from abcgen.pipeline.varying import CLOSENESS, setting_of

    display = Display(as_json=as_json)
    config = SampleConfig(temperature=temperature, count=count, candidates=candidates)
    seed = seed_or_random(seed)
    chosen = tune_named(load([file], display).tunes, tune)
    network = choose_network(checkpoint)
    loaded = LoadedNetwork(network.folder)
    revision = setting_of(loaded, chosen, VariationConfig(amount=amount).amount)
    rewriter = Rewriter(loaded, config, seed, revision, closeness=CLOSENESS)
    output = Output(
        folder=target_for(out, "tunes", force=force),
        formats=formats_to_write(to, count),
        page=page_config(paper, large_print=large_print),
        force=force,
        verbose=verbose,
        as_json=as_json,
        title=title,
        footer=rewriter.note,
        printed=as_it_is,
    )
    draw_tunes(rewriter, network, config, seed, output, display, max_copy=max_copy)
