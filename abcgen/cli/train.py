"""What a training run is to be, and what came of it.

``abcgen train``: a network from tunes.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from abcgen.cli.common import (
    CORPORA,
    Cache,
    FoldRange,
    Force,
    Json,
    Texture,
    Track,
    text_cache,
)
from abcgen.cli.display import Display, clock, counted
from abcgen.config import MAX_SEED, PRESETS, Optimizer, SplitConfig
from abcgen.errors import CheckpointError
from abcgen.files import check_writable, refuse_to_overwrite

if TYPE_CHECKING:
    from abcgen.config import MidiConfig
    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.records import Extracts
    from abcgen.model.events import TrainResult
    from abcgen.pipeline.training import Lesson, Plan, Preview, Wish


def described(plan: Plan) -> str:
    """The plan in one line."""
    network, options = plan.network, plan.options
    reads = {"stream": "whole tunes", "window": "windows"}[network.kind]
    layers = counted(network.layers, "LSTM layer")
    parts = [f"{layers} of {network.units} units over {reads}"]
    parts += ["both ways"] * network.bidirectional
    parts += [f"attention of {network.heads} heads"] * network.attention
    parts += ["told positions"] * network.positions
    length = f"{options.minutes:g} minutes" if options.minutes else f"{options.epochs} epochs"
    parts.append(f"batches of {options.batch_size}, {options.optimizer}, {length}")
    return f"{plan.why}: {', '.join(parts)}"


def show(preview: Preview, plan: Plan, display: Display) -> None:
    """What a dry run shows."""
    columns = ("layer", "output shape", "parameters")
    # The input has no row of its own in such tables.
    rows = [
        (layer.kind, str(layer.shape), f"{layer.parameters:,}")
        for layer in preview.layers
        if layer.inputs
    ]
    display.table("network", columns, rows)
    display.text(f"{preview.parameters:,} parameters in all")
    what = "window" if plan.network.kind == "window" else "character"
    display.text(f"{counted(preview.characters, what)} a pass")
    one, whole = _span(preview.seconds_a_pass), _span(preview.seconds)
    display.text(f"estimated on this machine as busy as it is now: {one} a pass, {whole} in all")
    display.result(
        {
            "plan": described(plan),
            "layers": [
                {"layer": kind, "shape": shape, "parameters": int(number.replace(",", ""))}
                for kind, shape, number in rows
            ],
            "parameters": preview.parameters,
            "characters": preview.characters,
            "seconds_a_pass": preview.seconds_a_pass,
            "seconds": preview.seconds,
        }
    )


def _span(seconds: float) -> str:
    """A time span in the unit that suits it."""
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def tell(result: TrainResult, plan: Plan, display: Display, again: str) -> None:
    """What came of a run, and by which command it can be gone on with."""
    if result.bits_before is not None and result.bits_per_note is not None:
        before, after = result.bits_before, result.bits_per_note
        display.text(f"held-out bits/note: {before:.2f} before, {after:.2f} after")
    how = "interrupted" if result.interrupted else "trained"
    display.text(f"{how} after {result.epochs:.1f} epochs, {clock(result.seconds)}")
    display.text(
        f"wrote {result.folder}; sample from it with: abcgen sample --checkpoint {result.folder}"
    )
    if result.interrupted:
        display.text(f"go on with: {again}")
    display.result(
        {
            "checkpoint": str(result.folder),
            "preset": plan.why,
            "epochs": result.epochs,
            "seconds": result.seconds,
            "bits_per_character": result.bits_per_character,
            "bits_per_note": result.bits_per_note,
            "bits_before": result.bits_before,
            "interrupted": result.interrupted,
        }
    )


BY_PRESET = "the preset's"
# What may be said anew when a run is gone on with; the rest stays as it was begun.
CHANGEABLE = {"paths", "out", "resume", "minutes", "epochs", "device", "tensorboard", "as_json"}
CHANGEABLE |= {"devices", "precision", "save_minutes"}  # where, how, and how safely
CHANGEABLE |= {"texture", "track", "fold_range", "cache"}  # how files are read
# Of these, what is not kept with the run.
REPEATED = {"device", "devices", "precision", "tensorboard", "texture", "track", "fold_range"}
# What may be said where a trained network is gone on from; its shape stays.
TUNABLE = CHANGEABLE - {"resume"} | {"base", "patience", "batch_size", "optimizer", "learning_rate"}
TUNABLE |= {"seed", "dropout", "chord_symbols", "dry_run", "force"}


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
    base: Annotated[
        Path | None,
        typer.Option(
            "--from",
            readable=False,
            help="Go on from this checkpoint with these tunes, be they few; it stays as it is.",
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Train for so long; the schedule is fitted to it.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the tunes.", show_default=BY_PRESET)
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Passes without a better held-out figure before it ends."),
    ] = None,
    save_minutes: Annotated[
        float | None,
        typer.Option(
            help="Save at least so often, besides after every pass.", show_default=BY_PRESET
        ),
    ] = None,
    preset: Annotated[
        str,
        typer.Option(help=f"auto fits the device and the time; or {', '.join(PRESETS)}."),
    ] = "auto",
    kind: Annotated[
        str | None,
        typer.Option(
            "--network",
            help="stream: whole tunes; window: the last characters.",
            show_default=BY_PRESET,
        ),
    ] = None,
    layers: Annotated[int | None, typer.Option(help="LSTM layers.", show_default=BY_PRESET)] = None,
    units: Annotated[
        int | None, typer.Option(help="Units of each layer.", show_default=BY_PRESET)
    ] = None,
    embedding: Annotated[
        int | None,
        typer.Option(
            help="Width of the embedding; 0 (window): one number a character.",
            show_default=BY_PRESET,
        ),
    ] = None,
    dropout: Annotated[
        float | None, typer.Option(help="Share dropped in training.", show_default=BY_PRESET)
    ] = None,
    attention: Annotated[
        bool | None,
        typer.Option(
            "--attention/--no-attention",
            help="Look back over all that was read so far.",
            show_default=BY_PRESET,
        ),
    ] = None,
    heads: Annotated[
        int | None,
        typer.Option(help="Attention heads; must divide the units.", show_default=BY_PRESET),
    ] = None,
    chord_symbols: Annotated[
        bool | None,
        typer.Option(
            "--chord-symbols/--no-chord-symbols",
            help="Learn the chords above the notes too.",
            show_default=BY_PRESET,
        ),
    ] = None,
    bidirectional: Annotated[
        bool | None,
        typer.Option(
            "--bidirectional/--no-bidirectional",
            help="Read both ways what lies before the prediction: the window, or the last block.",
            show_default=BY_PRESET,
        ),
    ] = None,
    positions: Annotated[
        bool | None,
        typer.Option(
            "--positions/--no-positions",
            help="Tell the network section, bar and time in the bar of every character.",
            show_default=BY_PRESET,
        ),
    ] = None,
    sequence_length: Annotated[
        int | None,
        typer.Option(
            help="Characters of a window, of a block read both ways, or learnt in one piece.",
            show_default="100, 64, whole tunes",
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Tunes or windows to a batch.", show_default=BY_PRESET)
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option(help="Learn every so-manieth window in a pass.", show_default=BY_PRESET),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(help=f"One of {', '.join(get_args(Optimizer))}.", show_default=BY_PRESET),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak learning rate.", show_default=BY_PRESET)
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=MAX_SEED, help="Of weights and order.", show_default="0"),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or gpu.")] = "auto",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show plan, layers and estimated time; train nothing.")
    ] = False,
    classes: Annotated[
        int | None,
        typer.Option(min=3, help="With --dry-run: the layers for so many characters."),
    ] = None,
    devices: Annotated[
        int,
        typer.Option(
            min=1,
            help="Devices of this host that every batch is divided among; "
            "for several hosts see docs/scaling.md.",
        ),
    ] = 1,
    precision: Annotated[
        str, typer.Option(help="float32, or bfloat16 for GPUs that are faster with it.")
    ] = "float32",
    tensorboard: Annotated[
        Path | None, typer.Option(help="Also write logs for TensorBoard to this folder.")
    ] = None,
    texture: Texture = "auto",
    track: Track = "",
    fold_range: FoldRange = "",
    cache: Cache = True,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Trains a network on tunes; Ctrl-C keeps what it has learnt so far."""
    from abcgen.model.distribution import compute_on
    from abcgen.pipeline import checkpoints, training
    from abcgen.pipeline.readers import midi_config
    from abcgen.pipeline.tensorboard import log_to

    display = Display(as_json=as_json)
    if minutes is not None and epochs is not None:
        raise typer.BadParameter("give --minutes or --epochs, not both")
    if classes is not None and not dry_run:
        raise typer.BadParameter("--classes goes with --dry-run")
    if base is not None:
        _refuse_others(context, TUNABLE, "--from")
    if resume:
        _refuse_others(context, CHANGEABLE, "--resume")
    wish = training.Wish(preset, _given(context))
    training.check_wish(wish)
    folder = out or (_newest_run() if resume else checkpoints.new_run())
    if not (resume or dry_run):
        refuse_to_overwrite(folder, force=force)
    plan = None
    if resume:
        plan = training.plan_resuming(folder, wish.changes)
    elif base is not None:
        plan = training.plan_fine_tuning(checkpoints.find_checkpoint(base), folder, wish.changes)
    check_writable(folder)
    compute_on(device, devices, precision)
    midi = midi_config(texture, track, fold_range)
    kept = text_cache(use=cache)
    chords = plan.options.chord_symbols if plan else bool(chord_symbols)
    corpus = _extracts(paths or [CORPORA], display, midi, kept, chord_symbols=chords)
    lesson = _lesson(corpus, display, plan)
    plan = plan or _plan(wish, display)
    display.say(described(plan))
    if dry_run:
        show(training.preview(lesson, plan, classes), plan, display)
        return
    display.say(f"checkpoint: {folder}")
    with display.training() as on_event, log_to(tensorboard, on_event) as told:
        result = training.train_network(lesson, plan, folder, told, kept)
    tell(result, plan, display, _again(context, paths or [], result.folder))


