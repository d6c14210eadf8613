"""The protocol of a rule: a pure function of the recorded history and of its own small state."""

import copy
import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from retune_widget.policies.action import Action, is_number, resolve
from retune_widget.tracking.goal import is_better_high
from retune_widget.tracking.history import Pairs
from retune_widget.tracking.value_changes import Value

if TYPE_CHECKING:
    import pandas as pd

State = dict[str, Any]
Mode = Literal["min", "max"]
MetricName = Annotated[str, "metric"]
"""An argument that names a metric; forms offer those of the run."""
HyperparameterKey = Annotated[str, "hyperparameter"]
"""An argument that names a hyperparameter, or the field of several param groups."""
Past = Callable[[str], Pairs]
"""The (steps, values) of a metric on the way to here."""


@dataclass(frozen=True, slots=True)
class Now:
    """A step that is complete, as a rule sees it.

    Attributes:
        step: its number.
        value: the rule's metric as it was measured there; NaN where it was not.
        elapsed: seconds of training since the root, as recorded.
        values: the hyperparameters in force, by key.
        past: the recorded (steps, values) of any metric on the way to here, this step included.
    """

    step: int
    value: float
    elapsed: float
    values: Mapping[str, Value]
    past: Past

    def mean(self, name: str, since: int) -> float | None:
        """The mean of a metric over the steps after `since`; None if it was not measured there."""
        steps, values = self.past(name)
        within = values[(steps > since) & (steps <= self.step)]
        within = within[~np.isnan(within)]
        return float(within.mean()) if len(within) else None


class Policy(ABC):
    """A rule. Subclass it, say which metric it reads and which keys it governs, and write `update`.

        class Halve(rt.policies.Policy):
            metric, keys = "val/loss", ("lr",)

            def update(self, now):
                if now.value > 2:
                    return Action.set({"lr": Times(0.5)}, "the loss is above 2")

    It may remember things in `state`, a dict that JSON can hold: nodes keep it and a restore puts it back. Nothing else
    may decide what it does, no clock and no random number: then the same history gives the same actions.

    Attributes:
        metric: `update` is called after each step at which this was measured and is not NaN; None: after every step.
        keys: the hyperparameters it governs. A change of one by hand suspends it.
        each_step: call `update` after every step all the same.
    """

    metric: str | None = None
    keys: tuple[str, ...] = ()
    each_step = False

    def start(self) -> State:
        """The state it begins with."""
        return {}

    def begin(self, now: Now) -> Action | None:  # noqa: ARG002  # for those that act at once
        """Do something where the rule is added, before the next step; `now` is the step before."""
        return None

    @abstractmethod
    def update(self, now: Now) -> Action | None:
        """Look at a step; say what to do, or None."""

    @property
    def words(self) -> str:
        """Its state, for people: "patience 1/3"."""
        return ", ".join(f"{name} {value}" for name, value in dict(self.state).items())

    @property
    def aim(self) -> str:
        """What it watches and what it moves, for people: "val/loss → lr × 0.5"."""
        return f"{self.metric or 'every step'} → {', '.join(self.keys) or 'pause, stop, or go back'}"

    @cached_property
    def state(self) -> State:
        """What it remembers, as plain data."""
        return self.start()

    def state_dict(self) -> State:
        """A copy of its state."""
        return copy.deepcopy(self.state)

    def load_state_dict(self, state: State) -> None:
        """Take a state back."""
        self.state = copy.deepcopy(state)

    def arguments(self) -> State | None:
        """What it was made with, from which it can be made again; None for a class of the user's own."""
        if not is_built_in(self):
            return None
        fields = dataclasses.fields(self)  # type: ignore[arg-type]  # those of this package are dataclasses
        return {field.name: getattr(self, field.name) for field in fields}

    def dry_run(self, history: "pd.DataFrame") -> "pd.DataFrame":
        """Where it would have fired on a recorded history, from its beginning: `dry_run.dry_run` says how."""
        from retune_widget.policies.dry_run import dry_run  # noqa: PLC0415  # which needs this class

        return dry_run(self, history)


def look(policy: Policy, now: Now) -> Action | None:
    """What a rule wants at a step. Changes that change nothing (a value at its floor) are none."""
    if policy.metric is not None and math.isnan(now.value) and not policy.each_step:
        return None
    action = policy.update(now)
    if action is not None and action.kind == "set" and not resolve(action.values, now.values):
        return None
    return action


def is_built_in(policy: Policy) -> bool:
    """Whether a rule is one of this package, a dataclass of plain arguments."""
    return type(policy).__module__.startswith("retune_widget.") and dataclasses.is_dataclass(policy)


def direction(metric: str, mode: Mode | None) -> Mode:
    """Which way is better: as asked, or as the metric's name says.

    Raises:
        ValueError: the mode is neither "min" nor "max".
    """
    name: object = metric
    if not isinstance(name, str) or not name:
        raise ValueError(f"metric must be the name of one, as 'val/loss', not {metric!r}.")
    if mode not in {None, "min", "max"}:
        raise ValueError(f"mode must be 'min' or 'max', not {mode!r}.")
    return mode or ("max" if is_better_high(metric) else "min")


def is_better(value: float, best: float | None, mode: Mode, min_delta: float) -> bool:
    """Whether a value is better than the best one by more than `min_delta`."""
    if best is None:
        return True
    return value < best - min_delta if mode == "min" else value > best + min_delta


def at_least(low: float, **numbers: float | None) -> None:
    """Refuse arguments that are below a bound, or no finite numbers.

    Raises:
        ValueError: with the name.
    """
    for name, number in numbers.items():
        if number is not None and (not is_number(number) or number < low):
            raise ValueError(f"{name} must be a number from {low:g}, not {number!r}.")
