"""What can still be read of a damaged database: every row that SQLite gives, from either end of each table."""

import contextlib
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from retune_widget.errors import StoreError
from retune_widget.storage import manifests, schema
from retune_widget.storage.directory import DATABASE
from retune_widget.storage.journal import HISTORY
from retune_widget.storage.manifests import Manifest
from retune_widget.storage.pairs import join
from retune_widget.storage.store import from_json, to_json
from retune_widget.tracking.history import HistoryChunk, Pairs

_TEXTS = {"branch": "branches", "node": "nodes", "changes": "changes"}


@dataclass
class Salvage:
    """Rows of a database.

    Attributes:
        number: the last transaction that it has, or None where that cannot be read.
        entries: (kind, body), as in the journal.
        checkpoints: the ids, or None where the list of them cannot be read.
        manifests: those of them that can be read, by id.
        problems: what cannot be read; empty for a database that is whole.
    """

    number: int | None = None
    entries: list[tuple[str, Any]] = field(default_factory=list)
    checkpoints: set[str] | None = None
    manifests: dict[str, Manifest] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def salvage(path: Path) -> Salvage:
    """Read what there is in the database of a run directory; it is not written to."""
    its = Salvage()
    database = path / DATABASE
    if not database.exists() or not database.stat().st_size:
        its.problems.append(f"The database, {DATABASE}, is missing or empty.")
        return its
    try:
        db = schema.connect(database, read_only=True)
    except sqlite3.Error as error:
        its.problems.append(f"The database cannot be read: {error}.")
        return its
    try:
        schema.check(db, path)  # what is no table of ours is not read at all
    except (sqlite3.Error, StoreError, UnicodeDecodeError) as error:
        its.problems.append(f"The database cannot be read: {error}")
    else:
        _Reader(db, its).read()
    finally:
        db.close()
    return its


class _Reader:
    def __init__(self, db: sqlite3.Connection, its: Salvage) -> None:
        self._db, self._its = db, its

    def read(self) -> None:
        try:
            self._its.number = schema.transactions(self._db) or 0
            if self._db.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
                self._its.problems.append("The database is damaged.")
        except sqlite3.Error as error:
            self._its.problems.append(f"The database is damaged: {error}.")
        for _, name, value in self._rows("info", "name, name, value", "name"):
            self._keep("info", f"{{{to_json(str(name))}:{value}}}")
        for kind, table in _TEXTS.items():
            for _, record in self._rows(table, "position, record"):
                self._keep(kind, f"[{record}]" if kind == "changes" else record)
        self._history()
        count = len(self._its.problems)
        found = {row[1] for row in self._rows("checkpoints", "position, id")}
        self._its.checkpoints = found if len(self._its.problems) == count else None
        for name in found:
            with contextlib.suppress(StoreError, sqlite3.Error, LookupError, TypeError, ValueError):
                self._its.manifests[name] = manifests.find(self._db, name).manifest

    def _history(self) -> None:
        columns = {row[0]: row[1:] for row in self._rows("columns", "position, branch, name, kind")}
        pieces: dict[Any, list[Pairs]] = {}
        for _, column, *data in self._rows("pieces", 'rowid, column_position, steps, "values"', "rowid"):
            pair = _pairs(*data)
            if column in columns and pair is not None:
                pieces.setdefault(columns[column], []).append(pair)
            else:
                self._its.problems.append("A piece of the history is damaged.")
        for (branch, name, kind), pairs in pieces.items():
            steps, values = join(pairs)
            _, first = np.unique(steps, return_index=True)
            self._its.entries.append((HISTORY, HistoryChunk(branch, name, kind, steps[first], values[first])))

    def _keep(self, kind: str, text: str) -> None:
        try:
            self._its.entries.append((kind, from_json(text)))
        except (TypeError, ValueError) as error:
            self._its.problems.append(f"A record of the database is damaged: {error}.")

    def _rows(self, table: str, columns: str, order: str = "position") -> list[Any]:
        """All rows that can be read, forwards up to the damage and backwards up to it."""
        rows: dict[Any, Any] = {}
        for direction in ("", " DESC"):
            if self._read(f"SELECT {columns} FROM {table} ORDER BY {order}{direction}", rows):  # noqa: S608  # ours
                break
        return [rows[key] for key in sorted(rows, key=lambda its: (str(type(its)), its))]

    def _read(self, query: str, rows: dict[Any, Any]) -> bool:
        """Add to `rows` what a query gives; returns whether that was all."""
        try:
            for row in self._db.execute(query):
                rows[row[0]] = row
        except (sqlite3.Error, OverflowError) as error:
            self._its.problems.append(f"The database is damaged: {error}.")
            return False
        return True


def _pairs(steps: Any, values: Any) -> Pairs | None:
    try:
        pair = np.frombuffer(steps, "<i8").astype(np.int64), np.frombuffer(values, "<f8").astype(np.float64)
    except (TypeError, ValueError):
        return None
    return pair if len(pair[0]) == len(pair[1]) else None