def _again(context: typer.Context, paths: list[Path], folder: Path) -> str:
    """The command that goes on with a run: the same tunes, read and computed in the same way."""
    words = ["abcgen", "train", *map(str, paths), "--resume", "--out", str(folder)]
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in REPEATED and _is_given(context, name):
            words += [parameter.opts[0], str(context.params[name])]
    return shlex.join(words)


def _newest_run() -> Path:
    """The run to go on with where none is named: the last that was trained.

    Raises:
        CheckpointError: if there is none.
    """
    from abcgen.model.resume import STATE
    from abcgen.pipeline import checkpoints

    folder = checkpoints.newest_run(STATE)
    if folder is None:
        raise CheckpointError(
            "there is no run under ./checkpoints to go on with", hint="train without --resume"
        )
    return folder


def _extracts(
    paths: list[Path],
    display: Display,
    midi: MidiConfig,
    cache: TextCache,
    *,
    chord_symbols: bool,
) -> Extracts:
    """What training needs of tunes, showing how far it is and what was left out."""
    from abcgen.corpus.records import extract_corpus
    from abcgen.pipeline.readers import all_readers

    with display.progress("reading tunes") as on_progress:
        corpus = extract_corpus(
            paths,
            all_readers(midi),
            cache,
            chord_symbols=chord_symbols,
            on_progress=on_progress,
        )
    display.left_out(corpus.losses)
    return corpus


