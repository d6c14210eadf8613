"""What was measured, and with which values: column buffers, one set a branch.

A column is pairs (step, value). Metrics hold a pair for each measurement; hyperparameters one for each *change*, and
are carried forward when read. Rows wait as they were reported, tensors as tensors, and go into the columns together:
recording is one append, and never waits for a device.
"""

import threading
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retune_widget.tracking.tree import Branch

Kind = Literal["metric", "hyperparameter", "clock"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Pairs = tuple[Ints, Floats]
ToFloats = Callable[[Sequence[Any]], list[float]]

FLUSH_EVERY = 256
"""Rows."""


class HistoryChunk(NamedTuple):
    """New pairs of one column of one branch, on their way to the store."""

    branch: int
    column: str
    kind: Kind
    steps: Ints
    values: Floats


class Column:
    """Growing pairs (step, value); steps never fall."""

    def __init__(self, kind: Kind) -> None:
        self.kind: Kind = kind
        self.steps = array("q")
        self.values = array("d")
        self.stored = 0

    def append(self, step: int, value: float) -> None:
        """Add a pair; a second value for the same step replaces the first."""
        if self.steps and self.steps[-1] == step:
            self.values[-1] = value
            self.stored = min(self.stored, len(self.values) - 1)
        else:
            self.steps.append(step)
            self.values.append(value)

    def cut(self, after: int) -> bool:
        """Forget the pairs after this step; returns whether any are left. The last of these is stored anew."""
        kept = bisect_right(self.steps, after)
        if kept < len(self.steps):
            del self.steps[kept:], self.values[kept:]
            self.stored = min(self.stored, kept - 1)
        return kept > 0

    def pairs(self, first: int = 0) -> Pairs:
        """Copies of the steps and values from index `first` on."""
        return np.array(self.steps[first:], np.int64), np.array(self.values[first:], np.float64)


class History:
    """The pairs of every branch. One thread records; any thread may read."""

    def __init__(self, to_floats: ToFloats) -> None:
        """`to_floats` turns a batch of recorded scalars (tensors, numbers) into floats, at one go."""
        self._to_floats = to_floats
        self._lock = threading.RLock()
        self._columns: dict[int, dict[str, Column]] = {}
        self._waiting: list[tuple[int, int, float, Mapping[str, Any]]] = []
        self._kinds: dict[str, Kind] = {}
        self.revision = 0

    def record(self, branch: int, step: int, elapsed: float, metrics: Mapping[str, Any]) -> None:
        """Add a row: the metrics of one step, which are the history's from now on.

        Args:
            branch: the id of the branch.
            step: of the row.
            elapsed: seconds of training since the root.
            metrics: numbers, or tensors with one element.
        """
        with self._lock:
            self._waiting.append((branch, step, elapsed, metrics))
            self.revision += 1
            if len(self._waiting) >= FLUSH_EVERY:
                self._flush()

    def record_values(self, branch: int, step: int, values: Iterable[tuple[str, float]]) -> None:
        """Note the hyperparameters that the row at `step` was the first to use."""
        with self._lock:
            for key, value in values:
                self._column(branch, key, "hyperparameter").append(step, float(value))
            self.revision += 1

    def set_epoch(self, branch: int, step: int, epoch: int) -> None:
        """Note the epoch from the row at `step` on."""
        with self._lock:
            self._column(branch, "epoch", "clock").append(step, epoch)

    def names(self, kind: Kind) -> tuple[str, ...]:
        """The names of all columns of this kind, in the order of their first record."""
        with self._lock:
            self._flush()
            return tuple(name for name, its in self._kinds.items() if its == kind)

    def pairs(self, branch: Branch, name: str) -> Pairs:
        """The (steps, values) recorded on this branch alone; empty if there are none."""
        with self._lock:
            self._flush()
            column = self._columns.get(branch.id, {}).get(name)
            return column.pairs() if column else (np.empty(0, np.int64), np.empty(0, np.float64))

    def lineage_pairs(self, path: Sequence[tuple[Branch, int]], name: str) -> Pairs:
        """The (steps, values) along a way of the tree, without the points of abandoned tails.

        Args:
            path: what `Tree.path` gives: branches, each with its last step on the way (-1: all).
            name: the column.
        """
        parts = []
        for branch, end in path:
            steps, values = self.pairs(branch, name)
            upto = len(steps) if end < 0 else int(np.searchsorted(steps, end, "right"))
            parts.append((steps[:upto], values[:upto]))
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def tip(self, branch: Branch) -> int:
        """The last step recorded on this branch, or where it forks."""
        with self._lock:
            self._flush()
            column = self._columns.get(branch.id, {}).get("elapsed")
            return column.steps[-1] if column and column.steps else branch.fork_step

    def latest(self, path: Sequence[tuple[Branch, int]], name: str) -> tuple[int, float] | None:
        """The last (step, value) of a column on a way of the tree, or None."""
        with self._lock:
            self._flush()
            for branch, end in reversed(path):
                column = self._columns.get(branch.id, {}).get(name)
                if column is None:
                    continue
                upto = len(column.steps) if end < 0 else int(np.searchsorted(column.steps, end, "right"))
                if upto:
                    return column.steps[upto - 1], column.values[upto - 1]
        return None

    def last(self, path: Sequence[tuple[Branch, int]], name: str, count: int) -> Floats:
        """The last values of a column on a way of the tree, at most `count`; cheap however long the history is."""
        parts: list[Floats] = []
        with self._lock:
            self._flush()
            for branch, end in reversed(path):
                column = self._columns.get(branch.id, {}).get(name)
                if column is None or not count:
                    continue
                upto = len(column.steps) if end < 0 else bisect_right(column.steps, end)
                parts.append(np.array(column.values[max(0, upto - count) : upto], np.float64))
                count -= len(parts[-1])
        return np.concatenate(parts[::-1]) if parts else np.empty(0)

    def take_unstored(self) -> list[HistoryChunk]:
        """The pairs that were added since the last call, for the store."""
        with self._lock:
            self._flush()
            chunks = []
            for branch, columns in self._columns.items():
                for name, column in columns.items():
                    if column.stored < len(column.values):
                        chunks.append(HistoryChunk(branch, name, column.kind, *column.pairs(column.stored)))
                        column.stored = len(column.values)
            return chunks

    def cut(self, branch: Branch, after: int) -> None:
        """Forget what was recorded on a branch after a step. The store follows with what is handed to it next."""
        with self._lock:
            self._flush()
            columns = self._columns.get(branch.id, {})
            for name, column in list(columns.items()):
                if not column.cut(after):
                    del columns[name]
            self.revision += 1

    def load(self, chunks: Iterable[HistoryChunk]) -> None:
        """Take what a store holds."""
        with self._lock:
            for chunk in chunks:
                column = self._column(chunk.branch, chunk.column, chunk.kind)
                column.steps.extend(chunk.steps.tolist())
                column.values.extend(chunk.values.tolist())
                column.stored = len(column.values)
            self.revision += 1

    def drop(self, branch: int) -> None:
        """Forget a deleted branch."""
        with self._lock:
            self._flush()
            self._columns.pop(branch, None)
            self.revision += 1

    def flush(self) -> None:
        """Turn everything that was reported as a tensor into numbers."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        floats = iter(self._to_floats([value for *_, metrics in waiting for value in metrics.values()]))
        for branch, step, elapsed, metrics in waiting:
            self._column(branch, "elapsed", "clock").append(step, elapsed)
            for name in metrics:
                self._column(branch, name, "metric").append(step, next(floats))

    def _column(self, branch: int, name: str, kind: Kind) -> Column:
        columns = self._columns.setdefault(branch, {})
        if name not in columns:
            self._kinds.setdefault(name, kind)
            columns[name] = Column(kind)
        return columns[name]
