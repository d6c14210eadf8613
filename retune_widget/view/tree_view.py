"""The tree: branches as lines, nodes, the head."""

import math
from typing import Any

import traitlets

from retune_widget.engine.status import Status
from retune_widget.run import Run
from retune_widget.tracking.frames import metrics_at
from retune_widget.tracking.history import History
from retune_widget.tracking.tree import Branch, Node, Tree
from retune_widget.view import access, wire
from retune_widget.view.bundles import bundle
from retune_widget.view.colours import colour_of
from retune_widget.view.part import Part, sync_dict


class TreeView(Part):
    """The part at the bottom. `selected` is the id of the node that the person looks at, or None."""

    _esm = bundle("tree.js")
    branches = traitlets.List(traitlets.Dict()).tag(sync=True)
    nodes = traitlets.List(traitlets.Dict()).tag(sync=True)
    head = sync_dict(branch="0", step=0, node=None, running=False)
    selected = traitlets.Unicode(None, allow_none=True).tag(sync=True)

    def __init__(self) -> None:
        super().__init__(width="100%")
        self._metrics: dict[str, dict[str, wire.MetricValue]] = {}
        self._drawn: tuple[Any, ...] = ()

    def update(self, run: Run) -> None:
        """Show the tree; while it only grows longer, the head alone is sent."""
        head = run.head
        running = run.status is Status.RUNNING
        revision = run.tree.revision
        nodes, branches = run.tree.nodes, run.tree.branches
        at = next((branch for branch in branches if branch.name == head.branch), branches[0])
        shown: wire.Head = {"branch": str(at.id), "step": head.step, "node": head.node_id, "running": running}
        traits: dict[str, Any] = {"head": dict(shown)}
        drawn = (revision, at.id, run.status, sum(node.saved for node in nodes))
        if drawn != self._drawn:
            self._drawn = drawn
            traits["branches"] = [self._branch(run, branch, at) for branch in branches]
            traits["nodes"] = [self._node(run.tree, access.history(run), node) for node in nodes]
            if self.selected is not None and all(node.id != self.selected for node in nodes):
                traits["selected"] = None
        self.show(**traits)

    def _branch(self, run: Run, branch: Branch, head: Branch) -> wire.TreeBranch:
        return {
            "id": str(branch.id),
            "name": branch.name,
            "colour": colour_of(branch),
            "fork": branch.fork.id if branch.fork else None,
            "fork_step": branch.fork_step,
            "tip_step": access.history(run).tip(branch),
            "stopped": why_stopped(run, branch, is_head=branch is head),
        }

    def _node(self, tree: Tree, history: History, node: Node) -> wire.TreeNode:
        if node.id not in self._metrics:
            self._metrics[node.id] = {k: wire.number(v) for k, v in metrics_at(tree, history, node).items()}
        return {
            "id": node.id,
            "branch": str(node.branch.id),
            "step": node.step,
            "epoch": node.epoch,
            "parent": node.parent.id if node.parent else None,
            "cause": node.cause,
            "label": node.label,
            "exact": node.exact,
            "saved": node.saved,
            "note": node.note,
            "metrics": self._metrics[node.id],
            "values": dict(node.values),
            "changes": [{"key": c.key, "old": c.old, "new": c.new} for c in node.changes],
        }


def why_stopped(run: Run, branch: Branch, *, is_head: bool) -> str | None:
    """Why a branch went no further: its loss is no number, or the training step failed on it."""
    if is_head and run.error is not None:
        return f"{type(run.error).__name__}, step {run.head.step + 1:,}"
    history = access.history(run)
    for name in history.names("metric"):
        steps, values = history.pairs(branch, name)
        if len(values) and name.endswith("loss") and not math.isfinite(values[-1]):
            return f"{name} is {wire.number(float(values[-1]))}, step {steps[-1]:,}"
    return None
