"""What the tests of the writer share."""

from retune_widget.storage import Writer
from retune_widget.tracking.tree import CheckpointHandle
from tests.storage.faulty import FaultyStore
from tests.storage.states import chunk, node, snapshot

NEVER = 1e6
"""Seconds."""


def submit(writer: Writer, number: int, *, node_too: bool = False) -> CheckpointHandle:
    handle = CheckpointHandle(f"c{number}")
    if node_too:
        writer.save_node(node(f"n{number}"))
    writer.save_checkpoint(handle, snapshot(number))
    return handle


def hold_up(writer: Writer, store: FaultyStore) -> None:
    """Leave the writer waiting within a transaction, so that what is submitted next is saved together."""
    store.open.clear()
    store.entered.clear()
    writer.append_history([chunk(0, 1)])
    assert store.entered.wait(10)
