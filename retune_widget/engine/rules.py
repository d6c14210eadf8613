"""What torch's optimizers do with a value that is changed live: refused, late, or made ready first.

Measured for every optimizer in `torch.optim` (docs/live_changes.md). A direct write to a param group skips the
constructor's range checks, raises `KeyError` in the next step where a buffer is missing, or is silently ignored;
none of this may reach the person who moved a slider.
"""

import inspect
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, optim

from retune_widget.engine.hyperparameters import GroupField, ParamGroup, Value
from retune_widget.errors import HyperparameterError

Fields = Mapping[str, Any]


def review(optimizer: optim.Optimizer, before: Fields, proposed: Fields) -> dict[str, str]:
    """Check new fields of a param group as a whole.

    Args:
        optimizer: whose group it is.
        before: the group as it stands before the change.
        proposed: the fields that change, with their whole new values (tuples too).

    Returns:
        A notice for each field that is late or has a side effect.

    Raises:
        HyperparameterError: the optimizer would ignore the value, or its constructor would refuse it.
    """
    after = {**before, **proposed}
    for field, value in proposed.items():
        reason = _ignored(optimizer, field, value, after)
        if reason:
            raise HyperparameterError(f"{field} would have no effect: {reason}")
    _as_the_constructor_would(optimizer, after, proposed)
    return {field: text for field in proposed if (text := _notice(optimizer, field, before, after))}


