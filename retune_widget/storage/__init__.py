"""Where a run is kept: the contract of a store, two implementations, and the thread that writes to one."""

from retune_widget.storage.directory import holds_a_run
from retune_widget.storage.disk import DiskStore
from retune_widget.storage.memory import MemoryStore
from retune_widget.storage.schema import FORMAT_VERSION
from retune_widget.storage.store import ChangeRecord, CheckpointRecord, RunRecord, Store
from retune_widget.storage.writer import Writer

__all__ = [
    "FORMAT_VERSION",
    "ChangeRecord",
    "CheckpointRecord",
    "DiskStore",
    "MemoryStore",
    "RunRecord",
    "Store",
    "Writer",
    "holds_a_run",
]
