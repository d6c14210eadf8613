"""Steps that cannot be made: taken back, told, and gone on from. Out of memory, or a number that is not finite."""

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

from retune_widget.engine import commands
from retune_widget.engine.beyond import group_size
from retune_widget.engine.changes import plan
from retune_widget.engine.claims import Made
from retune_widget.engine.memory import is_out_of_memory
from retune_widget.engine.replay import ReplayCancelledError, beside_the_run, replay
from retune_widget.engine.snapshot import Snapshot
from retune_widget.errors import HyperparameterError, NonFiniteError, StatusError
from retune_widget.policies.action import Times, full_keys, resolve
from retune_widget.policies.active import Entry
from retune_widget.policies.guards import NaNGuard
from retune_widget.policies.stopped import Stopped
from retune_widget.ruling import Ruling
from retune_widget.tracking.tree import Node

OFFERS = {
    "lower lr": "run.recover('lower lr') takes a tenth of the learning rate",
    "skip batch": "run.recover('skip batch') leaves this batch out",
}
SHOWN = 10
"""Samples of a batch that are named."""


class Recovery(Ruling):
    """Takes back what was stopped, and goes on."""

    _guarding: Entry
    """The rule that stopped the last step."""

    def recover(self, error: Exception) -> bool:
        """Whether the step that raised can be made again: out of memory puts the old batch size back."""
        engine, worked = self._engine, self._engine.memory.worked
        if worked is None or not is_out_of_memory(error):
            return False
        size = engine.hyperparameters["batch_size"].value
        engine.back_before(error)
        note = f"Out of memory with batch_size={size} at step {engine.step + 1:,}: {worked} is in force again."
        self._change(engine.claims.back_to(worked), "memory", note)
        self._arrive()
        engine.memory.said = note
        return True

    def on_fault(self, error: NonFiniteError) -> None:
        """Go to the state from before the step: by its buffers, by training to there, or to the last good node.

        A loop of the caller's own goes nowhere: it has ended.

        Raises:
            RestoreError, StoreError: that could not be done.
        """
        self._look_for_guard()
        if self._engine.own_loop:
            self._leave_own_loop(error)
            return
        guard = self._engine.nan_guard
        guard.forget()
        until = error.step - 1
        for damaged in (its for its in self.tree.lineage(self._node) if its.step > until and not its.note):
            self.annotate(damaged, f"from after {error}")
        built_in = self._engine.train_on is not None and not self._engine.own_step
        if built_in and not error.written and guard.take_back():
            self._engine.live.keep_gradients, exact = False, True
        else:
            exact = self._train_back(until)
            if exact and error.step <= self.history.tip(self._branch):
                error = self._look_again_at(error)
        guard.fault = error
        node = self._keep_before_fault(self._told(error, known=exact)) if exact else self._node
        self._tell(error, node, known=exact)

    def _leave_own_loop(self, error: NonFiniteError) -> None:
        """A loop of the caller's own ends with the error: its state stays as it is, and is kept where it is whole."""
        engine, guard = self._engine, self._engine.nan_guard
        guard.forget()
        guard.drop_gradients()
        known = error.step == engine.step + 1
        if known and engine.tainted is None:
            self._tell(error, self._keep_before_fault(self._told(error, known=True)), known=True)
        else:
            self._tell(error, self._last_until(error.step - 1), known=known, reached=False)

    def _told(self, error: NonFiniteError, *, known: bool) -> str:
        batch = self._batch() if known else "not known"
        return f"step {error.step:,} was stopped: {error.what}. Its batch: {batch}"

    def _tell(self, error: NonFiniteError, node: Node, *, known: bool, reached: bool = True) -> None:
        """Write down that a step was stopped.

        Args:
            error: why.
            node: where the run was put.
            known: whether the batch at the position is that of the step.
            reached: whether the run is at the node; else `recover` goes there.
        """
        text, guarding = self._told(error, known=known), self._guarding
        entry = next((its for its in self.policies.entries if its.name == guarding.name), None)
        if entry is not None:  # the rules are those of the node by now
            self.policies.note_firing(entry, error.step, error.what)
        entry = entry or guarding
        at = self._engine.step if reached else node.step
        ways = (*self._ways(), *(["skip batch"] if known and at == error.step - 1 else []))
        where = (
            f"The run is at {node.id}, step {at:,}, before that"
            if reached
            else f"That step left its traces in the model: to recover is to go back to {node.id}, step {at:,}"
        )
        then = "start()" if self._engine.train_on is not None else "run your loop again"
        self.stopped = Stopped(
            entry.name, NaNGuard.__name__, error.step, error.what, node.id, at,
            f"{entry.name}: {text}. {where}: {''.join(f'{OFFERS[way]}, ' for way in ways)}or look; then {then}.",
            batch=self._position() if known else None, samples=tuple(self._samples() or ()) if known else (),
            ways=ways, reached=reached,
        )  # fmt: skip
        self._journal(entry, "pause", text, error.step)
        self._arrive()
        self.store_history()

    def _look_for_guard(self) -> None:
        """Note which rule looks at the gradients, before the rules become those of another node."""
        guards = [its for its in self.policies.entries if isinstance(its.policy, NaNGuard)]
        acting = (its for its in guards if its.suspended is None)
        self._guarding = next(acting, guards[0] if guards else Entry(NaNGuard.__name__, NaNGuard.__name__, None))

    def _keep_before_fault(self, text: str) -> Node:
        if self._is_held():
            if not self._node.note:
                self.annotate(self._node, text)
            return self._node
        if self._forks:
            self._fork(f"{self._branch} @{self._node.step}", by_hand=False)
        self._node = self._new_node("policy", self._engine.capture(), author=f"policy:{self._guarding.name}", note=text)
        return self._node

    def _train_back(self, until: int) -> bool:
        """Go to the state at a step; where it cannot be trained again, to the last good node. Returns which."""
        engine, node = self._engine, self._last_until(until)
        beyond = self.tree.last(self._branch) is not node and node.branch is self._branch
        if engine.why_not_replayed is not None or self._by_hand or node is not self._node or beyond:
            self._restore(node)
            return node.step == until
        in_force = node.branch is self._branch and not self._forks
        made = node.changes if in_force else ()
        start, after = self._state_of(node), self.policies.record()
        try:
            state = self._replayed(start, made, until)
        except (NonFiniteError, ReplayCancelledError):  # what it depends on is not in the checkpoint
            self._restore(node)
            return node.step == until
        changed = in_force and bool(node.changes or node.policies_after)
        engine.restore(state)
        tip = self.history.tip(self._branch)
        if until > node.step:
            self._before, self._changed = None, False
        else:
            self._before, self._changed = start, changed
        if tip > until:
            self.tail = range(until + 1, tip + 1)
        self.take_policies(after)
        return True

    def _replayed(self, start: Snapshot, made: Iterable[Made], until: int) -> Snapshot:
        engine, guard = self._engine, self._engine.nan_guard
        with beside_the_run(engine), ExitStack() as stack:
            defers, guard.also_replays, guard.defers = guard.defers, True, False
            stack.callback(lambda: vars(guard).update(also_replays=False, defers=defers))
            return replay(engine, start, made, until)

    def _look_again_at(self, error: NonFiniteError) -> NonFiniteError:
        """Which tensor it was, of a step that was found out late: the step is trained again, and looked at at once."""
        engine, guard = self._engine, self._engine.nan_guard
        if engine.train_on is None:
            return error
        try:
            self._replayed(engine.capture(), (), error.step)
        except NonFiniteError as again:
            return again
        except ReplayCancelledError:
            return error
        finally:
            guard.forget()
        return error

    def _batch(self) -> str:
        """Where the batch at the position is in the data."""
        position, indices = self._position(), self._samples()
        if indices is None:
            return position
        shown = ", ".join(map(str, indices[:SHOWN])) + (f", … ({len(indices)})" if len(indices) > SHOWN else "")
        return f"{position}; its samples are {shown}"

    def _position(self) -> str:
        position = self._engine.feed.position()
        words = ", ".join(f"{name} {value}" for name, value in position.items() if "seed" not in name)
        count = group_size(self._engine.feed)
        return f"{f'{count} together, from ' if count > 1 else ''}{words or 'of your own making'}"

    def _samples(self) -> list[int] | None:
        """The indices of the batch at the position, where the data has such."""
        samples = getattr(self._engine.feed, "samples", None)
        return None if samples is None else samples()

    def go_on_after_fault(self, how: str, node: Node | None, factor: float) -> Node:
        """Go on after a step that was stopped; returns the node from before what is done.

        Raises:
            StatusError: there is nothing to recover from, or the batch is not the one at the position.
            ValueError: there is no such way.
            HyperparameterError: the learning rate cannot be lowered.
        """
        guard, stopped = self._engine.nan_guard, self.stopped
        fault = guard.fault
        if how not in {"lower lr", "skip batch"}:
            raise ValueError(f"There is no way {how!r} to recover: choose 'lower lr' or 'skip batch'.")
        if fault is None and node is None and (stopped is None or how not in stopped.ways):
            raise StatusError(
                "No step was stopped since training went on or was resumed: there is nothing to recover from. "
                "recover('lower lr', node=...) goes to a node."
            )
        back_to = self._back_to(fault, node)
        lowered = self._lowered(factor, back_to) if how == "lower lr" else {}  # refused before anything moves
        if how == "skip batch" and (fault is None or (back_to or self._engine).step != fault.step - 1):
            raise StatusError("The run is not before the step that was stopped: its batch cannot be skipped here.")
        if self._engine.own_loop:
            guard.drop_gradients()
        if back_to is not None:
            self._restore(back_to)
            self._arrive()
        if how == "lower lr":
            why = f", because {fault or (stopped and stopped.what)}" if fault or stopped else ""
            author = stopped.by if stopped is not None else NaNGuard.__name__
            before = self._set(lowered, f"policy:{author}", f"lower lr{why}").node
        else:
            before = self._node
            self._skip()
        guard.fault = self.stopped = None
        return before or self._node

    def _skip(self) -> None:
        """Move behind the batch at the position; no step is made of it, and no evaluation of an epoch that it ends."""
        engine = self._engine
        batch, epoch = self._batch(), engine.epoch
        engine.feed.advance()
        self._by_hand = True
        unmeasured = engine.epoch != epoch and engine.evaluate is not None and engine.eval_every is None
        ended = f". It was the last of epoch {epoch}, which was not evaluated" if unmeasured else ""
        self._keep_here(f"batch skipped: {batch}{ended}")

    def _back_to(self, fault: NonFiniteError | None, node: Node | None) -> Node | None:
        """The node to restore before the run goes on; None: it stands where it shall."""
        engine = self._engine
        if node is not None:
            return None if node is self._node and self._is_held() and engine.tainted is None else node
        after = fault is not None and fault.step <= engine.step
        if engine.tainted is None and not after:
            return None
        return self._node if fault is None else self._last_until(fault.step - 1)

    def _lowered(self, factor: float, at: Node | None) -> dict[str, Any]:
        """Every learning rate, lowered, as they stand at a node, or here.

        Raises:
            ValueError: the factor is none.
            HyperparameterError, UnknownHyperparameterError: the new values would be refused, or are the old ones.
        """
        known, standing = self._engine.hyperparameters, dict(self._engine.values()) if at is None else at.values
        values = resolve({"lr": Times(factor)}, standing)
        if not plan(known, values, at=standing):
            now = ", ".join(f"{key}={standing[key]:g}" for key in full_keys("lr", standing))
            raise HyperparameterError(
                f"{now} here: × {factor:g} changes nothing. Set it or its schedule, skip the batch, or restore a node."
            )
        return values

    def carry_out_policy(self, command: commands.Governing) -> Any:
        """Carry out a command about rules, or after one of them paused the run."""
        if isinstance(command, commands.Recover):
            return self.go_on_after_fault(
                command.how, self.tree.node(command.node) if command.node else None, command.factor
            )
        return self.govern(command)