def follows(optimizer: optim.Optimizer, proposed: Fields) -> dict[str, Value]:
    """Fields that the constructor computes from those that change, unless they are given too."""
    if isinstance(optimizer, optim.LBFGS) and "max_iter" in proposed and "max_eval" not in proposed:
        return {"max_eval": int(proposed["max_iter"]) * 5 // 4}
    return {}


def make_ready(optimizer: optim.Optimizer, group: ParamGroup, proposed: Fields) -> None:
    """Create the buffers that the next step will look for, as zeros."""
    for field, (kinds, buffer) in BUFFERS.items():
        if isinstance(optimizer, kinds) and proposed.get(field) and not group[field]:
            for parameter in group["params"]:
                state = optimizer.state.get(parameter)
                if state and buffer not in state:
                    state[buffer] = torch.zeros_like(parameter, memory_format=torch.preserve_format)


def put_ready(place: GroupField, value: Value) -> None:
    """Put a value in its place in the middle of training, where nobody reviews it: buffers are made first."""
    if value and place.element is None and not place.param_group[place.field]:
        make_ready(place.optimizer, place.param_group, {place.field: value})
    place.write(value)


def bounds(field: str) -> tuple[float, float]:
    """The lowest and the highest value that any optimizer takes in a field of this name."""
    if field == "betas":
        return 0.0, math.nextafter(1.0, 0.0)
    return (0.0 if field in NOT_NEGATIVE else -LARGEST), LARGEST


LARGEST = 1e30
"""What every optimizer can still compute with in float32: beyond that torch raises in the middle of a step."""
NOT_NEGATIVE = ("lr", "weight_decay", "eps", "momentum", "dampening")

# field: (the optimizers that raise KeyError when it is switched on, the buffer that they miss)
BUFFERS: dict[str, tuple[tuple[type[optim.Optimizer], ...], str]] = {
    "amsgrad": ((optim.Adam, optim.AdamW), "max_exp_avg_sq"),
    "momentum": ((optim.RMSprop,), "momentum_buffer"),
    "centered": ((optim.RMSprop,), "grad_avg"),
}


def takes_effect(optimizer: optim.Optimizer, field: str) -> str:
    """When a new value of this field is used, in words."""
    for kinds, never, reason in NEVER:
        if isinstance(optimizer, kinds) and field == never:
            return f"never: {reason}"
    if (type(optimizer), field) in {(optim.ASGD, "lr"), (optim.ASGD, "alpha")}:
        return "one step after the next: ASGD keeps the step size in its state"
    return "at the next step"


def decay_text(place: GroupField) -> str:
    """Whether this optimizer decouples weight decay from the gradient, in words."""
    if "decoupled_weight_decay" in place.param_group:
        return (
            "With decoupled_weight_decay on (as in AdamW) weights shrink by lr × weight_decay a step, apart from the "
            "gradient; off, it is added to the gradient, as an l2 penalty is."
        )
    if type(place.optimizer).__name__ in DECOUPLING:
        return "Decoupled: weights shrink by lr × weight_decay a step, apart from the gradient."
    if type(place.optimizer).__module__.startswith("torch.optim"):
        return "Not decoupled: it is added to the gradient, as an l2 penalty is."
    return ""


DECOUPLING = frozenset({"AdamW", "Adafactor", "Muon"})
"""By name: the older versions of torch do not have them all, or not the field that says so."""

# (optimizer, field, why it is ignored however it is set)
NEVER: tuple[tuple[type[optim.Optimizer], str, str], ...] = (
    (optim.Rprop, "lr", "Rprop uses lr for its first step only. Change step_sizes or etas instead."),
    (optim.Adagrad, "initial_accumulator_value", "Adagrad uses it at construction only."),
)


def _ignored(optimizer: optim.Optimizer, field: str, value: Value, after: Fields) -> str | None:
    for kinds, never, reason in NEVER:
        if isinstance(optimizer, kinds) and field == never:
            return reason
    match optimizer, field:
        case optim.SGD(), "dampening" if value and not after["momentum"]:
            return "dampening acts on the momentum, which is 0. Set momentum first."
        case _, "decoupled_weight_decay" if not after.get("weight_decay"):
            return "weight_decay is 0. Set weight_decay first."
    return None


def _notice(optimizer: optim.Optimizer, field: str, before: Fields, after: Fields) -> str | None:
    states = [optimizer.state[p] for p in after["params"] if optimizer.state.get(p)]
    on = bool(after[field]) and not before[field]
    text = None
    match optimizer, field:
        case optim.SGD(), "momentum" if on and any(s.get("momentum_buffer") is not None for s in states):
            text = "goes on from the momentum of when it was last on"
        case optim.SGD(), "momentum" if on:
            text = "late by one step: the momentum starts as the next gradient"
        case optim.SGD(), "momentum" if after["nesterov"] and not after["momentum"]:
            text = "nesterov has no effect while momentum is 0"
        case optim.RMSprop(), "momentum" if on and not any("momentum_buffer" in s for s in states):
            text = "late by one step: the momentum starts as the next step"
        case optim.ASGD(), "lr" | "alpha" if states:
            text = "late by one step: ASGD keeps the step size in its state"
        case optim.ASGD(), "t0":
            text = "has an effect only once t0 steps are done"
        case optim.LBFGS(), "history_size":
            text = "has an effect once the history is longer than that"
    return text


def _as_the_constructor_would(optimizer: optim.Optimizer, after: Fields, proposed: Fields) -> None:
    """Run the range checks of the optimizer's own constructor on a parameter made up for it."""
    kind = type(optimizer)
    if not kind.__module__.startswith("torch.optim"):
        _general_ranges(after)
        return
    known = inspect.signature(kind.__init__).parameters
    arguments = {
        key: _plain(value)
        for key, value in after.items()
        if key in known and key not in {"params", "foreach", "fused", "capturable", "differentiable"}
    }
    if isinstance(optimizer, optim.SGD) and not after["momentum"] and "nesterov" not in proposed:
        arguments["nesterov"] = False  # momentum may be switched off for a while
    try:
        kind([torch.zeros(1, 1, requires_grad=True)], **arguments)
    except ValueError as error:
        raise HyperparameterError(f"{kind.__name__} refuses it: {error}") from error
    _general_ranges(after)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(_plain(item) for item in value)
    return value.item() if isinstance(value, Tensor) and value.numel() == 1 else value


def _general_ranges(after: Fields) -> None:
    """Bounds that hold for every optimizer that uses these names; some constructors do not check them."""
    for field in NOT_NEGATIVE:
        value = after.get(field)
        if isinstance(value, int | float) and value < 0:
            raise HyperparameterError(f"{field} cannot be negative: {value}.")
    for element, beta in enumerate(after.get("betas") or ()):
        if isinstance(beta, int | float) and not 0 <= beta < 1:
            raise HyperparameterError(f"betas[{element}] must be at least 0 and below 1: {beta}.")
