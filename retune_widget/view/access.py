"""What the view needs of a run beyond its public face, in one place."""

# ruff: noqa: SLF001

from collections.abc import Sequence
from typing import Any, NamedTuple

from retune_widget.engine.answer import Answer
from retune_widget.engine.commands import Command, SetSchedules
from retune_widget.engine.hyperparameters import Value
from retune_widget.engine.ownership import Ownership
from retune_widget.policies.schedule import Schedule
from retune_widget.policies.stopped import Stopped
from retune_widget.run import Run
from retune_widget.storage.store import ChangeRecord
from retune_widget.tracking.head import Head
from retune_widget.tracking.history import History


class Revisions(NamedTuple):
    """Equal as long as nothing that is shown has changed."""

    tree: int
    history: int
    status: int
    head: Head
    checkpoints: tuple[object, ...]
    disk_use: object
    problems: tuple[str, ...]
    max_steps: int | None
    hyperparameters: int
    closed: bool
    rules: int


def revisions(run: Run) -> Revisions:
    """Where the run's parts are now; cheap."""
    return Revisions(
        run.tree.revision, run._records.revision, run._runner.revision, run.head, checkpoints(run), run.disk_use,
        tuple(run.problems), run.max_steps, len(run.hyperparameters), is_closed(run),
        run._helm.policies.revision,
    )  # fmt: skip


def checkpoints(run: Run) -> tuple[object, ...]:
    """Equal as long as no checkpoint has moved, if the tree's revision is the same too; cheap for many nodes."""
    handles = [node.checkpoint for node in run.tree.nodes]
    errors = [handle.error for handle in handles if handle.error is not None]
    return sum([handle.saved + 2 * handle.evicted for handle in handles]), *errors


class Governing(NamedTuple):
    """Who decides a value: equal as long as nobody else does, or does it otherwise.

    Attributes:
        owners: the ownership of it, or of each that it stands for.
        by_torch: whether a torch scheduler's own value counts.
    """

    owners: tuple[Ownership | None, ...]
    by_torch: bool

    def end(self, now: int) -> int | None:
        """The step at which the last schedule comes to its end, where that is still to come."""
        lengths = [(its.since, its.curve.length) for its in self.owners if its is not None and its.curve is not None]
        ends = [since + length for since, length in lengths if length is not None]
        return max((end for end in ends if end > now), default=None) if len(ends) == len(lengths) else None

    def turns(self, end: int) -> list[int]:
        """The steps up to `end` at which a schedule turns."""
        curves = [(its.since, its.curve) for its in self.owners if its is not None and isinstance(its.curve, Schedule)]
        return [since + at for since, curve in curves for at in curve.turns(end - since)]


def governing(run: Run, key: str) -> Governing | None:
    """Who decides a value, or None: nobody but the person. Cheap."""
    governors, its = run._engine.governors, run.hyperparameters.get(key)
    keys = () if its is None else its.members or (key,)
    owners = tuple(governors.owned.get(one) for one in keys)
    by_torch = any(
        one in governors.drivers and (owner is None or owner.curve is None)
        for one, owner in zip(keys, owners, strict=True)
    )
    return Governing(owners, by_torch) if by_torch or any(owners) else None


def has_schedule(run: Run, key: str) -> bool:
    """Whether a schedule of ours decides a value: one that can be taken away."""
    found = governing(run, key)
    return found is not None and any(its is not None and its.curve is not None for its in found.owners)


def coming(run: Run, key: str, steps: Sequence[int], now: int) -> list[Value]:
    """The values that are used after `steps` steps, as far as nobody changes them; `now` are completed."""
    return run._engine.governors.coming(key, steps, now)


def check_schedule(run: Run, command: SetSchedules) -> None:
    """Have schedules refused that would be.

    Raises:
        UnknownHyperparameterError, HyperparameterError: as `Run.schedule`.
    """
    run._engine.claims.of(command)


def submit(run: Run, command: Command) -> Answer[Any]:
    """Send a command without waiting for it.

    Raises:
        StatusError: the run is closed.
    """
    return run._runner.submit(command)


def history(run: Run) -> History:
    """The recorded metrics and values."""
    return run._records


def changes(run: Run) -> Sequence[ChangeRecord]:
    """Every acknowledged change of a value, oldest first; it only grows."""
    return run._helm.changes


def can_undo(run: Run) -> bool:
    """Whether there is a change to take back."""
    return run._helm.can_undo


def stopped(run: Run) -> Stopped | None:
    """Why a rule paused or ended the run, until it trains again."""
    return run._helm.stopped


def has_fault(run: Run) -> bool:
    """Whether a step that was not finite waits for a decision."""
    return run._engine.nan_guard.fault is not None


def out_of_memory(run: Run) -> str | None:
    """That a batch size did not fit and was taken back, until another one is set."""
    return run._engine.memory.said


def trains_itself(run: Run) -> bool:
    """Whether the run knows how to train; else only the caller's own loop does."""
    return run._engine.train_on is not None


def is_closed(run: Run) -> bool:
    """Whether the run can only be read."""
    return run._runner._closed


def loop_broke(run: Run, error: BaseException) -> None:
    """The caller's own loop over `run.batches()` ended with an error."""
    run._runner.loop_broke(error)
