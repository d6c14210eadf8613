"""The details of one node: where it is, whether it is exact and saved, its metrics, values and changes."""

from datetime import datetime, timezone

import traitlets

from retune_widget.tracking.frames import metrics_at
from retune_widget.tracking.tree import Node
from retune_widget.tracking.verdict import Verdict
from retune_widget.view import wire
from retune_widget.view.bundles import bundle
from retune_widget.view.firings import label_of, reasons_by_node, rule_of
from retune_widget.view.outlook import Outlook
from retune_widget.view.part import Part

LOWER_IS_BETTER = ("loss", "error", "perplexity", "mae", "mse", "rmse", "nll", "bpb")
LONGEST_TITLE = 80
"""Characters of what a rule did."""
HIGHER_IS_BETTER = ("acc", "accuracy", "f1", "auc", "auroc", "precision", "recall", "score", "iou", "bleu", "r2")


class Details(Part):
    """The part on the right."""

    _esm = bundle("details.js")
    node = traitlets.Dict(allow_none=True).tag(sync=True)
    steerable = traitlets.Bool(True).tag(sync=True)

    @traitlets.default("node")
    def _no_node_yet(self) -> None:
        return None

    def __init__(self, *, steerable: bool = True, **layout: str) -> None:
        """`steerable`: whether the node can be restored, and edited."""
        super().__init__(**layout)
        self.steerable = steerable

    def update(self, look: Outlook, selected: str | None) -> None:
        """Show the node that is selected, or where the head is."""
        nodes = {node.id: node for node in look.tree.nodes}
        node = nodes.get(selected or "") or nodes.get(look.head.node_id)
        self.show(node=None if node is None else dict(describe(look, node)))


def describe(look: Outlook, node: Node) -> wire.DetailNode:
    """A node as the details panel shows it."""
    head, checkpoint, busy = look.head, look.checkpoint_of(node), look.busy
    return {
        "id": node.id,
        "branch_name": node.branch.name,
        "branch": str(node.branch.id),
        "step": node.step,
        "epoch": node.epoch,
        "cause": node.cause,
        "label": label_of(node, reasons_by_node(look.firings)(node), LONGEST_TITLE),
        "note": node.note,
        "exact": node.exact,
        "why": node.why,
        "digest": node.digest,
        "checkpoint": checkpoint,
        "rebuilding": look.rebuilding(node) if checkpoint["status"] == "evicted" else None,
        "pinned": node.pinned,
        "verdict": verdict_on(node),
        "busy": busy["text"] if busy is not None and busy["node"] == node.id else None,
        "created": datetime.fromtimestamp(node.created, timezone.utc).isoformat(timespec="seconds"),
        "is_head": head.node_id == node.id and head.step == node.step,
        "is_root": node.branch.fork is None,
        "metrics": _metrics(look, node),
        "values": [{"key": key, "value": value} for key, value in node.values.items()],
        "changes": [
            {"key": c.key, "old": c.old, "new": c.new, "governed": c.governed, "notice": c.notice} for c in node.changes
        ],
        "rule": rule_of(node),
    }


def verdict_on(node: Node) -> wire.Verdict | None:
    """What training the way to a node again has shown, if somebody tried; it is kept with the node."""
    if node.verified is None or node.parent is None:
        return None
    equal = Verdict(node, node.step - node.parent.step, None, None, None)
    return {"equal": node.verified, "text": node.differs or equal.found}


def _metrics(look: Outlook, node: Node) -> list[wire.DetailMetric]:
    here = metrics_at(look.tree, look.history, node)
    before = metrics_at(look.tree, look.history, node.parent) if node.parent else {}
    return [_metric(name, value, before.get(name)) for name, value in here.items()]


def _metric(name: str, value: float, before: float | None) -> wire.DetailMetric:
    delta = None if before is None else value - before
    shown = wire.number(delta) if delta is not None else None
    if not isinstance(shown, float) or delta is None:
        return {"name": name, "value": wire.number(value), "delta": None, "better": None}
    sense = direction(name)
    better = None if sense == 0 or delta == 0 else delta * sense > 0
    return {"name": name, "value": wire.number(value), "delta": delta, "better": better}


def direction(name: str) -> int:
    """1 where a higher metric is better, -1 where a lower one is, 0 where its name does not tell."""
    words = name.lower().replace("/", "_").replace("-", "_").replace(" ", "_").split("_")
    if any(word in LOWER_IS_BETTER for word in words):
        return -1
    return 1 if any(word in HIGHER_IS_BETTER for word in words) else 0
