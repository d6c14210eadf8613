"""What waits for the writer: saves in the order they were asked for, and snapshots not durable yet."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from retune_widget.engine.snapshot import Snapshot
from retune_widget.storage.store import Store
from retune_widget.tracking.tree import CheckpointHandle

KEPT_FAILED = 2
"""Snapshots kept for another try while the store fails; older ones are given up, or memory would fill."""


@dataclass(eq=False)
class RecordJob:
    """Something small. It is tried until it is saved, and everything after it waits."""

    write: Callable[[Store], None]
    number: int = 0
    on_saved: Callable[[], None] | None = None

    def save(self, store: Store) -> int:
        """Save it; returns 0."""
        self.write(store)
        return 0


@dataclass(eq=False)
class CheckpointJob:
    """A checkpoint. When it cannot be saved it steps aside for what comes after it, and is tried again."""

    handle: CheckpointHandle
    snapshot: Snapshot
    number: int = 0

    def save(self, store: Store) -> int:
        """Save it; returns the bytes that this added to the store."""
        self.handle.digest, self.handle.training_digest = self.snapshot.digest(), self.snapshot.training_digest()
        return store.save_checkpoint(self.handle.id, self.snapshot)


Job = RecordJob | CheckpointJob


class Jobs:
    """The line of jobs, and the failed checkpoints beside it. The writer's lock guards it."""

    def __init__(self) -> None:
        self.line: deque[Job] = deque()
        self.aside: deque[CheckpointJob] = deque()
        self.batch: list[Job] = []
        self.submitted = 0

    def add(self, job: Job) -> None:
        """Put a job at the end of the line and number it."""
        self.submitted += 1
        job.number = self.submitted
        self.line.append(job)

    def next_batch(self, upto: int) -> list[Job]:
        """Take what one transaction saves: jobs up to this number, the first checkpoint being the last."""
        self.batch = []
        while self.line and self.line[0].number <= upto:
            self.batch.append(self.line.popleft())
            if isinstance(self.batch[-1], CheckpointJob):
                break
        return self.batch

    def put_back(self, but: Job | None = None) -> None:
        """Return the batch to the front of the line, without the job `but`."""
        self.line.extendleft(job for job in reversed(self.batch) if job is not but)
        self.batch = []

    def retry_aside(self) -> None:
        """Put the failed checkpoints back in front of everything: all records before them are saved."""
        self.line.extendleft(reversed(self.aside))
        self.aside.clear()

    @property
    def unsaved(self) -> list[CheckpointJob]:
        """The checkpoints that are not durable, oldest first."""
        return [job for job in (*self.aside, *self.batch, *self.line) if isinstance(job, CheckpointJob)]

    @property
    def bytes(self) -> int:
        """Of the snapshots that are not durable."""
        return sum(job.snapshot.nbytes for job in self.unsaved)

    def forget(self, checkpoint_ids: set[str]) -> None:
        """Drop failed checkpoints that were deleted meanwhile."""
        self.aside = deque(job for job in self.aside if job.handle.id not in checkpoint_ids)

    def give_up_old(self, *, stuck: bool) -> list[CheckpointJob]:
        """Drop all failed checkpoints but the newest; when records are stuck, those in line have failed."""
        failed = self.unsaved if stuck else list(self.aside)
        old = failed[:-KEPT_FAILED]
        self.aside = deque(job for job in self.aside if job not in old)
        self.line = deque(job for job in self.line if job not in old)
        return old
