"""Carries out what a person asks, between two steps, and writes down what happened: tree, history, store.

Runs in the thread that trains (or in the caller's where nobody trains); nothing else writes the tree or the history.
"""

import time
from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer

from retune_widget.engine import commands
from retune_widget.engine.changes import leaves_a_trace, plan
from retune_widget.engine.claims import Claim
from retune_widget.engine.engine import Engine
from retune_widget.engine.fingerprint import Fingerprint, difference
from retune_widget.engine.probe import probe
from retune_widget.engine.readings import Readings
from retune_widget.engine.resuming import resumed
from retune_widget.engine.rng import mix
from retune_widget.engine.steps import Metrics
from retune_widget.errors import StatusError
from retune_widget.recovery import Recovery
from retune_widget.storage.reopen import Reopened
from retune_widget.storage.store import change_records
from retune_widget.storage.writer import Writer
from retune_widget.tracking.changes import Change, as_made, merged
from retune_widget.tracking.history import History
from retune_widget.tracking.lineage import is_tip, last_change, name_of_change, names_its_branch
from retune_widget.tracking.retention_settings import RetentionSettings
from retune_widget.tracking.throughput import throughput_frame
from retune_widget.tracking.tree import Branch, Cause, Node, Tree, ValueChange
from retune_widget.verify import verify

STORE_EVERY = 0.5
"""Seconds between the moments at which new history goes to the store."""


