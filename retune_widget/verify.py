"""Whether a node can be reached again: its stretch is trained once more, and the bits are compared."""

import numpy as np

from retune_widget.engine.compare import first_difference
from retune_widget.engine.engine import Engine
from retune_widget.engine.replay import beside_the_run, replay
from retune_widget.engine.steps import Metrics, to_floats
from retune_widget.errors import StatusError
from retune_widget.storage.writer import Writer
from retune_widget.tracking.history import History
from retune_widget.tracking.tree import Node, Tree
from retune_widget.tracking.verdict import Verdict


def verify(engine: Engine, tree: Tree, history: History, writer: Writer, node: Node) -> Verdict:
    """Replay from the node's parent, beside the live state; the node keeps what came of it.

    Raises:
        StatusError: it cannot be replayed: it is the start, the data cannot be set to its position, or the loop is the
            caller's.
        StoreError: a checkpoint cannot be read.
    """
    parent = node.parent
    if parent is None:
        raise StatusError("The start has no parent to be replayed from.")
    if engine.feed.why is not None:
        raise StatusError(f"This run cannot be replayed: {engine.feed.why}.")
    values = {its.key: its.new for its in parent.changes} if parent.branch is node.branch else {}
    start, expected = (writer.load_checkpoint(its.checkpoint) for its in (parent, node))
    path = tree.path(node)
    recorded: dict[str, dict[int, float]] = {}
    other: list[tuple[int, str]] = []

    def compare(step: int, metrics: Metrics) -> None:
        for name, value in zip(metrics, to_floats(list(metrics.values())), strict=True):
            if name not in recorded:
                steps, values = history.lineage_pairs(path, name)
                recorded[name] = dict(zip(steps.tolist(), values.tolist(), strict=True))
            if not other and not _same(recorded[name].get(step), value):
                other.append((step, name))

    with beside_the_run(engine):
        part = first_difference(replay(engine, start, values, node.step, compare), expected)
    step, metric = other[0] if other else (None, None)
    verdict = Verdict(node, node.step - parent.step, metric, step, part)
    tree.judge(node, None if verdict else verdict.found)
    writer.save_node(node.record())
    return verdict


def _same(recorded: float | None, value: float) -> bool:
    return recorded is not None and np.float64(recorded).tobytes() == np.float64(value).tobytes()
