"""``abcgen train``: train a network on tunes, fine-tune one, or resume a run."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from abcgen.cli.common import (
    CORPORA,
    INTERRUPTED,
    Cache,
    FoldRange,
    Force,
    Json,
    Texture,
    Track,
    choices,
    option,
    text_cache,
)
from abcgen.cli.display import Display, clock, counted
from abcgen.config import NetworkConfig, SplitConfig, TrainConfig
from abcgen.critic.config import CriticConfig
from abcgen.errors import InputError, shown
from abcgen.files import (
    check_writable,
    hold_folder,
    printable,
    refuse_to_overwrite,
    write_atomically,
)
from abcgen.presets import PRESETS

if TYPE_CHECKING:
    from abcgen.config import MidiConfig
    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.families import Split
    from abcgen.corpus.records import Extracts
    from abcgen.model.events import TrainResult
    from abcgen.pipeline.training import RunEstimate, TrainPlan

# Parameters that may be given with --resume: duration, dropout, gaps, device, output, and how files
# are read. A resumed run keeps all others.
WITH_RESUME = {"paths", "out", "resume", "minutes", "epochs", "save_minutes", "dropout", "gaps"}
WITH_RESUME |= {"device", "devices", "precision", "tensorboard", "as_json"}
WITH_RESUME |= {"critic", "texture", "track", "fold_range", "cache"}
# Parameters that may be given with --from, which keeps the shape of the network.
WITH_FROM = WITH_RESUME - {"resume"} | {"base", "patience", "batch_size", "optimizer"}
WITH_FROM |= {
    "packed",
    "learning_rate",
    "warm_up",
    "weight_decay",
    "seed",
    "chord_symbols",
    "dry_run",
}
WITH_FROM |= {"force", "wrong_bars", "held_out"}
# Parameters that are not saved with the run: the command that resumes it must repeat them.
NOT_SAVED = {"device", "devices", "precision", "tensorboard", "texture", "track", "fold_range"}

# Tunes that were not read, by lines, and how many are printed instead.
LEFT_OUT, MOST_NAMED = "left-out.txt", 3

# The preset gives the defaults of these options, so the help shows none.
network_option = partial(option, NetworkConfig, show_default=False, rich_help_panel="Network")
training_option = partial(option, TrainConfig, show_default=False, rich_help_panel="Training")


def train(
    context: typer.Context,
    # Data
    paths: Annotated[
        list[Path] | None,
        typer.Argument(readable=False, help="Tune files and folders.", show_default="corpora/"),
    ] = None,
    chord_symbols: Annotated[
        bool | None,
        training_option(
            "chord_symbols", "--chord-symbols/--no-chord-symbols", rich_help_panel="Data"
        ),
    ] = None,
    voices: Annotated[
        str | None,
        network_option(
            "voices",
            metavar="N|auto",
            help="Learn this many voices of each tune, or as many as most have (auto).",
            show_default="1",
            rich_help_panel="Data",
        ),
    ] = None,
    wrong_bars: Annotated[
        bool,
        option(SplitConfig, "wrong_bars", "--wrong-bars", rich_help_panel="Data"),
    ] = False,
    held_out: Annotated[
        Path | None,
        option(SplitConfig, "held_out_of", "--held-out", rich_help_panel="Data", readable=False),
    ] = None,
    texture: Texture = "auto",
    track: Track = "",
    fold_range: FoldRange = "",
    cache: Cache = True,
    # Network
    preset: Annotated[
        str,
        typer.Option(
            "--preset",
            "-p",
            help="Defaults for network and training; auto chooses by device and time.",
            rich_help_panel="Network",
            **choices("auto", *PRESETS),
        ),
    ] = "auto",
    base: Annotated[
        Path | None,
        typer.Option(
            "--from",
            readable=False,
            help="Fine-tune a copy of this network, such as pretrained; works with few tunes.",
            rich_help_panel="Network",
        ),
    ] = None,
    kind: Annotated[str | None, network_option("kind", "--network")] = None,
    layers: Annotated[int | None, network_option("layers")] = None,
    units: Annotated[int | None, network_option("units")] = None,
    embedding: Annotated[int | None, network_option("embedding")] = None,
    dropout: Annotated[float | None, network_option("dropout")] = None,
    attention: Annotated[
        bool | None, network_option("attention", "--attention/--no-attention")
    ] = None,
    heads: Annotated[int | None, network_option("heads")] = None,
    ffn: Annotated[int | None, network_option("ffn")] = None,
    bidirectional: Annotated[
        bool | None, network_option("bidirectional", "--bidirectional/--no-bidirectional")
    ] = None,
    positions: Annotated[
        bool | None, network_option("positions", "--positions/--no-positions")
    ] = None,
    form: Annotated[bool | None, network_option("form", "--form/--no-form")] = None,
    relative_pitch: Annotated[
        bool | None, network_option("relative_pitch", "--relative-pitch/--no-relative-pitch")
    ] = None,
    blocks: Annotated[bool | None, network_option("blocks", "--blocks/--no-blocks")] = None,
    sequence_length: Annotated[
        int | None, network_option("sequence_length", show_default="100, 64, a whole tune")
    ] = None,
    # Training
    epochs: Annotated[int | None, training_option("epochs", "--epochs", "-e")] = None,
    minutes: Annotated[float | None, training_option("minutes", show_default="no limit")] = None,
    patience: Annotated[int | None, training_option("patience", show_default="never")] = None,
    batch_size: Annotated[int | None, training_option("batch_size", "--batch-size", "-b")] = None,
    packed: Annotated[
        bool | None,
        training_option("packed", "--packed/--no-packed", show_default="on GPUs and JAX"),
    ] = None,
    stride: Annotated[int | None, training_option("stride")] = None,
    optimizer: Annotated[str | None, training_option("optimizer")] = None,
    learning_rate: Annotated[float | None, training_option("learning_rate")] = None,
    warm_up: Annotated[float | None, training_option("warm_up")] = None,
    weight_decay: Annotated[float | None, training_option("weight_decay")] = None,
    gaps: Annotated[float | None, training_option("gaps")] = None,
    seed: Annotated[int | None, training_option("seed", bounded=True, show_default="0")] = None,
    # Device
    device: Annotated[
        str,
        typer.Option(
            help="Device to train on.", rich_help_panel="Device", **choices("auto", "cpu", "gpu")
        ),
    ] = "auto",
    devices: Annotated[
        int,
        typer.Option(
            min=1,
            help="Split each batch among this many devices of this host; "
            "for several hosts see docs/scaling.md.",
            rich_help_panel="Device",
        ),
    ] = 1,
    precision: Annotated[
        str,
        typer.Option(
            help="bfloat16 is faster on some GPUs.",
            rich_help_panel="Device",
            **choices("float32", "bfloat16"),
        ),
    ] = "float32",
    # Output
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            readable=False,
            help="Checkpoint folder.",
            show_default="a new one under checkpoints/",
            rich_help_panel="Output",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Resume the run in --out, or else the newest.",
            rich_help_panel="Output",
        ),
    ] = False,
    save_minutes: Annotated[
        float | None, training_option("save_minutes", rich_help_panel="Output")
    ] = None,
    critic: Annotated[
        bool,
        typer.Option(
            help="Then learn the critic that chooses among the network's tunes; takes a minute or "
            "two, and needs some hundred tunes.",
            rich_help_panel="Output",
        ),
    ] = True,
    tensorboard: Annotated[
        Path | None,
        typer.Option(
            help="Also write logs for TensorBoard to this folder.", rich_help_panel="Output"
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Show the plan, the layers and the estimated time, without training.",
            rich_help_panel="Output",
        ),
    ] = False,
    classes: Annotated[
        int | None,
        typer.Option(
            min=3,
            help="With --dry-run, show the layers for a vocabulary of this size.",
            rich_help_panel="Output",
        ),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Train a network on tunes. Ctrl-C stops it and keeps what it has learned so far."""
    from abcgen.model.distribution import compute_on
    from abcgen.pipeline import checkpoints, training
    from abcgen.pipeline.formats import midi_config
    from abcgen.pipeline.tensorboard import log_to
    from abcgen.pipeline.voices import number_of

    # 1) Check the options before reading or writing anything.
    display = Display(as_json=as_json)
    if minutes is not None and epochs is not None:
        raise typer.BadParameter("give --minutes or --epochs, not both")
    if classes is not None and not dry_run:
        raise typer.BadParameter("--classes needs --dry-run")
    if base is not None:
        _refuse_others(context, WITH_FROM, "--from")
    if resume:
        _refuse_others(context, WITH_RESUME, "--resume")
    changes, wanted = _changes(context), number_of(voices or "1")
    changes |= {"voices": wanted} if wanted and wanted > 1 else {}
    training.check_settings(preset, changes)
    folder = out or (checkpoints.run_to_resume() if resume else checkpoints.new_run())
    if not (resume or dry_run):
        refuse_to_overwrite(folder, force=force)

    # 2) Plan, if it starts from a checkpoint.
    plan = None
    if resume:
        plan = training.plan_resuming(folder, changes)
    elif base is not None:
        plan = training.plan_fine_tuning(checkpoints.find_checkpoint(base), folder, changes)
    (check_writable if dry_run else hold_folder)(folder)
    compute_on(device, devices, precision)

    # 3) Read the tunes, and divide them.
    midi = midi_config(texture, track, fold_range)
    disk_cache = text_cache(use=cache)
    with_chords = plan.config.chord_symbols if plan else bool(chord_symbols)
    division, given = (plan.split, plan.held_out) if plan else (SplitConfig(), None)
    voice_count = plan.network.voices if plan else wanted
    if held_out is not None:
        learned = plan.learned if plan else None
        division, given = training.hold_out_again(held_out, division, learned)
    if not resume:
        division = division.replace(wrong_bars=wrong_bars)
    corpus = read_extracts(
        paths or [CORPORA],
        display,
        midi,
        disk_cache,
        chord_symbols=with_chords,
        voices=voice_count,
        listed_in=None if dry_run else folder / LEFT_OUT,
    )
    if wanted is None:
        changes["voices"] = max(1, len(corpus.tunes[0].ranges))
    with display.progress("dividing tunes by family"):
        base_checkpoint = plan.base if plan else None
        data, split = training.prepare_data(corpus, division, base_checkpoint, given)
    _show_division(split, division, display)
    if base_checkpoint is None:
        _warn_of_few(split, display)

    # 4) Plan a new network. Last, because `auto` needs Keras to find the device.
    if plan is None:
        with display.progress("starting Keras"):
            plan = training.plan_new_run(preset, changes)
    display.say(_description(plan))
    if dry_run:
        _show_estimate(training.estimate_run(data, plan, classes), plan, display)
        return

    # 5) Train, and report.
    display.say(f"checkpoint: {folder}")
    with display.training() as show_event, log_to(tensorboard, show_event) as on_event:
        result = training.train_network(data, split, plan, folder, on_event, disk_cache)
    if critic and plan.network.voices == 1 and not result.interrupted:
        _learn_critic(result.folder, split, display)
    _report(result, plan, display, _resuming_command(context, paths or [], result.folder))
    if result.interrupted:
        raise typer.Exit(INTERRUPTED)


