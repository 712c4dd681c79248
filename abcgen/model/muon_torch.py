"""Muon's update on PyTorch in few calls; nothing but speed depends on this module.

Keras updates one variable after the other, in some sixty calls each, for which a GPU waits longer
than for the update itself. Here all variables are updated together, and matrices of like shape are
orthogonalised together. Like ``backend``, this module may call PyTorch itself.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

NARROWEST = 16


def apply_muon(muon: Any, gradients: Sequence[Any], variables: Sequence[Any], rate: float) -> None:
    """Clip gradients, decay weights, and update all variables as Keras's ``Muon`` would."""
    values = [variable.value for variable in variables]
    # 1) Clip.
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    scale = torch.clamp(muon.global_clipnorm / norm, max=1.0)
    gradients = torch._foreach_mul(gradients, scale)
    # 2) Decay.
    numbers = [muon._get_variable_index(variable) for variable in variables]
    is_adam = [muon.adam_velocities[number] is not None for number in numbers]
    for of_adam, decay in ((True, muon.adam_weight_decay), (False, muon.weight_decay)):
        decayed = [
            value
            for variable, value, adam in zip(variables, values, is_adam, strict=True)
            if adam == of_adam and muon._use_weight_decay(variable)
        ]
        if decay and decayed:
            torch._foreach_mul_(decayed, 1 - decay * rate)
    # 3) Update.
    momentums = [muon.momentums[number].value for number in numbers]

    def of(rows: Sequence[Any], *, adam: bool) -> list[Any]:
        return [row for row, is_one in zip(rows, is_adam, strict=True) if is_one == adam]

    velocities = [muon.adam_velocities[number] for number in numbers]
    _adam(
        muon,
        of(values, adam=True),
        of(gradients, adam=True),
        of(momentums, adam=True),
        [velocity.value for velocity in of(velocities, adam=True)],
        rate,
    )
    _muon(
        muon,
        of(values, adam=False),
        of(gradients, adam=False),
        of(momentums, adam=False),
        rate,
    )
    muon.iterations.value.add_(1)


def _adam(
    muon: Any, values: Any, gradients: Any, momentums: Any, velocities: Any, rate: float
) -> None:
    step = muon.iterations.value + 1
    torch._foreach_lerp_(momentums, gradients, 1 - muon.adam_beta_1)
    torch._foreach_mul_(velocities, muon.adam_beta_2)
    torch._foreach_addcmul_(velocities, gradients, gradients, 1 - muon.adam_beta_2)
    alpha = torch.sqrt(1 - muon.adam_beta_2**step) / (1 - muon.adam_beta_1**step)
    changes = torch._foreach_mul(momentums, alpha * (rate * muon.adam_lr_ratio))
    roots = torch._foreach_sqrt(velocities)
    torch._foreach_add_(roots, muon.epsilon)
    torch._foreach_addcdiv_(values, changes, roots, -1.0)


def _muon(muon: Any, values: Any, gradients: Any, momentums: Any, rate: float) -> None:
    torch._foreach_mul_(momentums, muon.momentum)
    torch._foreach_add_(momentums, gradients)
    updates = torch._foreach_add(gradients, momentums, alpha=muon.momentum)
    scales = [-rate * muon.rms_rate * max(value.shape) ** 0.5 for value in values]
    updates = _orthogonalised(updates, muon)
    torch._foreach_add_(values, torch._foreach_mul(updates, scales))


def _orthogonalised(matrices: list[Any], muon: Any) -> list[Any]:
    """Return matrices after Newton and Schulz's iteration, those of like shape together."""
    flat = [matrix.T if matrix.shape[0] > matrix.shape[1] else matrix for matrix in matrices]
    groups = defaultdict[tuple[int, int], list[int]](list)
    for number, matrix in enumerate(flat):
        rows, columns = (1 << (max(NARROWEST, side) - 1).bit_length() for side in matrix.shape)
        groups[rows, columns].append(number)
    results: list[Any] = [None] * len(matrices)
    for (rows, columns), numbers in groups.items():
        # Zeros beside a matrix stay zeros, and change nothing of it.
        together = flat[numbers[0]].new_zeros(len(numbers), rows, columns)
        views = [
            place[: flat[number].shape[0], : flat[number].shape[1]]
            for place, number in zip(together, numbers, strict=True)
        ]
        torch._foreach_copy_(views, [flat[number] for number in numbers])
        together /= torch.linalg.matrix_norm(together, keepdim=True) + 1e-7
        for _ in range(muon.ns_steps):
            squared = together @ together.mT
            factor = torch.baddbmm(squared, squared, squared, beta=muon.muon_b, alpha=muon.muon_c)
            together = torch.baddbmm(together, factor, together, beta=muon.muon_a)
        for place, number in zip(together, numbers, strict=True):
            part = place[: flat[number].shape[0], : flat[number].shape[1]]
            results[number] = part.T if flat[number] is not matrices[number] else part
    return results
