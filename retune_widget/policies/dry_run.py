"""Where a rule would have fired on a history that was recorded."""

import copy
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from retune_widget.engine.keys import unknown
from retune_widget.errors import PolicyError
from retune_widget.policies.action import Action, full_keys, resolve
from retune_widget.policies.policy import Now, Policy, look
from retune_widget.tracking.frames import FORKS
from retune_widget.tracking.history import Pairs
from retune_widget.tracking.value_changes import Value

COLUMNS = ["branch", "step", "action", "key", "old", "new", "reason"]


def dry_run(policy: Policy, history: pd.DataFrame) -> pd.DataFrame:
    """Show a rule a history from its beginning, in the state that it begins with; nothing is done.

    What the rule would have set stays in force until the history has another value there, so that a floor counts; the
    metrics are those of the history all the same. "keep" is no firing.

    Args:
        policy: a rule; it stays as it is.
        history: `run.history` (each branch is looked at along its lineage), or one lineage of it. A table of your own
            needs the columns `step` and the metrics, and the hyperparameters that the rule governs.

    Returns:
        One row for each value that it would have set, and for each pause, stop or branch:
        `branch, step, action, key, old, new, reason`.

    Raises:
        PolicyError: the table holds several branches and does not say where they fork; or the metric is not in it.
        UnknownHyperparameterError: a hyperparameter that the rule governs is not in it.
    """
    lineages, columns = list(_lineages(history)), [str(its) for its in history.columns]
    if policy.metric is not None and policy.metric not in columns and len(history):
        raise PolicyError(f"There is no {policy.metric!r} in this history. There are: {', '.join(columns)}.")
    for key in policy.keys if len(history) else ():
        if not full_keys(key, dict.fromkeys(columns)):
            raise unknown(columns, key)
    rows = [row for name, lineage in lineages for row in _fired(policy, name, lineage)]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"old": object, "new": object})


def _fired(policy: Policy, branch: str, lineage: pd.DataFrame) -> Iterator[dict[str, Any]]:
    rule = copy.copy(policy)
    rule.load_state_dict(rule.start())
    steps = lineage["step"].to_numpy(np.int64)
    own = [branch] * len(lineage) if "branch" not in lineage else lineage["branch"].tolist()
    elapsed = lineage["elapsed"].to_numpy(float) if "elapsed" in lineage else np.zeros(len(lineage))
    columns: dict[str, Pairs] = {}

    def past(name: str) -> Pairs:
        if name not in columns:
            values = lineage[name].to_numpy(float) if name in lineage else np.full(len(lineage), np.nan)
            columns[name] = steps[~np.isnan(values)], values[~np.isnan(values)]
        return columns[name]

    known = [str(its) for its in lineage.columns]
    governed = {full: lineage[full].tolist() for key in rule.keys for full in full_keys(key, dict.fromkeys(known))}
    measured = lineage[rule.metric].to_numpy(float) if rule.metric in lineage else np.full(len(lineage), np.nan)
    set_to: dict[str, tuple[Value, Value]] = {}
    looks = range(len(steps)) if rule.metric is None or rule.each_step else np.flatnonzero(~np.isnan(measured)).tolist()
    for at in [-1, *looks] if len(steps) else []:
        values = _in_force(governed, max(at, 0), set_to)
        if at < 0:
            step = int(steps[0]) - 1
            action = rule.begin(Now(step, math.nan, 0.0, values, _upto(past, step)))
        else:
            step = int(steps[at])
            action = look(rule, Now(step, float(measured[at]), float(elapsed[at]), values, _upto(past, step)))
        if action is None or action.kind == "keep":
            continue
        row = {"branch": branch, "step": step, "action": action.kind, "reason": action.reason}
        new = resolve(action.values, values) if action.kind == "set" else _scheduled(action, values)
        for key, value in new.items():
            set_to[key] = (governed[key][max(at, 0)] if key in governed else value, value)
        if own[max(at, 0)] == branch:
            yield from ({**row, "key": key, "old": values.get(key), "new": value} for key, value in new.items())
            if not new:
                yield {**row, "key": None, "old": None, "new": None}


def _scheduled(action: Action, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values with which schedules would begin; where one would end, the value stays."""
    return {key: values[key] if its is None else its(0) for key, its in action.schedules.items()}


def _in_force(governed: Mapping[str, list[Value]], at: int, set_to: dict[str, tuple[Value, Value]]) -> dict[str, Value]:
    """The recorded values, and what the rule set where they stayed as they were when it did."""
    values = {key: column[at] for key, column in governed.items()}
    for key, (recorded, new) in list(set_to.items()):
        if values.get(key, recorded) == recorded:
            values[key] = new
        else:
            del set_to[key]
    return values


def _upto(past: Any, step: int) -> Any:
    """What was measured up to a step, and no later."""

    def until(name: str) -> Pairs:
        steps, values = past(name)
        count = int(np.searchsorted(steps, step, "right"))
        return steps[:count], values[:count]

    return until


def _lineages(history: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each branch with the rows on the way to it."""
    if "branch" not in history or not len(history):
        yield "", history
        return
    names = list(dict.fromkeys(history["branch"].tolist()))
    if history["step"].is_monotonic_increasing and history["step"].is_unique:
        yield names[-1], history.assign(branch=names[-1])
        return
    forks = history.attrs.get(FORKS)
    if forks is None:
        raise PolicyError(
            "This table holds several branches and does not say where they fork: pass run.history itself, or "
            "run.lineage_history(branch)."
        )
    for name in names:
        parts, at, end = [], name, np.inf
        while at is not None:
            rows = history[(history["branch"] == at) & (history["step"] <= end)]
            parts.append(rows)
            at, end = forks.get(at, (None, 0))
        yield name, pd.concat(reversed(parts))
