"""The steering side of a run: change values, keep nodes, go back to them."""

from collections.abc import Mapping
from typing import Any

from retune_widget.engine import commands
from retune_widget.engine.answer import Answer
from retune_widget.policies.active import PolicyStatus
from retune_widget.policies.policy import Policy
from retune_widget.tracking.budget import DiskUse
from retune_widget.tracking.head import Head
from retune_widget.tracking.record import BranchLike, NodeLike
from retune_widget.tracking.tree import Branch, Node
from retune_widget.tracking.verdict import Verdict
from retune_widget.tracking.ways import seconds_to_restore
from retune_widget.tuning import Tuning


class Steering(Tuning):
    """Steers a run through its runner."""

    @property
    def head(self) -> Head:
        """Where the run is: branch, step, epoch, node_id."""
        return self._helm.head

    def checkpoint(self, note: str = "") -> Node | Answer[Node]:
        """Keep the state as a node. It is captured on return; `flush` returns when it is durable."""
        result: Node | Answer[Node] = self._runner.call(commands.TakeCheckpoint(note))
        return result

    def restore(self, node: NodeLike) -> Node | Answer[Node]:
        """Put the same model and optimizer back at a node, bit for bit; the run is paused there. Deletes nothing.

        Raises:
            UnknownNodeError: it is not in this run's tree.
            RestoreError: the model is not the one that was captured.
        """
        result: Node | Answer[Node] = self._runner.call(commands.Restore(node))
        return result

    def branch(
        self,
        node: NodeLike,
        values: Mapping[str, Any] | None = None,
        /,
        *,
        name: str | None = None,
        reseed: bool = False,
        **more: Any,
    ) -> Branch | Answer[Branch]:
        """Restore a node, begin a branch there, change values; paused, ready to train on.

        Args:
            node: where it begins.
            values: by key, as for `set`.
            name: of the branch; None: after its first change.
            reseed: other noise than the sibling branches have; False makes a comparison of siblings fair.
            more: values by key.
        """
        asked = {**(values or {}), **more}
        result: Branch | Answer[Branch] = self._runner.call(commands.GrowBranch(node, name, reseed, asked))
        return result

    def undo(self) -> Branch | Answer[Branch]:
        """Back to before the last change, as a new branch without it; paused.

        Raises:
            StatusError: no change was made on the way to here.
        """
        result: Branch | Answer[Branch] = self._runner.call(commands.Undo())
        return result

    def verify(self, node: NodeLike) -> Verdict | Answer[Verdict]:
        """Train the way from the parent to a node again, beside the live state; compare state and metrics bit for bit.

        Raises:
            StatusError: it is the start, the data has no position that can be set, or the loop is your own.
        """
        result: Verdict | Answer[Verdict] = self._runner.call(commands.Verify(node))
        return result

    # Rules.

    @property
    def policies(self) -> tuple[PolicyStatus, ...]:
        """The rules: name, state in words, why one is suspended, where it fired."""
        return tuple(entry.status() for entry in self._helm.policies.entries)

    def add_policy(self, policy: Policy, name: str | None = None) -> PolicyStatus | Answer[PolicyStatus]:
        """Let a rule act from the next step on. A rule of your own that a resumed run waits for takes its state.

        Args:
            policy: of `retune_widget.policies`, or of a subclass of its `Policy`.
            name: for `suspend_policy` and the others; None: after its class.

        Raises:
            PolicyError: it is no rule, acts here already, or the name is taken.
        """
        result: PolicyStatus | Answer[PolicyStatus] = self._runner.call(commands.AddPolicy(policy, name))
        return result

    def suspend_policy(self, policy: Policy | str, note: str = "") -> PolicyStatus | Answer[PolicyStatus]:
        """Let a rule (by itself, or by name) see and do nothing until it is resumed.

        Changing a hyperparameter that it governs by hand does the same.

        Raises:
            PolicyError: there is no such rule.
        """
        result: PolicyStatus | Answer[PolicyStatus] = self._runner.call(commands.SuspendPolicy(policy, note))
        return result

    def resume_policy(self, policy: Policy | str, note: str = "") -> PolicyStatus | Answer[PolicyStatus]:
        """Let a rule act again, with what it remembered when it was suspended.

        Raises:
            PolicyError: there is no such rule.
            StatusError: it is of a class of your own that was not given in this process.
        """
        result: PolicyStatus | Answer[PolicyStatus] = self._runner.call(commands.ResumePolicy(policy, note))
        return result

    def remove_policy(self, policy: Policy | str, note: str = "") -> PolicyStatus | Answer[PolicyStatus]:
        """Take a rule out. A restore of an earlier node brings it back.

        Raises:
            PolicyError: there is no such rule.
        """
        result: PolicyStatus | Answer[PolicyStatus] = self._runner.call(commands.RemovePolicy(policy, note))
        return result

    def recover(self, how: str, *, node: NodeLike | None = None, factor: float = 0.1) -> Node | Answer[Node]:
        """After a step that was stopped by `NaNGuard`, or a pause by `Divergence`: prepare to go on. `start` does.

        Args:
            how: "lower lr": every learning rate times `factor`; "skip batch": behind the batch of that step.
            node: with "lower lr", go back to this node first.
            factor: of the learning rates.

        Returns:
            The node with the state from before.

        Raises:
            StatusError: no step was stopped, or the run is elsewhere by now.
            HyperparameterError: the learning rate cannot be changed.
        """
        result: Node | Answer[Node] = self._runner.call(commands.Recover(how, node, factor))
        return result

    def pin(self, node: NodeLike, pinned: bool = True) -> None:
        """Never evict a node's checkpoint; `pinned=False` lets it go again.

        Raises:
            StatusError: it was evicted: restore it first.
        """
        self._helm.pin(self._helm.tree.node(node), pinned=pinned)

    def evict(self, node: NodeLike) -> Node | Answer[Node]:
        """Free the checkpoint of a node. It stays in the tree: restoring it trains its steps again.

        The first time in a process, one node's steps are trained again to see that this gives the same bits.

        Raises:
            StatusError: it could not be trained again; or it is pinned, the start, the tip of a branch, or where the
                run stands.
        """
        result: Node | Answer[Node] = self._runner.call(commands.Evict(node))
        return result

    def seconds_to_restore(self, node: NodeLike) -> float | None:
        """About how long `restore` takes: 0 for a checkpoint that is kept, None where it cannot be restored."""
        tree, its = self._helm.tree, self._helm.tree.node(node)
        seconds = seconds_to_restore(tree, self._helm.history, its)
        return None if seconds and self._engine.why_not_replayed is not None else seconds

    @property
    def disk_use(self) -> DiskUse:
        """What the checkpoints take now, and may take. Cheap; any thread may ask."""
        return self._helm.disk_use

    def delete_branch(self, branch: BranchLike) -> None:
        """Take a branch and everything that grew from it out of the tree, with its checkpoints.

        Raises:
            StatusError: it is the first branch, or the run stands on it.
        """
        self._runner.call(commands.DeleteBranch(branch))

    def rename(self, branch: BranchLike, name: str) -> None:
        """Give a branch a name of your own."""
        self._helm.rename(self._helm.tree.branch(branch), name)

    def note(self, node: NodeLike, note: str) -> None:
        """Write a note on a node."""
        self._helm.annotate(self._helm.tree.node(node), note)
