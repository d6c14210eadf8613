"""Rules that move hyperparameters after what they see: a plateau, a gap that grows."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from statistics import linear_regression

from retune_widget.engine.checks import whole
from retune_widget.policies.action import Action, Times, full_keys
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
from retune_widget.tracking.value_changes import Value


@dataclass(eq=False)
class Plateau(Policy):
    """Multiplies a value when a metric has not become better for `patience` measurements in a row.

    Attributes:
        metric: is watched; give it where it is measured, "val/loss".
        key: is multiplied.
        factor: by this.
        patience: measurements without improvement at which it fires.
        cooldown: measurements after firing that do not count.
        floor, ceiling: bounds of the value; at a bound it does not fire any more.
        min_delta: an improvement must be larger than this.
        mode: "min" or "max"; None: after the metric's name, `accuracy` should be high.
    """

    metric: MetricName
    key: HyperparameterKey = "lr"
    factor: float = 0.5
    patience: int = 3
    cooldown: int = 0
    floor: float | None = None
    min_delta: float = 0.0
    mode: Mode | None = None
    ceiling: float | None = None

    def __post_init__(self) -> None:
        self.keys = (self.key,)
        self.mode = direction(self.metric, self.mode)
        whole("patience", self.patience)
        at_least(0, cooldown=self.cooldown, min_delta=self.min_delta)
        self._move = Times(self.factor, self.floor, self.ceiling)
        if self.factor == 1:
            raise ValueError("factor=1 changes nothing.")

    def start(self) -> State:
        """Nothing was seen."""
        return {"best": None, "bad": 0, "rest": 0}

    def update(self, now: Now) -> Action | None:
        """Count what is no improvement."""
        its = self.state
        if is_better(now.value, its["best"], self.mode or "min", self.min_delta):
            its["best"], its["bad"] = now.value, 0
            its["rest"] = max(0, its["rest"] - 1)
            return None
        if its["rest"]:
            its["rest"] -= 1
            return None
        its["bad"] += 1
        if its["bad"] < self.patience:
            return None
        its["bad"], its["rest"] = 0, self.cooldown
        return Action.set(
            {self.key: self._move},
            f"{self.metric} no better than {its['best']:.4g} for {_times(self.patience)}: {self.key} × {self.factor:g}",
        )

    @property
    def words(self) -> str:
        """How far the patience is used up."""
        rest = f", cooldown {self.state['rest']}" if self.state["rest"] else ""
        return f"patience {self.state['bad']}/{self.patience}{rest}"

    @property
    def aim(self) -> str:
        """The metric, and what becomes of the value."""
        return f"{self.metric} → {self.key} × {self.factor:g}"


@dataclass(eq=False)
class Overfit(Policy):
    """Regularises more when the gap between validation and training grows, and less again when training stalls.

    The gap is `metric` minus the mean of `train` since the measurement before. If it grows `patience` measurements in
    a row, `key` is multiplied by `factor`. If training has not become better for `patience` measurements in a row, it
    is divided by it, down to where it began. After either, it does nothing for `cooldown` measurements.

    Attributes:
        key: "weight_decay", "dropout", "l2", or another one.
        metric, train: the validation's and the training's side of the gap.
        factor: how much stronger it regularises each time.
        patience: measurements in a row at which it fires.
        cooldown: measurements after firing in which it does nothing.
        ceiling: it never rises above.
        floor: where a value of 0 begins to rise.
        min_delta: the gap must grow by more, the training loss fall by more.
        rate: it also waits until the logarithm of the training loss falls faster than this a step; None: it does not.
        window: measurements over which that fall is looked at.
    """

    key: HyperparameterKey = "weight_decay"
    metric: MetricName = "val/loss"
    train: MetricName = "train/loss"
    factor: float = 2.0
    patience: int = 3
    cooldown: int = 3
    ceiling: float | None = None
    floor: float | None = None
    min_delta: float = 0.0
    rate: float | None = None
    window: int = 4

    def __post_init__(self) -> None:
        self.keys = (self.key,)
        whole("patience", self.patience)
        whole("window", self.window)
        at_least(0, cooldown=self.cooldown, min_delta=self.min_delta, rate=self.rate)
        at_least(2, window=self.window)
        if not self.factor > 1:
            raise ValueError(f"factor must be above 1, not {self.factor!r}: it makes the regularisation stronger.")

    def start(self) -> State:
        """Nothing was seen."""
        points: State = {} if self.rate is None else {"points": []}
        return {"gap": None, "grown": 0, "best": None, "stalled": 0, "seen": 0, "rest": 0, "began": {}, **points}

    def update(self, now: Now) -> Action | None:
        """Compare the gap with the one before."""
        its = self.state
        for key in full_keys(self.key, now.values):
            its["began"].setdefault(key, now.values[key])
        train, its["seen"] = now.mean(self.train, its["seen"]), now.step
        if train is None:
            return None
        gap, before = now.value - train, its["gap"]
        its["gap"] = gap
        its["grown"] = its["grown"] + 1 if before is not None and gap > before + self.min_delta else 0
        if is_better(train, its["best"], "min", self.min_delta):
            its["best"], its["stalled"] = train, 0
        else:
            its["stalled"] += 1
        if self.rate is not None:
            its["points"] = [*its["points"], [now.step, train]][-self.window :]
        if its["rest"]:
            its["rest"] -= 1
            return None
        if its["grown"] >= self.patience and self._falls_too_fast():
            falls = f" while log {self.train} fell by {-self._slope:.3g} a step" if self._slope is not None else ""
            reason = f"the gap grew {_times(its['grown'])} in a row, to {gap:.4g}{falls}"
            return self._act(
                {self.key: Times(self.factor, self.floor, self.ceiling)}, f"{reason}: {self.key} × {self.factor:g}"
            )
        above = [key for key, began in its["began"].items() if now.values.get(key, began) > began]
        if its["stalled"] >= self.patience and above:
            reason = f"{self.train} no better than {its['best']:.4g} for {_times(self.patience)}"
            moves = {key: Times(1 / self.factor, floor=its["began"][key]) for key in above}
            return self._act(moves, f"{reason}: {self.key} ÷ {self.factor:g}")
        return None

    @property
    def _slope(self) -> float | None:
        """Of log `train`, a step; None where it is not asked for, or not known."""
        points = self.state.get("points", ())
        if len(points) < self.window or any(train <= 0 for _, train in points):
            return None
        return linear_regression([step for step, _ in points], [log(train) for _, train in points]).slope

    def _falls_too_fast(self) -> bool:
        return self.rate is None or (self._slope is not None and self._slope < -self.rate)

    def _act(self, moves: Mapping[str, Value | Times], reason: str) -> Action:
        self.state |= {"grown": 0, "stalled": 0, "rest": self.cooldown}
        return Action.set(moves, reason)

    @property
    def words(self) -> str:
        """How often the gap grew."""
        its = self.state
        parts = [f"gap grew {its['grown']}/{self.patience}", f"training stalled {its['stalled']}/{self.patience}"]
        parts += [f"log {self.train} {self._slope:+.3g} a step"] if self._slope is not None else []
        parts += [f"cooldown {its['rest']}"] if its["rest"] else []
        return ", ".join(parts)

    @property
    def aim(self) -> str:
        """The gap, and what becomes of the value."""
        return f"{self.metric} − {self.train} → {self.key} × {self.factor:g}"


def _times(count: int) -> str:
    return "1 measurement" if count == 1 else f"{count} measurements"
