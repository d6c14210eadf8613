"""Label smoothing, where the loss has it: as an attribute (`nn.CrossEntropyLoss`), or as a keyword."""

import inspect
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from retune_widget.engine.settings import Access, Settings

KEY = "label_smoothing"
Loss = Callable[[Any, Any], Tensor]


def smoothed(loss_fn: Loss, settings: Settings) -> tuple[Loss, Loss]:
    """The loss to train on, with the smoothing in force, and the one to measure with, with that which it has now."""
    if isinstance(loss_fn, nn.Module):
        first = getattr(loss_fn, KEY, None)
        if not isinstance(first, float | int) or isinstance(first, bool):
            return loss_fn, loss_fn
        settings.build_in(
            KEY, float(first), Access(lambda: getattr(loss_fn, KEY), lambda new: setattr(loss_fn, KEY, new))
        )
        return loss_fn, _as_it_was(loss_fn, first)
    first = _default(loss_fn)
    if not isinstance(first, float | int) or isinstance(first, bool):
        return loss_fn, loss_fn
    settings.build_in(KEY, float(first))
    values = settings.values

    def train(output: Any, target: Any) -> Tensor:
        return loss_fn(output, target, label_smoothing=values[KEY])  # type: ignore[call-arg]  # it has the keyword

    return train, loss_fn


def _as_it_was(loss_fn: nn.Module, first: float) -> Loss:
    def measure(output: Any, target: Any) -> Tensor:
        now = getattr(loss_fn, KEY)
        setattr(loss_fn, KEY, first)
        try:
            loss: Tensor = loss_fn(output, target)
        finally:
            setattr(loss_fn, KEY, now)
        return loss

    return measure


def _default(function: Loss) -> Any:
    """The default of the keyword, or None."""
    try:
        parameter = inspect.signature(function).parameters.get(KEY)
    except (TypeError, ValueError):  # written in C, without a signature: it has no keyword that can be known
        return None
    return parameter.default if parameter is not None else None