class Helm(Recovery):
    """Steers one run."""

    def __init__(
        self, engine: Engine, tree: Tree, history: History, writer: Writer, settings: RetentionSettings
    ) -> None:
        """Take the parts; `begin` or `resume` comes next."""
        super().__init__(engine, tree, history, writer, settings)
        self._next_store = 0.0
        self._readings = Readings(engine.hyperparameters)

    def resume(self, saved: Reopened, now: Fingerprint) -> None:
        """Go on where a run ended: at its last saved node, with that node's changes if they were in force.

        Args:
            saved: the run.
            now: what decides about bits in this process.

        Raises:
            StoreError, RestoreError: the checkpoint cannot be read, or is one of another model.
        """
        node, branch = saved.place.node, saved.place.branch
        self.changes.extend(saved.changes)
        self._restore(node, resuming=True)
        self._engine.elsewhere = difference(saved.info.get("fingerprint", {}), now)
        self._branch, self._forks = branch, saved.place.forks or self.tree.last(branch) is not node
        if saved.place.changed:
            planned = resumed(self._engine, node.changes)
            if self._forks:  # a node that was lost stands after it: a branch begins without the changes of its fork
                self._change(planned, node.author, node.note)
            else:
                self._engine.apply(planned)
                self._changed = True
            self.take_policies(node.policies_after)
            self._mark_policies()
            branch, node = self._branch, self._node
        tip = self.history.tip(branch)
        if tip > node.step and not self._forks:
            self.tail = range(node.step + 1, tip + 1)
        self._arrive()

    # What happened.

    def note_values(self, optimizer: Optimizer | None = None) -> None:
        """Note the values that the step at hand uses: all of them, or those of the optimizer that steps now."""
        if self._readings.hyperparameters is not self._engine.hyperparameters:
            self._readings, optimizer = Readings(self._engine.hyperparameters), None  # the step asked for a new one
        self.recorder.used = self._readings.read(optimizer)

    def record_step(self, step: int, metrics: Metrics) -> None:
        """A step is complete: one row of the history, first of a new branch if one begins here."""
        if self._forks:
            self._fork(f"{self._branch} @{self._node.step}", by_hand=False)
        if self.tail is not None:
            self.history.cut(self._branch, self.tail.start - 1)
            self.tail = None
        self._before, self._changed = None, False
        self._by_hand = self._by_hand or self._engine.own_loop
        elapsed = self.recorder.step(self._branch, step, self._engine.epoch, metrics)
        due = self.consult(step, elapsed, metrics) if self.policies.reads_history else None
        self._arrive()
        if self.is_best(step, metrics):
            self.checkpoint("best")
        if self._settings.every and step % self._settings.every == 0:
            self.checkpoint("interval")
        elif self.is_rolling_due():
            self.checkpoint("interval", rolling=True)
            self.drop_rolling()
        if due:
            self.act(due)
            self._arrive()
        self.tidy()
        now = time.monotonic()
        if now >= self._next_store:
            self._next_store = now + STORE_EVERY
            self.store_history()

    def finish(self) -> None:
        """Training ended: the state there becomes a node."""
        self.checkpoint("interval", "end")
        self.tidy()
        self.store_history()

    def close(self, *, keep: bool, tidy: bool) -> None:
        """Hand over what was recorded; a loop of the caller's that trains on is recorded in memory alone.

        Args:
            keep: steps that no node holds yet become one, so that a resume loses none.
            tidy: free what may go now that all is saved. No steps are trained again for that.
        """
        if self._closed:
            return
        try:
            if keep and self._before is None and self._engine.tainted is None:
                self.checkpoint("interval", "closed")
            if tidy and self.is_untidy:
                self._writer.flush()
                self.tidy()
        finally:
            self.store_history()
            self._closed = True

    # What is asked.

    def execute(self, command: commands.Steering) -> Any:
        """Carry out a command; returns what it made."""
        if isinstance(command, commands.Tidy):
            return self.tidy()
        self.look_again()
        try:
            return self._carry_out(command)
        finally:
            self.take_mark()

    def _carry_out(self, command: commands.Acting) -> Any:
        match command:
            case commands.SetHyperparameters() | commands.SetSchedules() | commands.Hold() | commands.Release():
                result: Any = self._change(self._engine.claims.of(command), command.author, command.note)
            case commands.TakeCheckpoint(note):
                result = self.checkpoint("manual", note)
            case commands.Restore(node):
                result = self._restore(self.tree.node(node))
            case commands.GrowBranch():
                result = self._grow(command)
            case commands.Undo():
                result = self._undo()
            case commands.Verify(node):
                return verify(
                    self._engine, self.tree, self.history, self._writer, self.tree.node(node), edits=self.edits
                )
            case commands.ProbeBatchSize(start, limit, seconds):
                return throughput_frame(probe(self._engine, start=start, limit=limit, seconds=seconds))
            case commands.Evict(node):
                result = self.evict(self.tree.node(node))
            case commands.DeleteBranch(branch):
                result = self._delete(self.tree.branch(branch))
            case _:
                result = self.carry_out_policy(command)
        self._arrive()
        self.tidy()
        self.store_history()
        return result

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return self._last_change() is not None

    def checkpoint(self, cause: Cause, note: str = "", *, rolling: bool = False) -> Node:
        """Keep the state as a node; the node that holds it already, if there is one."""
        if not self._is_held():
            if self._forks:
                self._fork(f"{self._branch} @{self._node.step}", by_hand=False)
            self._node = self._new_node(cause, self._engine.capture(), note=note, rolling=rolling)
        elif (self._node.rolling and not rolling) or (note and (cause == "manual" or not self._node.note)):
            self.annotate(self._node, note)
        self._arrive()
        return self._node

    def _change(self, claims: list[Claim], author: str = "user", note: str = "") -> Change:
        planned = [claim for claim in claims if claim.changes_something]
        changes = tuple(as_made(claim) for claim in planned)
        node = self._put_in_force(planned, changes, author, note) if planned else None
        return self.told(Change(self._branch, self._engine.step, changes, node, author, note))

    def _set(self, values: Mapping[str, Any], author: str = "user", note: str = "") -> Change:
        return self._change(self._engine.claims.set(values), author, note)

    def _put_in_force(self, planned: list[Claim], changes: tuple[ValueChange, ...], author: str, note: str) -> Node:
        merges = self._before is not None and self._changed
        shared = self._node.checkpoint if not merges and self._is_held() else None
        before, values = self._before or self._engine.capture(), dict(self._engine.values())
        self._engine.apply(planned)
        if merges:
            both = merged(self._node.changes, changes)
            taken_back = {its.key for its in (*self._node.changes, *changes)} - {its.key for its in both}
            self._by_hand = self._by_hand or leaves_a_trace(taken_back, self._engine.hyperparameters)
            self._node.changes = both
            known = self._node.note
            self._node.note = f"{known}; {note}" if known and note and author != self._node.author else known or note
            self.tree.edited()
            self._write_down(self._node, change_records(self._node, changes, author, note))
        else:
            if self._forks:
                self._fork(f"change @{self._node.step}", by_hand=False)
            self._node = self._new_node(
                "policy" if author.startswith("policy:") else "change",
                before, values=values, changes=changes, author=author, note=note, checkpoint=shared,
            )  # fmt: skip
        node = self._node
        if names_its_branch(self.tree, node):
            self.tree.rename(node.branch, name_of_change(node), by_hand=False)
            self._writer.save_branch(node.branch.record())
        return node

    def _restore(self, node: Node, *, resuming: bool = False) -> Node:
        snapshot = self._state_of(node)
        self._engine.restore(snapshot, resuming=resuming)
        self.take_policies(node.policies)
        self.tail, self._by_hand = None, False
        self._engine.tainted = None if self._engine.feed.why else node.tainted
        self._node, self._branch = node, node.branch
        self._before, self._changed = snapshot, False
        self._forks = not is_tip(self.tree, self.history, node)
        elapsed = self.history.latest(self.tree.path(node), "elapsed")
        self._kept_at = elapsed[1] if elapsed else 0.0
        self.recorder.move(self._kept_at)
        self._save_again(node, snapshot)
        return node

    def _grow(self, command: commands.GrowBranch) -> Branch:
        node, reseed = self.tree.node(command.node), command.reseed
        if command.name is not None:
            self.tree.check_name(command.name)
        plan(self._engine.hyperparameters, command.values, at=node.values)  # refused before anything moves
        self._restore(node)
        name = command.name or f"{'reseeded' if reseed else node.branch} @{node.step}"
        branch = self._fork(name, by_hand=command.name is not None)
        if reseed:
            self._engine.reseed(mix(self._engine.noise_seed, branch.id))
            self._node = self._new_node("manual", self._engine.capture(), note="reseeded", origin="reseeded")
        self._set(command.values, command.author, command.note)
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

    # The parts of it.

    def _last_change(self) -> Node | None:
        in_force = self._before is None or self._changed
        return last_change(self.tree, self._branch, self._node, head_changed=in_force)
