"""A run in a directory, to look at: without its model, and also while another process trains it."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from retune_widget.engine.steps import to_floats
from retune_widget.errors import StoreError
from retune_widget.storage.directory import DATABASE
from retune_widget.storage.disk_reader import DiskReader
from retune_widget.storage.reopen import Reopened, reopen
from retune_widget.tracking.head import Head
from retune_widget.tracking.record import Record


class Reading(NamedTuple):
    """What a run directory held.

    Attributes:
        run: all but the tensors.
        stamp: `stamp_of` the directory just before; another one says that there may be more to read.
    """

    run: Reopened
    stamp: object


class SavedRun(Record):
    """The tree and the tables of a run directory, as they were when it was opened; `refresh` reads them again.

    As the last expression of a notebook cell it shows a widget, which follows by itself while another process trains
    the run.

    Attributes:
        path: the directory.
        reading: what was read.
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
        reading = self.reading = read(self.path)
        super().__init__(reading.run.tree, reading.run.history, reading.run.changes)

    @property
    def head(self) -> Head:
        """Where the run was when its history was last stored: half a second ago, while it trains."""
        return self.reading.run.head

    @property
    def info(self) -> Mapping[str, Any]:
        """When and under which conditions the run was begun."""
        return MappingProxyType({name: value for name, value in self.reading.run.info.items() if name != "head"})

    def __repr__(self) -> str:
        head = self.head
        return f"<SavedRun of {str(self.path)!r} on {head.branch!r} at step {head.step:,}, {self.tree.count}>"


def read(path: Path) -> Reading:
    """Read a run directory.

    Raises:
        StoreError: there is no run in it, or it cannot be read.
    """
    stamp, store = stamp_of(path), DiskReader(path)
    try:
        run = reopen(store, to_floats)
    finally:
        store.close()
    if run is None:
        raise StoreError(f"Nothing was trained or saved yet in {path}.")
    return Reading(run, stamp)


def stamp_of(path: Path) -> object:
    """Equal as long as nothing was written to the run's database; costs two looks at the directory."""
    return _stamp(path / DATABASE), _stamp(path / f"{DATABASE}-wal")


def _stamp(file: Path) -> tuple[int, ...] | None:
    """What a write changes; an empty file, which SQLite makes when it only reads, is like none."""
    try:
        its = file.stat()
    except FileNotFoundError:
        return None
    return (its.st_ino, its.st_size, its.st_mtime_ns) if its.st_size else None


def open_run(path: str | Path) -> SavedRun:
    """Look at the run in a directory. To train it on: `Run(..., path=path, resume=True)`.

    Raises:
        StoreError: there is no run in this directory, or it cannot be read.
    """
    return SavedRun(path)
