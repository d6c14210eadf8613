"""What a person, a policy or a script asks of the training loop. Carried out between two steps, in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Start:
    """Train, or train on after a pause."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait at the next boundary."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Finish; the state is kept as a node."""


@dataclass(frozen=True, slots=True)
class TrainSteps:
    """Train this many steps, then pause. Answered when they are done."""

    count: int


@dataclass(frozen=True, slots=True)
class SetHyperparameters:
    """Change values; a checkpoint of the state before is taken if anything changes."""

    values: Mapping[str, Any]
    author: str = "user"
    note: str = ""


@dataclass(frozen=True, slots=True)
class SetSchedules:
    """Let schedules decide values from the next step on; None takes one away.

    Attributes:
        schedules: by the keys of the hyperparameters.
        until: the step at which the run is planned to end: values up to there are checked.
        author: who asks.
        note: a person's words.
        restart: whether one that is in force already begins again; else it goes on, scaled or held as it is.
    """

    schedules: Mapping[str, Any]
    until: int | None = None
    author: str = "user"
    note: str = ""
    restart: bool = True


@dataclass(frozen=True, slots=True)
class Hold:
    """Hold values against what governs them: those given, or (None) those in force."""

    values: Mapping[str, Any]
    author: str = "user"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """Let what governs these values decide again, unscaled."""

    keys: Sequence[str]
    author: str = "user"
    note: str = ""


@dataclass(frozen=True, slots=True)
class TakeCheckpoint:
    """Keep the state as a node."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Restore:
    """Put the live objects at a node, and pause there."""

    node: Any


@dataclass(frozen=True, slots=True)
class GrowBranch:
    """Restore a node, begin a branch there, change values; paused, ready to train on."""

    node: Any
    name: str | None
    reseed: bool
    values: Mapping[str, Any]
    author: str = "user"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Undo:
    """Back to before the last change, as a new branch without it."""


@dataclass(frozen=True, slots=True)
class Verify:
    """Train the way from the parent to a node again, beside the live state, and compare."""

    node: Any


@dataclass(frozen=True, slots=True)
class ProbeBatchSize:
    """Try out batch sizes beside the live state."""

    start: int
    limit: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Evict:
    """Free the checkpoint of a node that can be trained again."""

    node: Any


@dataclass(frozen=True, slots=True)
class Tidy:
    """Free what the window and the budget say, after what could not go before it was saved."""


@dataclass(frozen=True, slots=True)
class DeleteBranch:
    """Take a branch and what grew from it out of the tree, with its checkpoints."""

    branch: Any


@dataclass(frozen=True, slots=True)
class AddPolicy:
    """Let a rule act from here on."""

    policy: Any
    name: str | None = None


@dataclass(frozen=True, slots=True)
class SuspendPolicy:
    """A rule does not act until it is resumed."""

    policy: Any
    note: str = ""


@dataclass(frozen=True, slots=True)
class ResumePolicy:
    """A rule acts again."""

    policy: Any
    note: str = ""


@dataclass(frozen=True, slots=True)
class RemovePolicy:
    """Take a rule out."""

    policy: Any
    note: str = ""


@dataclass(frozen=True, slots=True)
class Recover:
    """Go on after a step that was stopped: with a lower learning rate, or behind its batch."""

    how: str
    node: Any
    factor: float


Running = Start | Pause | Stop | TrainSteps
Changing = SetHyperparameters | SetSchedules | Hold | Release
Governing = AddPolicy | SuspendPolicy | ResumePolicy | RemovePolicy | Recover
Beside = Verify | ProbeBatchSize
Acting = Changing | TakeCheckpoint | Restore | GrowBranch | Undo | Beside | Evict | DeleteBranch | Governing
Steering = Acting | Tidy
Command = Running | Steering
