"""Makes the records that were left of a run fit together again, and says what that took."""

from typing import Any

import numpy as np

from retune_widget.storage.checked_run import wrong_run
from retune_widget.storage.found import FoundFile
from retune_widget.storage.pairs import join
from retune_widget.storage.store import RunRecord
from retune_widget.tracking.history import HistoryChunk
from retune_widget.tracking.nodes import BranchRecord, NodeRecord

FOUND = "the record of the way to it is lost"


def mend(run: RunRecord, orphans: list[FoundFile]) -> tuple[RunRecord, list[str]]:
    """A run whose records fit together, and what was lost or put in the place of something.

    Args:
        run: what was read; it is changed.
        orphans: files of checkpoints that no node may be left of: those get one.
    """
    told: list[str] = []
    run.nodes.sort(key=lambda its: int(its["id"][1:]))
    run.branches.sort(key=lambda its: its["id"])
    run.nodes.extend(_nodes_of(run, orphans))
    if orphans:
        told.append(f"{len(orphans)} checkpoints had no record: their nodes are named 'found', without their history.")
    if run.nodes:
        _branches(run, told)
        _parents(run, told)
        _forks(run, told)
    _rows(run, told)
    head: Any = run.info.get("head")
    nodes, branches = {its["id"] for its in run.nodes}, {its["id"] for its in run.branches}
    if run.nodes and (head is None or head["node"] not in nodes or head["branch"] not in branches):
        last = run.nodes[-1]
        run.info["head"] = {"branch": last["branch"], "node": last["id"], "changed": False, "forks": True}
        told.append(f"Where the head was is lost: it is at the last node, {last['id']}.")
    if run.nodes and (reason := wrong_run(run)):
        told.append(f"The tree is lost: its records do not fit together ({reason}). The nodes are in a row now.")
        _in_a_row(run)
    return run, told


def _nodes_of(run: RunRecord, orphans: list[FoundFile]) -> list[NodeRecord]:
    number = 1 + max((int(its["id"][1:]) for its in run.nodes), default=-1)
    branch = 1 + max((its["id"] for its in run.branches), default=-1)
    root = run.nodes[0] if run.nodes else None
    made: list[NodeRecord] = []
    for count, file in enumerate(sorted(orphans, key=lambda its: its.step)):
        made.append({
            "id": f"n{number + count}", "branch": branch, "step": max(file.step, root["step"] if root else 0),
            "epoch": 0, "parent": root["id"] if root else made[0]["id"] if made else None, "cause": "manual",
            "changes": [], "author": "repair", "note": "found", "exact": False, "why": FOUND,
            "created": file.modified, "pinned": False, "checkpoint": file.manifest.id, "values": {},
            "verified": None, "differs": None, "origin": "edited",
        })  # fmt: skip
    return made


def _branches(run: RunRecord, told: list[str]) -> None:
    """A branch for each node, with a name of its own."""
    there = {its["id"] for its in run.branches}
    for node in run.nodes:
        if node["branch"] not in there:
            there.add(node["branch"])
            run.branches.append(_branch(node["branch"], node["created"]))
            told.append(f"The record of branch {node['branch']} is lost: it is named {run.branches[-1]['name']!r}.")
    run.branches.sort(key=lambda its: its["id"])
    names: set[str] = set()
    for branch in run.branches:
        name, number = branch["name"], 2
        while branch["name"] in names:
            branch["name"], number = f"{name} ({number})", number + 1
        names.add(branch["name"])


def _branch(branch_id: int, created: float) -> BranchRecord:
    return {"id": branch_id, "name": f"found {branch_id}", "named_by_hand": True, "fork": None, "created": created}


def _parents(run: RunRecord, told: list[str]) -> None:
    """A parent for each node but the first: where its own is lost, the last one before it."""
    forks = {its["id"]: its["fork"] for its in run.branches}
    earlier: dict[str, NodeRecord] = {}
    for node in run.nodes:
        parent = earlier.get(node["parent"]) if node["parent"] else None
        if not earlier:
            node["parent"] = None
        elif parent is None or parent["step"] > node["step"]:
            before = [its for its in earlier.values() if its["step"] <= node["step"]]
            near = [its for its in before if its["branch"] == node["branch"]] or [
                its for its in before if its["id"] == forks[node["branch"]]
            ]
            node["parent"] = (near or before or [*earlier.values()][:1])[-1 if near else 0]["id"]
            told.append(f"The node before {node['id']} is lost: it grows from {node['parent']} now.")
        earlier[node["id"]] = node


def _forks(run: RunRecord, told: list[str]) -> None:
    """A fork for each branch but the root's; a branch whose own is lost forks where its first node grows from."""
    nodes, root = {its["id"]: its for its in run.nodes}, run.nodes[0]
    for branch in run.branches:
        if branch["id"] == root["branch"]:
            branch["fork"] = None
        elif branch["fork"] not in nodes:
            first = next((its for its in run.nodes if its["branch"] == branch["id"]), root)
            branch["fork"] = first["parent"] or root["id"]
            told.append(f"Where {branch['name']!r} began is lost: it is shown from {branch['fork']} on.")


def _rows(run: RunRecord, told: list[str]) -> None:
    """Measurements at steps whose rows are lost go with them."""
    rows = {its.branch: its.steps for its in run.history if its.column == "elapsed"}
    lost = 0
    kept = []
    for chunk in run.history:
        stay = np.isin(chunk.steps, rows.get(chunk.branch, [])) if chunk.kind == "metric" else np.ones(1, bool)
        lost += int((~stay).sum())
        if stay.all():
            kept.append(chunk)
        elif stay.any():
            kept.append(chunk._replace(steps=chunk.steps[stay], values=chunk.values[stay]))
    made = _epochs(run, kept, told)
    anew = {its.branch for its in made}
    run.history[:] = [*(its for its in kept if its.column != "epoch" or its.branch not in anew), *made]
    if lost:
        told.append(f"{lost:,} measurements are lost: the rows of their steps are.")


def _epochs(run: RunRecord, kept: list[HistoryChunk], told: list[str]) -> list[HistoryChunk]:
    """An epoch for the first row of each branch: that of the node it begins at."""
    forks = {its["id"]: its["fork"] for its in run.branches}
    epochs = {its["id"]: its["epoch"] for its in run.nodes}
    there = {its.branch: its for its in kept if its.column == "epoch"}
    made = []
    for rows in [its for its in kept if its.column == "elapsed"]:
        its = there.get(rows.branch)
        if its is None or its.steps[0] > rows.steps[0]:
            first = np.array([epochs.get(forks.get(rows.branch) or "", 0)], np.float64)
            old = (its.steps, its.values) if its else (rows.steps[:0], rows.values[:0])
            pair = join([(rows.steps[:1], first), old])
            made.append(HistoryChunk(rows.branch, "epoch", "clock", *pair))
            told.append(f"The epochs of the first rows of branch {rows.branch} are lost.")
    return made


def _in_a_row(run: RunRecord) -> None:
    """All nodes on one branch, in the order of their steps: what is left when nothing fits."""
    run.nodes.sort(key=lambda its: its["step"])
    run.branches[:] = [{**run.branches[0], "fork": None}]
    before = None
    for node in run.nodes:
        node["branch"], node["parent"], before = run.branches[0]["id"], before, node["id"]
    run.history[:] = [chunk for chunk in run.history if chunk.branch == run.branches[0]["id"]]
    run.info["head"] = {"branch": run.branches[0]["id"], "node": before, "changed": False, "forks": True}
