"""The layers of a network in plain PyTorch, trained on batches of whole tunes of like length.

    python -m benchmarks.gpu.peer TUNES PRESET UNITS SECONDS

``nn.LSTM``, ``scaled_dot_product_attention`` and the same Muon. Prints JSON: characters a second
over all steps but the first of each width, and held-out bits a note at the end.

Shapes: B texts, T characters, W any width, H heads.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from abcgen.config import SplitConfig
from abcgen.corpus.cache import NO_CACHE
from abcgen.corpus.records import extract_corpus
from abcgen.corpus.tune_files import READERS
from abcgen.model import architecture as specs
from abcgen.model.positions import interval_table
from abcgen.model.training import datasets_of
from abcgen.pipeline.training import as_read_by, prepare_data
from abcgen.presets import PRESETS

if TYPE_CHECKING:
    from abcgen.config import NetworkConfig
    from abcgen.model.dataset import Batch, Dataset

functional = nn.functional
# Of Newton and Schulz's iteration, and its steps.
MUON, ITERATIONS, MOMENTUM = (3.4445, -4.7750, 2.0315), 5, 0.95


class PeerNetwork(nn.Module):  # type: ignore[misc]
    """The layers that ``architecture`` lists, from left to right."""

    def __init__(self, config: NetworkConfig, classes: int, token_heights: Any) -> None:
        super().__init__()
        self.specs = specs.architecture(config, classes)
        self.parts = nn.ModuleDict({spec.name: _part(spec) for spec in self.specs})
        table = torch.from_numpy(interval_table(token_heights)).long()
        self.register_buffer("intervals", table)  # (heights, V)

    def forward(self, inputs: Any) -> Any:
        """Return logits (B, T, classes) of ids and position features (B, T, 1 + F)."""
        found: dict[str, Any] = {}
        result = inputs
        for spec in self.specs:
            sources = [found[name] for name in spec.inputs]
            part = self.parts[spec.name]
            match spec:
                case specs.InputLayerSpec():
                    result = inputs
                case specs.IdsSpec():
                    result = sources[0][..., 0]
                case specs.PositionSpec():
                    columns = sources[0].unbind(-1)[1:]
                    tables = zip(part, columns, strict=True)
                    result = torch.cat([table(column) for table, column in tables], -1)
                case specs.LSTMSpec():
                    result = part(sources[0])[0]
                case specs.AddSpec():
                    result = sources[0] + sources[1]
                case specs.ConcatenateSpec():
                    result = torch.cat(sources, -1)
                case specs.CausalAttentionSpec():
                    result = _attend(part, spec.heads, *sources)
                case specs.RelativePitchSpec():
                    numbers = self.intervals[sources[0][..., -1]]  # (B, T, V)
                    result = sources[1] + functional.pad(sources[2], (0, 1)).gather(-1, numbers)
                case specs.DenseSpec():
                    result = part(sources[0])
                    result = functional.relu(result) if spec.activation else result
                case _:
                    result = part(*sources)
            found[spec.name] = result
        return result


def _part(spec: specs.LayerSpec) -> Any:
    match spec:
        case specs.EmbeddingSpec():
            return nn.Embedding(spec.characters, spec.width)
        case specs.PositionSpec():
            return nn.ModuleList(nn.Embedding(*shape) for shape in spec.tables.values())
        case specs.LSTMSpec():
            return nn.LSTM(spec.features, spec.width, batch_first=True)
        case specs.CausalAttentionSpec():
            rows = (spec.width, spec.width, spec.width + spec.features, spec.width)
            return nn.ModuleList(nn.Linear(row, spec.width, bias=False) for row in rows)
        case specs.DenseSpec():
            return nn.Linear(spec.features, spec.width)
        case specs.DropoutSpec():
            return nn.Dropout(spec.rate)
    return nn.Identity()


def _attend(part: Any, heads: int, queries: Any, memory: Any, characters: Any) -> Any:
    query, key, value, output = part
    before = functional.pad(memory, (0, 0, 1, 0))[:, :-1]
    rows = query(queries), key(before), value(torch.cat([memory, characters], -1))
    batch, length, width = queries.shape
    parts = (row.view(batch, length, heads, width // heads).transpose(1, 2) for row in rows)
    mixed = functional.scaled_dot_product_attention(*parts, is_causal=True)
    return output(mixed.transpose(1, 2).reshape(batch, length, width))


class Muon(torch.optim.Optimizer):  # type: ignore[misc]
    """Muon for matrices, as usually written: one after the other."""

    def __init__(self, matrices: list[Any], rate: float, decay: float) -> None:
        super().__init__(matrices, {"lr": rate, "decay": decay})

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self) -> None:
        """Update all matrices."""
        (group,) = self.param_groups
        for matrix in group["params"]:
            momentum = self.state[matrix].setdefault("momentum", torch.zeros_like(matrix))
            momentum.mul_(MOMENTUM).add_(matrix.grad)
            update = matrix.grad + MOMENTUM * momentum
            tall = update.shape[0] > update.shape[1]
            x = update.T if tall else update
            x = x / (x.norm() + 1e-7)
            for _ in range(ITERATIONS):
                square = x @ x.T
                x = MUON[0] * x + (MUON[1] * square + MUON[2] * square @ square) @ x
            scale = 0.2 * max(matrix.shape) ** 0.5
            matrix.mul_(1 - group["lr"] * group["decay"])
            matrix.add_(x.T if tall else x, alpha=-group["lr"] * scale)


def main() -> None:
    """Train for some seconds and print what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tunes", type=Path)
    parser.add_argument("preset", choices=tuple(PRESETS))
    parser.add_argument("units", type=int)
    parser.add_argument("seconds", type=float)
    arguments = parser.parse_args()
    preset = PRESETS[arguments.preset]
    network = preset.network.replace(units=arguments.units) if arguments.units else preset.network
    config = preset.training
    data, _ = prepare_data(extract_corpus([arguments.tunes], READERS, NO_CACHE), SplitConfig())
    data = as_read_by(network, data, config)
    training, validation = datasets_of(data, network, config)
    place = "cuda" if torch.cuda.is_available() else "cpu"
    model = PeerNetwork(network, data.vocabulary.size, data.token_heights).to(place)
    matrices: list[Any] = []
    others: list[Any] = []
    for name, weight in model.named_parameters():
        is_matrix = weight.ndim == 2 and not name.startswith(
            ("parts.embedding", "parts.logits", "parts.intervals")
        )
        (matrices if is_matrix else others).append(weight)
    rate, decay = config.learning_rate, config.weight_decay
    optimizers = [Muon(matrices, rate, decay), torch.optim.AdamW(others, rate, weight_decay=decay)]

    def loss_of(batch: Batch, weights: Any) -> Any:
        inputs, targets = (
            torch.from_numpy(rows).to(place).long() for rows in (batch.inputs, batch.targets)
        )
        weights = torch.from_numpy(weights).to(place)
        losses = functional.cross_entropy(model(inputs).transpose(1, 2), targets, reduction="none")
        return (losses * weights).sum() / weights.sum()

    speed = _fit(model, optimizers, loss_of, training, arguments.seconds, rate)
    model.eval()
    nats = 0.0
    with torch.no_grad():
        for indices in validation.in_order():
            batch = validation.batch(indices)
            nats += float(loss_of(batch, batch.scored)) * float(batch.scored.sum())
    bits = nats / math.log(2) / validation.notes
    memory = torch.cuda.max_memory_allocated() / 1e9 if place == "cuda" else None
    found = {"characters_per_second": speed, "bits_per_note": bits, "gigabytes": memory}
    print(json.dumps(found | {"device": place}))


def _fit(
    model: Any, optimizers: Any, loss_of: Any, training: Dataset, seconds: float, peak: float
) -> float:
    """Train, and return characters a second, without the first step of each width."""
    began = time.monotonic()
    characters, spent, epoch = 0, 0.0, 0
    seen: set[tuple[int, ...]] = set()
    while time.monotonic() - began < seconds:
        for indices in training.shuffled(0, epoch):
            start = time.monotonic()
            done = min(1.0, (start - began) / seconds)
            if done == 1.0:
                break
            rate = peak * min(1.0, done / 0.05 + 0.02, 0.01 + (1 + math.cos(math.pi * done)) / 2)
            batch = training.batch(indices)
            loss = loss_of(batch, batch.present)
            for optimizer in optimizers:
                optimizer.param_groups[0]["lr"] = rate
                optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer in optimizers:
                optimizer.step()
            float(loss.detach())  # waits, as programs that print their loss do
            if batch.inputs.shape in seen:
                characters += batch.characters
                spent += time.monotonic() - start
            seen.add(batch.inputs.shape)
        epoch += 1
    return characters / spent if spent else 0.0


if __name__ == "__main__":
    main()
