"""A rule that begins gently."""

from dataclasses import dataclass

from retune_widget.engine.checks import whole
from retune_widget.errors import PolicyError
from retune_widget.policies import schedules
from retune_widget.policies.action import Action, full_keys
from retune_widget.policies.policy import HyperparameterKey, Now, Policy, State


@dataclass(eq=False)
class Warmup(Policy):
    """Raises a value in a straight line from a part of it, over the steps from where the rule is added.

    The next step is gentle already. When it is over, nothing decides the value any more. A value that follows a
    schedule has its warm-up in there: `schedules.warmup`.

    Attributes:
        key: is raised to what it is now.
        steps: how many it takes.
        part: of the value, with which it begins.
    """

    key: HyperparameterKey = "lr"
    steps: int = 100
    part: float = 0.1

    def __post_init__(self) -> None:
        self.keys = (self.key,)
        whole("steps", self.steps)
        if not 0 <= self.part < 1:
            raise ValueError(f"part must be from 0 to below 1, not {self.part!r}.")

    def start(self) -> State:
        """It has not begun."""
        return {"until": None}

    def begin(self, now: Now) -> Action:
        """Set the line."""
        values = {full: float(now.values[full]) for full in full_keys(self.key, now.values)}
        if not values:
            raise PolicyError(f"There is no hyperparameter {self.key!r}.")
        self.state["until"] = now.step + self.steps
        lines = {
            full: schedules.warmup(self.steps, schedules.constant(value), start=self.part * value)
            for full, value in values.items()
        }
        return Action.schedule(lines, f"warm-up over {self.steps:,} steps")

    def update(self, now: Now) -> Action | None:
        """Take the line away when it has ended."""
        if self.state["until"] is None or now.step < self.state["until"]:
            return None
        self.state["until"] = None
        return Action.schedule(dict.fromkeys(full_keys(self.key, now.values)), "the warm-up is over")

    @property
    def aim(self) -> str:
        """What it moves."""
        return f"the next {self.steps:,} steps → {self.key} from × {self.part:g} up"

    @property
    def words(self) -> str:
        """Until when."""
        until = self.state["until"]
        return "not warming up" if until is None else f"warming up until step {until:,}"
