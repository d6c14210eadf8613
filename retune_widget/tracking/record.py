"""What a run recorded, to look at: the tree, and tables of it. Needs no model."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from retune_widget.tracking import frames
from retune_widget.tracking.goal import Direction
from retune_widget.tracking.history import History
from retune_widget.tracking.targets import time_to_target
from retune_widget.tracking.tree import Branch, Node, Tree
from retune_widget.tracking.ways import seconds_to_restore

NodeLike = Node | str
BranchLike = Branch | str
Place = Node | Branch | str
"""A node or its id, a branch or its name."""


class Record:
    """The tree and the tables of a run.

    Attributes:
        tree: the branches and nodes.
    """

    def __init__(self, tree: Tree, history: History, changes: Sequence[Mapping[str, Any]]) -> None:
        """Look at these; they may still grow."""
        self.tree = tree
        self._records = history
        self._changes = changes

    @property
    def history(self) -> pd.DataFrame:
        """One row for each (branch, step): `branch, step, epoch, elapsed`, every metric, every hyperparameter."""
        return frames.history_frame(self.tree, self._records)

    def lineage_history(self, place: Place) -> pd.DataFrame:
        """The rows on the way from the root to a node, or to the tip of a branch."""
        return frames.lineage_frame(self.tree, self._records, self._place(place))

    @property
    def changes(self) -> pd.DataFrame:
        """One row for each changed value: `branch, step, key, old, new, author, node, note`."""
        return frames.changes_frame(self.tree, list(self._changes))

    @property
    def nodes(self) -> pd.DataFrame:
        """One row for each node."""
        return frames.nodes_frame(self.tree, self._records)

    def time_to_target(self, metric: str, goal: float, mode: Direction | None = None) -> pd.DataFrame:
        """When each branch reached a goal, in steps and in seconds of training: `policies.Target` as a table.

        Raises:
            ValueError: the metric was never measured, or the mode is neither "min" nor "max".
        """
        return time_to_target(self.tree, self._records, metric, goal, mode)

    def seconds_to_restore(self, node: NodeLike) -> float | None:
        """About how long restoring a node takes: 0 where its checkpoint is kept, None where it cannot be restored."""
        return seconds_to_restore(self.tree, self._records, self.tree.node(node))

    def compare(self, places: Place | Sequence[Place]) -> pd.DataFrame:
        """Nodes or branches side by side: the metrics, and the hyperparameters that differ."""
        several = [places] if isinstance(places, Node | Branch | str) else places
        return frames.comparison_frame(self.tree, self._records, [self._place(place) for place in several])

    def _place(self, place: Place) -> Node | Branch:
        if isinstance(place, Branch):
            return self.tree.branch(place)
        if isinstance(place, str) and any(branch.name == place for branch in self.tree.branches):
            return self.tree.branch(place)
        return self.tree.node(place)
