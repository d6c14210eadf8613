"""The reading half of a run directory: sees what is committed, whole transactions at a time, and writes nothing."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from retune_widget.engine.snapshot import Snapshot
from retune_widget.errors import StoreError
from retune_widget.storage import directory, manifests, records, schema
from retune_widget.storage.faults import damaged, translated
from retune_widget.storage.journal import JOURNAL, last_commit
from retune_widget.storage.manifests import Manifest
from retune_widget.storage.store import RunRecord

Stamp = tuple[int, int, int]


class DiskReader:
    """Reads a run that is there; another connection, or another process, may be writing it."""

    def __init__(self, path: Path, check: Callable[[Snapshot], None] = lambda _: None) -> None:
        """Open it.

        Args:
            path: the run directory.
            check: raises an error for a checkpoint that another process wrote and that cannot be used.

        Raises:
            StoreError: there is no run, or it cannot be read.
        """
        self.path, self._check = path, check
        self._sound_ids: set[str] = set()
        self._stamps: dict[str, Stamp] = {}
        """The checkpoints that this process wrote, or has compared with their digests."""
        self._lock = threading.Lock()
        self._closed = False
        with translated(path, "read"):
            if not directory.holds_a_run(path):
                raise StoreError(f"There is no run in {str(path)!r}.")
            directory.check_plain(path)
            directory.check_database(path)
            journaled, _ = last_commit(path / JOURNAL)  # before the database, which another process may be writing
            self._db = schema.connect(path / directory.DATABASE, read_only=True)
            try:
                schema.check(self._db, path)
                check_whole(self._db, path, journaled)
            except BaseException:
                self._db.close()
                raise

    def load(self) -> RunRecord:
        """See `Store`."""
        with self._reading() as db:
            return records.load(db, manifests.records(db))

    def load_checkpoint(self, checkpoint_id: str) -> Snapshot:
        """See `Store`."""
        with self._reading() as db:
            found = manifests.find(db, checkpoint_id)
        with translated(self.path, "read"), self._sound():
            snapshot = found.read(self.path)
            stamps = {name: _stamp(directory.checkpoint_file(self.path, name)) for name in found.files.values()}
        untouched = all(self._stamps.get(name) == its for name, its in stamps.items())
        if checkpoint_id not in self._sound_ids or not untouched:
            self._compare(snapshot, found.manifest)
            self._check(snapshot)
            self._sound_ids.add(checkpoint_id)
            self._stamps.update(stamps)
        return snapshot

    def trust(self, checkpoint_id: str, file: Path) -> None:
        """A checkpoint was just written here: it is compared only if somebody touches one of its files later."""
        self._sound_ids.add(checkpoint_id)
        self._stamps[file.name] = _stamp(file)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._closed = True
            self._db.close()

    def _compare(self, snapshot: Snapshot, manifest: Manifest) -> None:
        """What another process wrote, or whose files were touched since: is it every bit of what was saved?"""
        try:
            same = snapshot.digest() == manifest.digest
        except (TypeError, ValueError):  # values that are no dict, or hold what cannot be sorted
            same = False
        if not same:
            raise StoreError(
                f"The checkpoint {manifest.id!r} of the run at {self.path} is damaged: it is not what was saved. "
                "Restore another node."
            )

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translated(self.path, "read"):
            if self._closed:
                raise StoreError(f"The store of the run at {self.path} is closed.")
            self._db.execute("BEGIN")
            try:
                with self._sound():
                    yield self._db
            finally:
                if self._db.in_transaction:
                    self._db.execute("COMMIT")

    @contextmanager
    def _sound(self) -> Iterator[None]:
        """Content that nobody of ours wrote as a `StoreError`."""
        try:
            yield
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            what = f"The database of the run at {self.path} holds what was never written: {error}."
            raise damaged(self.path, what) from error


def check_whole(db: sqlite3.Connection, path: Path, journaled: int) -> None:
    """Refuse a database that lacks transactions which the journal has: it is an old copy, or lost its log.

    Raises:
        StoreError: it says how to rebuild it.
    """
    committed = schema.transactions(db)
    if committed is not None and committed < journaled:
        raise damaged(
            path,
            f"The database of the run at {path} is older than its journal: it has {committed:,} of "
            f"{journaled:,} transactions.",
        )


def _stamp(file: Path) -> Stamp:
    """What changes when anybody writes it: its number, its size, the time of the last write in nanoseconds."""
    found = file.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
