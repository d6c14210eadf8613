"""Evaluation on held-out data. It never changes training: modes and random generators are put back."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from retune_widget.engine import rng
from retune_widget.engine.move import to_device

Metric = Callable[[Any, Any], Tensor | float]
Metrics = dict[str, Any]


@contextmanager
def aside(models: Iterable[nn.Module]) -> Iterator[None]:
    """Inside: evaluation mode, no gradients. Outside: every module's mode and every generator as they were."""
    models = list(models)
    modules = [module for model in models for module in model.modules()]
    modes = [module.training for module in modules]
    try:
        for model in models:
            model.eval()
        with rng.undisturbed(), torch.no_grad():
            yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode


def evaluation_over(
    model: nn.Module,
    data: Any,
    metrics: Mapping[str, Metric],
    device: torch.device | None,
    batch_size: int,
) -> Callable[[], Metrics]:
    """A function that measures `metrics` over all of `data`: means weighted by the size of the batches.

    Args:
        model: called on the first part of each batch.
        data: a Dataset, or an iterable of batches (inputs, targets) that can be iterated again.
        metrics: by name, fn(output, target) -> scalar, the mean over its batch.
        device: where batches are moved to, or None.
        batch_size: for a Dataset.
    """
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, list | tuple):
        batches: Iterable[Any] = DataLoader(data, batch_size=batch_size)
    else:
        batches = data

    def evaluate() -> Metrics:
        sums: dict[str, Any] = dict.fromkeys(metrics, 0.0)
        count = 0
        for batch in batches:
            inputs, targets = to_device(batch, device)
            output = model(inputs)
            size = len(targets)
            count += size
            for name, metric in metrics.items():
                sums[name] = sums[name] + metric(output, targets) * size
        if not count:
            message = "val_data gave no batches: pass a Dataset, a DataLoader or a list, which can be read again."
            raise ValueError(message)
        return {f"val/{name}": total / count for name, total in sums.items()}

    return evaluate
