"""Finds every hyperparameter in the optimizers' param groups."""

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from retune_widget.engine.fields import KNOWN, TEXTS
from retune_widget.engine.hyperparameters import GroupField, Hyperparameter, Kind, Scale
from retune_widget.engine.rules import decay_text, takes_effect

# Switches between kernels (not values to tune), and numbers that schedulers park in a group for themselves.
NOT_TUNED = frozenset({
    *("params", "param_names", "name", "foreach", "fused", "capturable", "differentiable"),
    *("initial_lr", "swa_lr", "max_lr", "min_lr", "base_momentum", "max_momentum", "min_momentum"),
})  # fmt: skip


def discover(optimizers: Mapping[str, torch.optim.Optimizer]) -> dict[str, Hyperparameter]:
    """All numeric fields, tuple elements and switches of every param group, by key.

    The key is the field's name; it names the group if there are several (`head.lr`, from the group's `"name"` entry or
    `group0`), and the optimizer if there are several (`generator.lr`).
    """
    found = {}
    for name, index, parts in groups(optimizers):
        optimizer = optimizers[name]
        heading = " · ".join([*parts, type(optimizer).__name__])
        for place, label in _fields(name, optimizer, index):
            key = ".".join([*parts, label])
            found[key] = _hyperparameter(key, heading, label, place)
    return found


def groups(optimizers: Mapping[str, torch.optim.Optimizer]) -> Iterator[tuple[str, int, list[str]]]:
    """Every param group: its optimizer's name, its number there, and the parts that its keys begin with."""
    for name, optimizer in optimizers.items():
        for index, title in enumerate(group_names(optimizer)):
            parts = [name] if len(optimizers) > 1 else []
            yield name, index, [*parts, title] if len(optimizer.param_groups) > 1 else parts


def group_names(optimizer: torch.optim.Optimizer) -> list[str]:
    """A name for each param group: its `"name"` entry where that is unique, else its number."""
    given = [str(group.get("name") or "") for group in optimizer.param_groups]
    names: list[str] = []
    for index, name in enumerate(given):
        free = name if name and given.count(name) == 1 else f"group{index}"
        while free in names or (free in given and free != name):
            free += "_"
        names.append(free)
    return names


def _fields(name: str, optimizer: torch.optim.Optimizer, index: int) -> Iterator[tuple[GroupField, str]]:
    group = optimizer.param_groups[index]
    for field, value in group.items():
        if field in NOT_TUNED:
            continue
        if isinstance(value, tuple | list):
            for element, item in enumerate(value):
                if kind_of(item):
                    label = f"{field}[{element}]"
                    yield GroupField(optimizer, name, index, field, element, label in KNOWN), label
        elif kind_of(value):
            yield GroupField(optimizer, name, index, field, None, field in KNOWN), field


def kind_of(value: object) -> Kind | None:
    """The kind of a value that is one number, or a switch; None for others."""
    if isinstance(value, Tensor):
        return "float" if value.numel() == 1 and value.is_floating_point() else None
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    return "float" if isinstance(value, float) else None


def _hyperparameter(key: str, heading: str, label: str, place: GroupField) -> Hyperparameter:
    value = place.read()
    kind = kind_of(value) or "float"
    scale, low, high = KNOWN.get(label) or range_around(float(value), kind)
    own = f"{type(place.optimizer).__name__}.{label}"
    text = TEXTS.get(own) or TEXTS.get(label, f"{label} of the optimizer.")
    if scale == "log" and value > 0:
        low, high = min(low, 10.0 ** math.floor(math.log10(value) - 1)), max(high, float(value))
    text = f"{text} {decay_text(place)}".strip() if place.field == "weight_decay" else text
    effect = takes_effect(place.optimizer, place.field)
    return Hyperparameter(key, heading, kind, scale, low, high, text, effect, place, place.read, place.write)


def range_around(value: float, kind: Kind) -> tuple[Scale, float, float]:
    """A slider's scale and ends, for a value that nothing else is known of."""
    if kind == "int":
        return "linear", 1.0, max(20.0, 5 * value)
    low, high = sorted((0.0, 4 * value))
    return "linear", low, high if high > low else 1.0
