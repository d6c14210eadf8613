"""From what a store holds back to a tree and a history: a run that is resumed, or only looked at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from retune_widget.errors import StoreError
from retune_widget.storage.checked_run import wrong_run
from retune_widget.storage.disk_reader import DiskReader
from retune_widget.storage.faults import damaged
from retune_widget.storage.store import ChangeRecord, Store
from retune_widget.tracking.head import Head
from retune_widget.tracking.history import History
from retune_widget.tracking.tree import Branch, CheckpointHandle, Node, NodeRecord, Tree

LOST = "It was not saved when the process ended."


@dataclass(frozen=True, slots=True)
class Place:
    """Where the head is.

    Attributes:
        branch: that is being trained.
        node: the last one on the way.
        changed: whether that node's changes are in force, if it is on this branch.
        forks: whether the next step or change begins a branch.
    """

    branch: Branch
    node: Node
    changed: bool
    forks: bool

    def record(self) -> dict[str, Any]:
        """The place as plain data."""
        return {"branch": self.branch.id, "node": self.node.id, "changed": self.changed, "forks": self.forks}


@dataclass(frozen=True)
class Reopened:
    """A run as its store has it. `place` is where it can be gone on with: at the last node that is saved."""

    info: dict[str, Any]
    tree: Tree
    history: History
    changes: list[ChangeRecord]
    place: Place

    @property
    def head(self) -> Head:
        """Where the run was when its history was last stored."""
        branch, node = self.place.branch, self.place.node
        step = node.step if self.place.forks else self.history.tip(branch)
        epoch = self.history.latest([*self.tree.path(branch)[:-1], (branch, step)], "epoch")
        return Head(branch.name, step, int(epoch[1]) if epoch else 0, node.id)


def tail_notice(tail: range, head: Head) -> str:
    """What a person should know of steps that are in the history and in no checkpoint."""
    steps = f"Step {tail.start:,} was" if len(tail) == 1 else f"Steps {tail.start:,} to {tail[-1]:,} were"
    return (
        f"{steps} recorded after the last saved checkpoint. Training on does them again; "
        f"run.branch({head.node_id!r}) keeps them as they are."
    )


def reopen(store: Store | DiskReader, to_floats: Callable[[Sequence[Any]], list[float]]) -> Reopened | None:
    """Rebuild everything but the tensors; None where nothing was begun yet.

    Raises:
        StoreError: the records do not fit together, or no checkpoint was ever saved.
    """
    record, path = store.load(), getattr(store, "path", None)
    if problem := wrong_run(record):
        raise damaged(path, f"The records of this run do not fit together: {problem}.")
    if not record.nodes:
        return None
    saved = {its["id"]: its for its in record.checkpoints}
    handles: dict[str, CheckpointHandle] = {}

    def handle(node: NodeRecord) -> CheckpointHandle:
        checkpoint_id = node["checkpoint"]
        if checkpoint_id not in handles:
            its = handles[checkpoint_id] = CheckpointHandle(checkpoint_id)
            if checkpoint_id in saved:
                its.saved, its.bytes = True, saved[checkpoint_id]["bytes"]
                its.digest = saved[checkpoint_id]["digest"]
                its.training_digest = node.get("training_digest")
            elif node.get("evicted"):
                its.evicted, its.digest, its.training_digest = True, node.get("digest"), node.get("training_digest")
            else:
                its.error = LOST
        return handles[checkpoint_id]

    tree = Tree.from_records(sorted(record.branches, key=lambda its: its["id"]), record.nodes, handle)
    history = History(to_floats)
    history.load(record.history)
    place = record.info.get("head", {"branch": 0, "node": record.nodes[-1]["id"], "changed": False, "forks": True})
    try:
        node, (branch,) = tree.node(place["node"]), (its for its in tree.branches if its.id == place["branch"])
        changed = bool(place["changed"]) and node.branch is branch
        forks = bool(place["forks"])
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"The records of this run do not fit together: its head is {place!r}.") from error
    while not node.saved:
        if node.parent is None:
            raise StoreError("There is nothing to go on from: no checkpoint was saved before the process ended.")
        branch, node = node.branch, node.parent
        changed, forks = branch is node.branch, False
    return Reopened(record.info, tree, history, list(record.changes), Place(branch, node, changed, forks))
