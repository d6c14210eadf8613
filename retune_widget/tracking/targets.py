"""When each branch reached a goal: steps and seconds of training since the root."""

import numpy as np
import pandas as pd

from retune_widget.tracking.goal import Direction, is_better_high
from retune_widget.tracking.history import History
from retune_widget.tracking.tree import Tree

COLUMNS = ["branch", "reached", "step", "seconds", "value", "best"]


def time_to_target(tree: Tree, history: History, metric: str, goal: float, mode: Direction | None) -> pd.DataFrame:
    """One row for each branch, along its lineage: the first measurement that is as good as the goal.

    Args:
        tree: the run's.
        history: the run's.
        metric: its name.
        goal: the value.
        mode: "min" or "max"; None: after the metric's name.

    Returns:
        `branch, reached, step, seconds, value`, the last three missing where it was not reached; and the `best` value.

    Raises:
        ValueError: the mode is neither, or the metric was never measured.
    """
    if metric not in history.names("metric"):
        raise ValueError(f"{metric!r} was never measured. There are: {', '.join(history.names('metric')) or 'none'}.")
    mode = mode or ("max" if is_better_high(metric) else "min")
    if mode not in {"min", "max"}:
        raise ValueError(f"mode must be 'min' or 'max', not {mode!r}.")
    rows = []
    for branch in tree.branches:
        path = tree.path(branch)
        steps, values = history.lineage_pairs(path, metric)
        good = np.flatnonzero(values <= goal if mode == "min" else values >= goal)
        best = (np.nanmin if mode == "min" else np.nanmax)(values) if not np.isnan(values).all() else np.nan
        row = {"branch": branch.name, "reached": bool(len(good)), "best": best}
        if len(good):
            first = int(steps[good[0]])
            clock, seconds = history.lineage_pairs(path, "elapsed")
            row |= {"step": first, "value": values[good[0]], "seconds": seconds[np.searchsorted(clock, first)]}
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS).astype({"step": "Int64"})
