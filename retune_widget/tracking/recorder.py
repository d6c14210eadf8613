"""Writes the history as training goes on: one row a step, and of the values only what is new."""

from collections.abc import Mapping
from typing import Any

from retune_widget.tracking.clock import Clock
from retune_widget.tracking.history import History
from retune_widget.tracking.tree import Branch, Value

Values = dict[str, Value]


class Recorder:
    """Records the steps of one run.

    Attributes:
        clock: the seconds of training along the lineage.
        used: the hyperparameters that the step at hand uses, by key; another dict where one of them is new.
    """

    def __init__(self, history: History) -> None:
        """Begin with nothing recorded."""
        self._history = history
        self.clock = Clock()
        self.used: Values = {}
        self._recorded: Values = {}
        self._epoch = -1

    def step(self, branch: Branch, step: int, epoch: int, metrics: Mapping[str, Any]) -> float:
        """A row for the step that is complete; returns the seconds of training that it says."""
        used = self.used
        if used is not self._recorded:
            old, self._recorded = self._recorded, used
            self._history.record_values(branch.id, step, [(k, v) for k, v in used.items() if old.get(k) != v])
        if epoch != self._epoch:
            self._epoch = epoch
            self._history.set_epoch(branch.id, step, epoch)
        elapsed = self.clock.elapsed()
        self._history.record(branch.id, step, elapsed, metrics)
        return elapsed

    def move(self, elapsed: float) -> None:
        """Training goes on elsewhere in the tree: the next row says everything anew."""
        self._recorded, self._epoch = {}, -1
        self.clock.set(elapsed)
