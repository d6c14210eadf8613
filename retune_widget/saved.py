"""A run in a directory, to look at: without its model, and also while another process trains it."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from retune_widget.engine.steps import to_floats
from retune_widget.errors import StoreError
from retune_widget.storage.disk_reader import DiskReader
from retune_widget.storage.reopen import reopen
from retune_widget.tracking.head import Head
from retune_widget.tracking.record import Record


class SavedRun(Record):
    """The tree and the tables of a run directory, as they were when it was opened; `refresh` reads them again.

    Attributes:
        path: the directory.
    """

    def __init__(self, path: str | Path) -> None:
        """Read a run. Nothing is written, locked or kept open.

        Raises:
            StoreError: there is no run in this directory, or it cannot be read.
        """
        self.path = Path(path)
        self.refresh()

    def refresh(self) -> None:
        """Read again what another process has written meanwhile."""
        store = DiskReader(self.path)
        try:
            saved = reopen(store, to_floats)
        finally:
            store.close()
        if saved is None:
            raise StoreError(f"Nothing was trained or saved yet in {self.path}.")
        super().__init__(saved.tree, saved.history, saved.changes)
        self._saved = saved

    @property
    def head(self) -> Head:
        """Where the run was when its history was last stored: half a second ago, while it trains."""
        return self._saved.head

    @property
    def info(self) -> Mapping[str, Any]:
        """When and under which conditions the run was begun."""
        return MappingProxyType({name: value for name, value in self._saved.info.items() if name != "head"})

    def __repr__(self) -> str:
        head = self.head
        return f"<SavedRun of {str(self.path)!r} on {head.branch!r} at step {head.step:,}, {self.tree.count}>"


def open_run(path: str | Path) -> SavedRun:
    """Look at the run in a directory. To train it on: `Run(..., path=path, resume=True)`.

    Raises:
        StoreError: there is no run in this directory, or it cannot be read.
    """
    return SavedRun(path)
