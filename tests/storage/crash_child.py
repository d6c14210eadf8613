"""Writes checkpoints to a directory until it is killed; prints `id digest` of each acknowledged one."""

import sys
import threading

from retune_widget.storage import DiskStore, Writer
from retune_widget.tracking.tree import CheckpointHandle
from tests.storage.states import chunk, node, snapshot


def main(path: str, first: int) -> None:
    acknowledged = threading.Condition()
    store = DiskStore(path)
    handles: list[CheckpointHandle] = []

    def report() -> None:
        with acknowledged:
            while handles and handles[0].saved:
                handle = handles.pop(0)
                print(handle.id, handle.digest, flush=True)  # noqa: T201  (the parent reads it)
            acknowledged.notify_all()

    writer = Writer(store, report)
    for i in range(first, first + 100_000):
        handle = CheckpointHandle(f"c{i}")
        with acknowledged:
            assert acknowledged.wait_for(lambda: len(handles) < 4, 30)
            handles.append(handle)
        writer.save_node(node(f"n{i}"))
        writer.append_history([chunk(i, 1)])
        writer.save_checkpoint(handle, snapshot(i, frozen=200))
        if i % 5 == 4:
            writer.delete([], [f"n{i - 4}"], [f"c{i - 4}"])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
