"""What the view needs of a run beyond its public face, in one place."""

# ruff: noqa: SLF001

from collections.abc import Sequence
from typing import Any, NamedTuple

from retune_widget.engine.answer import Answer
from retune_widget.engine.commands import Command
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
