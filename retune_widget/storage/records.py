"""Info, branches, nodes, changes and history in the database of a run directory."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from retune_widget.storage import pairs
from retune_widget.storage.store import (
    ChangeRecord,
    CheckpointRecord,
    RunRecord,
    from_json,
    node_from_json,
    to_json,
)
from retune_widget.tracking.history import HistoryChunk, Pairs
from retune_widget.tracking.tree import BranchRecord, NodeRecord


def save_info(db: sqlite3.Connection, info: Mapping[str, Any]) -> None:
    """Insert or replace the values under these names."""
    rows = [(name, to_json(value)) for name, value in info.items()]
    db.executemany("INSERT OR REPLACE INTO info VALUES (?, ?)", rows)


def save_branch(db: sqlite3.Connection, record: BranchRecord) -> None:
    """Insert or replace by id."""
    db.execute(
        "INSERT INTO branches (id, record) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record",
        (record["id"], to_json(record)),
    )


def save_node(db: sqlite3.Connection, record: NodeRecord) -> None:
    """Insert or replace by id."""
    db.execute(
        "INSERT INTO nodes (id, record) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record",
        (record["id"], to_json(record)),
    )


def append_changes(db: sqlite3.Connection, changes: Sequence[ChangeRecord]) -> None:
    """Add changes at the end."""
    rows = [(change["branch"], to_json(change)) for change in changes]
    db.executemany("INSERT INTO changes (branch, record) VALUES (?, ?)", rows)


def append_chunk(db: sqlite3.Connection, chunk: HistoryChunk) -> None:
    """Add pairs to a column; those from the chunk's first step on give way."""
    if not len(chunk.steps):
        return
    column, first = _column(db, chunk), int(chunk.steps[0])
    db.execute("DELETE FROM pieces WHERE column_position = ? AND first_step >= ?", (column, first))
    row = db.execute(
        'SELECT first_step, steps, "values" FROM pieces WHERE column_position = ? ORDER BY first_step DESC LIMIT 1',
        (column,),
    ).fetchone()
    added = pairs.append(_pairs(*row[1:]) if row else None, (chunk.steps, chunk.values))
    steps, values = added.pairs
    data = (steps.astype("<i8").tobytes(), values.astype("<f8").tobytes())
    if added.replaces_last:
        place = (column, row[0])
        db.execute(
            'UPDATE pieces SET steps = ?, "values" = ? WHERE column_position = ? AND first_step = ?',
            data + place,
        )
    else:
        db.execute("INSERT INTO pieces VALUES (?, ?, ?, ?)", (column, first, *data))


def delete(db: sqlite3.Connection, branches: Sequence[int], nodes: Sequence[str]) -> None:
    """Remove branches with their changes and history, and nodes."""
    ids = [(branch,) for branch in branches]
    db.executemany("DELETE FROM branches WHERE id = ?", ids)
    db.executemany("DELETE FROM changes WHERE branch = ?", ids)
    db.executemany("DELETE FROM columns WHERE branch = ?", ids)
    db.executemany("DELETE FROM nodes WHERE id = ?", [(node,) for node in nodes])


def load(db: sqlite3.Connection, checkpoints: list[CheckpointRecord]) -> RunRecord:
    """Everything but the tensors."""
    return RunRecord(
        info={name: from_json(value) for name, value in db.execute("SELECT name, value FROM info")},
        branches=[from_json(text) for (text,) in db.execute("SELECT record FROM branches ORDER BY position")],
        nodes=[node_from_json(text) for (text,) in db.execute("SELECT record FROM nodes ORDER BY position")],
        changes=[from_json(text) for (text,) in db.execute("SELECT record FROM changes ORDER BY position")],
        history=_history(db),
        checkpoints=checkpoints,
    )


def _history(db: sqlite3.Connection) -> list[HistoryChunk]:
    chunks = []
    for position, branch, name, kind in db.execute("SELECT * FROM columns ORDER BY position").fetchall():
        rows = db.execute(
            'SELECT steps, "values" FROM pieces WHERE column_position = ? ORDER BY first_step', (position,)
        )
        chunks.append(HistoryChunk(branch, name, kind, *pairs.join([_pairs(*row) for row in rows])))
    return chunks


def _column(db: sqlite3.Connection, chunk: HistoryChunk) -> int:
    place = (chunk.branch, chunk.column)
    db.execute("INSERT OR IGNORE INTO columns (branch, name, kind) VALUES (?, ?, ?)", (*place, chunk.kind))
    return int(db.execute("SELECT position FROM columns WHERE branch = ? AND name = ?", place).fetchone()[0])


def _pairs(steps: bytes, values: bytes) -> Pairs:
    return np.frombuffer(steps, "<i8").astype(np.int64), np.frombuffer(values, "<f8").astype(np.float64)
