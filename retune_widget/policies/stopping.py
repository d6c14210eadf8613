"""Rules that say when it is enough: early stopping, a goal, a budget."""

from dataclasses import dataclass
from typing import Literal

from retune_widget.engine.checks import whole
from retune_widget.policies.action import Action, Times, is_number
from retune_widget.policies.policy import (
    HyperparameterKey,
    MetricName,
    Mode,
    Now,
    Policy,
    State,
    at_least,
    direction,
    is_better,
)


@dataclass(eq=False)
class EarlyStop(Policy):
    """Ends training, or goes back to the best state with a lower value, when a metric becomes no better.

    It keeps the state of each new best value as a node of cause "best", and goes back to the last of them.

    Attributes:
        metric: is watched.
        patience: measurements without improvement at which it fires.
        min_delta: an improvement must be larger than this.
        mode: "min" or "max"; None: after the metric's name.
        action: "stop"; "pause"; or "branch": a new branch from the best node, with `key` multiplied by `factor` for the
            first one, by its square for the second, and so on.
        key, factor: what "branch" changes.
        branches: how many of them from one node; then it stops.
    """

    metric: MetricName
    patience: int = 3
    min_delta: float = 0.0
    mode: Mode | None = None
    action: Literal["stop", "pause", "branch"] = "stop"
    key: HyperparameterKey = "lr"
    factor: float = 0.1
    branches: int = 3

    def __post_init__(self) -> None:
        self.mode = direction(self.metric, self.mode)
        whole("patience", self.patience)
        whole("branches", self.branches)
        at_least(0, min_delta=self.min_delta)
        if self.action not in {"stop", "pause", "branch"}:
            raise ValueError(f"action must be 'stop', 'pause' or 'branch', not {self.action!r}.")
        self.keys = (self.key,) if self.action == "branch" else ()
        Times(self.factor)

    def start(self) -> State:
        """Nothing was seen."""
        return {"best": None, "at": 0, "bad": 0, "branched": 0, "done": False}

    def update(self, now: Now) -> Action | None:
        """Keep the best, count the others."""
        its = self.state
        if its["done"]:
            return None
        if is_better(now.value, its["best"], self.mode or "min", self.min_delta):
            its |= {"best": now.value, "at": now.step, "bad": 0, "branched": 0}
            return Action.keep(f"best {self.metric} so far: {now.value:.4g}")
        its["bad"] += 1
        if its["bad"] < self.patience:
            return None
        its["bad"] = 0
        reason = f"{self.metric} no better than {its['best']:.4g} of step {its['at']:,}, {self.patience} times in a row"
        if self.action == "branch" and its["branched"] < self.branches:
            its["branched"] += 1
            factor = self.factor ** its["branched"]
            return Action.branch(its["at"], {self.key: Times(factor)}, f"{reason}: {self.key} × {factor:g} from there")
        its["done"] = True
        ending = Action.pause if self.action == "pause" else Action.stop
        return ending(reason, back_to=its["at"])

    @property
    def words(self) -> str:
        """How far the patience is used up."""
        its = self.state
        best = f", best {its['best']:.4g} at step {its['at']:,}" if its["best"] is not None else ""
        return "done" + best if its["done"] else f"patience {its['bad']}/{self.patience}{best}"

    @property
    def aim(self) -> str:
        """The metric, and what happens then."""
        ending = f"branch from the best, {self.key} × {self.factor:g}" if self.action == "branch" else self.action
        return f"{self.metric} → {ending}"


@dataclass(eq=False)
class Target(Policy):
    """Pauses when a goal is reached, or the budget for it is spent. Once.

    Attributes:
        metric, goal: pause when the metric is as good as this.
        mode: "min" or "max"; None: after the metric's name.
        steps: or at this step.
        seconds: or after so much training, as it was recorded with each step; pauses do not count.
    """

    metric: MetricName | None = None
    goal: float | None = None
    mode: Mode | None = None
    steps: int | None = None
    seconds: float | None = None

    each_step = True

    def __post_init__(self) -> None:
        if (self.metric is None) != (self.goal is None):
            raise ValueError("A goal is a metric and a value: Target('val/accuracy', 0.94).")
        if self.metric is None and self.steps is None and self.seconds is None:
            raise ValueError("Nothing is asked for: give a metric and a goal, steps=, or seconds=.")
        if self.metric is not None:
            self.mode = direction(self.metric, self.mode)
        if self.goal is not None and not is_number(self.goal):
            raise ValueError(f"goal must be a finite number, not {self.goal!r}.")
        whole("steps", self.steps)
        at_least(0, seconds=self.seconds)

    def start(self) -> State:
        """Not reached."""
        return {"done": ""}

    def update(self, now: Now) -> Action | None:
        """Compare."""
        done = "" if self.state["done"] else self._found(now)
        if not done:
            return None
        self.state["done"] = done
        return Action.pause(done)

    def _found(self, now: Now) -> str:
        if self.goal is not None and (now.value <= self.goal if self.mode == "min" else now.value >= self.goal):
            return f"the goal is reached: {self.metric} {now.value:.4g} at step {now.step:,}, {now.elapsed:.1f} s"
        if self.steps is not None and now.step >= self.steps:
            return f"the budget of {self.steps:,} steps is spent"
        if self.seconds is not None and now.elapsed >= self.seconds:
            return f"the budget of {self.seconds:g} s is spent"
        return ""

    @property
    def words(self) -> str:
        """What is awaited, or what came."""
        return self.state["done"] or f"until {self._awaited}"

    @property
    def aim(self) -> str:
        """The goal, and what happens then."""
        return f"{self._awaited} → pause"

    @property
    def _awaited(self) -> str:
        sign = "≤" if self.mode == "min" else "≥"
        goal = [f"{self.metric} {sign} {self.goal:g}"] if self.goal is not None else []
        steps = [f"{self.steps:,} steps"] if self.steps is not None else []
        seconds = [f"{self.seconds:g} s"] if self.seconds is not None else []
        return " or ".join([*goal, *steps, *seconds])
