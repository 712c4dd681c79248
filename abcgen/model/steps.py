"""Training steps that do not wait for the device: their results are read later, many at a time.

Keras's ``train_on_batch`` waits for the loss of every step, and copies all variables in and out. A
GPU is idle meanwhile. Like ``backend``, this module may call the backend itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from abcgen.model.backend import backend_name, load_keras, to_numpy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Steps:
    """Steps of a compiled model by Keras, which waits for each; the subclasses do not."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def take(self, inputs: Any, targets: Any, weights: Any, rate: float) -> Any:
        """Begin a step; return what ``read`` makes loss and accuracy of."""
        self._model.optimizer.learning_rate = rate
        # Keras returns means over the batches since the last reset.
        self._model.reset_metrics()
        return self._model.train_on_batch(inputs, targets, weights)

    def read(self, results: Sequence[Any]) -> NDArray[np.float64]:
        """Wait for some steps; return the loss and accuracy of each, (steps, 2)."""
        return np.array(results, np.float64).reshape(-1, 2)

    def settle(self) -> None:
        """Bring the model's variables up to date."""


class TorchSteps(Steps):
    """Steps on PyTorch, which queues its work by itself.

    The states of dropout's random numbers are out of date until ``settle``.
    """

    def __init__(self, model: Any) -> None:
        from abcgen.model.layers import Dropout  # noqa: PLC0415 - loads Keras

        super().__init__(model)
        self._dropouts: list[Any] = [
            layer for layer in model.layers if isinstance(layer, Dropout) and layer.rate
        ]

    def settle(self) -> None:
        """Give dropout's states the values of the last step."""
        for layer in self._dropouts:
            if layer.drop:
                state = layer.seed_generator.state
                state.assign(np.array(layer.drop.state, state.dtype))
                layer.drop = None

    def take(self, inputs: Any, targets: Any, weights: Any, rate: float) -> Any:
        """Begin a step."""
        import torch  # noqa: PLC0415 - only on this backend

        from abcgen.model.muon_torch import apply_muon  # noqa: PLC0415 - loads PyTorch

        model = self._model
        for layer in self._dropouts:
            layer.drop = layer.drop or _TorchDropout(layer)
        variables = model.trainable_variables
        place = variables[0].value.device
        inputs, targets, weights = (
            torch.from_numpy(np.ascontiguousarray(rows)).to(place, non_blocking=True)
            for rows in (inputs, targets, weights)
        )
        loss, right = _loss_and_accuracy(model(inputs, training=True), targets, weights)
        gradients = torch.autograd.grad(loss, [variable.value for variable in variables])
        model.optimizer.learning_rate = rate
        with torch.no_grad():
            if isinstance(model.optimizer, load_keras().optimizers.Muon):
                apply_muon(model.optimizer, gradients, variables, rate)
            else:
                model.optimizer.apply(gradients, variables)
        return torch.stack([loss.detach(), right])

    def read(self, results: Sequence[Any]) -> NDArray[np.float64]:
        """Wait for some steps."""
        import torch  # noqa: PLC0415 - only on this backend

        return super().read(torch.stack(list(results)).cpu().numpy() if results else [])


class _TorchDropout:
    """Keras's dropout, number for number, with its state on the host.

    Keras keeps it on the device, and waits for it in every layer.
    """

    def __init__(self, layer: Any) -> None:
        self._kept = 1.0 - layer.rate
        # The seed, and how often numbers were drawn.
        self.state: list[int] = to_numpy(layer.seed_generator.state).tolist()

    def __call__(self, inputs: Any) -> Any:
        import torch  # noqa: PLC0415 - only on this backend

        generator = torch.Generator(device=inputs.device)
        generator.manual_seed(sum(self.state) & 0xFFFFFFFF)
        self.state[1] += 1
        chances = torch.full(inputs.shape, self._kept, device=inputs.device)
        kept = torch.bernoulli(chances, generator=generator).bool()
        return torch.where(kept, inputs / self._kept, torch.zeros_like(inputs))


class JaxSteps(Steps):
    """Steps on JAX: one compiled program each, that replaces all variables at once.

    The model's own variables are out of date until ``settle``.
    """

    def __init__(self, model: Any) -> None:
        import jax  # noqa: PLC0415 - only on this backend

        super().__init__(model)
        optimizer = model.optimizer
        self._variables = (
            model.trainable_variables,
            model.non_trainable_variables,
            optimizer.variables,
        )
        (self._rate,) = (
            number
            for number, variable in enumerate(optimizer.variables)
            if variable.path.endswith("/learning_rate")
        )
        self._state: Any = None
        self.program = jax.jit(self._step, donate_argnums=0)

    def take(self, inputs: Any, targets: Any, weights: Any, rate: float) -> Any:
        """Begin a step."""
        if self._state is None:
            self._state = [[variable.value for variable in part] for part in self._variables]
        self._state, result = self.program(self._state, inputs, targets, weights, np.float32(rate))
        return result

    def read(self, results: Sequence[Any]) -> NDArray[np.float64]:
        """Wait for some steps."""
        import jax  # noqa: PLC0415 - only on this backend

        return super().read(jax.device_get(list(results)))

    def settle(self) -> None:
        """Give the model's variables the values of the last step."""
        if self._state is not None:
            for part, values in zip(self._variables, self._state, strict=True):
                for variable, value in zip(part, values, strict=True):
                    variable.assign(value)
        self._state = None

    def _step(self, state: Any, inputs: Any, targets: Any, weights: Any, rate: Any) -> Any:
        """Return the next state, and loss and accuracy; JAX compiles this."""
        import jax  # noqa: PLC0415 - only on this backend

        weights_before, others, of_optimizer = state
        of_optimizer[self._rate] = rate

        def loss_of(trainable: Any) -> Any:
            logits, changed = self._model.stateless_call(trainable, others, inputs, training=True)
            loss, right = _loss_and_accuracy(logits, targets, weights)
            return loss, (right, changed)

        (loss, (right, others)), gradients = jax.value_and_grad(loss_of, has_aux=True)(
            weights_before
        )
        after, of_optimizer = self._model.optimizer.stateless_apply(
            of_optimizer, gradients, weights_before
        )
        return [after, others, of_optimizer], jax.numpy.stack([loss, right])


def steps_of(model: Any, devices: int) -> Steps:
    """Return the steps of a compiled model on this backend, and on so many devices."""
    kinds = {"jax": JaxSteps, "torch": TorchSteps} if devices == 1 else {}
    return kinds.get(backend_name(), Steps)(model)


def _loss_and_accuracy(logits: Any, targets: Any, weights: Any) -> tuple[Any, Any]:
    """Return the weighted sum of all losses, and of all targets that are the likeliest."""
    keras = load_keras()
    ops = keras.ops
    logits = ops.cast(logits, "float32")
    losses = keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    right = ops.equal(ops.argmax(logits, axis=-1), ops.cast(targets, "int32"))
    return ops.sum(losses * weights), ops.sum(ops.cast(right, "float32") * weights)
