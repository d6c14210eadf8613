"""What there is to see of a run, steered or only saved: all that the tree, the charts and the details know of it."""

from collections.abc import Callable
from dataclasses import dataclass

from retune_widget.policies.active import PolicyStatus
from retune_widget.tracking.head import Head
from retune_widget.tracking.history import History
from retune_widget.tracking.tree import Branch, Node, Tree
from retune_widget.view import wire
from retune_widget.view.ahead import NOTHING, Points
from retune_widget.view.firings import Firing
from retune_widget.view.trials import Trial


@dataclass(frozen=True)
class Outlook:
    """One look at a run. The tree and the history may grow while it is drawn.

    Attributes:
        tree, history: of the run.
        head: where it is, or where it was.
        running: whether it is being trained now.
        keys: of its hyperparameters.
        is_log: whether a hyperparameter is drawn on a logarithmic scale.
        checkpoint_of: where the checkpoint of a node is.
        checkpoints: equal as long as no checkpoint has moved.
        disk: what the checkpoints take.
        rebuilding: what restoring a node takes whose checkpoint was freed, in words.
        planned: the step at which training ends, if it is known.
        error: what the training step raised.
        busy: what is being carried out that takes a while.
        rules: as they are on the way to the head.
        firings: what rules did, on all branches.
        trial: where a rule would have fired that a person tries out.
        ahead: the steps to come and the values that are used after each, of a hyperparameter that is governed.
    """

    tree: Tree
    history: History
    head: Head
    running: bool
    keys: tuple[str, ...]
    is_log: Callable[[str], bool]
    checkpoint_of: Callable[[Node], wire.Checkpoint]
    checkpoints: object
    disk: wire.Disk
    rebuilding: Callable[[Node], str]
    planned: int | None = None
    error: BaseException | None = None
    busy: wire.Busy | None = None
    rules: tuple[PolicyStatus, ...] = ()
    firings: tuple[Firing, ...] = ()
    trial: Trial | None = None
    ahead: Callable[[str], Points] = lambda _key: NOTHING

    @property
    def head_branch(self) -> Branch:
        """The branch that the head is on."""
        branches = self.tree.branches
        return next((branch for branch in branches if branch.name == self.head.branch), branches[0])


def checkpoint_of(node: Node) -> wire.Checkpoint:
    """Where a node's checkpoint is, as its run knows it."""
    handle = node.checkpoint
    status = "saving" if handle.saved and not node.saved else handle.status
    return {"status": status, "reason": handle.error if status == "not saved" else None, "bytes": handle.bytes}


def about(seconds: float) -> str:
    """`about 12 s`, `about 3 min`, `about 1.5 h`: no more digits than an estimate has."""
    if seconds < 1:
        return "less than a second"
    if seconds < 90:  # noqa: PLR2004  # up to here seconds say more than minutes
        return f"about {seconds:.0f} s"
    minutes = seconds / 60
    return f"about {minutes:.0f} min" if minutes < 90 else f"about {minutes / 60:.1f} h"  # noqa: PLR2004
