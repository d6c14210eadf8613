"""What a rule may do: change values, keep the state, pause, stop, go back. As data, with the reason in words."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from retune_widget.engine.keys import unknown
from retune_widget.tracking.value_changes import Value

if TYPE_CHECKING:
    from retune_widget.policies.schedule import Schedule

Kind = Literal["set", "schedule", "keep", "pause", "stop", "branch"]


@dataclass(frozen=True, slots=True)
class Times:
    """The value in force times a factor, within bounds.

    Attributes:
        factor: above 0.
        floor: the value does not fall below it; one that rises from below begins there, so 0 can rise too.
        ceiling: the value does not rise above it.
    """

    factor: float
    floor: float | None = None
    ceiling: float | None = None

    def __post_init__(self) -> None:
        if not is_number(self.factor) or not self.factor > 0:
            raise ValueError(f"factor must be a finite number above 0, not {self.factor!r}.")
        for name, bound in (("floor", self.floor), ("ceiling", self.ceiling)):
            if bound is not None and not is_number(bound):
                raise ValueError(f"{name} must be a finite number, not {bound!r}.")
        if self.floor is not None and self.ceiling is not None and self.floor > self.ceiling:
            raise ValueError(f"The floor {self.floor!r} is above the ceiling {self.ceiling!r}.")

    def of(self, old: Value) -> Value:
        """The new value. A bound never moves a value the other way."""
        new = old * self.factor
        if self.factor > 1:
            new = new if self.floor is None else max(new, self.floor)
            new = new if self.ceiling is None else min(new, max(self.ceiling, old))
        elif self.floor is not None:
            new = max(new, min(self.floor, old))
        return round(new) if type(old) is int else new


@dataclass(frozen=True, slots=True)
class Action:
    """What a rule does at a step, and why. The functions below make them.

    Attributes:
        kind: "keep" makes a node of the best state so far; "branch" goes on from an earlier node.
        reason: in words; becomes the note of what is done.
        values: by key, new values, or `Times`.
        back_to: go to the last node on the way that is not after this step first.
        schedules: by full key, what decides values from the next step on; None: nothing any more.
    """

    kind: Kind
    reason: str
    values: Mapping[str, Value | Times] = field(default_factory=dict)
    back_to: int | None = None
    schedules: Mapping[str, "Schedule | None"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"An action is one of {', '.join(get_args(Kind))}, not {self.kind!r}.")
        if self.back_to is not None and (type(self.back_to) is not int or self.back_to < 0):
            raise ValueError(f"back_to must be a step from 0, not {self.back_to!r}.")

    @classmethod
    def set(cls, values: Mapping[str, Value | Times], reason: str) -> "Action":
        """Change values; the next step uses them."""
        return cls("set", reason, values)

    @classmethod
    def schedule(cls, schedules: "Mapping[str, Schedule | None]", reason: str) -> "Action":
        """Let schedules decide values that nothing else decides, or take them away again."""
        return cls("schedule", reason, schedules=schedules)

    @classmethod
    def keep(cls, reason: str) -> "Action":
        """Keep this state as a node: the best so far."""
        return cls("keep", reason)

    @classmethod
    def pause(cls, reason: str, *, back_to: int | None = None) -> "Action":
        """Wait for a person."""
        return cls("pause", reason, {}, back_to)

    @classmethod
    def stop(cls, reason: str, *, back_to: int | None = None) -> "Action":
        """End the training."""
        return cls("stop", reason, {}, back_to)

    @classmethod
    def branch(cls, back_to: int, values: Mapping[str, Value | Times], reason: str) -> "Action":
        """Begin a branch at an earlier node, with other values, and train on there."""
        return cls("branch", reason, values, back_to)


def is_number(value: Any) -> bool:
    """Whether this is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def resolve(asked: Mapping[str, Value | Times], in_force: Mapping[str, Value]) -> dict[str, Value]:
    """The values that change, by full key. A key that is a field of several param groups means all of them.

    Args:
        asked: what a rule asks for.
        in_force: every hyperparameter.

    Raises:
        UnknownHyperparameterError: there is no such key.
    """
    found: dict[str, Value] = {}
    for key, new in asked.items():
        for full in full_keys(key, in_force) or [key]:
            if full not in in_force:
                raise unknown(list(in_force), full)
            value = new.of(in_force[full]) if isinstance(new, Times) else new
            if value != in_force[full]:
                found[full] = value
    return found


def full_keys(key: str, known: Mapping[str, object]) -> list[str]:
    """The hyperparameters that a rule's key means: the one of this name, or those of every group (`head.lr`)."""
    return [key] if key in known else [full for full in known if full.endswith(f".{key}")]
