"""Evaluation on held-out data. It never changes training: whatever it touches is put back."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from retune_widget.engine import generators, rng
from retune_widget.engine.attributes import Attributes
from retune_widget.engine.leaves import Tensors, owned
from retune_widget.engine.move import to_device
from retune_widget.engine.optimizer_modes import in_evaluation_mode
from retune_widget.engine.pack import pack, unpack_into, write
from retune_widget.engine.state import MODULE_INTERNAL, LiveState

Metric = Callable[[Any, Any], Tensor | float]
Metrics = dict[str, Any]


@contextmanager
def aside(live: LiveState) -> Iterator[None]:
    """Inside: evaluation mode, no gradients. Outside: modes, buffers, attributes, `.grad`, generators as they were.

    Optimizers that have modes (schedule-free ones) are in evaluation mode too, and put back with their parameters.
    """
    models = list(live.models.values())
    modules = {id(module): module for model in models for module in model.modules()}.values()
    named = [tensor for model in models for tensor in (*model.parameters(), *model.buffers())]
    tensors = Tensors()
    attributes = Attributes(tensors, named)
    kept = [attributes.capture(module, MODULE_INTERNAL, f"{i}") for i, module in enumerate(modules)]
    buffers = [(module, dict(module._buffers)) for module in modules]  # noqa: SLF001  # None and shared ones included
    copies = [(buffer, owned(buffer)) for model in models for buffer in model.buffers()]
    gradients = [(parameter, parameter.grad) for model in models for parameter in model.parameters()]
    own = [extra for extra in live.extras.values() if generators.is_generator(extra)]
    states = pack(own, "generator", tensors)
    try:
        for model in models:
            model.eval()
        for parameter, _ in gradients:
            parameter.grad = None
        with rng.undisturbed(), torch.no_grad(), in_evaluation_mode(live.optimizers.values()):
            yield
    finally:
        for i, (module, its) in enumerate(zip(modules, kept, strict=True)):
            attributes.restore(module, MODULE_INTERNAL, f"{i}", its)
        for module, as_they_were in buffers:
            module._buffers.clear()  # noqa: SLF001
            module._buffers.update(as_they_were)  # noqa: SLF001
        for buffer, copy in copies:  # all of them: batch norm writes its buffers without counting it in `_version`
            write(buffer, copy)
        for parameter, gradient in gradients:
            parameter.grad = gradient
        unpack_into(own, states, tensors)


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

    Raises:
        ValueError: `data` can be read only once.
    """
    if isinstance(data, Iterator):
        raise ValueError(  # noqa: TRY004  # the type would do, were it not used up after one pass
            f"val_data is a {type(data).__name__}, which can be read only once: pass a Dataset, a DataLoader or a list."
        )
    batches: Any = DataLoader(data, batch_size=batch_size) if _holds_samples(data) else data

    def evaluate() -> Metrics:
        sums: dict[str, Any] = dict.fromkeys(metrics, 0.0)
        count = 0
        for batch in batches:
            inputs, targets = to_device(batch, device)
            output = model(inputs)
            size = _length(targets)
            count += size
            for name, metric in metrics.items():
                sums[name] = sums[name] + metric(output, targets) * size
        if not count:
            raise ValueError(
                "val_data gave no batches: pass a Dataset, a DataLoader or a list, which can be read again."
            )
        return {f"val/{name}": total / count for name, total in sums.items()}

    return evaluate


def _holds_samples(data: Any) -> bool:
    if isinstance(data, IterableDataset):
        return True
    return hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, list | tuple)


def _length(targets: Any) -> int:
    """Samples in a batch: the first dimension of the first tensor in it."""
    if isinstance(targets, Mapping):
        targets = list(targets.values())
    if isinstance(targets, list | tuple) and targets and isinstance(targets[0], Tensor | Mapping | list | tuple):
        return _length(targets[0])
    return len(targets)
