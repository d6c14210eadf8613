"""The steering side of a run: change values, keep nodes, go back to them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from retune_widget.engine import commands
from retune_widget.engine.answer import Answer
from retune_widget.engine.engine import Engine
from retune_widget.engine.hyperparameters import Hyperparameter, Scale, Value, own_hyperparameter
from retune_widget.engine.keys import in_group
from retune_widget.engine.runner import Runner
from retune_widget.engine.status import Status
from retune_widget.errors import StatusError
from retune_widget.helm import Helm
from retune_widget.tracking.budget import DiskUse
from retune_widget.tracking.changes import Change
from retune_widget.tracking.head import Head
from retune_widget.tracking.record import BranchLike, NodeLike
from retune_widget.tracking.tree import Branch, Node
from retune_widget.tracking.verdict import Verdict
from retune_widget.tracking.ways import seconds_to_restore


class Steering:
    """Steers a run through its runner."""

    def __init__(self, engine: Engine, helm: Helm, runner: Runner) -> None:
        """Nothing is asked yet."""
        self._engine, self._helm, self._runner = engine, helm, runner

    @property
    def head(self) -> Head:
        """Where the run is: branch, step, epoch, node_id."""
        return self._helm.head

    def set(
        self, values: Mapping[str, Any] | None = None, /, *, group: str | None = None, note: str = "", **more: Any
    ) -> Change | Answer[Change]:
        """Change hyperparameters at the next step boundary; the state from before becomes a node.

        Args:
            values: by key, for keys that are no Python names: `{"head.lr": 1e-3, "betas[0]": 0.8}`.
            group: the param group that all keys are in; `"*"`: every group that has them.
            note: the reason, in your words.
            more: values by key: `lr=1e-3`, `betas=(0.8, 0.99)`.

        Returns:
            The acknowledged change, with the step from which it is used.

        Raises:
            UnknownHyperparameterError: a key names nothing, or several things.
            HyperparameterError: a value is refused, or would be ignored. Nothing was changed.
        """
        asked = {**(values or {}), **more}
        if group is not None:
            asked = in_group(self.hyperparameters, asked, group)
        result: Change | Answer[Change] = self._runner.call(commands.SetHyperparameters(asked, note=note))
        return result

    @property
    def hyperparameters(self) -> Mapping[str, Hyperparameter]:
        """Everything that can be tuned live, by key."""
        return MappingProxyType(self._engine.hyperparameters)

    def register(
        self,
        key: str,
        get: Callable[[], Value],
        set: Callable[[Any], None],  # noqa: A002  # the pair get, set
        *,
        low: float = 0.0,
        high: float = 1.0,
        scale: Scale = "linear",
        help: str = "",  # noqa: A002
    ) -> None:
        """Tune anything else live. Its value is part of every checkpoint.

        Args:
            key: its name.
            get: reads the value.
            set: puts a value in force.
            low: the lowest value that is allowed.
            high: the highest.
            scale: how a slider moves: "linear", "log", or "one_minus_log".
            help: what going up and down does.

        Raises:
            StatusError: the run is training.
            HyperparameterError: its value now is no finite number, or out of bounds; the key is taken.
        """
        if self._runner.status is Status.RUNNING:
            raise StatusError("register() changes what a checkpoint holds: call it before start(), or while paused.")
        awaited = key in self._engine.live.to_come
        self._engine.register(own_hyperparameter(key, get, set, low=low, high=high, scale=scale, text=help))
        if awaited:
            self._helm.know(key)

    def value(self, key: str, default: Value) -> Value:
        """The value in force, in a step or loop of your own: `loss + run.value("l1", 0.0) * norm`.

        From the first time that a step reads it, it is a hyperparameter like the others, with `default` as its first
        value. `l1`, `l2`, `dropout`, `grad_clip`, `label_smoothing` and `accumulate` have the bounds, scale and help of
        the built-in ones. Outside of a step it only reads.

        Raises:
            HyperparameterError: the default is not a value that it may have.
        """
        engine = self._engine
        if self._runner.loop.in_step or engine.replaying:
            return engine.value(key, default)
        return engine.hyperparameters[key].value if key in engine.hyperparameters else default

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
