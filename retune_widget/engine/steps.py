"""The step that trains on one batch: the user's own made uniform, and the metrics that steps give."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from retune_widget.engine.state import LiveState

Metrics = dict[str, Any]
Step = Callable[[Any], Metrics]


def without_gradients(step: Step, live: "LiveState") -> Step:
    """The built-in step begins with `zero_grad`: what it leaves in `.grad` is no state."""

    def train(batch: Any) -> Metrics:
        metrics = step(batch)
        live.keep_gradients = False
        return metrics

    return train


def own_step(step: Callable[[Any], Any]) -> Step:
    """A user's step function, whose result (a dict, a loss, nothing) becomes named metrics."""

    def train(batch: Any) -> Metrics:
        return named(step(batch))

    return train


def named(result: Any) -> Metrics:
    """Metrics by full name: `loss` is `train/loss`; a name with a slash stays. Tensors are detached copies.

    Raises:
        TypeError: a metric is no scalar.
    """
    if result is None:
        return {}
    if not isinstance(result, Mapping):
        result = {"loss": result}
    return {name if "/" in name else f"train/{name}": _scalar(name, value) for name, value in result.items()}


def _scalar(name: str, value: Any) -> Any:
    if isinstance(value, Tensor):
        if value.numel() == 1:
            return value.detach().clone()
        raise TypeError(f"The metric {name!r} must be one number; it is a tensor of shape {tuple(value.shape)}.")
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"The metric {name!r} must be a number or a tensor with one element, not {type(value).__name__}."
        ) from error


def to_floats(values: Sequence[Any]) -> list[float]:
    """Recorded scalars as floats, with one transfer for each device and type."""
    floats = [0.0] * len(values)
    tensors: dict[tuple[torch.device, torch.dtype], list[int]] = {}
    for index, value in enumerate(values):
        if isinstance(value, Tensor):
            tensors.setdefault((value.device, value.dtype), []).append(index)
        else:
            floats[index] = float(value)
    for indices in tensors.values():
        scalars = (values[index] for index in indices)
        stacked = torch.stack([its if its.ndim == 0 else its.reshape(()) for its in scalars])
        for index, number in zip(indices, stacked.tolist(), strict=True):
            floats[index] = float(number)
    return floats