def _lesson(corpus: Extracts, display: Display, plan: Plan | None) -> Lesson:
    from abcgen.pipeline.training import prepare_lesson

    with display.progress("dividing tunes by family"):
        lesson = prepare_lesson(
            corpus,
            plan.split if plan else SplitConfig(),
            known=plan.base.vocabulary if plan and plan.base else None,
        )
    if not lesson.validation:
        display.warn("too few tunes to hold any out: there will be no held-out figures")
    return lesson


def _plan(wish: Wish, display: Display) -> Plan:
    from abcgen.pipeline.training import plan_training

    with display.progress("starting Keras"):
        return plan_training(wish)


def _given(context: typer.Context) -> dict[str, object]:
    """The network's and the training's settings that were given."""
    from abcgen.pipeline.training import NETWORK_SETTINGS, TRAINING_SETTINGS

    names = (*NETWORK_SETTINGS, *TRAINING_SETTINGS)
    return {name: context.params[name] for name in names if context.params.get(name) is not None}


def _refuse_others(context: typer.Context, allowed: set[str], option: str) -> None:
    """What is gone on with keeps the other settings it was begun with."""
    for parameter in context.command.params:
        name = parameter.name or ""
        if name not in allowed and _is_given(context, name):
            raise typer.BadParameter(f"{parameter.opts[0]} cannot be changed with {option}")


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
