"""What a person, a policy or a script asks of the training loop. Carried out between two steps, in order."""

from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True)
class Undo:
    """Back to before the last change, as a new branch without it."""


@dataclass(frozen=True, slots=True)
class Verify:
    """Train the way from the parent to a node again, beside the live state, and compare."""

    node: Any


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


Running = Start | Pause | Stop | TrainSteps
Steering = SetHyperparameters | TakeCheckpoint | Restore | GrowBranch | Undo | Verify | Evict | Tidy | DeleteBranch
Command = Running | Steering
