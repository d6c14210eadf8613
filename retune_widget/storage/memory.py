"""A store in memory: for tests, and for runs that need not outlive the process."""

import copy
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from retune_widget.engine.snapshot import Snapshot
from retune_widget.errors import StoreError
from retune_widget.storage import pairs
from retune_widget.storage.blobs import blob_of
from retune_widget.storage.store import (
    ChangeRecord,
    CheckpointRecord,
    RunRecord,
    Store,
    check_checkpoint_id,
    from_json,
    to_json,
)
from retune_widget.tracking.history import HistoryChunk, Kind, Pairs
from retune_widget.tracking.retention import Piece
from retune_widget.tracking.tree import BranchRecord, NodeRecord


@dataclass(frozen=True)
class _Checkpoint:
    record: CheckpointRecord
    keys: dict[str, str]
    values: str


@dataclass
class _State:
    """What is kept. Its values are only ever replaced, so a copy of the containers is a copy of it all."""

    info: dict[str, Any] = field(default_factory=dict)
    branches: dict[int, BranchRecord] = field(default_factory=dict)
    nodes: dict[str, NodeRecord] = field(default_factory=dict)
    changes: list[ChangeRecord] = field(default_factory=list)
    columns: dict[tuple[int, str], tuple[Kind, tuple[Pairs, ...]]] = field(default_factory=dict)
    checkpoints: dict[str, _Checkpoint] = field(default_factory=dict)
    blobs: dict[str, torch.Tensor] = field(default_factory=dict)

    def copy(self) -> "_State":
        return _State(**{name: value.copy() for name, value in vars(self).items()})


class MemoryStore(Store):
    """Keeps a run until the process ends. A transaction works on a copy, then swaps it in."""

    durable = False

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._committed: _State | None = _State()
        self._working: _State | None = None

    def save_info(self, info: Mapping[str, Any]) -> None:
        """See `Store`."""
        with self._writing() as state:
            state.info.update(from_json(to_json(dict(info))))

    def save_branch(self, record: BranchRecord) -> None:
        """See `Store`."""
        with self._writing() as state:
            state.branches[record["id"]] = copy.deepcopy(record)

    def save_node(self, record: NodeRecord) -> None:
        """See `Store`."""
        with self._writing() as state:
            state.nodes[record["id"]] = copy.deepcopy(record)

    def append_changes(self, records: Sequence[ChangeRecord]) -> None:
        """See `Store`."""
        with self._writing() as state:
            state.changes.extend(copy.deepcopy(list(records)))

    def append_history(self, chunks: Sequence[HistoryChunk]) -> None:
        """See `Store`."""
        with self._writing() as state:
            for chunk in chunks:
                if not len(chunk.steps):
                    continue
                kind, old = state.columns.get((chunk.branch, chunk.column), (chunk.kind, ()))
                pieces = [piece for piece in old if piece[0][0] < chunk.steps[0]]
                added = pairs.append(pieces[-1] if pieces else None, (chunk.steps, chunk.values))
                if added.replaces_last:
                    pieces.pop()
                state.columns[chunk.branch, chunk.column] = kind, (*pieces, added.pairs)

    def save_checkpoint(self, checkpoint_id: str, snapshot: Snapshot) -> int:
        """See `Store`."""
        check_checkpoint_id(checkpoint_id)
        blobs = {name: blob_of(tensor) for name, tensor in snapshot.tensors.items()}
        keys = {name: blob.key for name, blob in blobs.items()}
        values, digest = to_json(snapshot.values), snapshot.digest()
        with self._writing() as state:
            there = state.checkpoints.get(checkpoint_id)
            if there is not None:
                if there.keys == keys and there.values == values:
                    return 0
                message = f"The checkpoint {checkpoint_id!r} is already stored, with another state."
                raise StoreError(message)
            new = {blob.key: blob.tensor.clone() for blob in blobs.values() if blob.key not in state.blobs}
            size = sum(tensor.nbytes for tensor in new.values()) + len(values)
            state.blobs.update(new)
            record: CheckpointRecord = {"id": checkpoint_id, "bytes": size, "digest": digest}
            state.checkpoints[checkpoint_id] = _Checkpoint(record, keys, values)
            return size

    def load_checkpoint(self, checkpoint_id: str) -> Snapshot:
        """See `Store`."""
        state = self._read()
        if checkpoint_id not in state.checkpoints:
            message = f"There is no checkpoint {checkpoint_id!r} in this store."
            raise StoreError(message)
        checkpoint = state.checkpoints[checkpoint_id]
        tensors = {name: state.blobs[key] for name, key in checkpoint.keys.items()}
        return Snapshot(tensors, from_json(checkpoint.values))

    def delete(self, branches: Sequence[int], nodes: Sequence[str], checkpoints: Sequence[str]) -> None:
        """See `Store`."""
        with self._writing() as state:
            for branch in branches:
                state.branches.pop(branch, None)
            for node in nodes:
                state.nodes.pop(node, None)
            for checkpoint_id in checkpoints:
                state.checkpoints.pop(checkpoint_id, None)
            state.changes = [change for change in state.changes if change["branch"] not in branches]
            state.columns = {place: its for place, its in state.columns.items() if place[0] not in branches}
            used = {key for checkpoint in state.checkpoints.values() for key in checkpoint.keys.values()}
            state.blobs = {key: tensor for key, tensor in state.blobs.items() if key in used}

    def size(self) -> int:
        """See `Store`."""
        return sum(piece.bytes for piece in self.pieces())

    def pieces(self) -> list[Piece]:
        """See `Store`."""
        state = self._read()
        users: dict[str, set[str]] = {}
        for checkpoint_id, checkpoint in state.checkpoints.items():
            for key in checkpoint.keys.values():
                users.setdefault(key, set()).add(checkpoint_id)
        blobs = [Piece(tensor.nbytes, frozenset(users[key])) for key, tensor in state.blobs.items()]
        values = [Piece(len(its.values), frozenset({name})) for name, its in state.checkpoints.items()]
        return blobs + values

    def load(self) -> RunRecord:
        """See `Store`."""
        state = self._read()
        return RunRecord(
            info=copy.deepcopy(state.info),
            branches=copy.deepcopy(list(state.branches.values())),
            nodes=copy.deepcopy(list(state.nodes.values())),
            changes=copy.deepcopy(state.changes),
            history=[
                HistoryChunk(branch, column, kind, *pairs.join(pieces))
                for (branch, column), (kind, pieces) in state.columns.items()
            ],
            checkpoints=[checkpoint.record.copy() for checkpoint in state.checkpoints.values()],
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Store`."""
        with self._writing():
            yield

    def close(self) -> None:
        """See `Store`."""
        with self._lock:
            self._committed = None

    @contextmanager
    def _writing(self) -> Iterator[_State]:
        with self._lock:
            if self._working is not None:
                yield self._working
                return
            self._working = self._read().copy()
            try:
                yield self._working
                self._committed = self._working
            finally:
                self._working = None

    def _read(self) -> _State:
        if self._committed is None:
            message = "This store is closed."
            raise StoreError(message)
        return self._committed
