"""The tree: branches as lines, nodes, the head."""

import math
from typing import TYPE_CHECKING, Any

import traitlets

from retune_widget.tracking.frames import metrics_at
from retune_widget.tracking.tree import Branch, Node
from retune_widget.view import wire
from retune_widget.view.bundles import bundle
from retune_widget.view.colours import colour_of
from retune_widget.view.firings import label_of, reasons_by_node, rule_of
from retune_widget.view.outlook import Outlook
from retune_widget.view.part import Part, sync_dict

if TYPE_CHECKING:
    from retune_widget.tracking.tree import Tree


class TreeView(Part):
    """The part at the bottom. `selected` is the id of the node that the person looks at, or None."""

    _esm = bundle("tree.js")
    branches = traitlets.List(traitlets.Dict()).tag(sync=True)
    nodes = traitlets.List(traitlets.Dict()).tag(sync=True)
    head = sync_dict(branch="0", step=0, node=None, running=False)
    selected = traitlets.Unicode(None, allow_none=True).tag(sync=True)

    disk = sync_dict(bytes=0, budget=None)
    busy = traitlets.Dict(allow_none=True).tag(sync=True)
    steerable = traitlets.Bool(True).tag(sync=True)

    @traitlets.default("busy")
    def _not_busy(self) -> None:
        return None

    def __init__(self, *, steerable: bool = True) -> None:
        """`steerable`: whether nodes can be restored, and edited."""
        super().__init__(width="100%")
        self.steerable = steerable
        self._tree: Tree | None = None
        self._metrics: dict[str, dict[str, wire.MetricValue]] = {}
        self._drawn: object = None

    def update(self, look: Outlook) -> None:
        """Show the tree; while it only grows longer, the head alone is sent."""
        head, at = look.head, look.head_branch
        nodes, branches = look.tree.nodes, look.tree.branches
        if look.tree is not self._tree:
            self._tree, self._metrics, self._drawn = look.tree, {}, None
        shown: wire.Head = {"branch": str(at.id), "step": head.step, "node": head.node_id, "running": look.running}
        traits: dict[str, Any] = {"head": dict(shown), "busy": look.busy and dict(look.busy), "disk": dict(look.disk)}
        drawn = look.tree.revision, at.id, look.running, look.error, look.checkpoints, len(look.firings)
        if drawn != self._drawn:
            self._drawn = drawn
            traits["branches"] = [self._branch(look, branch, at) for branch in branches]
            reasons = reasons_by_node(look.firings)
            traits["nodes"] = [self._node(look, node, label_of(node, reasons(node))) for node in nodes]
            if self.selected is not None and all(node.id != self.selected for node in nodes):
                traits["selected"] = None
        self.show(**traits)

    def _branch(self, look: Outlook, branch: Branch, head: Branch) -> wire.TreeBranch:
        return {
            "id": str(branch.id),
            "name": branch.name,
            "colour": colour_of(branch),
            "fork": branch.fork.id if branch.fork else None,
            "fork_step": branch.fork_step,
            "tip_step": look.history.tip(branch),
            "stopped": why_stopped(look, branch, is_head=branch is head),
        }

    def _node(self, look: Outlook, node: Node, label: str) -> wire.TreeNode:
        if node.id not in self._metrics:
            found = metrics_at(look.tree, look.history, node)
            self._metrics[node.id] = {name: wire.number(value) for name, value in found.items()}
        return {
            "id": node.id,
            "branch": str(node.branch.id),
            "step": node.step,
            "epoch": node.epoch,
            "parent": node.parent.id if node.parent else None,
            "cause": node.cause,
            "label": label,
            "exact": node.exact,
            "checkpoint": look.checkpoint_of(node),
            "pinned": node.pinned,
            "note": node.note,
            "metrics": self._metrics[node.id],
            "values": dict(node.values),
            "changes": [{"key": c.key, "old": c.old, "new": c.new, "governed": c.governed} for c in node.changes],
            "rule": rule_of(node),
        }


def why_stopped(look: Outlook, branch: Branch, *, is_head: bool) -> str | None:
    """Why a branch went no further: its loss is no number, or the training step failed on it."""
    if is_head and look.error is not None:
        return f"{type(look.error).__name__}, step {look.head.step + 1:,}"
    for name in look.history.names("metric"):
        steps, values = look.history.pairs(branch, name)
        if len(values) and name.endswith("loss") and not math.isfinite(values[-1]):
            return f"{name} is {wire.number(float(values[-1]))}, step {steps[-1]:,}"
    return None
