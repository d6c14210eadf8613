"""The tree of a run: branches, nodes, and the way from the root to any of them."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

from retune_widget.errors import StoreError, UnknownNodeError
from retune_widget.tracking.nodes import (
    Branch,
    BranchRecord,
    Cause,
    CheckpointHandle,
    Node,
    NodeRecord,
    Origin,
)
from retune_widget.tracking.value_changes import Value, ValueChange, brief_label, change_label, short

__all__ = [
    "Branch",
    "BranchRecord",
    "Cause",
    "CheckpointHandle",
    "Node",
    "NodeRecord",
    "Origin",
    "Tree",
    "Value",
    "ValueChange",
    "brief_label",
    "change_label",
    "short",
]


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

    @classmethod
    def from_records(
        cls,
        branches: Iterable[BranchRecord],
        nodes: Iterable[NodeRecord],
        handle: Callable[[NodeRecord], CheckpointHandle],
    ) -> "Tree":
        """The tree that was kept as plain data.

        Args:
            branches: in any order.
            nodes: parents first.
            handle: gives the handle of a node's checkpoint.

        Raises:
            StoreError: the records do not fit together.
        """
        tree, branches = cls(), list(branches)
        try:
            tree._branches = {its["id"]: Branch.from_record(its) for its in branches}
            for its in nodes:
                parent = tree._nodes[its["parent"]] if its["parent"] is not None else None
                node = Node.from_record(its, tree._branches[its["branch"]], parent, handle(its))
                tree._nodes[node.id] = node
            for record in branches:
                if record["fork"] is not None:
                    tree._branches[record["id"]].fork = tree._nodes[record["fork"]]
            tree._next_node = 1 + max(int(name.removeprefix("n")) for name in tree._nodes)
            tree._next_branch = 1 + max(tree._branches)
            tree._cast_doubts()
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"The records of this run do not fit together: {error!r}.") from error
        return tree

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
    def count(self) -> str:
        """How many nodes, in words."""
        return "1 node" if len(self._nodes) == 1 else f"{len(self._nodes):,} nodes"

    @property
    def branches(self) -> tuple[Branch, ...]:
        """All branches, oldest first."""
        with self._lock:
            return tuple(self._branches.values())

    def node(self, node_id: "str | Node | None") -> Node:
        """The node with this id.

        Raises:
            UnknownNodeError: it is not in this tree.
        """
        with self._lock:
            if isinstance(node_id, Node):
                if self._nodes.get(node_id.id) is node_id:
                    return node_id
                message = (
                    f"{node_id!r} belongs to another run, or its branch was deleted: take it from this run's tree."
                )
                raise UnknownNodeError(message)
            if node_id in self._nodes:
                return self._nodes[node_id]
            count = len(self._nodes)
        if node_id is None:
            raise UnknownNodeError("None is no node: a change whose values were in force already makes none.")
        raise UnknownNodeError(f"There is no node {node_id!r} in this run. `run.nodes` lists the {count} there are.")

    def branch(self, name: "str | Branch") -> Branch:
        """The branch of this name.

        Raises:
            UnknownNodeError: it is not in this tree.
        """
        for branch in self.branches:
            if branch is name or branch.name == name:
                return branch
        names = ", ".join(repr(b.name) for b in self.branches)
        raise UnknownNodeError(f"There is no branch {str(name)!r} in this run. There are: {names}.")

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
            node.doubted = node.parent.doubted if node.parent else None
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

    def remove(self, node: Node) -> tuple[Node, ...]:
        """Take out one node from which no branch begins; its children are its parent's now. Returns them.

        Raises:
            ValueError: it is the root, a branch begins there, or values were changed there.
        """
        with self._lock:
            if node.parent is None or node.changes or any(branch.fork is node for branch in self._branches.values()):
                raise ValueError(f"{node!r} cannot be taken out: something begins there.")
            children = tuple(self.children(node))
            for child in children:
                child.parent = node.parent
            del self._nodes[node.id]
            self.revision += 1
            return children

    def edited(self) -> None:
        """Say that the note, pin or changes of a node were edited."""
        with self._lock:
            self.revision += 1

    def judge(self, node: Node, differs: str | None) -> None:
        """A node's stretch was trained again: note what differs, or that all of it came out the same."""
        with self._lock:
            node.verified, node.differs = differs is None, differs
            self._cast_doubts()
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

    def _cast_doubts(self) -> None:
        for node in self._nodes.values():  # parents come first
            above = node.parent.doubted if node.parent else None
            node.doubted = above if node.differs is None else node.id

    def _free_name(self, name: str, but: Branch | None = None) -> str:
        taken = {b.name for b in self._branches.values() if b is not but}
        free, number = name, 2
        while free in taken:
            free, number = f"{name} ({number})", number + 1
        return free
