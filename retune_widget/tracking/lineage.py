"""Questions about the way from the root to the head."""

from retune_widget.errors import StatusError
from retune_widget.tracking.history import History
from retune_widget.tracking.tree import Branch, Node, Tree, brief_label, short


def is_tip(tree: Tree, history: History, node: Node) -> bool:
    """Whether training on from this node continues its branch: nothing was recorded or changed after it."""
    untouched = not node.changes and node.policies_after is None
    return tree.last(node.branch) is node and history.tip(node.branch) <= node.step and untouched


def last_change(tree: Tree, branch: Branch, head: Node, *, head_changed: bool) -> Node | None:
    """The last node on the way to the head whose changes are in force there, or None.

    A branch begins with the state from *before* its fork's changes, so those are not in force on it.

    Args:
        tree: the run's tree.
        branch: the branch of the head.
        head: the last node on the way to the head.
        head_changed: whether the head has `head`'s changes in it (it has not right after a restore).
    """
    way = tree.lineage(head)
    following = [*(node.branch for node in way[1:]), branch]
    for node, next_branch in zip(reversed(way), reversed(following), strict=True):
        in_force = next_branch is node.branch and (node is not head or head_changed)
        if node.changes and in_force:
            return node
    return None


def name_of_change(node: Node) -> str:
    """A name for the branch that a change begins: `lr=1e-4 @300`, `lr ~ cosine @300`."""
    first = node.changes[0]
    is_plain = first.governing is None or not first.governing.text
    name = f"{first.key}={short(first.new)}" if is_plain else brief_label((first,))
    return f"{name}{', …' if len(node.changes) > 1 else ''} @{node.step}"


def names_its_branch(tree: Tree, node: Node) -> bool:
    """Whether the branch should be named after this node's changes: the first on a branch that nobody named."""
    branch = node.branch
    others = any(other.changes for other in tree.nodes if other.branch is branch and other is not node)
    return bool(branch.fork is not None and not branch.named_by_hand and not others and node.changes)


def check_deletable(tree: Tree, branch: Branch, here: Branch) -> None:
    """Refuse to delete a branch that the run stands on, or that everything grew from.

    Raises:
        StatusError: with the reason.
    """
    if branch.fork is None:
        raise StatusError(f"{branch.name!r} is the first branch: everything grew from it. It cannot be deleted.")
    if any(part is branch for part, _ in tree.path(here)):
        raise StatusError(f"The run stands on {branch.name!r}: restore a node of another branch first.")
