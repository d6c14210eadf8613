"""The writer thread: makes what the run records durable, in order, while training goes on."""

import atexit
import os
import threading
import time
from collections.abc import Callable, Sequence

from retune_widget.engine.snapshot import Snapshot
from retune_widget.errors import CaptureError, StoreError
from retune_widget.storage.jobs import CheckpointJob, Job, Jobs, RecordJob
from retune_widget.storage.store import Store
from retune_widget.storage.submissions import Submissions
from retune_widget.tracking.retention import Piece
from retune_widget.tracking.tree import CheckpointHandle

RETRY_SECONDS = 1.0
MEMORY = 256 * 2**20
"""Bytes of snapshots that may wait to be saved. With larger states it is one that waits while another is taken."""
TOLD_AFTER = 1.0
"""Seconds of waiting for memory after which `problems` says so."""
RETRY_SHARE = 10
"""After a failed try, at least this many times as long as it took passes before the next."""


class Writer(Submissions):
    """Saves to a store in its own thread.

    Only `flush`, `close` and `load_checkpoint` wait for the disk, and `save_checkpoint` while memory is short.

    What is waiting is saved in order, in transactions that end with a checkpoint or with the line. So when a
    checkpoint is marked as saved every record before it is on the disk too: submit a node, then its
    checkpoint.

    A record that cannot be saved holds up the line and is tried again until it can. A checkpoint that cannot
    be saved steps aside, with the reason in `handle.error`, and is tried again; the two newest are kept for
    that, older ones are given up. `problems` says what is wrong now. Training is never stopped.

    Attributes:
        stored: the bytes that all checkpoints take in the store. Any thread may read it.
        survives: whether what is saved outlives the process.
        is_urgent: whether whoever submits a checkpoint must not wait for memory: it is asked to pause or to stop.
    """

    def __init__(
        self,
        store: Store,
        on_change: Callable[[], None] = lambda: None,
        *,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        """Start the thread.

        Args:
            store: where to save. The writer does not close it.
            on_change: called in the writer's thread after handles or problems have changed; must not raise.
            retry_seconds: the least time between a failed try and the next. `flush` tries at once.
        """
        self._store = store
        self._on_change = on_change
        self._retry_seconds = retry_seconds
        self._retry_at = 0.0
        self._changed = threading.Condition()
        self._jobs = Jobs()
        self._stuck = False
        self._waits_since: float | None = None
        self.is_urgent: Callable[[], bool] = lambda: False
        self._deleted = False
        self.stored, self.survives = store.size(), store.durable
        self._problems: list[str] = []
        self._lost: list[str] = []
        self._flushes_asked = self._flushes_done = 0
        self._closing = self._ended = False
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._run, name="retune-writer", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def problems(self) -> list[str]:
        """Why something is not saved, newest last; empty when all is well. Any thread may ask."""
        with self._changed:
            ours = [*self._lost, *self._problems]
            since, unsaved = self._waits_since, len(self._jobs.unsaved)
        if since is not None and time.monotonic() - since > TOLD_AFTER:
            ours.append(f"Training waits for the disk: {unsaved} checkpoints are still being written.")
        return [*ours, *([self._store.problem] if self._store.problem else [])]

    @property
    def unsaved(self) -> int:
        """How many checkpoints are held in memory because they are not durable yet."""
        with self._changed:
            return len(self._jobs.unsaved)

    def pieces(self) -> list[Piece]:
        """What the store holds, apart; see `Store`. Waits for no save."""
        return self._store.pieces()

    def holds(self, handle: CheckpointHandle) -> bool:
        """Whether `load_checkpoint` will give it: it is saved, or still in memory."""
        with self._changed:
            return handle.saved or any(job.handle.id == handle.id for job in self._jobs.unsaved)

    def save_checkpoint(self, handle: CheckpointHandle, snapshot: Snapshot) -> None:
        """Submit a checkpoint; its handle is filled in when it is durable, or says why it is not.

        Waits while more snapshots are in memory than `MEMORY` allows, unless saving fails.
        """
        self._submit(CheckpointJob(handle, snapshot))
        most = max(MEMORY, snapshot.nbytes)
        with self._changed:
            if self._jobs.aside and self._jobs.bytes > most:
                self._give_up_old(all_fail=True)
            self._waits_since = time.monotonic()
            while not (self._ended or self._stuck or self._jobs.aside or self._jobs.bytes <= most or self.is_urgent()):
                self._changed.wait(0.2)
            self._waits_since = None

    def delete(self, branches: Sequence[int], nodes: Sequence[str], checkpoints: Sequence[str]) -> None:
        """Submit a deletion."""

        def write(store: Store) -> None:
            store.delete(branches, nodes, checkpoints)
            self._deleted = self._deleted or bool(checkpoints)
            with self._changed:
                self._jobs.forget(set(checkpoints))

        self._submit(RecordJob(write))

    def load_checkpoint(self, handle: CheckpointHandle) -> Snapshot:
        """The snapshot of a handle: the one still in memory if it is not saved yet, else the store's.

        Raises:
            StoreError: it cannot be read, or it was given up.
        """
        with self._changed:
            for job in self._jobs.unsaved:
                if job.handle.id == handle.id:
                    return job.snapshot
        if handle.error is not None and not handle.saved:
            raise StoreError(f"The checkpoint {handle.id!r} was never saved: {handle.error}")
        return self._store.load_checkpoint(handle.id)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was submitted is durable or has failed; what failed before is tried at once.

        Args:
            timeout: in seconds; None waits for as long as it takes.

        Returns:
            Whether it came to that in time. `problems` says whether all is saved.

        Raises:
            StoreError: this process is a fork of the one that has the writer.
        """
        self._check_process()
        with self._changed:
            self._flushes_asked += 1
            asked = self._flushes_asked
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._ended or self._flushes_done >= asked, timeout)

    def close(self) -> None:
        """Flush, then stop the thread. What still cannot be saved is lost. Closing twice is fine."""
        if os.getpid() != self._process:
            return  # a fork has the locks as they were, and no thread
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        atexit.unregister(self.close)

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            raise StoreError(f"The run belongs to process {self._process}: a fork of it cannot save it.")

    def _submit(self, job: Job) -> None:
        self._check_process()
        with self._changed:
            if self._closing:
                raise StoreError("The run is closed: nothing more is saved.")
            self._jobs.add(job)
            if self._stuck:
                self._give_up_old()
            self._changed.notify_all()

    def _run(self) -> None:
        closing = False
        while not closing:
            with self._changed:
                self._changed.wait_for(self._is_due, self._until_retry())
                asked, closing = self._flushes_asked, self._closing
                if closing or asked > self._flushes_done or time.monotonic() >= self._retry_at:
                    self._jobs.retry_aside()
                    self._stuck = False
            self._save_line()
            with self._changed:
                self._flushes_done, self._ended = asked, closing
                self._changed.notify_all()

    def _is_due(self) -> bool:
        asked = self._closing or self._flushes_asked > self._flushes_done
        return asked or (bool(self._jobs.line) and not self._stuck)

    def _until_retry(self) -> float | None:
        waiting = self._stuck or self._jobs.aside
        return max(0.0, self._retry_at - time.monotonic()) if waiting else None

    def _save_line(self) -> None:
        """Save what is in the line now, until all of it is done or a record gets stuck."""
        with self._changed:
            upto = self._jobs.submitted
        while True:
            with self._changed:
                batch = [] if self._stuck else self._jobs.next_batch(upto)
            if not batch:
                return
            self._save_batch(batch)
            with self._changed:
                self._changed.notify_all()
            self._on_change()

    def _save_batch(self, batch: Sequence[Job]) -> None:
        begun = time.monotonic()
        job: Job | None = None
        size = 0
        try:
            with self._store.transaction():
                for job in batch:
                    size = job.save(self._store)
                job = None
        except Exception as error:  # noqa: BLE001  (a fault of ours must not end all saving)
            if isinstance(error, StoreError) or job is None:
                seconds = max(self._retry_seconds, RETRY_SHARE * (time.monotonic() - begun))
                self._failed(job, str(error), seconds)
            elif isinstance(error, CaptureError):
                self._impossible(job, str(error))
            else:
                self._impossible(job, f"This is a fault in retune-widget: {type(error).__name__}: {error}")
        else:
            self._saved(batch[-1], size)
            for saved in batch:
                if isinstance(saved, RecordJob) and saved.on_saved is not None:
                    saved.on_saved()

    def _saved(self, last: Job, size: int) -> None:
        self._weigh(size)
        with self._changed:
            self._jobs.batch = []
            if isinstance(last, CheckpointJob):
                last.handle.bytes = size
                last.handle.error = None
                last.handle.saved, last.handle.evicted = True, False
            if not self._jobs.aside:
                self._problems.clear()

    def _weigh(self, added: int) -> None:
        """Take note of what the store takes after a transaction."""
        if not self._deleted:
            self.stored += added
            return
        self._deleted = False
        try:
            self.stored = self._store.size()
        except StoreError as error:  # what was saved is saved
            self._lost.append(f"What the checkpoints take is not known: {error}")

    def _failed(self, job: Job | None, reason: str, seconds: float) -> None:
        with self._changed:
            if self._problems[-1:] != [reason]:
                self._problems = [*self._problems, reason][-20:]
            self._retry_at = time.monotonic() + seconds
            if isinstance(job, CheckpointJob):
                job.handle.error = reason
                self._jobs.put_back(but=job)
                self._jobs.aside.append(job)
            else:
                self._jobs.put_back()
                self._stuck = True
                for waiting in self._jobs.unsaved:
                    waiting.handle.error = reason
            self._give_up_old()

    def _impossible(self, job: Job, reason: str) -> None:
        with self._changed:
            what = f"The checkpoint {job.handle.id!r}" if isinstance(job, CheckpointJob) else "A record"
            self._lost.append(f"{what} cannot be saved. {reason}")
            if isinstance(job, CheckpointJob):
                job.handle.error = reason
            self._jobs.put_back(but=job)

    def _give_up_old(self, *, all_fail: bool = False) -> None:
        for job in self._jobs.give_up_old(stuck=self._stuck or all_fail):
            reason = job.handle.error or (self._problems[-1] if self._problems else "the store fails")
            job.handle.error = f"{reason} It was given up: newer checkpoints wait for room as well."
