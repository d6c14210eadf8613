"""The history, the changes and the nodes as pandas DataFrames."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from retune_widget.tracking.history import Floats, History, Ints
from retune_widget.tracking.tree import Branch, Node, Tree, change_label

Path = Sequence[tuple[Branch, int]]
LEADING = ["branch", "step", "epoch", "elapsed"]


def history_frame(tree: Tree, history: History) -> pd.DataFrame:
    """One row for each (branch, step) that was trained; columns `branch, step, epoch, elapsed`, metrics, values."""
    parts = [_rows(history, tree.path(branch), own=branch) for branch in tree.branches]
    return _joined(history, [part for part in parts if len(part)])


def lineage_frame(tree: Tree, history: History, place: Node | Branch) -> pd.DataFrame:
    """The rows on the way from the root to a node or a branch's tip, without the points of abandoned tails."""
    path = tree.path(place)
    parts = [_rows(history, path[: index + 1], own=branch, end=end) for index, (branch, end) in enumerate(path)]
    return _joined(history, [part for part in parts if len(part)])


def changes_frame(tree: Tree, records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row for each changed value: `branch, step, key, old, new, author, node, note`."""
    names = {branch.id: branch.name for branch in tree.branches}
    columns = ["branch", "step", "key", "old", "new", "author", "node", "note"]
    rows = [{**record, "branch": names[record["branch"]]} for record in records if record["branch"] in names]
    return pd.DataFrame(rows, columns=columns).astype({"old": object, "new": object})


def nodes_frame(tree: Tree, history: History) -> pd.DataFrame:
    """One row for each node, oldest first."""
    rows = [
        {
            "id": node.id,
            "branch": node.branch.name,
            "step": node.step,
            "parent": node.parent.id if node.parent else None,
            "cause": node.cause,
            "changes": change_label(node.changes),
            "metrics": metrics_at(tree, history, node),
            "bytes": node.checkpoint.bytes,
            "pinned": node.pinned,
            "exact": node.exact,
            "why": node.why,
            "digest": node.digest,
            "note": node.note,
            "created": pd.Timestamp(node.created, unit="s", tz="UTC"),
        }
        for node in tree.nodes
    ]
    return pd.DataFrame(rows)


def comparison_frame(tree: Tree, history: History, places: Sequence[Node | Branch]) -> pd.DataFrame:
    """Nodes or branches side by side, one column each: where they are, the metrics, the values that differ."""
    columns = {}
    for place in places:
        label = place.name if isinstance(place, Branch) else place.id
        path = tree.path(place)
        step = history.tip(place) if isinstance(place, Branch) else place.step
        column: dict[str, Any] = {"step": step}
        for name in [*history.names("metric"), *history.names("hyperparameter")]:
            latest = history.latest(path, name)
            column[name] = latest[1] if latest else np.nan
        column |= place.values if isinstance(place, Node) else {}
        columns[label] = column
    frame = pd.DataFrame(columns)
    values = {*history.names("hyperparameter"), *tree.root.values}
    same = [name for name in frame.index if name in values and frame.loc[name].nunique(dropna=False) == 1]
    return frame.drop(index=same)


def metrics_at(tree: Tree, history: History, node: Node) -> dict[str, float]:
    """The last measurement of each metric up to a node."""
    path = tree.path(node)
    found = {name: history.latest(path, name) for name in history.names("metric")}
    return {name: latest[1] for name, latest in found.items() if latest}


def _rows(history: History, path: Path, *, own: Branch, end: int = -1) -> pd.DataFrame:
    """The rows of the last branch of a path; hyperparameters and the epoch are carried forward along the path."""
    here = [(own, end)]
    steps, elapsed = history.lineage_pairs(here, "elapsed")
    data: dict[str, Any] = {"branch": pd.Categorical.from_codes(np.zeros(len(steps), np.int8), [own.name])}
    data["step"] = steps
    data["epoch"] = _carried(*history.lineage_pairs(path, "epoch"), steps).astype(np.int64)
    data["elapsed"] = elapsed
    for name in history.names("metric"):
        data[name] = _placed(*history.lineage_pairs(here, name), steps)
    for name in history.names("hyperparameter"):
        data[name] = _carried(*history.lineage_pairs(path, name), steps)
    return pd.DataFrame(data)


def _placed(steps: Ints, values: Floats, rows: Ints) -> Floats:
    """Values at their own rows, NaN elsewhere."""
    column = np.full(len(rows), np.nan)
    column[np.searchsorted(rows, steps)] = values
    return column


def _carried(steps: Ints, values: Floats, rows: Ints) -> Floats:
    """At each row the last value up to it; NaN before the first."""
    at = np.searchsorted(steps, rows, "right") - 1
    return np.where(at >= 0, np.append(values, np.nan)[at], np.nan)


def _joined(history: History, parts: list[pd.DataFrame]) -> pd.DataFrame:
    if not parts:
        return pd.DataFrame(columns=[*LEADING, *history.names("metric"), *history.names("hyperparameter")])
    whole = pd.concat([part.astype({"branch": str}) for part in parts], ignore_index=True)
    return whole.astype({"branch": "category"})
