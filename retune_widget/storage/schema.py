"""The database of a run directory: its tables, its version, and how it is opened."""

import os
import sqlite3
from functools import lru_cache
from pathlib import Path

from retune_widget.errors import StoreError
from retune_widget.storage.faults import damaged

FORMAT_VERSION = 2
"""Rises with every change of the tables or the files that an older retune-widget could not read."""

LARGEST_NUMBER = 2**53
"""Of a transaction: nobody counts further."""

APPLICATION_ID = 0x52455455
"""Tells a run's database from those of other programs."""

# Lists are read in the order of `position`; replacing a row keeps it.
TABLES = """
CREATE TABLE info (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE branches (position INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE, record TEXT NOT NULL);
CREATE TABLE nodes (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL);
CREATE TABLE changes (position INTEGER PRIMARY KEY, branch INTEGER NOT NULL, record TEXT NOT NULL);
CREATE INDEX changes_of_branch ON changes (branch);

CREATE TABLE columns (
  position INTEGER PRIMARY KEY, branch INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
  UNIQUE (branch, name)
);
CREATE TABLE pieces ( -- pairs (step, value) of a column: little-endian int64 and float64
  column_position INTEGER NOT NULL REFERENCES columns ON DELETE CASCADE,
  first_step INTEGER NOT NULL, steps BLOB NOT NULL, "values" BLOB NOT NULL,
  PRIMARY KEY (column_position, first_step)
);

CREATE TABLE files (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE blobs (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, dtype TEXT NOT NULL, shape TEXT NOT NULL,
  file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE
);
CREATE INDEX blobs_of_file ON blobs (file);
CREATE TABLE checkpoints (
  position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, "values" TEXT NOT NULL, digest TEXT NOT NULL,
  bytes INTEGER NOT NULL, file INTEGER NOT NULL REFERENCES files
);
CREATE INDEX checkpoint_of_file ON checkpoints (file);
CREATE TABLE tensors ( -- the manifest of a checkpoint: its tensors' names, in order, and the blob of each
  checkpoint INTEGER NOT NULL REFERENCES checkpoints ON DELETE CASCADE,
  number INTEGER NOT NULL, name TEXT NOT NULL, blob INTEGER NOT NULL REFERENCES blobs,
  PRIMARY KEY (checkpoint, number)
) WITHOUT ROWID;
CREATE INDEX tensors_of_blob ON tensors (blob);
"""
COUNTER = """
CREATE TABLE counter (transactions INTEGER NOT NULL); -- how many were committed, to compare with the journal
INSERT INTO counter VALUES (0);
"""
"""Came with format 2."""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a database with full durability; transactions are begun and ended by hand, from any thread.

    One that is only read may lie in a directory that cannot be written to; then nobody else may be writing it.

    Where the file system cannot share memory SQLite keeps to a rollback journal, which is as durable as WAL.
    """
    mode = "mode=rwc"
    if read_only:
        logged = path.with_name(f"{path.name}-wal")
        at_rest = not logged.exists() or not logged.stat().st_size
        mode = "immutable=1" if at_rest and not os.access(path.parent, os.W_OK) else "mode=ro"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=60, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new database, or check that this version can use those of an old one.

    Raises:
        StoreError: it belongs to another program or to a newer retune-widget.
    """
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        check(connection, path)
        if transactions(connection) is None:
            connection.executescript(f"BEGIN IMMEDIATE; {COUNTER} PRAGMA user_version = {FORMAT_VERSION}; COMMIT;")
        return
    create(connection)


def create(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty database."""
    script = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT_VERSION};"
    connection.executescript(f"BEGIN IMMEDIATE; {TABLES} {COUNTER} {script} COMMIT;")


def transactions(connection: sqlite3.Connection) -> int | None:
    """How many transactions were committed, or None in a database of format 1, which does not know."""
    if connection.execute("PRAGMA user_version").fetchone()[0] < FORMAT_VERSION:
        return None
    row = connection.execute("SELECT transactions FROM counter").fetchone()
    return row[0] if row and type(row[0]) is int and 0 <= row[0] <= LARGEST_NUMBER else 0


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a database that this version cannot read.

    Raises:
        StoreError: it belongs to another program or to a newer retune-widget.
    """
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise damaged(path, f"The database of the run at {path} is empty.")
        raise StoreError(f"The database at {path} belongs to another program. Choose another path for the run.")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > FORMAT_VERSION:
        raise StoreError(
            f"The run at {path} was written by a newer retune-widget: its format is {version}, and this "
            f"version reads up to {FORMAT_VERSION}. Choose another path, or upgrade with "
            "`pip install --upgrade retune-widget`."
        )
    tables = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    if version < 1 or set(tables) != _expected(version):
        # A view or a trigger in their place would be code that is run.
        raise damaged(path, f"The database of the run at {path} has other tables than retune-widget makes.")


@lru_cache
def _expected(version: int) -> frozenset[tuple[str, str, str | None]]:
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(TABLES if version == 1 else TABLES + COUNTER)
        return frozenset(connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall())
    finally:
        connection.close()
