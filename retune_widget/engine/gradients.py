"""The global norm of the gradients, and clipping to it. No step waits for a device."""

import torch
from torch import Tensor, optim


class Gradients:
    """The gradients of everything that an optimizer trains."""

    def __init__(self, optimizer: optim.Optimizer) -> None:
        """Take the optimizer; its param groups may change later."""
        self._optimizer = optimizer

    @torch.no_grad()
    def norm(self) -> Tensor:
        """Their global 2-norm, of shape ()."""
        return _norm(self._gradients())

    @torch.no_grad()
    def clip(self, limit: float) -> Tensor:
        """Scale them down to this norm, where they have more. Returns the norm before.

        The bits are those of `torch.nn.utils.clip_grad_norm_`, which does not take sparse gradients.
        """
        gradients = self._gradients()
        norm = _norm(gradients)
        scale = torch.clamp(limit / (norm + 1e-6), max=1.0)
        if all(gradient.device == scale.device for gradient in gradients):
            torch._foreach_mul_(gradients, scale)  # what torch's own clipping calls
        else:
            for gradient in gradients:
                gradient.mul_(scale.to(gradient.device))
        return norm

    def _gradients(self) -> list[Tensor]:
        """The values of the sparse ones, which are summed up first: one index may come several times."""
        gradients: list[Tensor] = []
        for group in self._optimizer.param_groups:
            for parameter in group["params"]:
                gradient = parameter.grad
                if gradient is None:
                    continue
                if gradient.layout is not torch.strided:
                    parameter.grad = gradient = gradient.coalesce()
                    gradient = gradient._values()  # noqa: SLF001  # not a copy, unlike values()
                gradients.append(gradient)
        return gradients


def _norm(gradients: list[Tensor]) -> Tensor:
    if not gradients:
        return torch.zeros(())
    norms = torch._foreach_norm(gradients)  # noqa: SLF001  # one call for all tensors; torch's own clipping uses it
    first = norms[0].device
    norm: Tensor = torch.linalg.vector_norm(torch.stack([its.to(first) for its in norms]))
    return norm
