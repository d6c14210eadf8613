"""Whether a node can be reached again: its stretch is trained once more, and the bits are compared."""

import threading

import numpy as np

from retune_widget.engine.compare import first_difference
from retune_widget.engine.engine import Engine
from retune_widget.engine.replay import beside_the_run
from retune_widget.engine.steps import Metrics, to_floats
from retune_widget.errors import StatusError
from retune_widget.rebuild import load, stretch
from retune_widget.storage.writer import Writer
from retune_widget.tracking.history import History
from retune_widget.tracking.tree import Node, Tree
from retune_widget.tracking.verdict import Verdict


def verify(
    engine: Engine, tree: Tree, history: History, writer: Writer, node: Node, *, edits: threading.Lock
) -> Verdict:
    """Replay from the node's parent, beside the live state; the node keeps what came of it.

    Of an evicted node the digest is compared.

    Raises:
        StatusError: it cannot be replayed: it is the start, the data cannot be set to its position, or the loop is the
            caller's; or it was cancelled.
        RestoreError: the parent was evicted, and training did not come to its state again.
        StoreError: a checkpoint cannot be read.
    """
    parent = node.parent
    if parent is None:
        raise StatusError("The start has no parent to be replayed from.")
    if engine.feed.why is not None:
        raise StatusError(f"This run cannot be replayed: {engine.feed.why}.")
    start = load(engine, writer, parent)
    evicted = node.checkpoint.evicted and not writer.holds(node.checkpoint)
    expected = None if evicted else writer.load_checkpoint(node.checkpoint)
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
        reached = stretch(engine, start, node, compare)
    if expected is not None:
        part = first_difference(reached, expected)
    else:
        part = None if reached.training_digest() == node.checkpoint.training_digest else "the state"
    step, metric = other[0] if other else (None, None)
    verdict = Verdict(node, node.step - parent.step, metric, step, part)
    with edits:  # another thread may pin it
        tree.judge(node, None if verdict else verdict.found)
        writer.save_node(node.record())
    return verdict


def _same(recorded: float | None, value: float) -> bool:
    return recorded is not None and np.float64(recorded).tobytes() == np.float64(value).tobytes()
