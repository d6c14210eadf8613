"""What the writer is handed beside checkpoints: small records, each a job."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from retune_widget.storage.jobs import Job, RecordJob
from retune_widget.storage.store import ChangeRecord, Store
from retune_widget.tracking.history import HistoryChunk
from retune_widget.tracking.tree import BranchRecord, NodeRecord


class Submissions(ABC):
    """Turns records into jobs."""

    @abstractmethod
    def _submit(self, job: Job) -> None:
        """Put a job at the end of the line."""

    def save_info(self, info: Mapping[str, Any]) -> None:
        """Submit facts about the run."""
        self._submit(RecordJob(lambda store: store.save_info(info)))

    def save_branch(self, record: BranchRecord) -> None:
        """Submit a new or edited branch."""
        self._submit(RecordJob(lambda store: store.save_branch(record)))

    def save_node(
        self,
        record: NodeRecord,
        *,
        changes: Sequence[ChangeRecord] = (),
        info: Mapping[str, Any] | None = None,
        on_saved: Callable[[], None] | None = None,
    ) -> None:
        """Submit a new or edited node; a new one before its checkpoint. All of it becomes durable, or nothing.

        Args:
            record: the node.
            changes: what was changed there.
            info: facts about the run that are true from then on.
            on_saved: called in the writer's thread once it is durable; must not raise.
        """

        def write(store: Store) -> None:
            store.save_node(record)
            if changes:
                store.append_changes(changes)
            if info:
                store.save_info(info)

        self._submit(RecordJob(write, on_saved=on_saved))

    def append_changes(self, records: Sequence[ChangeRecord]) -> None:
        """Submit changed values."""
        self._submit(RecordJob(lambda store: store.append_changes(records)))

    def append_history(self, chunks: Sequence[HistoryChunk]) -> None:
        """Submit new pairs, as `History.take_unstored` gives them."""
        if chunks:
            self._submit(RecordJob(lambda store: store.append_history(chunks)))