def _learn_critic(folder: Path, split: Split, display: Display) -> None:
    """Learn the critic of a trained network, if there are enough tunes; show how good it is."""
    from abcgen.cli.critic import show_critic
    from abcgen.pipeline.critics import has_enough, learn_critic_of

    if not has_enough(split.training):
        return
    try:
        learnt = learn_critic_of(folder, split.training, CriticConfig(), display.progress)
    except InputError as error:  # the network makes too few valid tunes
        display.warn(str(error))
    except KeyboardInterrupt:
        display.warn("it has no critic yet: learn one with abcgen critic")
    else:
        show_critic(learnt, display)


def _refuse_others(context: typer.Context, allowed: set[str], flag: str) -> None:
    """Refuse parameters on the command line that cannot be combined with ``flag``."""
    for parameter in context.command.params:
        if parameter.name not in allowed and _is_given(context, parameter.name or ""):
            raise typer.BadParameter(f"{parameter.opts[0]} cannot be changed with {flag}")


def _changes(context: typer.Context) -> dict[str, Any]:
    """Return the settings of network and training that were given, but for voices."""
    fields = {*NetworkConfig.model_fields, *TrainConfig.model_fields} - {"voices"}
    given = ((name, context.params.get(name)) for name in context.params if name in fields)
    return {name: value for name, value in given if value is not None}


