"""Branches and nodes, what changed at them, and all of it as plain data."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from retune_widget.tracking.value_changes import ChangedValue, Value, ValueChange, brief_label

Cause = Literal["start", "change", "manual", "interval", "best", "policy"]
Origin = Literal["trained", "reseeded", "edited"]
"""How a node's state came from its parent's: by training, by other noise, or by hand, which no replay repeats."""
CheckpointStatus = Literal["saving", "saved", "not saved", "evicted"]


def _now() -> float:
    return time.time()


class CheckpointHandle:
    """What a node keeps of its checkpoint. The writer fills it in once the checkpoint is durable.

    Several nodes share one handle when they hold the same state.

    Attributes:
        id: the store's.
        bytes: what it added to the store.
        digest: of its state; None until the writer has computed it.
        training_digest: the same without the random generators, which no step reads: what a replay must give again.
        saved: whether it is durable.
        error: why it is not, if saving failed.
        evicted: whether it was freed to keep to the budget; its digest is kept.
        unreadable: why it cannot be read, if that was tried before freeing it or another one: nothing relies on it.
    """

    def __init__(self, checkpoint_id: str) -> None:
        self.id = checkpoint_id
        self.bytes = 0
        self.digest: str | None = None
        self.training_digest: str | None = None
        self.saved = False
        self.error: str | None = None
        self.evicted = False
        self.unreadable: str | None = None

    @property
    def status(self) -> CheckpointStatus:
        """Where the state is: on its way to the store, there, nowhere (`error` says why), or to be replayed."""
        if self.saved:
            return "saved"
        if self.evicted:
            return "evicted"
        return "saving" if self.error is None else "not saved"


class BranchRecord(TypedDict):
    """A branch as the store keeps it."""

    id: int
    name: str
    named_by_hand: bool
    fork: str | None
    created: float


class _NodeRecord(TypedDict):
    id: str
    branch: int
    step: int
    epoch: int
    parent: str | None
    cause: Cause
    changes: list[ChangedValue]
    author: str
    note: str
    exact: bool
    why: str | None
    created: float
    pinned: bool
    checkpoint: str
    values: dict[str, Value]
    verified: bool | None
    differs: str | None


class NodeRecord(_NodeRecord, total=False):
    """A node as the store keeps it; earlier versions did not write what is listed here.

    `evicted` says what it means that the checkpoint is not there: it was freed, and has these digests.
    """

    origin: Origin
    rolling: bool
    evicted: bool
    digest: str | None
    training_digest: str | None
    policies: list[Any] | None
    policies_after: list[Any] | None


@dataclass(eq=False)
class Branch:
    """A named line of steps that starts at a node; the first is `main` and has no fork."""

    id: int
    name: str
    fork: "Node | None" = None
    named_by_hand: bool = False
    created: float = field(default_factory=_now)

    @classmethod
    def from_record(cls, record: BranchRecord) -> "Branch":
        """The branch that was kept as plain data, not connected yet."""
        return cls(record["id"], record["name"], None, record["named_by_hand"], record["created"])

    @property
    def fork_step(self) -> int:
        """Steps completed where the branch begins."""
        return self.fork.step if self.fork else 0

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Branch({self.name!r} from step {self.fork_step})"

    def record(self) -> BranchRecord:
        """The branch as plain data."""
        return {
            "id": self.id,
            "name": self.name,
            "named_by_hand": self.named_by_hand,
            "fork": self.fork.id if self.fork else None,
            "created": self.created,
        }


@dataclass(eq=False)
class Node:
    """A point (branch, step) with a checkpoint.

    A node with `changes` holds the state from *before* them: restoring it takes them back. `values` are the
    hyperparameters in that state, by key.

    Attributes:
        tainted: why its state could not be reached again, as it was known when the node was made.
        verified: whether its stretch, trained again, gave its state; None: nobody has tried.
        differs: what came out otherwise, the last time that somebody tried.
        doubted: the nearest node on the way here, or this one, that is not reached again.
        origin: how its state came from its parent's.
        rolling: whether it is there for a crash alone: then it goes when newer ones are saved.
        recorded: false until a node that shares a saved checkpoint is durable itself.
        policies: the rules in this state, with what they remember, as plain data; None: an earlier version wrote it.
        policies_after: the same after what was done here, where that made a difference.
    """

    id: str
    branch: Branch
    step: int
    epoch: int
    parent: "Node | None"
    cause: Cause
    checkpoint: CheckpointHandle
    values: Mapping[str, Value]
    changes: tuple[ValueChange, ...] = ()
    author: str = "user"
    note: str = ""
    tainted: str | None = None
    pinned: bool = False
    created: float = field(default_factory=_now)
    verified: bool | None = None
    differs: str | None = None
    doubted: str | None = None
    origin: Origin = "trained"
    rolling: bool = False
    recorded: bool = True
    policies: list[Any] | None = None
    policies_after: list[Any] | None = None

    @classmethod
    def from_record(
        cls, record: NodeRecord, branch: Branch, parent: "Node | None", checkpoint: CheckpointHandle
    ) -> "Node":
        """The node that was kept as plain data."""
        return cls(
            record["id"], branch, record["step"], record["epoch"], parent, record["cause"], checkpoint,
            record["values"], tuple(ValueChange.from_record(its) for its in record["changes"]), record["author"],
            record["note"], record["why"], record["pinned"], record["created"],
            record.get("verified"), record.get("differs"),
            origin=record.get("origin", "edited"), rolling=record.get("rolling", False),
            policies=record.get("policies"), policies_after=record.get("policies_after"),
        )  # fmt: skip

    @property
    def why(self) -> str | None:
        """Why it is not exact, or None if nothing stands against it."""
        return (self.differs and f"it is not reached again: {self.differs}") or self.tainted or self.doubt

    @property
    def exact(self) -> bool:
        """Whether its state comes out again, bit for bit, as far as is known."""
        return self.why is None

    @property
    def doubt(self) -> str | None:
        """What a verification of the way to here says against all that follows, or None."""
        return self.doubted and f"{self.doubted}, on the way here, is not reached again"

    @property
    def saved(self) -> bool:
        """Whether it is durable, and its checkpoint."""
        return self.recorded and self.checkpoint.saved

    @property
    def digest(self) -> str | None:
        """The digest of the checkpoint's state; None until the writer has computed it."""
        return self.checkpoint.digest

    @property
    def label(self) -> str:
        """What changed here, or the note, or nothing."""
        return self.note or brief_label(self.changes)

    def __repr__(self) -> str:
        label = f" {self.label!r}" if self.label else ""
        return f"Node({self.id} {self.cause}{label} on {self.branch.name!r} at step {self.step})"

    def record(self) -> NodeRecord:
        """The node as plain data."""
        return {
            "id": self.id,
            "branch": self.branch.id,
            "step": self.step,
            "epoch": self.epoch,
            "parent": self.parent.id if self.parent else None,
            "cause": self.cause,
            "changes": [its.record() for its in self.changes],
            "author": self.author,
            "note": self.note,
            "exact": self.exact,
            "why": self.tainted,
            "created": self.created,
            "pinned": self.pinned,
            "checkpoint": self.checkpoint.id,
            "values": dict(self.values),
            "verified": self.verified,
            "differs": self.differs,
            "origin": self.origin,
            "rolling": self.rolling,
            "evicted": self.checkpoint.evicted,
            "digest": self.checkpoint.digest,
            "training_digest": self.checkpoint.training_digest,
            "policies": self.policies,
            "policies_after": self.policies_after,
        }
