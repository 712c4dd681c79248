"""The steps of stream networks in ONNX Runtime, as an export would have them.

What is worked out once (tables of what characters add to the first layer) is worked out for both;
attention's keys and values grow by concatenation, since a graph cannot write into its inputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from abcgen.grammar.positions import PositionTracker
from abcgen.model.architecture import architecture, weight_shapes
from abcgen.model.cells import rearrange_gates
from abcgen.model.inference import StepNetwork, _BlockStepper, _StreamStepper
from abcgen.model.vocabulary import BEGIN, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abcgen.config import NetworkConfig
    from abcgen.model.cells import Array
    from abcgen.model.checkpoint import Weights
    from abcgen.model.inference import State

OPSET = 17
COMPARED = 100  # steps


def both(
    network: NetworkConfig, signs: str, batch: int, threads: int
) -> tuple[StepNetwork, StepNetwork, float, list[bool]]:
    """A network of random weights in NumPy and in ONNX Runtime.

    Returns:
        The two, by how much their logits differ at most over some steps, and whether in each a
        row alone has the very logits that it has in a batch.
    """
    vocabulary = Vocabulary.of(signs)
    tracker = PositionTracker(vocabulary.tokens)
    generator = np.random.default_rng(1)
    weights = {
        name: generator.normal(0, 0.08, shape).astype(np.float32)
        for name, shape in weight_shapes(network, vocabulary.size).items()
    }
    ours, theirs = (StepNetwork(network, weights, tracker) for _ in range(2))
    layers = architecture(network.replace(attention=False), vocabulary.size)
    exported: _ExportedBlocks | _ExportedStream
    if network.bidirectional:
        exported = _ExportedBlocks(layers, weights, tracker, network.chunk_length or 1)
    else:
        exported = _ExportedStream(layers, weights, tracker)
    exported.session = _session(network, weights, threads)
    exported.kept = (network.heads, network.units // network.heads) if network.attention else None
    theirs._stepper = exported
    generator = np.random.default_rng(2)
    texts = generator.integers(BEGIN + 2, vocabulary.size, (COMPARED, batch)).astype(np.int32)
    one, other = (_logits(step, texts) for step in (ours, theirs))
    same = [
        bool((_logits(step, texts[:, :1])[:, 0] == logits[:, 0]).all())
        for step, logits in ((ours, one), (theirs, other))
    ]
    return ours, theirs, float(np.abs(one - other).max()), same


def _logits(network: StepNetwork, texts: NDArray[np.int32]) -> Array:
    """Of every step of texts (time, batch): (time, batch, vocabulary)."""
    state, logits = network.start(texts.shape[1]), []
    for ids in texts:
        found, state = network.step(ids, state)
        logits.append(found)
    return np.stack(logits)


class _Exported:
    """``_step`` of a stream network by a session."""

    session: Any
    kept: tuple[int, int] | None
    _lstms: Any

    def _start_cells(self, batch: int) -> State:
        sizes = [lstm.units for lstm in self._lstms for _ in range(2)]
        state = [np.zeros((batch, size), np.float32) for size in sizes]
        if self.kept:
            heads, head = self.kept
            empty = np.zeros((batch, heads, 0, head), np.float32)
            state += [np.zeros((batch, heads, 1, head), np.float32), empty]
        return tuple(state)

    def _step(
        self, rows: Sequence[NDArray[Any]], state: State
    ) -> tuple[Array, State, Array | None]:
        sums = self._lstms[0].gates(rows)
        given = {f"before_{number}": part for number, part in enumerate(state)}
        if self.kept:
            given["ids"] = rows[0]
        logits, *after = self.session.run(None, {"sums": sums, **given})
        return logits, tuple(after), None


class _ExportedStream(_Exported, _StreamStepper):
    pass


class _ExportedBlocks(_Exported, _BlockStepper):
    pass


def _session(network: NetworkConfig, weights: Weights, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    model = _Graph(network, weights).model()
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


class _Graph:
    """One step of a stream network, from what the inputs add to the first layer's gates."""

    def __init__(self, network: NetworkConfig, weights: Weights) -> None:
        self._network, self._weights = network, weights
        self._nodes: list[Any] = []
        self._arrays: dict[str, Any] = {}
        self._states: list[tuple[str, list[str | int | None]]] = []
        self._after: list[str] = []

    def model(self) -> Any:
        stream = self._lstms()
        if self._network.attention:
            stream = self._attended(stream)
        logits = self._product(stream, "logits/kernel")
        self._node("Add", [logits, self._array("logits/bias")], "logits")
        gates: list[str | int | None] = ["batch", 4 * self._network.units]
        inputs = [helper.make_tensor_value_info("sums", onnx.TensorProto.FLOAT, gates)]
        if self._network.attention:
            inputs.append(helper.make_tensor_value_info("ids", onnx.TensorProto.INT32, ["batch"]))
        inputs += [
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
            for name, shape in self._states
        ]
        outputs = [
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
            for name in ("logits", *self._after)
        ]
        arrays = [numpy_helper.from_array(array, name) for name, array in self._arrays.items()]
        graph = helper.make_graph(self._nodes, "step", inputs, outputs, arrays)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])

    def _lstms(self) -> str:
        stream = "sums"
        units, weights = self._network.units, self._weights
        for layer in range(1, self._network.layers + 1):
            sums = stream
            recurrent = weights[f"lstm_{layer}/recurrent_kernel"]
            if layer > 1:
                kernel = self._array(
                    f"kernel_{layer}", rearrange_gates(weights[f"lstm_{layer}/kernel"])
                )
                bias = self._array(f"bias_{layer}", rearrange_gates(weights[f"lstm_{layer}/bias"]))
                sums = self._node("Add", [self._node("MatMul", [stream, kernel]), bias])
            output, cell = self._state("batch", units), self._state("batch", units)
            kernel = self._array(f"recurrent_{layer}", rearrange_gates(recurrent))
            gates = self._node("Add", [sums, self._node("MatMul", [output, kernel])])
            opened, forgotten, shown, candidate = (f"gate_{layer}_{n}" for n in range(4))
            names = [opened, forgotten, shown, candidate]
            self._nodes.append(helper.make_node("Split", [gates], names, axis=1))
            written = self._node("Mul", [self._opened(opened), self._node("Tanh", [candidate])])
            kept = self._node("Mul", [self._opened(forgotten), cell])
            cell = self._node("Add", [kept, written])
            stream = self._node("Mul", [self._opened(shown), self._node("Tanh", [cell])])
            self._after += [stream, cell]
        return stream

    def _opened(self, gate: str) -> str:
        """The sigmoid of twice as much: gates come as ``abcgen.model.cells`` has them, halved."""
        return self._node("Sigmoid", [self._node("Add", [gate, gate])])

    def _attended(self, stream: str) -> str:
        """Keys stand a place ahead, since a key is made of what stands before it."""
        network = self._network
        heads, head = network.heads, network.units // network.heads
        value, value_of_read = np.split(self._weights["attention/value"], [network.units])
        query = self._weights["attention/query"] * np.float32(head**-0.5)
        table = self._weights["embedding/embeddings"] @ value_of_read
        parts = np.concatenate([query, value, self._weights["attention/key"]], axis=1)
        sums = self._node("MatMul", [stream, self._array("parts", parts)])
        names = ["query", "value", "key"]
        self._nodes.append(helper.make_node("Split", [sums], names, axis=1))
        read = self._node("Gather", [self._array("read", table), "ids"])
        shape = self._array("heads", np.array([-1, heads, 1, head], np.int64))
        valued = self._node("Add", ["value", read])
        queried, valued, keyed = (
            self._node("Reshape", [name, shape]) for name in ("query", valued, "key")
        )
        keys, values = (self._state("batch", heads, name, head) for name in ("keys", "values"))
        values = self._node("Concat", [values, valued], axis=2)
        self._after += [self._node("Concat", [keys, keyed], axis=2), values]
        turned = self._node("Transpose", [keys], perm=[0, 1, 3, 2])
        looks = self._node("Softmax", [self._node("MatMul", [queried, turned])], axis=-1)
        found = self._node("MatMul", [looks, values])
        flat = self._array("flat", np.array([-1, network.units], np.int64))
        found = self._product(self._node("Reshape", [found, flat]), "attention/output")
        return self._node("Add", [found, stream])

    def _state(self, *shape: str | int | None) -> str:
        name = f"before_{len(self._states)}"
        self._states.append((name, list(shape)))
        return name

    def _array(self, name: str, array: NDArray[Any] | None = None) -> str:
        self._arrays[name] = self._weights[name] if array is None else array
        return name

    def _product(self, rows: str, kernel: str) -> str:
        return self._node("MatMul", [rows, self._array(kernel)])

    def _node(self, kind: str, inputs: list[str], name: str = "", **attributes: Any) -> str:
        name = name or f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name
