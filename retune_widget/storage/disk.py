"""A store in a directory: SQLite for the records, a safetensors file for what is new in each checkpoint."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from retune_widget.engine.snapshot import Snapshot
from retune_widget.errors import StoreError
from retune_widget.storage import directory, entries, manifests, records, schema
from retune_widget.storage.blobs import blob_of
from retune_widget.storage.disk_reader import DiskReader
from retune_widget.storage.faults import translated
from retune_widget.storage.journal import Entry, Journal
from retune_widget.storage.pieces import Sizes
from retune_widget.storage.store import ChangeRecord, RunRecord, Store, check_checkpoint_id
from retune_widget.tracking.history import HistoryChunk
from retune_widget.tracking.retention import Piece
from retune_widget.tracking.tree import BranchRecord, NodeRecord


class DiskStore(Store):
    """Keeps a run in a directory, which is locked for anybody else who would write.

    Saves use one connection under a lock, reads another. A checkpoint is acknowledged when its file has been
    written, synced and renamed and the database has committed; before that, a crash leaves a file that
    nothing refers to, and the next opening sweeps it.
    """

    def __init__(self, path: str | Path, check: Callable[[Snapshot], None] = lambda _: None) -> None:
        """Open a run directory, or make one.

        Args:
            path: an empty directory, one that does not exist yet, or one that holds a run.
            check: raises an error for a checkpoint that another process wrote and that cannot be used.

        Raises:
            StoreError: it cannot be used; the text says why and what to do.
        """
        self.path = Path(path)
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._depth = 0
        self._closed = False
        self._made: list[Path] = []
        self._freed: list[Path] = []
        with translated(self.path, "opened"), contextlib.ExitStack() as on_error:
            directory.prepare(self.path)
            self._guard = directory.lock(self.path)
            on_error.callback(self._guard.release)
            if directory.holds_files(self.path):
                DiskReader(self.path).close()  # refused before SQLite writes to it
            self._db = schema.connect(self.path / directory.DATABASE)
            on_error.callback(self._db.close)
            schema.prepare(self._db, self.path)
            self._number = schema.transactions(self._db) or 0
            self._reader = DiskReader(self.path, check)
            on_error.callback(self._reader.close)
            self._sizes = Sizes(self.path)
            on_error.callback(self._sizes.close)
            self._journal = Journal(self.path)
            self._journal.begin(self._number, lambda: entries.of_run(self._reader.load()))
            directory.sweep(self.path, manifests.file_names(self._db))
            on_error.pop_all()

    @property
    def problem(self) -> str | None:
        """See `Store`: the journal may be behind."""
        return self._journal.problem

    def save_info(self, info: Mapping[str, Any]) -> None:
        """See `Store`."""
        with self.transaction():
            records.save_info(self._db, info)
            self._journal.add(Entry.of("info", dict(info)))

    def save_branch(self, record: BranchRecord) -> None:
        """See `Store`."""
        with self.transaction():
            records.save_branch(self._db, record)
            self._journal.add(Entry.of("branch", record))

    def save_node(self, record: NodeRecord) -> None:
        """See `Store`."""
        with self.transaction():
            records.save_node(self._db, record)
            self._journal.add(Entry.of("node", record))

    def append_changes(self, changes: Sequence[ChangeRecord]) -> None:
        """See `Store`."""
        with self.transaction():
            records.append_changes(self._db, changes)
            self._journal.add(Entry.of("changes", list(changes)))

    def append_history(self, chunks: Sequence[HistoryChunk]) -> None:
        """See `Store`."""
        with self.transaction():
            for chunk in chunks:
                records.append_chunk(self._db, chunk)
                self._journal.add(entries.of_history(chunk))

    def save_checkpoint(self, checkpoint_id: str, snapshot: Snapshot) -> int:
        """See `Store`."""
        check_checkpoint_id(checkpoint_id)
        blobs = {name: blob_of(tensor) for name, tensor in snapshot.tensors.items()}
        manifest = manifests.Manifest.of(checkpoint_id, snapshot, blobs)
        with self.transaction():
            if manifests.is_stored(self._db, manifest):
                return 0
            name = manifests.free_file_name(self._db, checkpoint_id, {freed.name for freed in self._freed})
            file = directory.checkpoint_file(self.path, name)
            self._made.append(file)
            number = self._number + 1
            more = {"number": str(number), "records": self._journal.for_file(number)}
            size = manifests.save(self._db, manifest, {blob.key: blob for blob in blobs.values()}, file, more)
            self._reader.trust(checkpoint_id, file)
            return size

    def load_checkpoint(self, checkpoint_id: str) -> Snapshot:
        """See `Store`."""
        return self._reader.load_checkpoint(checkpoint_id)

    def delete(self, branches: Sequence[int], nodes: Sequence[str], checkpoints: Sequence[str]) -> None:
        """See `Store`."""
        with self.transaction():
            records.delete(self._db, branches, nodes)
            self._journal.add(entries.of_deletion(branches, nodes, checkpoints))
            for name in manifests.delete(self._db, checkpoints):
                self._freed.append(directory.checkpoint_file(self.path, name))

    def size(self) -> int:
        """See `Store`."""
        with translated(self.path, "read"):
            return self._sizes.total()

    def pieces(self) -> list[Piece]:
        """See `Store`."""
        with translated(self.path, "read"):
            return self._sizes.pieces()

    def load(self) -> RunRecord:
        """See `Store`."""
        return self._reader.load()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Store`."""
        if os.getpid() != self._process:
            raise StoreError(
                f"The run at {self.path} belongs to process {self._process}: a fork of it cannot write it."
            )
        with self._lock, translated(self.path, "written"):
            if self._depth == 0:
                self._check_open()
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
                if self._depth == 1:
                    self._db.execute("UPDATE counter SET transactions = ?", (self._number + 1,))
                    self._db.execute("COMMIT")
            except BaseException:
                if self._depth == 1:
                    self._roll_back()
                raise
            finally:
                self._depth -= 1
            if self._depth == 0:
                self._number += 1
                self._journal.commit(self._number)
                self._settle()

    def close(self) -> None:
        """See `Store`. In a fork of the process it lets go of nothing: all of it is the other one's."""
        if os.getpid() != self._process:
            return
        with self._lock:
            self._closed = True
            self._reader.close()
            self._sizes.close()
            self._db.close()
            self._guard.release()

    def _roll_back(self) -> None:
        if self._db.in_transaction:  # SQLite has already rolled back after some errors, a full disk for one
            self._db.execute("ROLLBACK")
        self._journal.roll_back()
        self._freed, self._made = self._made, []
        self._settle()

    def _settle(self) -> None:
        freed, self._freed, self._made = self._freed, [], []
        for file in freed:
            with contextlib.suppress(OSError):  # nothing refers to it: the next opening sweeps it
                file.unlink()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"The store of the run at {self.path} is closed.")
