"""The built-in step: supervised, one model, one optimizer."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.optim import lr_scheduler

from retune_widget.engine.gradients import Gradients
from retune_widget.engine.grouped_feed import Batches
from retune_widget.engine.move import to_device
from retune_widget.engine.penalty import Penalize, Penalties
from retune_widget.engine.settings import Settings
from retune_widget.engine.smoothing import Loss
from retune_widget.engine.steps import Metrics, Step

NORM_EVERY = 10
"""Steps between two measurements of the gradient's norm: one takes 10 µs for 4 tensors, 100 for 50."""


def supervised_step(
    model: nn.Module,
    optimizer: optim.Optimizer,
    loss_fn: Loss,
    *,
    device: torch.device | None = None,
    scheduler: lr_scheduler.LRScheduler | None = None,
    scaler: Any = None,
    before_update: Callable[[], None] = lambda: None,
    check: Callable[[Tensor], None] = lambda _loss: None,
    settings: Settings | None = None,
    penalize: Penalize = "weights",
    norm_at: Callable[[], bool] = lambda: False,
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
        check: told the loss after the backward pass; raises what stops the step.
        settings: get `l1`, `l2` and, unless the optimizer is LBFGS, `grad_clip`; the step reads them there.
        penalize: what l1 and l2 are about: "weights", or "all" parameters.
        norm_at: whether the gradient's norm is measured in the step at hand.

    Raises:
        ValueError: a scaler together with LBFGS; `penalize` is neither.
    """
    with_closure = isinstance(optimizer, optim.LBFGS)
    if scaler is not None and with_closure:
        raise ValueError("A GradScaler cannot scale the closure of LBFGS: leave the scaler out.")
    settings = settings or Settings()
    settings.build_in("l1", 0.0)
    settings.build_in("l2", 0.0)
    if not with_closure:
        settings.build_in("grad_clip", 0.0)
    objective = _Objective(model, loss_fn, device, Penalties(model, optimizer, penalize), settings)
    step = _Supervised(optimizer, objective, scheduler, scaler, before_update, check, norm_at)
    return step.train_with_closure if with_closure else partial(step.train, settings.values)


@dataclass(frozen=True, slots=True)
class _Supervised:
    """The parts of the built-in step."""

    optimizer: optim.Optimizer
    objective: "_Objective"
    scheduler: lr_scheduler.LRScheduler | None
    scaler: Any
    before_update: Callable[[], None]
    check: Callable[[Tensor], None]
    norm_at: Callable[[], bool]

    def train(self, values: dict[str, Any], batch: Any) -> Metrics:
        self.optimizer.zero_grad()
        metrics: Metrics = {}
        if type(batch) is Batches:
            self.objective.backward_each(batch, metrics, self.scaler)
        else:
            _backward(self.objective(batch, metrics), self.scaler)
        self.check(metrics["train/loss"])
        limit = values["grad_clip"]
        if limit or self.norm_at():
            if self.scaler is not None:
                self.scaler.unscale_(self.optimizer)
            gradients = Gradients(self.optimizer)
            metrics |= _clipped(gradients, limit) if limit else {"train/grad_norm": gradients.norm()}
        self.before_update()
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        if self.scheduler is not None:
            self.scheduler.step()
        return metrics

    def train_with_closure(self, batch: Any) -> Metrics:
        metrics: Metrics = {}

        def closure() -> Tensor:
            self.optimizer.zero_grad()
            first = not metrics
            objective = self.objective(batch, metrics if first else {})
            objective.backward()  # type: ignore[no-untyped-call]
            self.check(objective)
            if first and self.norm_at():
                metrics["train/grad_norm"] = Gradients(self.optimizer).norm()
            return objective

        self.before_update()
        self.optimizer.step(closure)  # type: ignore[arg-type]  # it takes tensors; its annotation says float
        if self.scheduler is not None:
            self.scheduler.step()
        return metrics


def _backward(objective: Tensor, scaler: Any) -> None:
    (objective if scaler is None else scaler.scale(objective)).backward()


def _clipped(gradients: Gradients, limit: float) -> Metrics:
    norm = gradients.clip(limit)
    return {"train/grad_norm": norm, "train/clipped": (norm > limit).to(norm.dtype)}


class _Objective:
    """What is minimised: the loss of the data, and the penalties where there are any."""

    def __init__(
        self, model: nn.Module, loss_fn: Loss, device: torch.device | None, penalties: Penalties, settings: Settings
    ) -> None:
        self._model, self._loss_fn, self._device, self._penalties = model, loss_fn, device, penalties
        self._values = settings.values

    def __call__(self, batch: Any, metrics: Metrics) -> Tensor:
        """For one batch; the parts go to `metrics`."""
        inputs, targets = to_device(batch, self._device)
        loss = self._loss_fn(self._model(inputs), targets)
        metrics["train/loss"] = loss.detach()
        penalty = self._penalty(metrics)
        return loss if penalty is None else loss + penalty

    def backward_each(self, batches: Batches, metrics: Metrics, scaler: Any) -> None:
        """For the mean over several batches: one forward and backward pass after the other."""
        total: Any = 0.0
        for batch in batches:
            inputs, targets = to_device(batch, self._device)
            loss = self._loss_fn(self._model(inputs), targets) / len(batches)
            total = total + loss.detach()
            _backward(loss, scaler)
        metrics["train/loss"] = total
        penalty = self._penalty(metrics)
        if penalty is not None and penalty.requires_grad:
            _backward(penalty, scaler)

    def _penalty(self, metrics: Metrics) -> Tensor | None:
        l1, l2 = self._values["l1"], self._values["l2"]
        if not l1 and not l2:
            return None
        penalty = self._penalties(l1, l2)
        metrics["train/penalty"] = penalty.detach()
        return penalty


def norm_interval(grad_norm: bool | int) -> int:
    """Steps between two measurements of the gradient's norm; 0: none.

    Raises:
        ValueError: it is neither true, false, nor a whole number above 0.
    """
    if isinstance(grad_norm, bool):
        return int(grad_norm)
    if type(grad_norm) is not int or grad_norm < 1:
        raise ValueError(f"grad_norm must be True, False, or a whole number of steps, not {grad_norm!r}.")
    return grad_norm
