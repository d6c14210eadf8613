"""Carries out what a person asks, between two steps, and writes down what happened: tree, history, store.

Runs in the thread that trains (or in the caller's where nobody trains); nothing else writes the tree or the history.
"""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from retune_widget.engine.changes import PlannedChange
from retune_widget.engine.commands import (
    DeleteBranch,
    GrowBranch,
    Restore,
    SetHyperparameters,
    Steering,
    TakeCheckpoint,
    Undo,
)
from retune_widget.engine.engine import Engine
from retune_widget.engine.rng import mix
from retune_widget.engine.snapshot import Snapshot
from retune_widget.engine.steps import Metrics
from retune_widget.errors import StatusError
from retune_widget.storage.store import ChangeRecord
from retune_widget.storage.writer import Writer
from retune_widget.tracking.changes import Change
from retune_widget.tracking.clock import Clock
from retune_widget.tracking.head import Head
from retune_widget.tracking.history import History
from retune_widget.tracking.lineage import is_tip, last_change, name_of_change
from retune_widget.tracking.tree import Branch, Cause, CheckpointHandle, Node, Tree, ValueChange

STORE_EVERY = 0.5
"""Seconds between the moments at which new history goes to the store."""


class Helm:
    """Steers one run.

    Attributes:
        head: where the run is; replaced whole, so that any thread may read it.
        changes: every acknowledged change of a value, oldest first.
    """

    def __init__(
        self, engine: Engine, tree: Tree, history: History, writer: Writer, *, checkpoint_every: int | None
    ) -> None:
        """Begin the tree with the state as it is now."""
        self._engine, self._tree, self._history, self._writer = engine, tree, history, writer
        self._checkpoint_every = checkpoint_every
        self.clock = Clock()
        self.changes: list[ChangeRecord] = []
        self._branch = tree.branches[0]
        self._before: Snapshot | None = None
        """The state at this boundary before any change; None once a step was trained since it was taken."""
        self._changed = False
        """Whether a value was changed since `_before` was taken."""
        self._forks = False
        """Whether the next step or change begins a branch."""
        self._recorded: list[tuple[str, Any]] = []
        self._epoch = -1
        self._next_store = 0.0
        writer.save_branch(self._branch.record())
        self._node = self._new_node("start", engine.capture())
        self.update_head()

    # What happened.

    def record_step(self, step: int, metrics: Metrics) -> None:
        """A step is complete: one row of the history, first of a new branch if one begins here."""
        if self._forks:
            self._fork(f"{self._branch} @{self._node.step}", by_hand=False)
        self._before, self._changed = None, False
        branch, engine = self._branch.id, self._engine
        values = engine.values()
        if values != self._recorded:
            old = dict(self._recorded)
            self._history.record_values(branch, step, [(k, v) for k, v in values if old.get(k) != v])
            self._recorded = values
        if engine.epoch != self._epoch:
            self._epoch = engine.epoch
            self._history.set_epoch(branch, step, self._epoch)
        self._history.record(branch, step, self.clock.elapsed(), metrics)
        self.update_head()
        if self._checkpoint_every and step % self._checkpoint_every == 0:
            self.checkpoint("interval")
        now = time.monotonic()
        if now >= self._next_store:
            self._next_store = now + STORE_EVERY
            self.store_history()

    def store_history(self) -> None:
        """Hand what was recorded since the last time to the writer."""
        self._writer.append_history(self._history.take_unstored())

    # What is asked.

    def execute(self, command: Steering) -> Any:
        """Carry out a command; returns what it made."""
        self.refresh_root()
        match command:
            case SetHyperparameters(values, author, note):
                result: Any = self._set(values, author, note)
            case TakeCheckpoint(note):
                result = self.checkpoint("manual", note)
            case Restore(node):
                result = self._restore(self._tree.node(node))
            case GrowBranch(node, name, reseed, values):
                result = self._grow(self._tree.node(node), name, values, reseed=reseed)
            case Undo():
                result = self._undo()
            case DeleteBranch(branch):
                result = self._delete(self._tree.branch(branch))
        self.update_head()
        self.store_history()
        return result

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return self._last_change() is not None

    def refresh_root(self) -> None:
        """Before the first step the person may still have loaded weights: the root is the state as it is now."""
        root = self._tree.root
        if self._node is root and self._engine.step == 0 and self._before is not None and not self._changed:
            now = self._engine.capture()
            if now.digest() != self._before.digest():
                self._before = now
                outdated, root.checkpoint = root.checkpoint, CheckpointHandle(uuid.uuid4().hex)
                self._writer.save_node(root.record())
                self._writer.save_checkpoint(root.checkpoint, now)
                self._writer.delete([], [], [outdated.id])

    def checkpoint(self, cause: Cause, note: str = "") -> Node:
        """Keep the state as a node; the node that holds it already, if there is one."""
        if self._before is None or self._changed:
            self._node = self._new_node(cause, self._engine.capture(), note=note)
        elif note:
            self._node.note = note
            self._tree.edited()
            self._writer.save_node(self._node.record())
        self.update_head()
        return self._node

    def _set(self, values: Mapping[str, Any], author: str, note: str) -> Change:
        planned = self._engine.plan(values)
        changes = tuple(ValueChange(p.hyperparameter.key, p.old, p.new, p.notice) for p in planned)
        node = self._note_change(planned, changes, author, note) if planned else None
        return Change(self._branch, self._engine.step, changes, node, author, note)

    def _note_change(
        self, planned: list[PlannedChange], changes: tuple[ValueChange, ...], author: str, note: str
    ) -> Node:
        if self._before is not None and self._changed:
            self._node.changes = _merged(self._node.changes, changes)
            self._node.note = self._node.note or note
            self._tree.edited()
        else:
            before = self._before or self._engine.capture()
            shared = self._node.checkpoint if self._before is not None else None
            if self._forks:
                self._fork(f"change @{self._node.step}", by_hand=False)
            cause: Cause = "policy" if author.startswith("policy:") else "change"
            self._node = self._new_node(
                cause, before, changes=changes, author=author, note=note, checkpoint=shared
            )
        self._engine.apply(planned)
        self._changed = True
        node, created = self._node, time.time()
        self._name_after_change(node)
        self._writer.save_node(node.record())
        records: list[ChangeRecord] = [
            {"branch": self._branch.id, "step": self._engine.step, "key": c.key, "old": c.old, "new": c.new,
             "author": author, "node": node.id, "note": note, "created": created}
            for c in changes
        ]  # fmt: skip
        self.changes.extend(records)
        self._writer.append_changes(records)
        return node

    def _name_after_change(self, node: Node) -> None:
        branch = node.branch
        others = any(other.changes for other in self._tree.nodes if other.branch is branch and other is not node)
        if branch.fork is not None and not branch.named_by_hand and not others and node.changes:
            self._tree.rename(branch, name_of_change(node), by_hand=False)
            self._writer.save_branch(branch.record())

    def _restore(self, node: Node) -> Node:
        snapshot = self._writer.load_checkpoint(node.checkpoint)
        self._engine.restore(snapshot)
        self._engine.tainted = None if self._engine.feed.why else node.why
        self._node, self._branch = node, node.branch
        self._before, self._changed = snapshot, False
        self._forks = not is_tip(self._tree, self._history, node)
        self._recorded, self._epoch = [], -1
        elapsed = self._history.latest(self._tree.path(node), "elapsed")
        self.clock.set(elapsed[1] if elapsed else 0.0)
        return node

    def _grow(self, node: Node, name: str | None, values: Mapping[str, Any], *, reseed: bool) -> Branch:
        if name is not None:
            self._tree.check_name(name)
        self._engine.plan(values)
        self._restore(node)
        planned = self._engine.plan(values)
        branch = self._fork(name or f"{'reseeded' if reseed else node.branch} @{node.step}", by_hand=name is not None)
        if reseed:
            self._engine.reseed(mix(self._engine.noise_seed, branch.id))
            self._node = self._new_node("manual", self._engine.capture(), note="reseeded")
        if planned:
            changes = tuple(ValueChange(p.hyperparameter.key, p.old, p.new, p.notice) for p in planned)
            self._note_change(planned, changes, "user", "")
        return branch

    def _undo(self) -> Branch:
        node = self._last_change()
        if node is None:
            raise StatusError("There is nothing to undo: no change was made on the way to here.")
        parent = node.parent
        same = parent is not None and parent.checkpoint is node.checkpoint
        origin = parent if parent is not None and same else node
        self._restore(origin)
        return self._fork(f"without {name_of_change(node)}", by_hand=True)

    def _delete(self, branch: Branch) -> Branch:
        if branch.fork is None:
            raise StatusError(f"{branch.name!r} is the first branch: everything grew from it. It cannot be deleted.")
        on_the_way = {part for part, _ in self._tree.path(self._branch)}
        if branch in on_the_way:
            raise StatusError(f"The run stands on {branch.name!r}: restore a node of another branch first.")
        branches, nodes = self._tree.delete(branch)
        kept = {node.checkpoint.id for node in self._tree.nodes}
        checkpoints = {node.checkpoint.id for node in nodes} - kept
        self._writer.delete([b.id for b in branches], [n.id for n in nodes], sorted(checkpoints))
        for gone in branches:
            self._history.drop(gone.id)
        return branch

    # The parts of it.

    def _last_change(self) -> Node | None:
        in_force = self._before is None or self._changed
        return last_change(self._tree, self._branch, self._node, head_changed=in_force)

    def _fork(self, name: str, *, by_hand: bool) -> Branch:
        self._branch = self._tree.add_branch(name, self._node, named_by_hand=by_hand)
        self._forks = False
        self._writer.save_branch(self._branch.record())
        return self._branch

    def _new_node(
        self,
        cause: Cause,
        snapshot: Snapshot,
        *,
        changes: tuple[ValueChange, ...] = (),
        author: str = "user",
        note: str = "",
        checkpoint: CheckpointHandle | None = None,
    ) -> Node:
        why = self._engine.why_inexact
        node = self._tree.add_node({
            "branch": self._branch, "step": self._engine.step, "epoch": self._engine.epoch,
            "parent": self._node if self._tree.nodes else None, "cause": cause, "changes": changes,
            "checkpoint": checkpoint or CheckpointHandle(uuid.uuid4().hex), "author": author, "note": note,
            "exact": why is None, "why": why, "values": dict(self._engine.values()),
        })  # fmt: skip
        self._before, self._changed = snapshot, False
        self._writer.save_node(node.record())
        if checkpoint is None:
            self._writer.save_checkpoint(node.checkpoint, snapshot)
        return node

    def update_head(self) -> None:
        """Say anew where the run is."""
        self.head = Head(self._branch.name, self._engine.step, self._engine.epoch, self._node.id)


def _merged(earlier: tuple[ValueChange, ...], later: tuple[ValueChange, ...]) -> tuple[ValueChange, ...]:
    """Changes at one boundary as one: from the first old value to the last new one."""
    merged = {change.key: change for change in earlier}
    for change in later:
        first = merged.get(change.key, change)
        merged[change.key] = ValueChange(change.key, first.old, change.new, change.notice)
    return tuple(change for change in merged.values() if change.old != change.new)
