"""The history, the changes and the nodes as pandas DataFrames."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retune_widget.tracking.history import Floats, History, Ints
from retune_widget.tracking.tree import Branch, Node, Tree, change_label

Path = Sequence[tuple[Branch, int]]
WHOLE = 2**53
"""Above it a float64 skips whole numbers."""
LEADING = ["branch", "step", "epoch", "elapsed"]
FORKS = "forks"
"""In the attributes of a history: each branch with the one it begins on, and the last step there on its way."""


def history_frame(tree: Tree, history: History) -> pd.DataFrame:
    """One row for each (branch, step) that was trained; columns `branch, step, epoch, elapsed`, metrics, values."""
    frame = _joined(tree, history, [tree.path(branch) for branch in tree.branches])
    frame.attrs[FORKS] = {its.name: (its.fork.branch.name, its.fork.step) for its in tree.branches if its.fork}
    return frame


def lineage_frame(tree: Tree, history: History, place: Node | Branch) -> pd.DataFrame:
    """The rows on the way from the root to a node or a branch's tip, without the points of abandoned tails."""
    path = tree.path(place)
    return _joined(tree, history, [path[: index + 1] for index in range(len(path))])


def changes_frame(tree: Tree, records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row for each changed value: `branch, step, key, old, new, author, node, note`."""
    names = {branch.id: branch.name for branch in tree.branches}
    columns = ["branch", "step", "key", "old", "new", "author", "node", "note", "governed"]
    rows = [
        {"governed": None, **record, "branch": names[record["branch"]]}
        for record in records
        if record["branch"] in names
    ]
    return pd.DataFrame(rows, columns=columns).astype({"old": object, "new": object, "governed": object})


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
            "status": node.checkpoint.status,
            "pinned": node.pinned,
            "exact": node.exact,
            "why": node.why,
            "verified": node.verified,
            "digest": node.digest,
            "note": node.note,
            "created": pd.Timestamp(node.created, unit="s", tz="UTC"),
        }
        for node in tree.nodes
    ]
    return pd.DataFrame(rows)


def comparison_frame(tree: Tree, history: History, places: Sequence[Node | Branch]) -> pd.DataFrame:
    """Nodes or branches side by side, one column each: where they are, the metrics, the values that differ."""
    root = tree.root.record()["values"]
    metrics, keys = history.names("metric"), dict.fromkeys([*history.names("hyperparameter"), *root])
    columns: dict[str, dict[str, Any]] = {}
    for place in places:
        path = tree.path(place)
        column: dict[str, Any] = {"step": history.tip(place) if isinstance(place, Branch) else place.step}
        for name in [*metrics, *keys]:
            latest = history.latest(path, name)
            column[name] = latest[1] if latest else root.get(name, np.nan)
        column |= place.record()["values"] if isinstance(place, Node) else {}
        columns[place.name if isinstance(place, Branch) else place.id] = column
    same = [key for key in keys if len({column[key] for column in columns.values()}) == 1]
    return pd.DataFrame(columns, index=["step", *metrics, *keys]).drop(index=same)


def metrics_at(tree: Tree, history: History, node: Node) -> dict[str, float]:
    """The last measurement of each metric up to a node."""
    path = tree.path(node)
    found = {name: history.latest(path, name) for name in history.names("metric")}
    return {name: latest[1] for name, latest in found.items() if latest}


def _joined(tree: Tree, history: History, paths: Sequence[Path]) -> pd.DataFrame:
    """The rows of the last branch of each path, under each other."""
    metrics, keys = history.names("metric"), history.names("hyperparameter")
    columns = [*LEADING, *metrics, *keys]
    parts = [rows for path in paths if len((rows := _rows(history, path, metrics, keys))["step"])]
    if not parts:
        return pd.DataFrame(columns=columns)
    names, ids = [branch.name for branch in tree.branches], [branch.id for branch in tree.branches]
    examples = tree.root.record()["values"]
    data: dict[str, Any] = {}
    for column in columns:
        whole = np.concatenate([part.pop(column) for part in parts])
        if column == "branch":
            codes = np.searchsorted(ids, whole)  # branches are in the order of their ids
            data[column] = pd.Categorical.from_codes(codes, pd.Index(names))
        else:
            data[column] = _as_kind(whole, examples.get(column))
    return pd.DataFrame(data, copy=False)


def _rows(history: History, path: Path, metrics: Sequence[str], keys: Sequence[str]) -> dict[str, Any]:
    """The rows of the last branch of a path; hyperparameters and the epoch are carried forward along the path."""
    branch = path[-1][0]
    steps, elapsed = history.lineage_pairs(path[-1:], "elapsed")
    rows: dict[str, Any] = {"branch": np.full(len(steps), branch.id, np.int32), "step": steps, "elapsed": elapsed}
    if not len(steps):
        return rows
    here = ((branch, int(steps[-1])),)  # rows that are recorded meanwhile are not in this table
    path = (*path[:-1], *here)
    rows["epoch"] = _carried(*history.lineage_pairs(path, "epoch"), steps).astype(np.int32)
    for name in metrics:
        rows[name] = _placed(*history.lineage_pairs(here, name), steps)
    for name in keys:
        rows[name] = _carried(*history.lineage_pairs(path, name), steps)
    return rows


def _as_kind(values: Floats, example: object) -> NDArray[Any]:
    """Switches as bools and whole numbers as integers, where none is missing and each is one."""
    if type(example) not in {bool, int} or not ((values == np.floor(values)) & (np.abs(values) <= WHOLE)).all():
        return values
    return values.astype(bool if type(example) is bool else np.int64)


def _placed(steps: Ints, values: Floats, rows: Ints) -> Floats:
    """Values at their own rows, NaN elsewhere."""
    if len(steps) == len(rows):
        return values
    column = np.full(len(rows), np.nan)
    column[np.searchsorted(rows, steps)] = values
    return column


def _carried(steps: Ints, values: Floats, rows: Ints) -> Floats:
    """At each row the last value up to it; NaN before the first."""
    at = np.searchsorted(steps, rows, "right") - 1
    return np.where(at >= 0, np.append(values, np.nan)[at], np.nan)
