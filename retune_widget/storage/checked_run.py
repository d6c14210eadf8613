"""Whether the records of a run fit together: a tree with one root, no circles, and a history of its branches."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from retune_widget.storage.checked import BRANCH, HEAD, INFO, wrong, wrong_change, wrong_chunk, wrong_node
from retune_widget.storage.store import RunRecord
from retune_widget.tracking.history import HistoryChunk, Ints
from retune_widget.tracking.nodes import BranchRecord, NodeRecord


def wrong_run(run: RunRecord) -> str | None:
    """What is wrong with the records of a run, as half a sentence, or None."""
    return next(_single(run), None) or next(_tree(run), None) or next(_rows(run.history), None)


def _single(run: RunRecord) -> Iterator[str]:
    yield from (f"in a branch, {reason}" for its in run.branches if (reason := wrong(its, BRANCH)))
    yield from (f"in a node, {reason}" for its in run.nodes if (reason := wrong_node(its)))
    yield from (f"in a change, {reason}" for its in run.changes if (reason := wrong_change(its)))
    if reason := wrong(run.info, INFO, optional=True):
        yield f"in the facts about the run, {reason}"
    if "head" in run.info and (reason := wrong(run.info["head"], HEAD)):
        yield f"its head is {run.info['head']!r}: {reason}"
    yield from (f"in the history, {reason}" for chunk in run.history if (reason := wrong_chunk(chunk)))


def _tree(run: RunRecord) -> Iterator[str]:
    branches = {its["id"]: its for its in run.branches}
    nodes = {its["id"]: its for its in run.nodes}
    if len(branches) < len(run.branches) or len(nodes) < len(run.nodes):
        yield "two branches or two nodes have one id"
    if len({its["name"] for its in run.branches}) < len(branches):
        yield "two branches have one name"
    yield from _parents(run.nodes, set(branches))
    roots = [its["id"] for its in run.branches if its["fork"] is None]
    if run.nodes and roots != [run.nodes[0]["branch"]]:
        yield "there is not one branch that the others grew from"
    yield from _forks(branches, {name: its["branch"] for name, its in nodes.items()}, set(roots))


def _parents(nodes: Iterable[NodeRecord], branches: set[int]) -> Iterator[str]:
    steps: dict[str | None, int] = {}
    for its in nodes:
        if its["branch"] not in branches:
            yield f"the node {its['id']!r} is on a branch that is not there"
        if (its["parent"] is None) is bool(steps) or (its["parent"] is not None and its["parent"] not in steps):
            yield f"the node {its['id']!r} does not grow from one before it"
        elif its["step"] < steps.get(its["parent"], 0):
            yield f"the node {its['id']!r} is before its parent"
        steps[its["id"]] = its["step"]


def _forks(branches: Mapping[int, BranchRecord], branch_of: Mapping[str, int], rooted: set[int]) -> Iterator[str]:
    for its in branches.values():
        way: dict[int, None] = {}
        at = its["id"]
        while at not in rooted:
            fork = branches[at]["fork"] if at in branches and at not in way else None
            if fork is None or fork not in branch_of:
                yield f"the branch {its['name']!r} does not grow from a node"
                return
            way[at] = None
            at = branch_of[fork]
        rooted.update(way)


def _rows(history: Iterable[HistoryChunk]) -> Iterator[str]:
    history = list(history)
    if len({chunk[:2] for chunk in history}) < len(history):
        yield "two columns of the history have one name"
    rows = {chunk.branch: chunk.steps for chunk in history if chunk.column == "elapsed"}
    epochs = {chunk.branch: chunk.steps for chunk in history if chunk.column == "epoch"}
    for branch, steps in rows.items():
        if branch not in epochs or epochs[branch][0] > steps[0]:
            yield f"the first row of branch {branch} has no epoch"
    for chunk in history:
        if chunk.kind == "metric" and not within(chunk.steps, rows.get(chunk.branch)):
            yield f"{chunk.column!r} was measured at steps that were never trained"


def within(steps: Ints, rows: Ints | None) -> bool:
    """Whether all of these rising steps are among the rising `rows`."""
    if rows is None:
        return False
    return bool(np.array_equal(steps, rows) or np.isin(steps, rows, assume_unique=True).all())
