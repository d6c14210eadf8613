"""`Run`: one training with all its branches. All of the product, without a screen."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from retune_widget.engine import commands
from retune_widget.engine.answer import Answer
from retune_widget.engine.checks import whole
from retune_widget.engine.evaluation import Metric
from retune_widget.engine.hyperparameters import Hyperparameter, Scale, Value, own_hyperparameter
from retune_widget.engine.keys import in_group
from retune_widget.engine.runner import Runner
from retune_widget.engine.status import Status
from retune_widget.engine.training import Training
from retune_widget.errors import StatusError
from retune_widget.helm import at_the_helm
from retune_widget.setup import Models, Optimizers, Setup, close_at_exit, planned_length
from retune_widget.storage.places import open_store
from retune_widget.storage.reopen import tail_notice
from retune_widget.storage.writer import Writer
from retune_widget.tracking.changes import Change
from retune_widget.tracking.head import Head
from retune_widget.tracking.record import BranchLike, NodeLike, Record
from retune_widget.tracking.tree import Branch, Node
from retune_widget.tracking.verdict import Verdict


class Run(Training, Record):
    """Train in the background, steer while it runs, go back to any node and take another way.

    As the last expression of a notebook cell it shows the widget; everything the widget does is a method here. Methods
    may be called from any thread. Called by the thread that trains (in a step function, in the body of a loop over
    `batches()`) they return an `Answer` at once, and take effect at the next step boundary.
    """

    def __init__(
        self,
        model: Models,
        optimizer: Optimizers,
        data: Any = None,
        *,
        loss_fn: Callable[[Any, Any], torch.Tensor] | None = None,
        step: Callable[[Any], Any] | None = None,
        batch_size: int | None = None,
        val_data: Any = None,
        metrics: Mapping[str, Metric] | None = None,
        evaluate: Callable[[], Mapping[str, Any]] | None = None,
        eval_every: int | None = None,
        epochs: int | None = None,
        max_steps: int | None = None,
        checkpoint_every: int | None = None,
        scheduler: Any = None,
        scaler: Any = None,
        modules: Mapping[str, Any] | None = None,
        device: torch.device | str | None = None,
        seed: int = 0,
        path: str | Path | None = None,
        resume: bool = False,
    ) -> None:
        """Begin a run with the objects as they are now. Nothing is trained until `start`, `step` or `batches`.

        Args:
            model: a module, or a dict of them.
            optimizer: an optimizer, or a dict of them.
            data: a map-style Dataset or a DataLoader that can be taken apart (exact), a list of batches (exact), any
                iterable of batches (trained on, marked as not exact), or None.
            loss_fn: the built-in supervised step: `loss_fn(model(x), y)` for batches (x, y).
            step: or your own: `step(batch)` makes exactly one optimizer step and returns a dict of metrics or a loss.
                Without either, loop over `batches()`.
            batch_size: samples a batch, for a Dataset.
            val_data: a Dataset or batches (x, y) to evaluate on.
            metrics: by name, `fn(output, target)` -> the mean over a batch; averaged by samples over val_data.
            evaluate: or your own evaluation: returns a dict of metrics. Runs without gradients, in evaluation mode.
            eval_every: steps between evaluations; None: at the end of each epoch.
            epochs: the planned length in full passes over the data.
            max_steps: or in steps; the shorter one counts. None: until stopped.
            checkpoint_every: steps between nodes of cause "interval"; None: none.
            scheduler: an LR scheduler; the built-in step drives it, after each optimizer step.
            scaler: a GradScaler; the built-in step uses it.
            modules: more state to capture, by name: anything with state_dict and load_state_dict, `torch.Generator`s.
            device: where the built-in step and evaluation move batches.
            seed: of the order of the data, of augmentation, and of the noise in each step.
            path: the run directory; None: a new one under `retune_runs/`, named by time; ":memory:": none, the run
                ends with the process.
            resume: go on with the run in `path`, if there is one: its tree and history come back, and the objects are
                put where it ended, bit for bit, at the last checkpoint that was saved.

        Raises:
            TypeError, ValueError: arguments that cannot be trained or captured, or contradict each other.
            StoreError: the run directory cannot be used.
            RestoreError: the run in `path` was of another model or optimizer.
        """
        setup = Setup(
            model=model, optimizer=optimizer, data=data, loss_fn=loss_fn, step=step, batch_size=batch_size,
            val_data=val_data, metrics=metrics, evaluate=evaluate, eval_every=eval_every, scheduler=scheduler,
            scaler=scaler, modules=modules, device=device, seed=seed,
        )  # fmt: skip
        engine = self._engine = setup.engine()
        planned, start = planned_length(epochs, max_steps, engine.feed), engine.capture()
        whole("checkpoint_every", checkpoint_every)  # nothing is written before all is checked
        store = self._store = open_store(path, resume=resume)
        self.path: Path | None = getattr(store, "path", None)
        """The run directory, or None for a run in memory."""
        writer = self._writer = Writer(store)
        try:
            helm = self._helm = at_the_helm(
                engine, store, writer, start, seed=seed, checkpoint_every=checkpoint_every, resume=resume
            )
        except BaseException:
            writer.close()
            store.close()
            raise
        Record.__init__(self, helm.tree, helm.history, helm.changes)
        runner = Runner(engine, helm.execute, max_steps=planned)
        Training.__init__(self, runner)
        engine.on_step = helm.record_step
        runner.loop.on_begin = runner.on_optimizer_step = helm.note_values
        runner.own_step = step is not None
        runner.on_start, runner.on_finish = helm.refresh_root, helm.finish
        runner.on_status = lambda status: helm.recorder.clock.run(running=status is Status.RUNNING)
        close_at_exit(self)

    # Steering.

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
        if self.status is Status.RUNNING:
            raise StatusError("register() changes what a checkpoint holds: call it before start(), or while paused.")
        self._engine.register(own_hyperparameter(key, get, set, low=low, high=high, scale=scale, text=help))

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

    def delete_branch(self, branch: BranchLike) -> None:
        """Take a branch and everything that grew from it out of the tree, with its checkpoints.

        Raises:
            StatusError: it is the first branch, or the run stands on it.
        """
        self._runner.call(commands.DeleteBranch(branch))

    def rename(self, branch: BranchLike, name: str) -> None:
        """Give a branch a name of your own."""
        its = self.tree.branch(branch)
        self.tree.rename(its, name)
        self._writer.save_branch(its.record())

    def note(self, node: NodeLike, note: str) -> None:
        """Write a note on a node."""
        its = self.tree.node(node)
        its.note = note
        self.tree.edited()
        self._writer.save_node(its.record())

    # Looking.

    def digest(self) -> str:
        """A hash of every bit of the live state. Call it while the run is not training."""
        if self.status is Status.RUNNING:
            raise StatusError("The state changes at every step: pause() before digest(), or ask a node for its own.")
        return self._engine.capture().digest()

    @property
    def problems(self) -> list[str]:
        """What is not saved and why, and why the run is not exact; empty when all is well."""
        why, tail = self._helm.why_inexact, self._helm.tail
        exactness = [f"Not exact: {why}."] if why else []
        return [*exactness, *([tail_notice(tail, self.head)] if tail else []), *self._writer.problems]

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything so far is durable or has failed; returns whether it came to that in time."""
        self._helm.store_history()
        return self._writer.flush(timeout)

    def close(self) -> None:
        """Stop training, save everything, let go of threads, workers and files. The run can still be read."""
        self._runner.close()
        self._engine.close()
        self._helm.close(keep=self.path is not None and not self._runner.loop.in_step)
        self._writer.close()
        self._store.close()

    def __repr__(self) -> str:
        head = self.head
        return f"<Run {self.status} on {head.branch!r} at step {head.step:,}, {self.tree.count}>"
