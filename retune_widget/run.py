"""`Run`: one training with all its branches. All of the product, without a screen."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
import torch

from retune_widget.engine.answer import Answer
from retune_widget.engine.commands import (
    DeleteBranch,
    GrowBranch,
    Pause,
    Restore,
    SetHyperparameters,
    Start,
    Stop,
    TakeCheckpoint,
    TrainSteps,
    Undo,
)
from retune_widget.engine.changes import in_group
from retune_widget.engine.evaluation import Metric
from retune_widget.engine.hyperparameters import Hyperparameter, Scale, Value, own_hyperparameter
from retune_widget.engine.runner import Runner
from retune_widget.engine.status import Status
from retune_widget.engine.steps import named, to_floats
from retune_widget.errors import StatusError
from retune_widget.helm import Helm
from retune_widget.setup import Models, Optimizers, Setup, close_at_exit, planned_length
from retune_widget.storage.places import describe, open_store
from retune_widget.storage.writer import Writer
from retune_widget.tracking import frames
from retune_widget.tracking.changes import Change
from retune_widget.tracking.head import Head
from retune_widget.tracking.history import History
from retune_widget.tracking.tree import Branch, Node, Tree

NodeLike = Node | str
BranchLike = Branch | str


class Run:
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
            epochs, max_steps: the planned length; None: until stopped.
            checkpoint_every: steps between nodes of cause "interval"; None: none.
            scheduler: an LR scheduler; the built-in step drives it, after each optimizer step.
            scaler: a GradScaler; the built-in step uses it.
            modules: more state to capture, by name: anything with state_dict and load_state_dict, `torch.Generator`s.
            device: where the built-in step and evaluation move batches.
            seed: of the order of the data, of augmentation, and of the noise in each step.
            path: the run directory; None: a new one under `retune_runs/`, named by time; ":memory:": none, the run
                ends with the process.

        Raises:
            TypeError, ValueError: arguments that cannot be trained or captured, or contradict each other.
            StoreError: the run directory cannot be used.
        """
        setup = Setup(
            model=model, optimizer=optimizer, data=data, loss_fn=loss_fn, step=step, batch_size=batch_size,
            val_data=val_data, metrics=metrics, evaluate=evaluate, eval_every=eval_every, scheduler=scheduler,
            scaler=scaler, modules=modules, device=device, seed=seed,
        )  # fmt: skip
        engine = setup.engine()
        self.tree = Tree()
        """The branches and nodes."""
        self._records = History(to_floats)
        self._engine = engine
        self._store = open_store(path)
        self.path: Path | None = getattr(self._store, "path", None)
        """The run directory, or None for a run in memory."""
        self._writer = Writer(self._store)
        self._writer.save_info(describe(seed))
        self._helm = Helm(engine, self.tree, self._records, self._writer, checkpoint_every=checkpoint_every)
        self._runner = Runner(engine, self._helm.execute, max_steps=planned_length(epochs, max_steps, engine.feed))
        engine.on_step = self._helm.record_step
        self._runner.on_finish = self._on_finish
        self._runner.on_status = lambda status: self._helm.clock.run(running=status is Status.RUNNING)
        close_at_exit(self)

    # Running.

    def start(self) -> None:
        """Train in the background, or go on after a pause. Returns at once.

        Raises:
            StatusError: nothing says how to train, the planned steps are done, or the run is closed.
        """
        self._begin()
        self._runner.call(Start())

    def pause(self) -> None:
        """Wait at the next step boundary. Returns at once."""
        self._runner.submit(Pause())

    def stop(self) -> None:
        """Finish at the next step boundary; the state there becomes a node. Returns at once."""
        self._runner.submit(Stop())

    def step(self, n: int = 1) -> None:
        """Train n steps, then pause; returns when they are done, raises what the training step raised."""
        if not isinstance(n, int) or n < 1:
            raise ValueError(f"step(n) takes a whole number from 1, not {n!r}.")
        self._begin()
        self._runner.call(TrainSteps(n))

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it is not running.

        Raises:
            TimeoutError: it still runs after `timeout` seconds.
            Exception: whatever the training step raised.
        """
        self._runner.wait(timeout)

    def batches(self) -> Iterator[Any]:
        """Your own loop: yields batches to train on, one optimizer step each; commands take effect in between.

        Raises:
            StatusError: the run is being trained already, or is closed.
        """
        self._begin()
        return self._runner.batches()

    def log(self, metrics: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Record metrics of the step at hand: numbers or tensors with one element; `loss` becomes `train/loss`."""
        self._runner.log(named({**(metrics or {}), **more}))

    @property
    def status(self) -> Status:
        """ready, running, paused, finished, failed."""
        return self._runner.status

    @property
    def error(self) -> BaseException | None:
        """What the training step raised, while the status is failed."""
        return self._runner.error

    @property
    def head(self) -> Head:
        """Where the run is: branch, step, epoch, node_id."""
        return self._helm.head

    @property
    def max_steps(self) -> int | None:
        """Where training ends by itself; may be set at any time."""
        return self._runner.max_steps

    @max_steps.setter
    def max_steps(self, steps: int | None) -> None:
        self._runner.max_steps = planned_length(None, steps, self._engine.feed)

    # Steering.

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
            asked = in_group(self._engine.hyperparameters, asked, group)
        result: Change | Answer[Change] = self._runner.call(SetHyperparameters(asked, note=note))
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
            get, set: read the value, and put it in force.
            low, high: the values that are allowed.
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
        result: Node | Answer[Node] = self._runner.call(TakeCheckpoint(note))
        return result

    def restore(self, node: NodeLike) -> Node | Answer[Node]:
        """Put the same model and optimizer back at a node, bit for bit; the run is paused there. Deletes nothing.

        Raises:
            UnknownNodeError: it is not in this run's tree.
            RestoreError: the model is not the one that was captured.
        """
        result: Node | Answer[Node] = self._runner.call(Restore(node))
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
        result: Branch | Answer[Branch] = self._runner.call(GrowBranch(node, name, reseed, asked))
        return result

    def undo(self) -> Branch | Answer[Branch]:
        """Back to before the last change, as a new branch without it; paused.

        Raises:
            StatusError: no change was made on the way to here.
        """
        result: Branch | Answer[Branch] = self._runner.call(Undo())
        return result

    def delete_branch(self, branch: BranchLike) -> None:
        """Take a branch and everything that grew from it out of the tree, with its checkpoints.

        Raises:
            StatusError: it is the first branch, or the run stands on it.
        """
        self._runner.call(DeleteBranch(branch))

    def rename(self, branch: BranchLike, name: str) -> None:
        """Give a branch a name of your own."""
        its = self.tree.branch(branch)
        self.tree.rename(its, name)
        self._helm.update_head()
        self._writer.save_branch(its.record())

    def note(self, node: NodeLike, note: str) -> None:
        """Write a note on a node."""
        its = self.tree.node(node)
        its.note = note
        self.tree.edited()
        self._writer.save_node(its.record())

    # Looking.

    @property
    def history(self) -> pd.DataFrame:
        """One row for each (branch, step): `branch, step, epoch, elapsed`, every metric, every hyperparameter."""
        return frames.history_frame(self.tree, self._records)

    def lineage_history(self, place: NodeLike | Branch) -> pd.DataFrame:
        """The rows on the way from the root to a node, or to the tip of a branch (an object or its name)."""
        return frames.lineage_frame(self.tree, self._records, self._place(place))

    @property
    def changes(self) -> pd.DataFrame:
        """One row for each changed value: `branch, step, key, old, new, author, node, note`."""
        return frames.changes_frame(self.tree, list(self._helm.changes))

    @property
    def nodes(self) -> pd.DataFrame:
        """One row for each node."""
        return frames.nodes_frame(self.tree, self._records)

    def compare(self, places: Sequence[NodeLike | Branch]) -> pd.DataFrame:
        """Nodes or branches side by side: the metrics, and the hyperparameters that differ."""
        return frames.comparison_frame(self.tree, self._records, [self._place(place) for place in places])

    def digest(self) -> str:
        """A hash of every bit of the live state. Call it while the run is not training."""
        if self.status is Status.RUNNING:
            raise StatusError("The state changes at every step: pause() before digest(), or ask a node for its own.")
        return self._engine.capture().digest()

    @property
    def problems(self) -> list[str]:
        """What is not saved and why, and why the run is not exact; empty when all is well."""
        why = self._engine.why_inexact
        return [*([f"Not exact: {why}."] if why else []), *self._writer.problems]

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything so far is durable or has failed; returns whether it came to that in time."""
        self._helm.store_history()
        return self._writer.flush(timeout)

    def close(self) -> None:
        """Stop training, save everything, let go of threads, workers and files. The run can still be read."""
        self._runner.close()
        self._engine.feed.close()
        self._helm.store_history()
        self._writer.close()
        self._store.close()

    def __repr__(self) -> str:
        head = self.head
        return f"<Run {self.status} on {head.branch!r} at step {head.step:,}, {len(self.tree.nodes)} nodes>"

    # Inside.

    def _begin(self) -> None:
        if self.status is Status.READY:
            self._helm.refresh_root()

    def _on_finish(self) -> None:
        self._helm.checkpoint("interval", "end")
        self._helm.store_history()

    def _place(self, place: NodeLike | Branch) -> Node | Branch:
        if isinstance(place, Branch):
            return self.tree.branch(place)
        if isinstance(place, str) and any(branch.name == place for branch in self.tree.branches):
            return self.tree.branch(place)
        return self.tree.node(place)
