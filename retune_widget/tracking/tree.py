"""The tree of a run: branches, nodes, and the way from the root to any of them."""

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from retune_widget.errors import UnknownNodeError

Cause = Literal["start", "change", "manual", "interval", "best", "policy"]
Value = float | int | bool


@dataclass(frozen=True, slots=True)
class ValueChange:
    """One hyperparameter's value before and after a change; `notice` says what the person should know."""

    key: str
    old: Value
    new: Value
    notice: str | None = None


class CheckpointHandle:
    """What a node keeps of its checkpoint. The writer fills it in once the checkpoint is durable.

    Several nodes share one handle when they hold the same state.
    """

    def __init__(self, checkpoint_id: str) -> None:
        self.id = checkpoint_id
        self.bytes = 0
        self.digest: str | None = None
        self.saved = False
        self.error: str | None = None


class BranchRecord(TypedDict):
    """A branch as the store keeps it."""

    id: int
    name: str
    named_by_hand: bool
    fork: str | None
    created: float


class NodeRecord(TypedDict):
    """A node as the store keeps it."""

    id: str
    branch: int
    step: int
    epoch: int
    parent: str | None
    cause: Cause
    changes: list[tuple[str, Value, Value, str | None]]
    author: str
    note: str
    exact: bool
    why: str | None
    created: float
    pinned: bool
    checkpoint: str
    values: dict[str, Value]


@dataclass(eq=False)
class Branch:
    """A named line of steps that starts at a node; the first is `main` and has no fork."""

    id: int
    name: str
    fork: "Node | None" = None
    named_by_hand: bool = False
    created: float = field(default_factory=time.time)

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
    exact: bool = True
    why: str | None = None
    pinned: bool = False
    created: float = field(default_factory=time.time)

    @property
    def saved(self) -> bool:
        """Whether the checkpoint is durable."""
        return self.checkpoint.saved

    @property
    def digest(self) -> str | None:
        """The digest of the checkpoint's state; None until the writer has computed it."""
        return self.checkpoint.digest

    @property
    def label(self) -> str:
        """What changed here, or the note, or nothing."""
        return self.note or change_label(self.changes)

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
            "changes": [(c.key, c.old, c.new, c.notice) for c in self.changes],
            "author": self.author,
            "note": self.note,
            "exact": self.exact,
            "why": self.why,
            "created": self.created,
            "pinned": self.pinned,
            "checkpoint": self.checkpoint.id,
            "values": dict(self.values),
        }


def change_label(changes: tuple[ValueChange, ...]) -> str:
    """`lr 0.01→0.003, momentum 0→0.9`: the changes in a few characters."""
    return ", ".join(f"{c.key} {short(c.old)}→{short(c.new)}" for c in changes)


