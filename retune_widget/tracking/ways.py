"""The way on which a node is reached again: from the nearest checkpoint that is kept, by training its steps anew."""

from collections.abc import Callable
from dataclasses import dataclass

from retune_widget.tracking.history import History
from retune_widget.tracking.tree import CheckpointHandle, Node, Tree, ValueChange


def is_saved(handle: CheckpointHandle) -> bool:
    """Whether a checkpoint is durable, and not known to be damaged."""
    return handle.saved and handle.unreadable is None


@dataclass(frozen=True, slots=True)
class Way:
    """From a kept node to another one.

    Attributes:
        start: the nearest node on the way from the root whose checkpoint is kept; it may be the node itself.
        nodes: those after it, up to the one to be reached; each is a stretch of steps from its parent.
    """

    start: Node
    nodes: tuple[Node, ...]

    @property
    def steps(self) -> int:
        """How many steps are trained again."""
        return self.nodes[-1].step - self.start.step if self.nodes else 0

    @property
    def obstacle(self) -> str | None:
        """Why training the steps again cannot lead there, or None."""
        return next((reason for node in self.nodes if (reason := why_not_trained(node)) is not None), None)

    @property
    def doubt(self) -> str | None:
        """Why nothing should rely on that, or None: an obstacle, or a stretch that was trained again and differed."""
        differs = (f"{node.id} is not reached again: {node.differs}" for node in self.nodes if node.differs)
        return self.obstacle or next(differs, None)


def why_not_trained(node: Node) -> str | None:
    """Why a node's state does not follow from its parent's by training, or None if it does."""
    if node.origin == "edited":
        return f"the state of {node.id} was edited by hand"
    return f"{node.id} is not exact: {node.tainted}" if node.tainted is not None else None


def changes_in_force(node: Node) -> tuple[ValueChange, ...]:
    """The changes made at its parent that the steps up to a node were trained with.

    A branch begins with the state from before its fork's changes.
    """
    parent = node.parent
    return parent.changes if parent is not None and parent.branch is node.branch else ()


def way_to(node: Node, is_kept: Callable[[CheckpointHandle], bool] = is_saved) -> Way | None:
    """The way to a node from the nearest checkpoint that is kept; None if there is none."""
    nodes: list[Node] = []
    at: Node | None = node
    while at is not None and not is_kept(at.checkpoint):
        nodes.append(at)
        at = at.parent
    return None if at is None else Way(at, tuple(reversed(nodes)))


def way_back(node: Node) -> Way | None:
    """The way on which a node would be reached again without its own checkpoint."""
    return way_to(node, lambda its: is_saved(its) and its is not node.checkpoint)


def seconds_to_restore(tree: Tree, history: History, node: Node) -> float | None:
    """An estimate: 0 for a kept checkpoint; else as long as the steps on the way took when they were trained.

    Returns:
        None where the node cannot be restored.
    """
    if node.checkpoint.status in {"saved", "saving"}:
        return 0.0
    way = way_to(node)
    if not node.checkpoint.evicted or way is None or way.obstacle is not None:
        return None
    there, start = (history.latest(tree.path(its), "elapsed") for its in (node, way.start))
    if there is None:
        return 0.0
    return max(0.0, there[1] - (start[1] if start is not None else 0.0))
