"""The reading half of a run directory: sees what is committed, whole transactions at a time, and writes nothing."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retune_widget.engine.snapshot import Snapshot
from retune_widget.errors import StoreError
from retune_widget.storage import directory, manifests, records, schema
from retune_widget.storage.store import RunRecord


class DiskReader:
    """Reads a run that is there; another connection, or another process, may be writing it."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            StoreError: there is no run, or it cannot be read.
        """
        self.path = path
        self._lock = threading.Lock()
        self._closed = False
        if not directory.holds_a_run(path):
            raise StoreError(f"There is no run in {str(path)!r}.")
        with translated(path, "read"):
            self._db = schema.connect(path / directory.DATABASE, read_only=True)
            try:
                schema.check(self._db, path)
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
        with translated(self.path, "read"):
            return found.read(self.path)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._closed = True
            self._db.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translated(self.path, "read"):
            if self._closed:
                raise StoreError(f"The store of the run at {self.path} is closed.")
            self._db.execute("BEGIN")
            try:
                yield self._db
            finally:
                if self._db.in_transaction:
                    self._db.execute("COMMIT")


@contextmanager
def translated(path: Path, done: str) -> Iterator[None]:
    """Errors of files and of SQLite as `StoreError`s."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"The run at {path} cannot be {done}: {error.strerror or error}.") from error
    except sqlite3.Error as error:
        raise StoreError(f"The run at {path} cannot be {done}: {error}.") from error
