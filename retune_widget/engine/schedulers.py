"""Torch's LR schedulers: which values one drives, and what it is going to give."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, optim
from torch.optim import lr_scheduler

from retune_widget.engine.hyperparameters import GroupField, Value


def driver(place: GroupField, extras: Iterable[object]) -> object | None:
    """The scheduler among `extras` that writes this place at its steps, or None."""
    for scheduler in extras:
        for part in _parts(scheduler):
            if getattr(part, "optimizer", None) is place.optimizer and _writes(part, place):
                return scheduler
    return None


def tabulate(
    scheduler: Any,
    steps: int,
    group: int,
    field: str,
    element: int | None = None,
    *,
    own: Iterable[tuple[GroupField, Value]] = (),
) -> list[float]:
    """What a scheduler gives from now on in one field, if it is stepped once a step; the value now comes first.

    A copy is run, on an optimizer made up for it. One that follows a metric stays at its value. One that has an end,
    as OneCycleLR has, gives fewer values.

    Args:
        scheduler: is left as it is.
        steps: how many values.
        group: the number of the param group.
        field: what is read there.
        element: of a tuple.
        own: values that the scheduler gave and that are not in place just now.

    Raises:
        KeyError, IndexError, TypeError: there is no number in this field.
    """
    stand_in = _stand_in(scheduler.optimizer)
    for place, value in own:
        if place.optimizer is scheduler.optimizer:
            its = stand_in.param_groups[place.group_index]
            place.put(its, its, value)
    twin = copy.deepcopy(scheduler, {id(scheduler.optimizer): stand_in})
    values = [_number(stand_in.param_groups[group], field, element)]
    for _ in range(steps - 1):
        try:
            if not isinstance(twin, lr_scheduler.ReduceLROnPlateau):
                twin.step()
        except ValueError:  # what torch raises behind the end
            break
        values.append(_number(stand_in.param_groups[group], field, element))
    return values


def _parts(scheduler: object) -> list[object]:
    """Schedulers inside of others (SequentialLR, ChainedScheduler) by themselves."""
    inner = getattr(scheduler, "_schedulers", None)
    return [its for one in inner for its in _parts(one)] if isinstance(inner, list | tuple) else [scheduler]


def _writes(scheduler: object, place: GroupField) -> bool:
    if place.field in {"momentum", "betas"}:
        cycles = getattr(scheduler, "cycle_momentum", None)
        uses_beta1 = getattr(scheduler, "use_beta1", place.field == "betas")
        return bool(cycles) and uses_beta1 == (place.field == "betas") and place.element in {None, 0}
    return place.field == "lr"


def _stand_in(optimizer: optim.Optimizer) -> optim.Optimizer:
    """An optimizer of one made-up parameter a group, with the same fields; it never steps."""
    stand_in: Any = optim.SGD([torch.zeros(1)], lr=0.0)
    stand_in.param_groups = [
        {name: _own(value) for name, value in group.items() if name != "params"} | {"params": [torch.zeros(1)]}
        for group in optimizer.param_groups
    ]
    stand_in.defaults = dict(optimizer.defaults)
    stand_in._opt_called = True  # noqa: SLF001  # else the copy warns that its optimizer has not stepped yet

    def step() -> None:
        """Nothing is trained."""

    step._wrapped_by_lr_sched = True  # type: ignore[attr-defined]  # noqa: SLF001  # and that somebody replaced it
    stand_in.step = step
    return stand_in  # type: ignore[no-any-return]


def _own(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else copy.copy(value)


def _number(group: Mapping[str, Any], field: str, element: int | None) -> float:
    value = group[field] if element is None else group[field][element]
    return float(value)
