"""A hyperparameter: a value that can be changed while training runs."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor

from retune_widget.errors import HyperparameterError

Value = float | int | bool
COLUMNS = frozenset({"branch", "step", "epoch", "elapsed"})
"""Names in every table of a run's history."""

Kind = Literal["float", "int", "bool"]
Scale = Literal["linear", "log", "one_minus_log"]
Section = Literal["optimizer", "data", "regularisation", "gradients", "own"]
ParamGroup = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One adjustable value, where it lives and how a person should see it.

    Attributes:
        key: its full name, `lr`, `head.lr`, `betas[0]`.
        group: the heading that it stands under.
        kind: what it takes.
        scale: how a slider should move: `one_minus_log` is a logarithmic scale of 1 - value (betas, momentum).
        low, high: the slider's ends; a value outside of them may be set by typing it.
        takes_effect: when a new value is used, in words; begins with "never" where the optimizer ignores it.
        place: the param group's field; None for all others.
        read, write: get the value from its place, and put it there.
        section: the part of the controls that it belongs to.
        check: the value as it will be stored; raises HyperparameterError. None: a number of its kind; for one that the
            user registered, from `low` to `high`.
        review: told all values as they would stand; returns a notice or None, raises HyperparameterError.
        members: the keys of those that it stands for: they take its value.
        alias: another key that is understood for it.
        least, most: the values that are allowed; those of a param group have bounds of their own (`rules.bounds`).
        stamp: gives something that differs as soon as the value may, and is quicker to get.
    """

    key: str
    group: str
    kind: Kind
    scale: Scale
    low: float
    high: float
    help: str
    takes_effect: str
    place: "GroupField | None"
    read: Callable[[], Value]
    write: Callable[[Value], None]
    section: Section = "optimizer"
    check: Callable[[object], Value] | None = None
    review: Callable[[Mapping[str, Value]], str | None] | None = None
    members: tuple[str, ...] = ()
    alias: str | None = None
    stamp: Callable[[], object] | None = None
    least: float = -math.inf
    most: float = math.inf

    @property
    def value(self) -> Value:
        """The value in force."""
        return self.read()

    def __repr__(self) -> str:
        return f"Hyperparameter({self.key}={self.value!r}, {self.kind}, {self.low:g} to {self.high:g}, {self.scale})"


@dataclass(frozen=True, slots=True)
class GroupField:
    """The place of a hyperparameter in an optimizer: a field of a param group, or one element of a tuple there.

    Attributes:
        is_float: a whole number there means the float: torch's `weight_decay=0` is 0.0.
    """

    optimizer: torch.optim.Optimizer
    optimizer_name: str
    group_index: int
    field: str
    element: int | None = None
    is_float: bool = False

    @property
    def param_group(self) -> ParamGroup:
        """The live param group."""
        group: ParamGroup = self.optimizer.param_groups[self.group_index]
        return group

    def read(self) -> Value:
        """The value now; one in a tensor is read from its device."""
        value = self.param_group[self.field]
        if self.element is not None:
            value = value[self.element]
        value = value.item() if isinstance(value, Tensor) else value
        return float(value) if self.is_float and type(value) is int else value

    def write(self, value: Value) -> None:
        """Put a value there. Tensors are filled in place, so that compiled steps see it; other types are kept."""
        old = self.param_group[self.field]
        if self.element is None:
            self.param_group[self.field] = _like(old, value)
        else:
            elements = list(old)
            elements[self.element] = _like(elements[self.element], value)
            self.param_group[self.field] = type(old)(elements)

    def put(self, old: ParamGroup, fields: ParamGroup, value: Value) -> None:
        """Set the field in `fields`; the other elements of a tuple are taken from there, or from `old`."""
        if self.element is None:
            fields[self.field] = value
        else:
            elements = list(fields[self.field] if self.field in fields else old[self.field])
            elements[self.element] = value
            fields[self.field] = tuple(elements)

    def is_beside(self, other: "GroupField") -> bool:
        """Whether both are in the same param group."""
        return self.optimizer is other.optimizer and self.group_index == other.group_index

    def stored(self, value: Value) -> Value:
        """The value as it will read when it is there: a float32 tensor holds 0.1 as 0.10000000149."""
        old = self.param_group[self.field]
        old = old if self.element is None else old[self.element]
        return torch.tensor(value, dtype=old.dtype).item() if isinstance(old, Tensor) else value


def _like(old: object, value: Value) -> object:
    if isinstance(old, Tensor):
        with torch.no_grad():
            return old.fill_(value)
    return value


def checked(key: str, kind: Kind, value: object) -> Value:
    """`value` as this kind.

    Raises:
        HyperparameterError: it is of another type, or not finite.
    """
    value = _plain(value)
    if kind == "bool":
        if isinstance(value, bool):
            return value
        raise HyperparameterError(f"{key} is on or off: give True or False, not {value!r}.")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise HyperparameterError(f"{key} takes a number, not {value!r} ({type(value).__name__}).")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise HyperparameterError(f"{key} cannot be {number}: give a finite number.")
    if kind == "float":
        return number
    if not number.is_integer():
        raise HyperparameterError(f"{key} takes a whole number, not {value!r}.")
    return int(value)


def _plain(value: object) -> object:
    """A tensor or numpy scalar as the Python number that it is."""
    if isinstance(value, int | float) or not hasattr(value, "item"):
        return value
    try:
        return cast("object", value.item())
    except (RuntimeError, TypeError, ValueError):  # it has several elements
        return value


def own_hyperparameter(
    key: str,
    get: Callable[[], Value],
    set: Callable[[Any], None],  # noqa: A002  # the pair get, set
    *,
    low: float,
    high: float,
    scale: Scale,
    text: str,
) -> Hyperparameter:
    """A hyperparameter of the user's own; its kind is that of its value now.

    Raises:
        HyperparameterError: its value is no finite number, or out of bounds; or the bounds are not in order; or its key
            is the name of something else.
    """
    if key in COLUMNS:
        raise HyperparameterError(f"{key!r} is a column of the tables already: choose another key.")
    value = get()
    kind: Kind = "bool" if isinstance(value, bool) else "int" if isinstance(value, int) else "float"
    checked(key, kind, value)
    if kind == "int" and not (float(low).is_integer() and float(high).is_integer()):
        kind = "float"
    if not low < high:
        raise HyperparameterError(f"{key}: low must be below high, not {low!r} and {high!r}.")
    if kind != "bool" and not low <= value <= high:
        raise HyperparameterError(f"{key} is {value!r} now, which is not from {low:g} to {high:g}.")
    help_text, effect = text or key, "at the next step"
    return Hyperparameter(
        key, "own", kind, scale, low, high, help_text, effect, None, get, set, section="own", least=low, most=high
    )
