"""Which lines there are to draw, and the points of each. No widgets."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from retune_widget.tracking.history import History
from retune_widget.tracking.tree import Branch, Tree
from retune_widget.view.reduce import Floats

Layer = Literal["raw", "smooth", "plain"]
BLOCK = 64
MOST_BRANCHES = 12
"""Branches drawn at once: the way to the head, and the newest others."""


class LineName(NamedTuple):
    """One line of the metric chart: `raw` stands faint behind its `smooth` one, `plain` stands alone."""

    branch: int
    metric: str
    layer: Layer


def family_of(metric: str) -> str:
    """`train/loss` and `val/loss` are drawn together as `loss`."""
    return metric.partition("/")[2] or metric


def families(metrics: Iterable[str]) -> dict[str, list[str]]:
    """The metrics that share a chart, by its name; the loss first."""
    found: dict[str, list[str]] = {}
    for metric in metrics:
        found.setdefault(family_of(metric), []).append(metric)
    return dict(sorted(found.items(), key=lambda item: item[0] != "loss"))


def is_training(metric: str) -> bool:
    """Whether it is measured on the training data, at each step: noisy, drawn thin."""
    return metric.startswith("train/")


def shown_branches(tree: Tree, head: Branch) -> list[Branch]:
    """The branches to draw, oldest first."""
    way = [branch for branch, _ in tree.path(head)]
    others = [branch for branch in tree.branches if branch not in way]
    room = max(0, MOST_BRANCHES - len(way))
    kept = {branch.id for branch in [*way[-MOST_BRANCHES:], *others[len(others) - min(room, len(others)) :]]}
    return [branch for branch in tree.branches if branch.id in kept]


def wanted_lines(branches: Sequence[Branch], metrics: Sequence[str], *, smoothing: float) -> list[LineName]:
    """Every line to draw, the faint ones first and the training loss behind what was measured apart."""
    noisy = [metric for metric in metrics if is_training(metric)]
    names = []
    if smoothing > 0:
        smoothed = noisy or list(metrics)
        names += [LineName(b.id, m, "raw") for m in smoothed for b in branches]
        names += [LineName(b.id, m, "smooth") for m in smoothed for b in branches]
        rest = [metric for metric in metrics if metric not in smoothed]
    else:
        rest = [*noisy, *(metric for metric in metrics if metric not in noisy)]
    return [*names, *(LineName(b.id, m, "plain") for m in rest for b in branches)]


def metric_points(tree: Tree, history: History, branch: Branch, metric: str, smoothing: float) -> tuple[Floats, Floats]:
    """A branch's own points, begun with the last one before its fork, so that the lines meet and share the prefix."""
    if smoothing > 0:
        path = tree.path(branch)
        steps, values = history.lineage_pairs(path, metric)
        values = smooth(values, smoothing)
        first = max(0, int(np.searchsorted(steps, branch.fork_step, "right")) - 1) if branch.fork else 0
        return steps[first:].astype(np.float64), values[first:]
    steps, values = history.pairs(branch, metric)
    x = steps.astype(np.float64)
    before = history.latest(tree.path(branch.fork), metric) if branch.fork else None
    if before is None:
        return x, values
    return np.concatenate([[float(before[0])], x]), np.concatenate([[before[1]], values])


def value_points(tree: Tree, history: History, branch: Branch, key: str) -> tuple[Floats, Floats]:
    """A hyperparameter's steps: (x, y) says that y is used from the step after x on. Ends at the branch's tip."""
    steps, values = history.pairs(branch, key)
    x, y = (steps - 1).astype(np.float64), values
    before = history.latest(tree.path(branch.fork), key) if branch.fork else None
    if before is not None and len(x):
        x, y = np.concatenate([[float(branch.fork_step)], x]), np.concatenate([[before[1]], y])
    if len(x):
        x, y = np.append(x, float(history.tip(branch))), np.append(y, y[-1])
    return x, y


def smooth(values: Floats, factor: float) -> Floats:
    """The exponential moving average of `values`, without its bias towards 0 at the start; gaps stay gaps.

    Args:
        values: one a step; what is not finite is left out.
        factor: the weight of the past, at least 0 and below 1.
    """
    known = np.isfinite(values)
    total = _filtered(np.where(known, values, 0.0), factor)
    weight = _filtered(known.astype(np.float64), factor)
    return np.where(known, total / np.where(known, weight, 1.0), np.nan)


def _filtered(values: Floats, factor: float) -> Floats:
    """y[k] = factor * y[k-1] + (1 - factor) * values[k], in blocks: a matrix within one, a carry between them."""
    count = len(values)
    blocks = np.pad(values, (0, -count % BLOCK)).reshape(-1, BLOCK)
    ages = np.arange(BLOCK)[:, None] - np.arange(BLOCK)[None, :]
    within = np.where(ages >= 0, (1 - factor) * factor ** np.maximum(ages, 0).astype(np.float64), 0.0)
    filtered = blocks @ within.T
    decay = factor ** np.arange(1, BLOCK + 1)
    carry = 0.0
    for index in range(len(filtered)):
        filtered[index] += carry * decay
        carry = filtered[index, -1]
    return filtered.ravel()[:count]