def short(value: Value) -> str:
    """A number as a person would write it: `1e-3`, `0.05`, `64`, `on`."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int):
        return str(value)
    if value and not 0.01 <= abs(value) < 100_000:
        mantissa, exponent = f"{value:.3e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"{value:.4g}"


class Tree:
    """All branches and nodes of a run.

    One thread adds to it (the one that trains); any thread may read: every reading is a copy taken at once.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._nodes: dict[str, Node] = {}
        self._branches: dict[int, Branch] = {0: Branch(0, "main")}
        self._next_node = 0
        self._next_branch = 1
        self.revision = 0

    @property
    def root(self) -> Node:
        """The first node: step 0."""
        with self._lock:
            return next(iter(self._nodes.values()))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, oldest first."""
        with self._lock:
            return tuple(self._nodes.values())

    @property
    def branches(self) -> tuple[Branch, ...]:
        """All branches, oldest first."""
        with self._lock:
            return tuple(self._branches.values())

    def node(self, node_id: "str | Node") -> Node:
        """The node with this id.

        Raises:
            UnknownNodeError: it is not in this tree.
        """
        with self._lock:
            if isinstance(node_id, Node):
                if self._nodes.get(node_id.id) is node_id:
                    return node_id
                message = f"{node_id!r} belongs to another run, or its branch was deleted: take it from this run's tree."
                raise UnknownNodeError(message)
            if node_id in self._nodes:
                return self._nodes[node_id]
        message = f"There is no node {node_id!r} in this run. `run.nodes` lists the {len(self._nodes)} there are."
        raise UnknownNodeError(message)

    def branch(self, name: "str | Branch") -> Branch:
        """The branch of this name.

        Raises:
            UnknownNodeError: it is not in this tree.
        """
        for branch in self.branches:
            if branch is name or branch.name == name:
                return branch
        names = ", ".join(repr(b.name) for b in self.branches)
        message = f"There is no branch {str(name)!r} in this run. There are: {names}."
        raise UnknownNodeError(message)

    def lineage(self, place: "Node | Branch") -> tuple[Node, ...]:
        """The nodes from the root to `place` (a node, or a branch's last node), both included."""
        node: Node | None = self.last(place) if isinstance(place, Branch) else self.node(place)
        way: list[Node] = []
        while node is not None:
            way.append(node)
            node = node.parent
        return tuple(reversed(way))

    def path(self, place: "Node | Branch") -> tuple[tuple[Branch, int], ...]:
        """The branches from `main` to `place`, each with the last step that belongs to the way.

        The last one's step is the node's own, or for a branch -1: up to its tip.
        """
        branch, end = (place, -1) if isinstance(place, Branch) else (place.branch, place.step)
        way = [(branch, end)]
        while branch.fork is not None:
            way.append((branch.fork.branch, branch.fork.step))
            branch = branch.fork.branch
        return tuple(reversed(way))

    def last(self, branch: Branch) -> Node | None:
        """The newest node on this branch, or the node it forks from."""
        own = [node for node in self.nodes if node.branch is branch]
        return own[-1] if own else branch.fork

    def children(self, node: Node) -> Iterator[Node]:
        """The nodes whose parent is `node`."""
        return (other for other in self.nodes if other.parent is node)

    def add_node(self, node_fields: Mapping[str, object]) -> Node:
        """Add a node; its id is given here."""
        with self._lock:
            node = Node(id=f"n{self._next_node}", **node_fields)  # type: ignore[arg-type]  # the fields of Node
            self._next_node += 1
            self._nodes[node.id] = node
            self.revision += 1
            return node

    def add_branch(self, name: str, fork: Node, *, named_by_hand: bool) -> Branch:
        """Begin a branch at `fork`; a name that is taken gets a number."""
        with self._lock:
            branch = Branch(self._next_branch, self._free_name(name), fork, named_by_hand)
            self._next_branch += 1
            self._branches[branch.id] = branch
            self.revision += 1
            return branch

    def rename(self, branch: Branch, name: str, *, by_hand: bool = True) -> None:
        """Give a branch another name; one that is taken gets a number unless it is given by hand.

        Raises:
            ValueError: the name is empty or taken.
        """
        with self._lock:
            if by_hand:
                self.check_name(name, branch)
            branch.name = name.strip() if by_hand else self._free_name(name, branch)
            branch.named_by_hand = branch.named_by_hand or by_hand
            self.revision += 1

    def check_name(self, name: str, but: Branch | None = None) -> None:
        """Refuse a name for a branch that is empty, or that another one has.

        Raises:
            ValueError: with the reason.
        """
        if not name.strip():
            raise ValueError("A branch needs a name.")
        if any(branch.name == name.strip() and branch is not but for branch in self.branches):
            raise ValueError(f"Another branch is already called {name!r}: choose another name.")

    def edited(self) -> None:
        """Say that a node's note, pin or changes were edited."""
        with self._lock:
            self.revision += 1

    def delete(self, branch: Branch) -> tuple[tuple[Branch, ...], tuple[Node, ...]]:
        """Take out a branch and everything that grew from it; returns what went."""
        with self._lock:
            gone = {branch.id}
            for other in self._branches.values():
                if other.fork is not None and other.fork.branch.id in gone:
                    gone.add(other.id)
            branches = tuple(self._branches.pop(branch_id) for branch_id in sorted(gone))
            nodes = tuple(node for node in self._nodes.values() if node.branch.id in gone)
            for node in nodes:
                del self._nodes[node.id]
            self.revision += 1
            return branches, nodes

    def _free_name(self, name: str, but: Branch | None = None) -> str:
        taken = {b.name for b in self._branches.values() if b is not but}
        free, number = name, 2
        while free in taken:
            free, number = f"{name} ({number})", number + 1
        return free
