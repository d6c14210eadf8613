"""What rules do to a run: they are shown each step that is recorded, and act at the boundary after it."""

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from retune_widget.engine import commands
from retune_widget.engine.claims import Claim
from retune_widget.engine.status import Status
from retune_widget.engine.steps import Metrics
from retune_widget.errors import HyperparameterError, RestoreError, StatusError, StoreError, UnknownHyperparameterError
from retune_widget.keeping import Keeping
from retune_widget.policies.action import full_keys, resolve
from retune_widget.policies.active import BY_HAND, Due, Entry, PolicyStatus
from retune_widget.policies.guards import NaNGuard
from retune_widget.policies.own_code import check_policy, waits_for
from retune_widget.policies.policy import Now
from retune_widget.policies.stopped import Stopped
from retune_widget.storage.store import policy_record
from retune_widget.tracking.changes import Change
from retune_widget.tracking.history import Pairs
from retune_widget.tracking.tree import Branch, Node

REFUSALS = (HyperparameterError, UnknownHyperparameterError, RestoreError, StatusError, StoreError)


class Ruling(Keeping):
    """Lets rules act on a run.

    Attributes:
        ask: sends a command that is carried out at the next boundary.
    """

    ask: Callable[[commands.Command], object]
    stopped: Stopped | None = None
    """Why a rule paused or ended the run; None once it trains again."""

    @property
    def notices(self) -> list[str]:
        """What a person should know of what is kept, and of the rules."""
        stopped = self.stopped
        suspended = [said for its in self.policies.entries if (said := its.status().notice)]
        return [*super().notices, *([stopped.text] if stopped else []), *suspended, *self._waiting()]

    def _waiting(self) -> list[str]:
        engine = self._engine
        looked = engine.step > 0 and (engine.measured is not None or engine.evaluate is None)
        acting = {its.name: its.policy for its in self.policies.entries if its.policy and its.suspended is None}
        return waits_for(acting, self.history.names("metric"), engine.hyperparameters) if looked else []

    def on_status(self, status: Status) -> None:
        """Training begins or ends; must not raise."""
        super().on_status(status)
        if status is Status.RUNNING:
            self.stopped = self._engine.nan_guard.fault = None
            self._engine.nan_guard.look_anew()

    # A step.

    def consult(self, step: int, elapsed: float, metrics: Metrics) -> list[Due]:
        """Show the rules the row that was recorded last; returns what they want done."""

        def measured(name: str | None) -> float:
            return float(metrics[name]) if name in metrics else float("nan")

        before = [its.suspended for its in self.policies.entries]
        due = self.policies.update(step, elapsed, measured, self.recorder.used, self._past)
        for entry, was in zip(self.policies.entries, before, strict=True):
            if entry.suspended != was:
                self._journal(entry, "suspended", entry.suspended or "")
        return due

    def act(self, due: list[Due]) -> None:
        """Do what the rules want, in their order; once one goes elsewhere, the others are not asked any more."""
        for entry, action in ((its.entry, its.action) for its in due):
            if entry.suspended is not None:
                continue
            try:
                moved = self._act(entry, Due(entry, action))
            except REFUSALS as error:
                self._suspend(entry, f"it could not do what it wanted: {error}".rstrip("."))
                continue
            if moved:
                break

    def _act(self, entry: Entry, due: Due) -> bool:
        """Returns whether training goes on from another state."""
        action, author, step = due.action, f"policy:{entry.name}", self._engine.step
        match action.kind:
            case "keep":
                self.checkpoint("best", action.reason)
            case "set":
                if self._set(resolve(action.values, dict(self._engine.values())), author, action.reason).values:
                    self.policies.note_firing(entry, step, action.reason)
                    self._mark_policies()
            case "schedule":
                self._check_free(action.schedules)
                asked = commands.SetSchedules(action.schedules)
                if self._change(self._engine.claims.of(asked), author, action.reason).values:
                    self.policies.note_firing(entry, step, action.reason)
                    self._mark_policies()
            case "branch":
                node = self._best_until(action.back_to or 0)
                remembered = entry.policy.state_dict() if entry.policy is not None else None
                values = resolve(action.values, node.values)
                self._grow(
                    commands.GrowBranch(node, None, reseed=False, values=values, author=author, note=action.reason)
                )

                def carry() -> None:  # how often it branched is known on the way that was left alone
                    if entry.policy is not None and remembered is not None:
                        entry.policy.load_state_dict(remembered)
                    self.policies.note_firing(self.policies.entry(entry.name), step, action.reason)

                self._edit_policies(carry)
                self._journal(entry, "branch", action.reason, step)
            case "pause" | "stop":
                self._end(entry, due)
        return action.back_to is not None

    def _check_free(self, schedules: Mapping[str, object]) -> None:
        governors = self._engine.governors
        for key, schedule in schedules.items():
            if schedule is not None and (key in governors.owned or key in governors.drivers):
                raise StatusError(f"{key} follows a schedule already")

    def begin_rule(self, entry: Entry) -> None:
        """Let a new rule do what it does at once."""
        before = entry.suspended
        now = Now(self._engine.step, math.nan, self.recorder.clock.elapsed(), dict(self._engine.values()), self._past)
        self.act(self.policies.begin(entry, now))
        if entry.suspended != before:
            self._journal(entry, "suspended", entry.suspended or "")

    def _past(self, name: str) -> Pairs:
        return self.history.lineage_pairs(self.tree.path(self._branch), name)

    def _end(self, entry: Entry, due: Due) -> None:
        action, step, where = due.action, self._engine.step, ""
        if action.back_to is not None:
            node = self._best_until(action.back_to)
            self._restore(node)
            where = f" The run went back to {node.id} at step {node.step:,}."
        self.policies.note_firing(self.policies.entry(entry.name), step, action.reason)
        self.stopped = Stopped(
            entry.name, entry.kind, step, action.reason, self._node.id, self._engine.step,
            f"{entry.name} at step {step:,}: {action.reason}.{where}",
            ways=self._ways() if action.back_to is not None and action.kind == "pause" else (),
        )  # fmt: skip
        self._journal(entry, action.kind, action.reason, step)
        self.ask(commands.Pause() if action.kind == "pause" else commands.Stop())

    def _ways(self) -> tuple[str, ...]:
        """How a run that was put back can go on with other values."""
        return ("lower lr",) if full_keys("lr", self._engine.hyperparameters) else ()

    def _last_until(self, step: int) -> Node:
        """The last node on the way here that is not after a step."""
        return next(node for node in reversed(self.tree.lineage(self._node)) if node.step <= step)

    def _best_until(self, step: int) -> Node:
        """The same; of several at one step, the one that a rule or a goal has kept."""
        last = self._last_until(step)
        there = (its for its in self.tree.lineage(last) if its.step == last.step and its.cause == "best")
        return next(there, last)

    # What is asked.

    def govern(self, command: commands.Governing) -> PolicyStatus:
        """Carry out a command about rules; returns the rule.

        Raises:
            PolicyError: there is no such rule, or the new one is none.
        """
        entry: Entry
        match command:
            case commands.AddPolicy(policy, name):
                engine = self._engine
                later = engine.step == 0 and (engine.own_step or engine.train_on is None)
                check_policy(policy, None if later else engine.hyperparameters)
                there = self.policies.entries
                entry = self._edit_policies(lambda: self.policies.add(policy, name), f"{type(policy).__name__} added")
                self._journal(entry, "added", "")
                if entry not in there:
                    self.begin_rule(entry)
            case commands.SuspendPolicy(policy, note):
                entry = self.policies.entry(policy)
                self._suspend(entry, note or f"it was suspended {BY_HAND} {self._engine.step:,}")
            case commands.ResumePolicy(policy, note):
                entry = self.policies.entry(policy)
                if entry.policy is None:
                    raise StatusError(f"{entry.name} cannot be resumed: {entry.suspended}.")
                if entry.suspended is None:
                    return entry.status()
                self._edit_policies(lambda: setattr(entry, "suspended", None), f"{entry.name} resumed")
                self._journal(entry, "resumed", note)
            case commands.RemovePolicy(policy, note):
                name = self.policies.entry(policy).name
                entry = self._edit_policies(lambda: self.policies.remove(name), f"{name} removed")
                self._journal(entry, "removed", note)
            case _:
                raise TypeError(command)
        return entry.status()

    def told(self, change: Change) -> Change:
        """A change was made: by hand, it suspends the rules that govern what it changed."""
        if change.values and self.policies.entries:
            if change.author == "user":
                keys = [its.key for its in change.values]
                for entry in self.policies.governing(keys, self._engine.hyperparameters):
                    entry.suspended = f"{', '.join(keys)} changed {BY_HAND} {change.step:,}"
                    self.policies.edited()
                    self._journal(entry, "suspended", entry.suspended)
            self._mark_policies()
        return change

    def _suspend(self, entry: Entry, reason: str) -> None:
        self._edit_policies(lambda: setattr(entry, "suspended", reason), f"{entry.name} suspended: {reason}")
        self._journal(entry, "suspended", reason)

    def _edit_policies(self, edit: Callable[[], Any], note: str = "") -> Any:
        """Change something about the rules at this boundary. As with a value, a node holds what was before."""
        node = self._node
        if len(self.tree.nodes) == 1 and not self.history.tip(self._branch) and not self._changed and not self._forks:
            result = edit()
            node.policies = self.policies.record()  # it begins like this
            self._writer.save_node(node.record())
        else:
            merges = self._before is not None and self._changed
            if not merges:
                shared = node.checkpoint if self._is_held() else None
                before = self._before or self._engine.capture()
                if self._forks:
                    self._fork(f"{self._branch} @{node.step}", by_hand=False)
                self._node = self._new_node("change", before, checkpoint=shared, note=note)
            result = edit()
            self._changed = True
            self._mark_policies()
        self.policies.edited()
        self.watch()
        return result

    def _mark_policies(self) -> None:
        """Note with the last node how the rules are after what was done there."""
        record = self.policies.record()
        if self._changed and record != (self._node.policies_after or self._node.policies):
            self._node.policies_after = record
            self._write_down(self._node)

    def take_policies(self, records: list[Any] | None) -> None:
        """Put the rules to what a node says of them."""
        if records is not None:
            self.policies.load(records)
        self.watch()

    def watch(self) -> None:
        """Let the engine look at gradients as long as a NaNGuard acts."""
        acting = (its.policy for its in self.policies.entries if its.suspended is None)
        self._engine.nan_guard.enabled = any(isinstance(policy, NaNGuard) for policy in acting)

    def _journal(self, entry: Entry, event: str, note: str, step: int | None = None) -> None:
        by_itself = event in {"pause", "stop", "branch"}
        author = f"policy:{entry.name}" if by_itself else "user"
        at = self._engine.step if step is None else step
        records = [policy_record(self._node, entry.name, at, event, author=author, note=note)]
        self.changes.extend(records)
        self._writer.append_changes(records)

    # What the helm does.

    @abstractmethod
    def checkpoint(self, cause: Any, note: str = "", *, rolling: bool = False) -> Node:
        """Keep the state as a node."""

    @abstractmethod
    def _change(self, claims: list[Claim], author: str = "user", note: str = "") -> Change:
        """Put in force what was planned."""

    @abstractmethod
    def _set(self, values: Mapping[str, Any], author: str = "user", note: str = "") -> Change:
        """Change values."""

    @abstractmethod
    def _restore(self, node: Node, *, resuming: bool = False) -> Node:
        """Go to a node."""

    @abstractmethod
    def _grow(self, command: commands.GrowBranch) -> Branch:
        """Begin a branch at a node."""
