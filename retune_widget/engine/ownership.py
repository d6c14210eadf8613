"""Who owns a value that is scheduled: `effective = held value, or scale × the schedule's own value`."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from retune_widget.engine.hyperparameters import Value

Json = dict[str, Any]
Mode = Literal["scale", "hold"]


class Curve(Protocol):
    """A schedule: a pure function of the step, counted from where it was set."""

    @property
    def name(self) -> str:
        """What it is called, without its numbers."""

    @property
    def length(self) -> int | None:
        """The step from which on it stays the same; None: it never does."""

    def __call__(self, step: int) -> float:
        """The value at a step; always finite."""

    def extremes(self, until: int) -> tuple[float, float]:
        """The lowest and the highest value up to and including a step."""

    def record(self) -> Json:
        """The schedule as JSON."""


Revive = Callable[[Json], Curve]
"""The schedule that was kept as JSON."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """What decides one value from step to step.

    Attributes:
        curve: the schedule; None: the torch scheduler that drives it.
        since: the step at which the schedule was set: its step 0.
        scale: the factor on the schedule's own value.
        held: the value that is held against it, or None.
    """

    curve: Curve | None = None
    since: int = 0
    scale: float = 1.0
    held: Value | None = None

    @property
    def mode(self) -> Mode:
        """Whether the schedule is followed, by a factor; or a value held against it."""
        return "scale" if self.held is None else "hold"

    def effective(self, own: Value) -> Value:
        """The value in force where the schedule's own is `own`."""
        if self.held is not None:
            return self.held
        return own if self.scale == 1 else self.scale * own

    def moved(self, own: Value, to: Value) -> "Ownership":
        """After a person asked for another value: held where it is held, or cannot be scaled; else scaled."""
        scale = float(to) / float(own) if own else math.inf
        if self.held is not None or not scale or not math.isfinite(scale):
            return self.holding(to)
        return replace(self, scale=scale)

    def holding(self, value: Value) -> "Ownership":
        """With a value that is held."""
        return replace(self, scale=1.0, held=value)

    def released(self) -> "Ownership":
        """With the schedule in force again."""
        return replace(self, scale=1.0, held=None)

    def record(self) -> Json:
        """The ownership as JSON."""
        curve = self.curve.record() if self.curve else None
        return {"curve": curve, "since": self.since, "scale": self.scale, "held": self.held}

    @classmethod
    def from_record(cls, record: Mapping[str, Any], revive: Revive) -> "Ownership":
        """The ownership that was kept as JSON.

        Raises:
            ValueError: it is none.
        """
        try:
            curve, since, scale, held = record["curve"], record["since"], record["scale"], record["held"]
        except (KeyError, TypeError) as error:
            raise ValueError(f"This says nothing of who owns a value: {str(record)[:200]}") from error
        numbers = type(since) is int and type(scale) is float and math.isfinite(scale)
        if not numbers or not (held is None or isinstance(held, int | float)):
            raise ValueError(f"These are no numbers: {str(record)[:200]}")
        return cls(None if curve is None else revive(curve), since, scale, held)
