"""The contract of a store: where a run's tree, history and checkpoints are kept."""

import json
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypedDict

from retune_widget.engine.snapshot import Snapshot
from retune_widget.tracking.history import HistoryChunk
from retune_widget.tracking.retention import Piece
from retune_widget.tracking.tree import BranchRecord, Node, NodeRecord, Value, ValueChange

DEEPEST = 300
"""Levels of lists and dicts in each other. What walks through them calls itself at each, and Python ends at 1,000."""

CHECKPOINT_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


class ChangeRecord(TypedDict):
    """One changed value, as the store keeps it.

    `node` is the node that holds the state from before it; `governed` says what decides the value from then on. What
    happens to a rule is a change too: the key is `policy:Plateau`, the new value a word.
    """

    branch: int
    step: int
    key: str
    old: Value | None
    new: Value | str
    author: str
    node: str | None
    note: str
    created: float
    governed: str | None


def change_records(node: Node, changes: Sequence[ValueChange], author: str, note: str) -> list[ChangeRecord]:
    """What the store keeps of values that were changed now; `node` holds the state from before."""
    return [
        {"branch": node.branch.id, "step": node.step, "key": its.key, "old": its.old, "new": its.new,
         "author": author, "node": node.id, "note": note, "created": time.time(),
         "governed": its.governing.text if its.governing is not None else None}
        for its in changes
    ]  # fmt: skip


def policy_record(node: Node, name: str, step: int, event: str, *, author: str, note: str) -> ChangeRecord:
    """What the store keeps of something that happened to a rule, or that it did: `policy:Plateau`, suspended."""
    return {
        "branch": node.branch.id, "step": step, "key": f"policy:{name}", "old": None, "new": event, "author": author,
        "node": node.id, "note": note, "created": time.time(), "governed": None,
    }  # fmt: skip


class CheckpointRecord(TypedDict):
    """What is known of a checkpoint without reading its tensors. `bytes` is what it added to the store."""

    id: str
    bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Everything a store holds, but for the tensors. The caller owns it."""

    info: dict[str, Any]
    branches: list[BranchRecord]
    nodes: list[NodeRecord]
    changes: list[ChangeRecord]
    history: list[HistoryChunk]
    checkpoints: list[CheckpointRecord]


class Store(ABC):
    """Keeps one run.

    **Threads.** Any method may be called from any thread. Saves follow one another; a read never waits for a
    save and sees only what is committed, whole transactions at a time.

    **Ownership.** The store keeps no reference to a record or an array that it was given, and nothing that it
    has handed out changes later. It copies a snapshot's tensors, whose memory is used again once the snapshot is
    gone. Nobody writes to a loaded one: its tensors may be shared with the store.

    **Durability.** When a save returns (within a transaction: when the transaction ends), what it saved
    survives as much as the store can offer: the end of the process and a power cut for a directory, nothing
    for memory.

    **Errors.** A save that cannot be done raises `StoreError`, whose text says why, and leaves what was
    stored before as it was. Values that JSON cannot hold raise `TypeError` or `ValueError`. A closed store
    raises `StoreError`.

    Attributes:
        durable: whether what is saved outlives the process.
    """

    durable = True

    @property
    def problem(self) -> str | None:
        """What is wrong with the store although it saves, or None."""
        return None

    @abstractmethod
    def save_info(self, info: Mapping[str, Any]) -> None:
        """Keep facts about the run under their names; a name that is already there gets the new value.

        Args:
            info: JSON-able values, NaN and infinities included.
        """

    @abstractmethod
    def save_branch(self, record: BranchRecord) -> None:
        """Insert a branch, or replace the one of the same id in its place."""

    @abstractmethod
    def save_node(self, record: NodeRecord) -> None:
        """Insert a node, or replace the one of the same id in its place; its checkpoint may come later."""

    @abstractmethod
    def append_changes(self, records: Sequence[ChangeRecord]) -> None:
        """Add changes after those that are there."""

    @abstractmethod
    def append_history(self, chunks: Sequence[HistoryChunk]) -> None:
        """Add pairs (step, value) to columns.

        Pairs already stored for the first step of a chunk or a later one are replaced by the chunk: a second
        value for a step takes the place of the first. Steps within a chunk rise.
        """

    @abstractmethod
    def save_checkpoint(self, checkpoint_id: str, snapshot: Snapshot) -> int:
        """Keep a snapshot under an id: letters, digits, `_` and `-`.

        A tensor whose type, shape and bytes are already stored is not stored again. Strides are not kept.
        Saving the same state under the same id again does nothing.

        Returns:
            The bytes that this added to the store; 0 if it was there.

        Raises:
            StoreError: it cannot be written, or the id belongs to another state.
            ValueError: the id has other characters.
        """

    @abstractmethod
    def load_checkpoint(self, checkpoint_id: str) -> Snapshot:
        """The snapshot of this id, bit for bit, its tensors in their order, contiguous and on the CPU.

        Raises:
            StoreError: there is none, or it cannot be read.
        """

    @abstractmethod
    def delete(self, branches: Sequence[int], nodes: Sequence[str], checkpoints: Sequence[str]) -> None:
        """Forget these branches with their changes and history, these nodes and these checkpoints.

        What is not there is passed over. Tensors that no checkpoint refers to any more are freed.
        """

    @abstractmethod
    def size(self) -> int:
        """The bytes that all checkpoints take now; what several share counts once."""

    @abstractmethod
    def pieces(self) -> list[Piece]:
        """The same bytes, apart: which are freed when which checkpoints are deleted."""

    @abstractmethod
    def load(self) -> RunRecord:
        """Everything but the tensors, each kind in the order of its first save; one chunk for each column."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Make the saves inside one commit: all of them, or none if the block is left by an exception.

        An error of a save inside must leave the block. Transactions of other threads wait; one inside
        another, in the same thread, is part of the outer one.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of files and memory. Closing twice is fine."""


def check_checkpoint_id(checkpoint_id: str) -> None:
    """Raise ValueError for an id that could not be a file's name everywhere."""
    if not CHECKPOINT_ID.fullmatch(checkpoint_id):
        raise ValueError(
            f"A checkpoint's id is made of letters, digits, '_' and '-', at most 100; got {checkpoint_id!r}."
        )


def to_json(value: object) -> str:
    """Compact JSON; NaN and the infinities as Python's `json` writes them."""
    return json.dumps(value, separators=(",", ":"))


def from_json(text: str) -> Any:
    """What `to_json` was given, but for tuples, which are lists now.

    Raises:
        ValueError: it is no JSON, or nested deeper than anything that we write.
        TypeError: it is no text.
    """
    if not isinstance(text, str):
        raise TypeError(f"text was expected, not {type(text).__name__}")
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if text.count("[") + text.count("{") > DEEPEST and _depth(found) > DEEPEST:
        raise ValueError("it is nested too deeply")
    return found


def _depth(found: Any) -> int:
    depth, level = 0, [found]
    while level := [part for its in level if isinstance(its, dict | list) for part in _parts(its)]:
        depth += 1
    return depth


def _parts(of: "dict[str, Any] | list[Any]") -> Iterable[Any]:
    return of.values() if isinstance(of, dict) else of


def node_from_json(text: str) -> NodeRecord:
    """A node, with its changes as tuples again."""
    record: NodeRecord = from_json(text)
    return {**record, "changes": [tuple(its) for its in record["changes"]]}
