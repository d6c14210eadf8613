"""The step that trains on one batch: the built-in supervised one, or the user's own made uniform."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.optim import lr_scheduler

from retune_widget.engine.move import to_device

Metrics = dict[str, Any]
Step = Callable[[Any], Metrics]


def supervised_step(
    model: nn.Module,
    optimizer: optim.Optimizer,
    loss_fn: Callable[[Any, Any], Tensor],
    *,
    device: torch.device | None,
    scheduler: lr_scheduler.LRScheduler | None,
    scaler: Any,
    before_update: Callable[[], None] = lambda: None,
) -> Step:
    """The built-in step: forward, loss, backward, one optimizer step, one scheduler step.

    Optimizers that need a closure (LBFGS) get one; it may be called several times in a step.

    Args:
        model: is trained.
        optimizer: trains it.
        loss_fn: `loss_fn(model(x), y)` for batches (x, y).
        device: where batches are moved.
        scheduler: steps after each optimizer step.
        scaler: a GradScaler.
        before_update: called when the optimizer is about to step.

    Raises:
        ValueError: a scaler together with LBFGS.
    """
    if scaler is not None and isinstance(optimizer, optim.LBFGS):
        raise ValueError("A GradScaler cannot scale the closure of LBFGS: leave the scaler out.")

    def train(batch: Any) -> Metrics:
        inputs, targets = to_device(batch, device)
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), targets)
        if scaler is None:
            loss.backward()  # type: ignore[no-untyped-call]
            before_update()
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            before_update()
            scaler.step(optimizer)
            scaler.update()
        if scheduler is not None:
            scheduler.step()
        return {"train/loss": loss.detach()}

    def train_with_closure(batch: Any) -> Metrics:
        inputs, targets = to_device(batch, device)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = loss_fn(model(inputs), targets)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        before_update()
        loss: Any = optimizer.step(closure)  # type: ignore[arg-type]  # it takes tensors; its annotation says float
        if scheduler is not None:
            scheduler.step()
        return {"train/loss": loss.detach() if isinstance(loss, Tensor) else loss}

    return train_with_closure if isinstance(optimizer, optim.LBFGS) else train


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
