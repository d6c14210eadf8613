"""A store whose disk can be filled, held up and emptied again."""

import threading
from contextlib import contextmanager

from retune_widget.errors import StoreError
from retune_widget.storage import MemoryStore

FULL = "The run at runs/digits cannot be written: No space left on device."


class FaultyStore(MemoryStore):
    """Fails every save whose kind is in `refused`; logs what was committed, one list a transaction."""

    def __init__(self):
        super().__init__()
        self.refused: set[str] = set()
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()
        self.attempts = 0
        self.committed: list[list[str]] = []
        self._log: list[str] = []

    @contextmanager
    def transaction(self):
        self.entered.set()
        assert self.open.wait(20)
        self.attempts += 1
        self._log = []
        with super().transaction():
            yield
            self._maybe_fail("commit", "")
        self.committed.append(self._log)

    def _maybe_fail(self, kind: str, what: str) -> None:
        if kind in self.refused:
            raise StoreError(FULL)
        if f"broken {kind}" in self.refused:
            raise RuntimeError("a bug")
        if what:
            self._log.append(what)

    def save_node(self, record):
        self._maybe_fail("node", record["id"])
        super().save_node(record)

    def append_history(self, chunks):
        self._maybe_fail("history", f"h{chunks[0].steps[0]}")
        super().append_history(chunks)

    def save_checkpoint(self, checkpoint_id, snapshot):
        self._maybe_fail("checkpoint", checkpoint_id)
        return super().save_checkpoint(checkpoint_id, snapshot)

    def delete(self, branches, nodes, checkpoints):
        self._maybe_fail("delete", f"-{checkpoints}")
        super().delete(branches, nodes, checkpoints)