def _warn_of_few(split: Split, display: Display) -> None:
    """Warn of a new network that has few tunes to learn from."""
    from abcgen.pipeline.networks import FEW_TUNES

    if len(split.training) < FEW_TUNES:
        display.warn(
            f"only {counted(len(split.training), 'tune')} to learn: the network will write noise; "
            "one that knows tunes learns more from few: add --from pretrained"
        )


def _is_given(context: typer.Context, name: str) -> bool:
    """Return whether a parameter is on the command line, even with its default value."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def read_extracts(
    paths: list[Path],
    display: Display,
    midi: MidiConfig,
    cache: TextCache,
    *,
    chord_symbols: bool,
    voices: int | None = 1,
    listed_in: Path | None = None,
) -> Extracts:
    """Read what training needs of tunes; show progress and the tunes skipped.

    Args:
        paths: Files and folders.
        display: Shows progress, and what is skipped.
        midi: How MIDI files are read.
        cache: Holds earlier results.
        chord_symbols: Whether to read chord symbols too.
        voices: How many voices to read of each tune; None for as many as most have.
        listed_in: The file to list the skipped in, if they are many; None to say how to list them.
    """
    from abcgen.corpus.records import extract_corpus
    from abcgen.pipeline.formats import all_readers
    from abcgen.pipeline.voices import described_choice, usual_number

    readers = all_readers(midi)

    def read(voices: int) -> Extracts:
        with display.progress("reading tunes") as on_progress:
            return extract_corpus(
                paths,
                readers,
                cache,
                chord_symbols=chord_symbols,
                voices=voices,
                on_progress=on_progress,
            )

    corpus = read(voices or 1)
    if voices is None:
        voices = usual_number(corpus.tunes)
        corpus = read(voices) if voices > 1 else corpus
    if len(skipped := corpus.skipped) > MOST_NAMED:
        if listed_in:
            lines = "".join(printable(str(tune)) + "\n" for tune in skipped)
            write_atomically(listed_in, lines.encode())
        where = listed_in or "abcgen normalise --report FILE.html"
        display.say(f"{counted(len(skipped), 'tune')} left out, each with its reason: {where}")
    else:
        display.left_out(skipped)
    several = sum(tune.voices > 1 for tune in corpus.tunes)
    if voices > 1:
        tunes = counted(len(corpus.tunes), "tune")
        display.say(f"{tunes} in {voices} voices: {described_choice(corpus.tunes)}")
    elif several:
        others = sum(tune.chosen == "tune" for tune in corpus.tunes)
        display.say(
            f"{counted(several, 'tune')} of {len(corpus.tunes):,} in several voices: learnt is the "
            f"one most like a tune, of {others:,} not the first (in MIDI files the part that "
            "normalise --list-tracks shows)"
        )
    return corpus


def _show_division(split: Split, config: SplitConfig, display: Display) -> None:
    """Say which tunes are not learnt, and why."""
    wrong = sum(tune.is_wrong for tune in split.training)
    if split.wrong:
        tunes = counted(len(split.wrong), "tune")
        display.say(f"not learnt: {tunes} with wrong bars or repeats (--wrong-bars learns them)")
    elif wrong and not config.wrong_bars:
        tunes = counted(len(split.training), "tune")
        display.say(f"{wrong:,} of {tunes} to learn have wrong bars or repeats: too many to omit")
    if config.held_out_of:
        tunes = f"{len(split.validation):,} and {len(split.test):,} tunes"
        display.say(
            f"held out: the {tunes} that {shown(config.held_out_of)} held out, and no others; "
            f"{counted(len(split.relatives), 'version')} of these not learnt either"
        )
    if not split.validation:
        display.warn("too few tunes to hold any out: there will be no held-out figures")


def _description(plan: TrainPlan) -> str:
    """Return the plan on one line."""
    network, config = plan.network, plan.config
    reads = {"stream": "whole tunes", "window": "windows"}[network.kind]
    layers = counted(network.layers, "LSTM layer")
    parts = [f"{layers} of {network.units} units over {reads}"]
    parts += ["bidirectional"] * network.bidirectional
    parts += [counted(network.heads, "attention head")] * network.attention
    parts += [f"feed-forward layer of {network.ffn} units"] * bool(network.ffn)
    parts += ["attention after every LSTM"] * (network.blocks and network.attention)
    parts += ["positions"] * network.positions
    parts += ["form"] * network.form
    parts += ["relative pitch"] * network.relative_pitch
    parts += [f"{network.voices} voices"] * (network.voices > 1)
    parts += [f"gaps in {config.gaps:.0%} of the tunes"] * bool(config.gaps)
    length = f"{config.minutes:g} minutes" if config.minutes else f"{config.epochs} epochs"
    parts += ["several in a row"] * config.packed
    parts.append(f"batches of {config.batch_size}, {config.optimizer}, {length}")
    return f"{plan.reason}: {', '.join(parts)}"


def _show_estimate(estimate: RunEstimate, plan: TrainPlan, display: Display) -> None:
    # Layers without inputs are the network's inputs themselves.
    layers = [layer for layer in estimate.layers if layer.inputs]
    columns = ("layer", "output shape", "parameters")
    rows = [(layer.kind, str(layer.shape), f"{layer.parameters:,}") for layer in layers]
    display.table("network", columns, rows)
    display.text(f"{estimate.parameters:,} parameters in total")
    unit = "window" if plan.network.kind == "window" else "character"
    display.text(f"{counted(estimate.characters, unit)} per epoch")
    epoch, total = _time_span(estimate.epoch_seconds), _time_span(estimate.seconds)
    display.text(f"estimated time at this machine's current load: {epoch} per epoch, {total} total")
    display.result(
        {
            "plan": _description(plan),
            "layers": [
                {"layer": layer.kind, "shape": str(layer.shape), "parameters": layer.parameters}
                for layer in layers
            ],
            "parameters": estimate.parameters,
            "characters": estimate.characters,
            "seconds_a_pass": estimate.epoch_seconds,
            "seconds": estimate.seconds,
        }
    )


def _time_span(seconds: float) -> str:
    """Return a time span in the largest unit of which it has at least two."""
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return counted(round(seconds), "second")


def _resuming_command(context: typer.Context, paths: list[Path], folder: Path) -> str:
    """Return the command that resumes a run on the same tunes, read and computed as before."""
    words = ["abcgen", "train", *map(str, paths), "--resume", "--out", str(folder)]
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in NOT_SAVED and _is_given(context, name):
            words += [parameter.opts[0], str(context.params[name])]
    return shlex.join(words)


def _report(result: TrainResult, plan: TrainPlan, display: Display, resuming: str) -> None:
    from abcgen.pipeline.networks import name_of

    if result.bits_before is not None and result.bits_per_note is not None:
        before, after = result.bits_before, result.bits_per_note
        display.text(f"held-out bits/note: {before:.2f} before, {after:.2f} after fine-tuning")
    end = "interrupted" if result.interrupted else "trained"
    name = shlex.quote(name_of(result.folder))
    display.text(f"{end} after {result.epochs:.1f} epochs, {clock(result.seconds)}")
    display.text(f"wrote {result.folder}; sample from it with: abcgen sample --checkpoint {name}")
    if result.interrupted:
        display.text(f"resume with: {resuming}")
    display.result(
        {
            "checkpoint": str(result.folder),
            "preset": plan.reason,
            "epochs": result.epochs,
            "seconds": result.seconds,
            "bits_per_character": result.bits_per_character,
            "bits_per_note": result.bits_per_note,
            "bits_before": result.bits_before,
            "interrupted": result.interrupted,
        }
    )
