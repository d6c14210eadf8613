"""Penalties on the size of weights: l1 and l2."""

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn, optim

Penalize = Literal["weights", "all"]


class Penalties:
    """l1 × Σ|w| + l2/2 × Σw², over the parameters that the optimizer trains."""

    def __init__(self, model: nn.Module, optimizer: optim.Optimizer, which: Penalize) -> None:
        """Take the model.

        Args:
            model: has the parameters.
            optimizer: trains them, or some of them.
            which: "weights": without biases and without the parameters of norm layers (batch norm, layer norm, …);
                "all": with them. Embeddings with sparse gradients are left out: their optimizers take no others.

        Raises:
            ValueError: `which` is neither.
        """
        if which not in {"weights", "all"}:
            raise ValueError(f'penalize must be "weights" or "all", not {which!r}.')
        self._model, self._optimizer, self._which = model, optimizer, which
        self._sizes: list[int] = []
        self._weights: list[nn.Parameter] = []

    def __call__(self, l1: float, l2: float) -> Tensor:
        """The penalty of the weights as they are, with its graph; l2 is scaled as torch's SGD scales weight decay."""
        weights = [_real(weight) for weight in self._of_the_model() if weight.requires_grad]
        device = weights[0].device if weights else None
        total = torch.zeros((), device=device)
        if l1:
            total = total + l1 * _sum((weight.abs() for weight in weights), total)
        if l2:
            total = total + 0.5 * l2 * _sum((weight.square() for weight in weights), total)
        return total

    def _of_the_model(self) -> list[nn.Parameter]:
        """The parameters; looked for again when the optimizer has other ones."""
        sizes = [len(group["params"]) for group in self._optimizer.param_groups]
        if sizes != self._sizes:
            trained = {its for group in self._optimizer.param_groups for its in group["params"]}
            left_out = set(_left_out(self._model, self._which))
            self._weights = [its for its in self._model.parameters() if its in trained and its not in left_out]
            self._sizes = sizes
        return self._weights


def _left_out(model: nn.Module, which: Penalize) -> Iterable[nn.Parameter]:
    for module in model.modules():
        is_norm = "norm" in type(module).__name__.lower()
        for name, parameter in module.named_parameters(recurse=False):
            if getattr(module, "sparse", False) is True or (which == "weights" and (is_norm or "bias" in name)):
                yield parameter


def _real(weight: Tensor) -> Tensor:
    return torch.view_as_real(weight) if weight.is_complex() else weight


def _sum(parts: Iterable[Tensor], like: Tensor) -> Tensor:
    """The sum of all elements, in float32 where the weights have less."""
    half = {torch.float16, torch.bfloat16}
    sums = [part.sum(dtype=torch.float32 if part.dtype in half else None).to(like.device) for part in parts]
    return torch.stack(sums).sum() if sums else like
