"""What a training run is to be, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abcgen.display import Display, clock, counted

if TYPE_CHECKING:
    from abcgen.model.events import TrainResult
    from abcgen.pipeline.training import Plan, Preview


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
