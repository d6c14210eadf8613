"""Rules that watch for a training that goes wrong: numbers that are not finite, a loss that explodes."""

from dataclasses import dataclass
from statistics import median

from retune_widget.engine.checks import whole
from retune_widget.policies.action import Action, is_number
from retune_widget.policies.policy import MetricName, Now, Policy, State


@dataclass(eq=False)
class NaNGuard(Policy):
    """Pauses before a loss or a gradient that is not finite damages the weights. On by default.

    It is the one rule that does not read the history: the engine looks at the gradients of each step before the
    optimizer does (`engine/nan_guard.py`). While it is suspended, nothing is looked at.
    """

    def update(self, now: Now) -> None:
        """The engine watches."""

    @property
    def words(self) -> str:
        """It has no state."""
        return "watching"

    @property
    def aim(self) -> str:
        """What it looks at, and what happens then."""
        return "loss and gradients not finite → pause before the step"


@dataclass(eq=False)
class Divergence(Policy):
    """Pauses when a loss explodes but stays finite, on the last node from before that.

    Attributes:
        metric: is watched.
        factor: how many times its running median it may be.
        steps: for so many measurements in a row.
        window: measurements that the median is of; those that exploded are not among them.
    """

    metric: MetricName = "train/loss"
    factor: float = 5.0
    steps: int = 5
    window: int = 50

    def __post_init__(self) -> None:
        whole("steps", self.steps)
        whole("window", self.window)
        if not is_number(self.factor) or self.factor <= 1:
            raise ValueError(f"factor must be above 1 and finite, not {self.factor!r}.")

    def start(self) -> State:
        """Nothing was seen."""
        return {"recent": [], "above": 0, "since": 0}

    def update(self, now: Now) -> Action | None:
        """Compare with the running median, once there are a few values."""
        its = self.state
        recent: list[float] = its["recent"]
        usual = median(recent) if recent else now.value
        limit = usual + (self.factor - 1) * abs(usual)
        if len(recent) < min(self.window, 2 * self.steps) or now.value <= limit:
            its["above"] = 0
            recent.append(now.value)
            del recent[: -self.window]
            return None
        its["since"] = its["since"] if its["above"] else now.step
        its["above"] += 1
        if its["above"] < self.steps:
            return None
        its["above"] = 0
        return Action.pause(
            f"{self.metric} is {now.value:.4g}, more than {self.factor:g} times its median {usual:.4g}, since step "
            f"{its['since']:,}",
            back_to=its["since"] - 1,
        )

    @property
    def words(self) -> str:
        """How long it has been above."""
        return f"above {self.state['above']}/{self.steps}"

    @property
    def aim(self) -> str:
        """The metric and its limit, and what happens then."""
        return f"{self.metric} above {self.factor:g} × its median → pause before that"
