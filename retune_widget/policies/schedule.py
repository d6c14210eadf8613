"""One schedule as data: which curve, and its numbers."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retune_widget.errors import ScheduleError
from retune_widget.policies.curves import CURVES, END, TURNS
from retune_widget.tracking.value_changes import short

Record = dict[str, Any]


@dataclass(frozen=True)
class Schedule:
    """A value for every step: `schedule(step)`. The functions of `schedules` make them.

    Attributes:
        kind: which curve.
        arguments: its numbers, by name.
    """

    kind: str
    arguments: Mapping[str, Any]

    def __call__(self, step: int) -> float:
        """The value at a step, counted from where the schedule was set; the largest float where it is larger."""
        try:
            value = CURVES[self.kind](max(step, 0), **self.arguments)
        except OverflowError:
            value = math.inf
        if math.isfinite(value):
            return value
        return math.copysign(sys.float_info.max, self.arguments.get("start", 1.0) if value > 0 else value)

    @property
    def name(self) -> str:
        """What it is called, without its numbers: `cosine`, `warmup + cosine`."""
        return f"{self.kind} + {self.arguments['then'].name}" if self.kind == "warmup" else self.kind

    @property
    def length(self) -> int | None:
        """The step from which on the value stays the same; None: it never does."""
        end = END.get(self.kind)
        return end(**self.arguments) if end else None

    def turns(self, until: int) -> list[int]:
        """Steps up to `until`, its lowest and its highest value among them."""
        turns = TURNS[self.kind](until, **self.arguments) if self.kind in TURNS else ()
        return sorted({0, max(until, 0), *(at for at in turns if 0 <= at <= until)})

    def extremes(self, until: int) -> tuple[float, float]:
        """The lowest and the highest value up to and including a step."""
        values = [self(at) for at in self.turns(until)]
        return min(values), max(values)

    def record(self) -> Record:
        """The schedule as JSON."""
        inner = {name: its.record() if isinstance(its, Schedule) else its for name, its in self.arguments.items()}
        return {"kind": self.kind, **inner}

    def __str__(self) -> str:
        its = self.arguments
        match self.kind:
            case "linear" | "cosine":
                inner = f"{short(its['start'])} → {short(its['end'])}, {its['steps']}"
            case "cyclic":
                inner = f"{short(its['low'])} ↔ {short(its['high'])}, {its['up']} + {its['down']}"
            case "warmup":
                inner = f"{its['steps']}, then {its['then']}"
            case "piecewise":
                inner = ", ".join(f"{short(value)} @{at}" for at, value in its["points"][:3])
                inner += ", …" if len(its["points"]) > 3 else ""  # noqa: PLR2004
            case "table":
                inner = f"{len(its['values'])} values"
            case _:
                inner = ", ".join(f"{name} {short(value)}" for name, value in its.items())
        return f"{self.kind}({inner})"


def not_a_schedule(given: object) -> ScheduleError:
    """The error for anything else in the place of a schedule; it says what to write instead."""
    return ScheduleError(
        f"{given!r} is no schedule. retune_widget.schedules has them; of a function of your own make a table: "
        "schedules.table(f(step) for step in range(1000)), of a torch scheduler schedules.from_torch(scheduler, 1000)."
    )
