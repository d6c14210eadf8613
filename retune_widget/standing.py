"""Where the head stands in the tree, and how nodes and branches grow from there."""

import threading
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from retune_widget.engine.compare import trains_alike
from retune_widget.engine.engine import Engine
from retune_widget.engine.snapshot import Snapshot
from retune_widget.errors import StatusError
from retune_widget.policies.active import Active
from retune_widget.storage.reopen import Place
from retune_widget.storage.store import ChangeRecord, change_records
from retune_widget.storage.writer import Writer
from retune_widget.tracking.head import Head
from retune_widget.tracking.history import History
from retune_widget.tracking.lineage import check_deletable
from retune_widget.tracking.tree import Branch, Cause, CheckpointHandle, Node, Origin, Tree, Value, ValueChange


class Standing:
    """The place in the tree that is being trained on. Used by the thread that trains.

    Attributes:
        tree, history: the run's.
        changes: every acknowledged change of a value or of a rule, oldest first.
        tail: after a resume, the steps that were recorded and not checkpointed: training on trains them again.
    """

    def __init__(self, engine: Engine, tree: Tree, history: History, writer: Writer) -> None:
        """Take the parts; `begin`, or a resume, comes next."""
        self._engine, self.tree, self.history, self._writer = engine, tree, history, writer
        self.changes: list[ChangeRecord] = []
        self._branch = tree.branches[0]
        self._node: Node
        self._before: Snapshot | None = None
        """The state at this boundary before any change; None once a step was trained."""
        self._changed = False
        """Whether a value was changed since `_before` was taken."""
        self._forks = False
        """Whether the next step or change begins a branch."""
        self._by_hand = False
        """Whether the state cannot be reached from the last node by training, without a node that holds it yet."""
        self._closed = False
        self._saved_place: object = None
        self.edits = threading.Lock()
        """Held while a node that is there already is edited and submitted: its records must not overtake each other."""
        self.tail: range | None = None
        self.policies = Active()
        """The rules in force."""

    def begin(self, start: Snapshot) -> None:
        """A new run: the tree begins with the state as it is now."""
        self._writer.save_branch(self._branch.record())
        self._node = self._new_node("start", start)
        self._arrive()

    def store_history(self) -> None:
        """Hand what was recorded since the last time to the writer."""
        if not self._closed:
            self._writer.append_history(self.history.take_unstored())

    @property
    def head(self) -> Head:
        """Where the run is; any thread may ask. A step that is trained again is told where it was."""
        branch, step, epoch, node_id = self._place
        if self._engine.is_replayed:
            step, epoch = self._engine.step, self._engine.epoch
        return Head(branch.name, step, epoch, node_id)

    @property
    def why_inexact(self) -> str | None:
        """Why the state at the head is not exact, or None if it is."""
        return self._engine.why_inexact or self._node.doubt

    def annotate(self, node: Node, note: str) -> None:
        """Write a note on a node. Any thread may."""
        with self.edits:
            node.note, node.rolling = note, False
            self.tree.edited()
            self._writer.save_node(node.record())

    def pin(self, node: Node, *, pinned: bool) -> None:
        """Keep a node's checkpoint whatever happens, or no longer. Any thread may.

        Raises:
            StatusError: it was evicted.
        """
        with self.edits:
            if pinned and node.checkpoint.evicted and not self._writer.holds(node.checkpoint):
                raise StatusError(f"{node.id} was evicted: restore it once, then pin it.")
            node.pinned, node.rolling = pinned, False
            self.tree.edited()
            self._writer.save_node(node.record())

    def rename(self, branch: Branch, name: str) -> None:
        """Give a branch a name. Any thread may."""
        self.tree.rename(branch, name)
        self._writer.save_branch(branch.record())

    def _is_held(self) -> bool:
        """Whether the last node holds the state: nothing was trained or changed since, nor written by hand."""
        if self._before is None or self._changed:
            return False
        now = self._engine.capture()
        if trains_alike(now, self._before):
            return True
        self._before, self._by_hand = now, True
        return False

    def _delete(self, branch: Branch) -> Branch:
        check_deletable(self.tree, branch, self._branch)
        branches, nodes = self.tree.delete(branch)
        kept = {node.checkpoint.id for node in self.tree.nodes}
        checkpoints = {node.checkpoint.id for node in nodes} - kept
        self._writer.delete([b.id for b in branches], [n.id for n in nodes], sorted(checkpoints))
        for gone in branches:
            self.history.drop(gone.id)
        return branch

    def _fork(self, name: str, *, by_hand: bool) -> Branch:
        self._branch = self.tree.add_branch(name, self._node, named_by_hand=by_hand)
        self._forks = False
        self._writer.save_branch(self._branch.record())
        return self._branch

    def _new_node(
        self,
        cause: Cause,
        snapshot: Snapshot,
        *,
        values: Mapping[str, Value] | None = None,
        changes: tuple[ValueChange, ...] = (),
        author: str = "user",
        note: str = "",
        checkpoint: CheckpointHandle | None = None,
        origin: Origin = "trained",
        rolling: bool = False,
    ) -> Node:
        node = self.tree.add_node({
            "branch": self._branch, "step": self._engine.step, "epoch": self._engine.epoch,
            "parent": self._node if self.tree.nodes else None, "cause": cause, "changes": changes,
            "checkpoint": checkpoint or CheckpointHandle(uuid.uuid4().hex), "author": author, "note": note,
            "tainted": self._engine.why_inexact, "values": values or dict(self._engine.values()),
            "origin": "edited" if self._by_hand else origin, "rolling": rolling, "recorded": checkpoint is None,
            "policies": self.policies.record(),
        })  # fmt: skip
        self._before, self._changed, self._by_hand = snapshot, bool(changes), False
        self.store_history()  # before the checkpoint: a node that is saved has its rows saved
        self._write_down(node, change_records(node, changes, author, note))
        if checkpoint is None:
            self._writer.save_checkpoint(node.checkpoint, snapshot)
        return node

    def _write_down(self, node: Node, made: Sequence[ChangeRecord] = ()) -> None:
        """Submit a node that the run stands on now, and what was changed there.

        The head goes with it: a process that ends in between must not go on from the node without its changes.
        """

        def recorded() -> None:
            node.recorded = True
            self.tree.edited()

        self.changes.extend(made)
        with self.edits:
            self._writer.save_node(
                node.record(), changes=made, info=self._new_place(node), on_saved=None if node.recorded else recorded
            )

    def _arrive(self) -> None:
        self._place = self._branch, self._engine.step, self._engine.epoch, self._node.id
        if info := self._new_place(self._node):
            self._writer.save_info(info)

    def _new_place(self, node: Node) -> dict[str, Any]:
        """The head as a fact about the run; nothing if that is what was submitted last."""
        place = Place(self._branch, node, changed=self._before is None or self._changed, forks=self._forks)
        if place == self._saved_place or self._closed:
            return {}
        self._saved_place = place
        return {"head": place.record()}
