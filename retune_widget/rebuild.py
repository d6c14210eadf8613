"""Puts the state of an evicted node together again: its steps are trained anew, and the digest is compared."""

from retune_widget.engine.engine import Engine
from retune_widget.engine.replay import OnReplayed, beside_the_run, replay
from retune_widget.engine.snapshot import Snapshot
from retune_widget.errors import RestoreError
from retune_widget.storage.writer import Writer
from retune_widget.tracking.tree import Node
from retune_widget.tracking.ways import changes_in_force, way_to


class OtherStateError(RestoreError):
    """A replay came to another state than the one that was evicted."""


def load(engine: Engine, writer: Writer, node: Node) -> Snapshot:
    """The state of a node: from its checkpoint, or trained again if that was evicted. The live state is as before.

    Raises:
        RestoreError: it was evicted, and training did not come to the same state again; the text names the nearest
            node that is kept.
        ReplayCancelledError: somebody asked to pause, to stop or to close meanwhile.
        StoreError: a checkpoint cannot be read.
    """
    if node.checkpoint.evicted and not writer.holds(node.checkpoint):
        return rebuild(engine, writer, node)
    return writer.load_checkpoint(node.checkpoint)


def rebuild(engine: Engine, writer: Writer, node: Node) -> Snapshot:
    """Train the way to a node again from the nearest kept one before it, whether it is kept itself or not.

    Raises:
        RestoreError, ReplayCancelledError, StoreError: as for `load`.
    """
    way = way_to(node, lambda its: its is not node.checkpoint and its.unreadable is None and writer.holds(its))
    if way is None:
        raise RestoreError(f"{node.id} was evicted, and no checkpoint before it is kept.")
    nearest = f"The nearest node that is kept is {way.start.id} at step {way.start.step:,}."
    reason = way.obstacle or engine.why_not_replayed
    if reason is not None:
        raise RestoreError(f"{node.id} was evicted, and cannot be trained again: {reason}. {nearest}")
    with beside_the_run(engine):
        state = writer.load_checkpoint(way.start.checkpoint)
        for at in way.nodes:
            if at.checkpoint is not (at.parent and at.parent.checkpoint):
                state = stretch(engine, state, at)
            expected = at.checkpoint.training_digest
            if expected is not None and state.training_digest() != expected:
                raise OtherStateError(
                    f"{node.id} was evicted, and training its steps again came to another state at {at.id}, "
                    f"step {at.step:,}: something that no checkpoint holds has changed. {nearest}"
                )
    return state


def stretch(
    engine: Engine, start: Snapshot, node: Node, on_step: OnReplayed = lambda _step, _metrics: None
) -> Snapshot:
    """The state of a node, trained again from its parent's state `start`; call it within `beside_the_run`."""
    noise = node.branch.id if node.origin == "reseeded" else None
    return replay(engine, start, changes_in_force(node), node.step, on_step, noise=noise)
