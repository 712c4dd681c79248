"""The step of a stream network in ONNX Runtime, as an export would contain it.

Both sides look up the input's part of the first layer's gates in the same tables. Attention's keys
and values grow by concatenation, since a graph cannot write into its inputs.

Shapes: B texts, T characters so far, U units, H heads, D = U / H.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

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
COMPARED_STEPS = 100


class StepComparison(NamedTuple):
    """A network in NumPy and in ONNX Runtime."""

    numpy: StepNetwork
    onnx: StepNetwork
    # Largest difference of their logits
    difference: float
    # Of each, whether a text's logits are exactly the same alone and in a batch
    same_in_batch: list[bool]


def compare_steps(
    network: NetworkConfig, characters: str, batch: int, threads: int
) -> StepComparison:
    """Build a network of random weights in NumPy and in ONNX Runtime, and compare some steps."""
    vocabulary = Vocabulary.of(characters)
    tracker = PositionTracker(vocabulary.tokens)
    generator = np.random.default_rng(1)
    weights = {
        name: generator.normal(0, 0.08, shape).astype(np.float32)
        for name, shape in weight_shapes(network, vocabulary.size).items()
    }
    networks = [StepNetwork(network, weights, tracker) for _ in range(2)]
    # In the second, a session does the steps; attention is in the graph, not among the cells.
    layers = architecture(network.replace(attention=False), vocabulary.size)
    stepper: _OnnxBlockStepper | _OnnxStreamStepper
    if network.bidirectional:
        stepper = _OnnxBlockStepper(layers, weights, tracker, network.chunk_length or 1)
    else:
        stepper = _OnnxStreamStepper(layers, weights, tracker)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    stepper.session = onnxruntime.InferenceSession(
        _StepGraph(network, weights).model().SerializeToString(),
        options,
        providers=["CPUExecutionProvider"],
    )
    if network.attention:
        stepper.head_shape = (network.heads, network.units // network.heads)
    networks[1]._stepper = stepper
    generator = np.random.default_rng(2)
    shape = (COMPARED_STEPS, batch)
    texts = generator.integers(BEGIN + 2, vocabulary.size, shape).astype(np.int32)
    logits = [_logits(step, texts) for step in networks]
    same = [
        bool((_logits(step, texts[:, :1])[:, 0] == in_batch[:, 0]).all())
        for step, in_batch in zip(networks, logits, strict=True)
    ]
    return StepComparison(
        networks[0], networks[1], float(np.abs(logits[0] - logits[1]).max()), same
    )


def _logits(network: StepNetwork, texts: NDArray[np.int32]) -> Array:
    """Return the logits of every step of texts (T, B): (T, B, vocabulary)."""
    state, all_logits = network.start(texts.shape[1]), []
    for ids in texts:
        logits, state = network.step(ids, state)
        all_logits.append(logits)
    return np.stack(all_logits)


class _OnnxStep:
    """Takes a stepper's ``_step`` in an ONNX session."""

    session: Any
    head_shape: tuple[int, int] | None = None  # (H, D) if there is attention
    _lstms: Any

    def _start_cells(self, batch: int) -> State:
        sizes = [lstm.units for lstm in self._lstms for _ in range(2)]
        state = [np.zeros((batch, size), np.float32) for size in sizes]
        if self.head_shape:
            heads, width = self.head_shape
            # Keys are one position ahead of values, see _attention.
            state.append(np.zeros((batch, heads, 1, width), np.float32))
            state.append(np.zeros((batch, heads, 0, width), np.float32))
        return tuple(state)

    def _step(
        self,
        rows: Sequence[NDArray[Any]],
        state: State,
        *,
        look: bool,  # noqa: ARG002 - the graph keeps its attention weights
    ) -> tuple[Array, State, Array | None]:
        inputs = {f"state_{number}": array for number, array in enumerate(state)}
        inputs["gates"] = self._lstms[0].gates(rows)
        if self.head_shape:
            inputs["ids"] = rows[0]
        logits, *after = self.session.run(None, inputs)
        return logits, tuple(after), None


class _OnnxStreamStepper(_OnnxStep, _StreamStepper):
    pass


class _OnnxBlockStepper(_OnnxStep, _BlockStepper):
    pass


