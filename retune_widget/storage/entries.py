"""Records as entries of the journal, and entries back into a store."""

import base64
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from retune_widget.storage.journal import HISTORY, Entry
from retune_widget.storage.store import RunRecord, Store
from retune_widget.tracking.history import HistoryChunk


def of_history(chunk: HistoryChunk) -> Entry:
    """Pairs of a column: little-endian int64 steps and float64 values, as base64."""
    data = (base64.b64encode(its.tobytes()).decode() for its in (chunk.steps.astype("<i8"), chunk.values.astype("<f8")))
    return Entry.of(HISTORY, [chunk.branch, chunk.column, chunk.kind, *data])


def of_deletion(branches: Sequence[int], nodes: Sequence[str], checkpoints: Sequence[str]) -> Entry:
    """What was forgotten."""
    return Entry.of("delete", [list(branches), list(nodes), list(checkpoints)])


def of_run(record: RunRecord) -> Iterator[Entry]:
    """All of a run but the tensors."""
    yield Entry.of("info", record.info)
    yield from (Entry.of("branch", its) for its in record.branches)
    yield from (Entry.of("node", its) for its in record.nodes)
    yield Entry.of("changes", record.changes)
    yield from (of_history(chunk) for chunk in record.history)


def chunk_of(body: Any) -> HistoryChunk:
    """What `of_history` was given.

    Raises:
        ValueError, TypeError: it was made by nobody of ours.
    """
    branch, column, kind, *data = body
    steps, values = (base64.b64decode(its, validate=True) for its in data)
    return HistoryChunk(
        branch, column, kind, np.frombuffer(steps, "<i8").astype(np.int64), np.frombuffer(values, "<f8").astype(float)
    )


def apply(store: Store, kind: str, body: Any) -> None:
    """Save what an entry holds, which was checked."""
    match kind:
        case "info":
            store.save_info(body)
        case "branch":
            store.save_branch(body)
        case "node":
            store.save_node(body)
        case "changes":
            store.append_changes(body)
        case "history":
            store.append_history([body])
        case "delete":
            store.delete(*body)
