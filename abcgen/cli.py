"""The command line: parses, calls the pipeline, shows what came of it.

Exit codes: 0 done (with a warning if some inputs were left out), 1 a mistake of the user's in one
clear line, 2 a command line that makes no sense, 130 interrupted.
"""

from __future__ import annotations

import io
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from abcgen import __version__
from abcgen.config import (
    NetworkConfig,
    PageConfig,
    SampleConfig,
    SoundConfig,
    SplitConfig,
    TrainConfig,
)
from abcgen.display import Display, clock, counted
from abcgen.errors import AbcgenError, CheckpointError, InputError
from abcgen.files import check_writable, refuse_to_overwrite, unused_folder

if TYPE_CHECKING:
    from abcgen.corpus.loading import Corpus, Loss
    from abcgen.pipeline.sampling import SampleRun

OUTPUT = Path("output")
CORPORA = Path("corpora")
MAX_SEED = 2**31 - 1
INTERRUPTED = 130

app = typer.Typer(
    name="abcgen",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
corpus_app = typer.Typer(no_args_is_help=True, help="Lists and installs collections of tunes.")
app.add_typer(corpus_app, name="corpus")

Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
Force = Annotated[bool, typer.Option("--force", help="Write over what is there.")]
Paths = Annotated[
    list[Path], typer.Argument(readable=False, help=".abc and .mid files, or folders of them.")
]
_NETWORK, _TRAIN, _SAMPLE = NetworkConfig(), TrainConfig(), SampleConfig()
_PAGE, _SOUND = PageConfig(), SoundConfig()


def main() -> NoReturn:
    """Run the command line; the one place where errors become a line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file's name may hold what cannot be printed
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except AbcgenError as error:
        Display().fail(str(error))
        sys.exit(1)
    except OSError as error:  # a path that cannot be looked at, a disk that is full
        name = f"{error.filename}: " if error.filename else ""
        Display().fail(f"{name}{(error.strerror or str(error)).lower()}")
        sys.exit(1)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            Display().say("interrupted")
        raise
    sys.exit(0)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if wanted:
        print(f"abcgen {__version__}")  # noqa: T201 - the answer to --version
        raise typer.Exit


@app.callback()
def abcgen(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Learns from a folder of tunes and writes new ones, as ABC, MIDI and sheet music.

    Begin with: abcgen corpus install oneills, abcgen train, abcgen sample
    """


@corpus_app.command("list", epilog="Example: abcgen corpus list")
def list_collections(as_json: Json = False) -> None:
    """Lists the collections that can be installed, with their sources and rights."""
    from abcgen.corpus.collections import COLLECTIONS

    display = Display(as_json=as_json)
    facts = [
        {"name": one.name, "tunes": one.tunes, "source": one.title, "rights": one.rights}
        for one in COLLECTIONS.values()
    ]
    rows = [[str(value) for value in fact.values()] for fact in facts]
    display.table("Collections in the music21 package", list(facts[0]), rows)
    display.text("Install some with: abcgen corpus install NAME...")
    display.result({"collections": facts})


@corpus_app.command("install", epilog="Example: abcgen corpus install oneills ryans airds misc")
def install_collections(
    names: Annotated[list[str], typer.Argument(help="Names from abcgen corpus list.")],
    out: Annotated[
        Path, typer.Option(readable=False, help="The folder to install into.")
    ] = CORPORA,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Writes collections as tunebooks into corpora/, to be read and trained on."""
    from abcgen.corpus.collections import collection_named, install_collection

    display = Display(as_json=as_json)
    wanted = [collection_named(name) for name in names]
    written = []
    for collection in wanted:
        written.append(install_collection(collection, out, force=force))
        display.text(f"wrote {written[-1]}: {collection.tunes:,} tunes of {collection.title}")
        display.text(f"  rights: {collection.rights}")
    display.result({"files": [str(path) for path in written]})


@app.command(epilog="Example: abcgen normalise corpora/ --out clean.abc")
def normalise(
    paths: Paths,
    out: Annotated[
        Path | None,
        typer.Option(readable=False, help="A file (.abc) or a folder; a new folder by default."),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Writes tunes as canonical ABC: four bars a line, beamed, every sign explicit."""
    from abcgen.pipeline.normalising import write_normalised

    display = Display(as_json=as_json)
    target = out or unused_folder(OUTPUT, "normalised")
    refuse_to_overwrite(target, force=force)
    check_writable(target)
    corpus = _load(paths, display)
    written = write_normalised(corpus, target, force=force)
    tunes, files = counted(len(corpus.tunes), "tune"), counted(len(corpus.files), "file")
    display.text(f"{tunes} of {files}")
    display.files(written)
    display.result(
        {
            "tunes": len(corpus.tunes),
            "left_out": [_loss_facts(loss) for loss in corpus.losses],
            "files": [str(path) for path in written],
        }
    )


@app.command(epilog="Example: abcgen train corpora/ --minutes 6")
def train(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(readable=False, help="Tune files and folders.", show_default="corpora/"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="The checkpoint folder.",
            show_default="a new one under checkpoints/",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out, or the newest one.")
    ] = False,
    minutes: Annotated[
        float | None, typer.Option(help="Train for so long; the schedule is fitted to it.")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Passes over the tunes.", show_default=str(_TRAIN.epochs)),
    ] = None,
    layers: Annotated[int, typer.Option(help="LSTM layers.")] = _NETWORK.layers,
    units: Annotated[int, typer.Option(help="Units of each layer.")] = _NETWORK.units,
    embedding: Annotated[int, typer.Option(help="Width of the embedding.")] = _NETWORK.embedding,
    dropout: Annotated[float, typer.Option(help="Share dropped in training.")] = _NETWORK.dropout,
    batch_size: Annotated[int, typer.Option(help="Tunes to a batch.")] = _TRAIN.batch_size,
    learning_rate: Annotated[
        float, typer.Option(help="Peak learning rate.")
    ] = _TRAIN.learning_rate,
    seed: Annotated[
        int, typer.Option(min=0, max=MAX_SEED, help="Seed of weights and order.")
    ] = _TRAIN.seed,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Trains a network on tunes; Ctrl-C keeps what it has learnt so far."""
    from abcgen.pipeline import checkpoints, training

    display = Display(as_json=as_json)
    if minutes is not None and epochs is not None:
        raise typer.BadParameter("give --minutes or --epochs, not both")
    if resume:
        _refuse_settings(context)
        folder = out or checkpoints.newest_run()
        if folder is None:
            raise CheckpointError(
                "there is no run under ./checkpoints to go on with",
                way_out="train without --resume",
            )
        plan = training.plan_resuming(folder, epochs=epochs, minutes=minutes)
    else:
        folder = out or checkpoints.new_run()
        refuse_to_overwrite(folder, force=force)
        network = NetworkConfig(layers, units, embedding, dropout)
        options = TrainConfig(
            epochs=_TRAIN.epochs if epochs is None else epochs,
            minutes=minutes,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
        )
        plan = training.plan_training(network, options)
    check_writable(folder)
    corpus = _load(paths or [CORPORA], display)
    with display.progress("dividing tunes by family") as on_progress:
        lesson = training.prepare_lesson(corpus, SplitConfig(), on_progress=on_progress)
    if not lesson.validation:
        display.warn("too few tunes to hold any out: there will be no held-out figures")
    display.say(f"checkpoint: {folder}")
    with display.training() as on_event:
        result = training.train_network(lesson, plan, folder, on_event)
    how = "interrupted" if result.interrupted else "trained"
    display.text(f"{how} after {result.epochs:.1f} epochs, {clock(result.seconds)}")
    display.text(f"wrote {folder}; sample from it with: abcgen sample --checkpoint {folder}")
    if result.interrupted:
        display.text(f"go on with: abcgen train --resume --out {folder}")
    display.result(
        {
            "checkpoint": str(folder),
            "epochs": result.epochs,
            "seconds": result.seconds,
            "bits_per_character": result.bits_per_character,
            "bits_per_note": result.bits_per_note,
            "interrupted": result.interrupted,
        }
    )


@app.command(epilog="Example: abcgen sample --temperature 0.8 --count 6 --seed 1")
def sample(
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="A folder that train wrote.",
            show_default="the newest under checkpoints/, else the one that comes with abcgen",
        ),
    ] = None,
    temperature: Annotated[
        float, typer.Option(help="Below 1 safer, above 1 bolder.")
    ] = _SAMPLE.temperature,
    count: Annotated[int, typer.Option(min=1, max=1000, help="Tunes wanted.")] = _SAMPLE.count,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=MAX_SEED, help="For the same tunes again.", show_default="drawn"),
    ] = None,
    instrument: Annotated[
        str, typer.Option(help="Who plays: sets key and sound.")
    ] = _SOUND.instrument,
    out: Annotated[
        Path | None,
        typer.Option(readable=False, help="The folder.", show_default="a new one under output/"),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Writes new tunes: prints them, and writes .abc, .mid, .musicxml and a .pdf to play from."""
    from abcgen.model.sampling import checked_sampling
    from abcgen.notation.instruments import instrument_named
    from abcgen.notation.writer import write_abc
    from abcgen.pipeline.checkpoints import find_checkpoint
    from abcgen.pipeline.formats import Look
    from abcgen.pipeline.rendering import render_tunes
    from abcgen.pipeline.sampling import sample_tunes

    display = Display(as_json=as_json)
    player = instrument_named(instrument)
    config = SampleConfig(temperature=temperature, count=count)
    chosen = seed if seed is not None else random.randrange(MAX_SEED)  # noqa: S311 - no secret
    checked_sampling(config, chosen)
    source = find_checkpoint(checkpoint)
    folder = out or unused_folder(OUTPUT, "tunes")
    refuse_to_overwrite(folder, force=force)
    check_writable(folder)
    display.say(f"checkpoint {source}, temperature {temperature:g}, seed {chosen}")
    with display.counting("composing", count) as count_one:
        run = sample_tunes(source, config, chosen, player, on_tune=lambda _tune: count_one())
    for tune in run.tunes:
        display.text(write_abc(tune))
    _show_thrown_away(display, run)
    if not run.tunes:
        raise InputError(
            f"none of {run.drawn} tunes drawn from {source} was valid",
            way_out="train it longer, or try another --temperature",
        )
    if len(run.tunes) < count:
        display.warn(f"only {len(run.tunes)} of {count} tunes: {run.drawn} drawn, then given up")
    name = source.resolve().name
    formats = ["abc", "pdf", "midi", "musicxml"]
    look = Look(composer=f"abcgen, {name}, seed {chosen}", instrument=player)
    with display.progress("engraving") as on_progress:
        rendering = render_tunes(
            run.tunes, formats, folder, "tunes", look, force=force, on_progress=on_progress
        )
    display.left_out(rendering.left_out, "rendering")
    display.files(rendering.files)
    display.result(
        {
            "checkpoint": str(source),
            "seed": chosen,
            "temperature": temperature,
            "drawn": run.drawn,
            "thrown_away": dict(run.thrown_away),
            "tunes": [{"title": tune.title, "abc": write_abc(tune)} for tune in run.tunes],
            "files": [str(path) for path in rendering.files],
        }
    )


@app.command(epilog="Example: abcgen check my-tunes.abc")
def check(paths: Paths, as_json: Json = False) -> None:
    """Tells of every tune whether its bars add up and music21 reads the same notes.

    Exits with 1 if any tune is wrong or could not be read.
    """
    from abcgen.pipeline.checking import check_corpus

    display = Display(as_json=as_json)
    corpus = _load(paths, display)
    with display.progress("checking") as on_progress:
        report = check_corpus(corpus, on_progress=on_progress)
    for verdict in report.wrong:
        for problem in verdict.problems:
            display.text(
                f"{verdict.path}: X:{verdict.tune.number} {verdict.tune.title!r}: {problem}"
            )
    right = len(report.verdicts) - len(report.wrong)
    display.text(f"{right:,} of {counted(len(report.verdicts), 'tune')} right")
    display.result(
        {
            "right": right,
            "wrong": [
                {
                    "file": str(verdict.path),
                    "number": verdict.tune.number,
                    "title": verdict.tune.title,
                    "problems": list(verdict.problems),
                }
                for verdict in report.wrong
            ],
            "left_out": [_loss_facts(loss) for loss in report.losses],
        }
    )
    if not report.all_right:
        raise typer.Exit(1)


@app.command(epilog="Example: abcgen render my-tunes.abc --to pdf,midi")
def render(
    paths: Paths,
    to: Annotated[str, typer.Option(help="Any of pdf, svg, png, midi, musicxml, abc.")] = "pdf",
    out: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="A folder, or a file if one format gives one.",
            show_default="a new folder under output/",
        ),
    ] = None,
    paper: Annotated[str, typer.Option(help="a4 or us-letter.")] = _PAGE.paper,
    instrument: Annotated[str, typer.Option(help="What plays in MIDI files.")] = _SOUND.instrument,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Prints tunes as sheet music, or writes them as MIDI or MusicXML."""
    from abcgen.notation.instruments import instrument_named
    from abcgen.pipeline.formats import Look, formats_named
    from abcgen.pipeline.rendering import render_files

    display = Display(as_json=as_json)
    formats = formats_named(to)
    look = Look(page=PageConfig(paper=paper), instrument=instrument_named(instrument))
    target = out or unused_folder(OUTPUT, "rendered")
    refuse_to_overwrite(target, force=force)
    check_writable(target)
    corpus = _load(paths, display)
    with display.progress("engraving") as on_progress:
        rendering = render_files(
            corpus, formats, target, look, force=force, on_progress=on_progress
        )
    display.left_out(rendering.left_out, "rendering")
    display.files(rendering.files)
    display.result(
        {
            "tunes": len(corpus.tunes),
            "left_out": [_loss_facts(loss) for loss in corpus.losses],
            "not_rendered": rendering.left_out,
            "files": [str(path) for path in rendering.files],
        }
    )


def _load(paths: list[Path], display: Display) -> Corpus:
    """Read tunes, showing how far it is and what was left out."""
    from abcgen.corpus.loading import load_corpus

    with display.progress("reading tunes") as on_progress:
        corpus = load_corpus(paths, on_progress=on_progress)
    display.left_out(corpus.losses)
    return corpus


def _refuse_settings(context: typer.Context) -> None:
    """A run that is gone on with keeps the settings it was begun with."""
    for name in ("layers", "units", "embedding", "dropout", "batch_size", "learning_rate", "seed"):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = "--" + name.replace("_", "-")
            raise typer.BadParameter(f"{option} cannot be changed with --resume")


def _loss_facts(loss: Loss) -> dict[str, str | int]:
    return {
        "file": str(loss.path),
        "line": loss.cause.line,
        "number": loss.cause.number,
        "title": loss.cause.title,
        "reason": loss.cause.reason,
    }


def _show_thrown_away(display: Display, run: SampleRun) -> None:
    """Say aloud what was drawn and did not pass."""
    lost = sum(run.thrown_away.values())
    display.say(f"{counted(run.drawn, 'tune')} drawn, {len(run.tunes)} valid, {lost} thrown away")
    for reason, number in sorted(run.thrown_away.items(), key=lambda item: -item[1]):
        display.say(f"  {number:4} {reason}")