class _StepGraph:
    """One step of a stream network, from the input's part of the first layer's gates on."""

    def __init__(self, network: NetworkConfig, weights: Weights) -> None:
        self._network, self._weights = network, weights
        self._nodes: list[Any] = []
        self._arrays: dict[str, Any] = {}
        self._states: list[tuple[str, list[str | int | None]]] = []
        self._new_states: list[str] = []

    def model(self) -> Any:
        stream = self._lstms()
        if self._network.attention:
            stream = self._attention(stream)
        logits = self._product(stream, "logits/kernel")
        self._node("Add", [logits, self._array("logits/bias")], "logits")
        gates: list[str | int | None] = ["batch", 4 * self._network.units]
        inputs = [helper.make_tensor_value_info("gates", onnx.TensorProto.FLOAT, gates)]
        if self._network.attention:
            inputs.append(helper.make_tensor_value_info("ids", onnx.TensorProto.INT32, ["batch"]))
        inputs += [
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
            for name, shape in self._states
        ]
        outputs = [
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
            for name in ("logits", *self._new_states)
        ]
        arrays = [numpy_helper.from_array(array, name) for name, array in self._arrays.items()]
        graph = helper.make_graph(self._nodes, "step", inputs, outputs, arrays)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])

    def _lstms(self) -> str:
        stream = "gates"
        units, weights = self._network.units, self._weights
        for layer in range(1, self._network.layers + 1):
            input_gates = stream
            recurrent = weights[f"lstm_{layer}/recurrent_kernel"]
            if layer > 1:
                kernel = self._array(
                    f"kernel_{layer}", rearrange_gates(weights[f"lstm_{layer}/kernel"])
                )
                bias = self._array(f"bias_{layer}", rearrange_gates(weights[f"lstm_{layer}/bias"]))
                input_gates = self._node("Add", [self._node("MatMul", [stream, kernel]), bias])
            output, cell = self._state("batch", units), self._state("batch", units)
            kernel = self._array(f"recurrent_{layer}", rearrange_gates(recurrent))
            gates = self._node("Add", [input_gates, self._node("MatMul", [output, kernel])])
            names = [f"{gate}_{layer}" for gate in ("input", "forget", "output", "candidate")]
            self._nodes.append(helper.make_node("Split", [gates], names, axis=1))
            *logistic, candidate = names
            entry, forget, output_gate = map(self._sigmoid_of_half, logistic)
            written = self._node("Mul", [entry, self._node("Tanh", [candidate])])
            cell = self._node("Add", [self._node("Mul", [forget, cell]), written])
            stream = self._node("Mul", [output_gate, self._node("Tanh", [cell])])
            self._new_states += [stream, cell]
        return stream

    def _sigmoid_of_half(self, gate: str) -> str:
        """Return the sigmoid of a gate that ``rearrange_gates`` halved."""
        return self._node("Sigmoid", [self._node("Add", [gate, gate])])

    def _attention(self, stream: str) -> str:
        # A key is computed from the position before, so this step's key is for the next position.
        network = self._network
        heads, head = network.heads, network.units // network.heads
        value, value_of_character = np.split(self._weights["attention/value"], [network.units])
        query = self._weights["attention/query"] * np.float32(head**-0.5)
        table = self._weights["embedding/embeddings"] @ value_of_character
        parts = np.concatenate([query, value, self._weights["attention/key"]], axis=1)
        products = self._node("MatMul", [stream, self._array("parts", parts)])
        names = ["query", "value", "key"]
        self._nodes.append(helper.make_node("Split", [products], names, axis=1))
        character = self._node("Gather", [self._array("characters", table), "ids"])
        shape = self._array("heads", np.array([-1, heads, 1, head], np.int64))  # (B, H, 1, D)
        new_value = self._node("Add", ["value", character])
        new_query, new_value, new_key = (
            self._node("Reshape", [name, shape]) for name in ("query", new_value, "key")
        )
        keys, values = (self._state("batch", heads, name, head) for name in ("keys", "values"))
        values = self._node("Concat", [values, new_value], axis=2)  # (B, H, T, D)
        self._new_states += [self._node("Concat", [keys, new_key], axis=2), values]
        transposed = self._node("Transpose", [keys], perm=[0, 1, 3, 2])  # (B, H, D, T)
        scores = self._node("MatMul", [new_query, transposed])  # (B, H, 1, T)
        mixed = self._node("MatMul", [self._node("Softmax", [scores], axis=-1), values])
        flat = self._array("flat", np.array([-1, network.units], np.int64))  # (B, U)
        mixed = self._product(self._node("Reshape", [mixed, flat]), "attention/output")
        return self._node("Add", [mixed, stream])

    def _state(self, *shape: str | int | None) -> str:
        name = f"state_{len(self._states)}"
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
