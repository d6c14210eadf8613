"""`Run`: one training with all its branches. All of the product, without a screen."""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent import futures
from pathlib import Path
from typing import Any

import torch

from retune_widget.engine import commands
from retune_widget.engine.evaluation import Metric
from retune_widget.engine.length import Length
from retune_widget.engine.penalty import Penalize
from retune_widget.engine.runner import Runner
from retune_widget.engine.status import Status
from retune_widget.engine.supervised import NORM_EVERY
from retune_widget.engine.training import Training
from retune_widget.errors import StatusError
from retune_widget.policies.policy import Policy
from retune_widget.policies.schedule import Schedule
from retune_widget.setup import Models, Optimizers, Setup, at_the_helm, begin_schedules, check_length, close_at_exit
from retune_widget.steering import Steering
from retune_widget.storage.places import open_store
from retune_widget.storage.reopen import tail_notice
from retune_widget.storage.writer import Writer
from retune_widget.tracking.goal import check_goal
from retune_widget.tracking.record import Record
from retune_widget.tracking.retention_settings import RetentionSettings


class Run(Training, Steering, Record):
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
        window: int | None = None,
        best: str | tuple[str, str] | None = None,
        budget: float | str | None = None,
        schedules: Mapping[str, Schedule] | None = None,
        policies: Iterable[Policy] | None = None,
        scheduler: Any = None,
        scaler: Any = None,
        modules: Mapping[str, Any] | None = None,
        device: torch.device | str | None = None,
        seed: int = 0,
        penalize: Penalize = "weights",
        grad_norm: bool | int = NORM_EVERY,
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
                It is called again for steps that are trained again. Without either, loop over `batches()`.
            batch_size: samples a batch, for a Dataset.
            val_data: a Dataset or batches (x, y) to evaluate on.
            metrics: by name, `fn(output, target)` -> the mean over a batch; averaged by samples over val_data.
            evaluate: or your own evaluation: returns a dict of metrics. Runs without gradients, in evaluation mode.
            eval_every: steps between evaluations; None: at the end of each epoch.
            epochs: the planned length in full passes over the data.
            max_steps: or in steps; the shorter one counts. None: until stopped.
            checkpoint_every: steps between nodes of cause "interval", which stay in the tree. None: a node about every
                five minutes of training, which goes when newer ones are saved (not in memory). 0: none of either.
            window: interval nodes that are more steps behind the head are evicted: they lose their checkpoint, and are
                trained again when they are restored. None: 20 times `checkpoint_every`.
            best: a metric of the evaluation that should be low, "val/loss", or a pair ("val/accuracy", "max"): each new
                best value makes a node of cause "best".
            budget: what all checkpoints may take, in bytes or as text, "2 GB"; the least valuable ones are evicted to
                keep to it, if they can be trained again. None: no limit.
            schedules: by key, what decides hyperparameters from the first step on, as `schedule` does later.
            policies: rules that act from the start; None: `policies.NaNGuard()` alone. When a run is gone on with, its
                own rules act, and rules of your own classes are taken from here.
            scheduler: an LR scheduler; the built-in step drives it, after each optimizer step.
            scaler: a GradScaler; the built-in step uses it.
            modules: more state to capture, by name: anything with state_dict and load_state_dict, `torch.Generator`s.
            device: where the built-in step and evaluation move batches.
            seed: of the order of the data, of augmentation, and of the noise in each step.
            penalize: what the penalties `l1` and `l2` of the built-in step are about: "weights", which leaves out
                biases and the parameters of norm layers; or "all".
            grad_norm: how often the built-in step measures the gradient's global norm, before clipping, as
                `train/grad_norm`: at each step (True), never (False), or every so many steps. With `grad_clip` on it
                is measured at each step.
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
            scaler=scaler, modules=modules, device=device, seed=seed, penalize=penalize, grad_norm=grad_norm,
        )  # fmt: skip
        engine = setup.engine()
        check_length(epochs, max_steps, engine.feed)
        begin_schedules(engine, schedules, Length(max_steps, epochs))
        start = engine.capture()
        settings = RetentionSettings.of(checkpoint_every, window, budget, best, own_step=step is not None)
        check_goal(settings.goal, setup.measured())
        store = self._store = open_store(path, resume=resume)
        self.path: Path | None = getattr(store, "path", None)
        """The run directory, or None for a run in memory."""
        writer = self._writer = Writer(store)
        try:
            helm = at_the_helm(
                engine, store, writer, start, seed=seed, settings=settings, policies=policies, resume=resume
            )
        except BaseException:
            writer.close()
            store.close()
            raise
        Record.__init__(self, helm.tree, helm.history, helm.changes)
        runner = Runner(engine, helm.execute, length=Length(max_steps, epochs))
        writer.is_urgent = engine.is_cancelled
        Training.__init__(self, engine, runner)
        Steering.__init__(self, engine, helm, runner)
        engine.on_step = helm.record_step
        runner.loop.on_begin = runner.on_optimizer_step = helm.note_values
        runner.loop.recovers = helm.recover
        runner.own_step = engine.own_step = step is not None
        helm.ask, runner.loop.on_fault = runner.submit, helm.on_fault
        runner.on_start, runner.on_finish, runner.on_status = helm.look_again, helm.finish, helm.on_status
        close_at_exit(self)

    # Looking.

    def digest(self) -> str:
        """A hash of every bit of the live state. Call it while the run is not training."""
        if self.status is Status.RUNNING:
            raise StatusError("The state changes at every step: pause() before digest(), or ask a node for its own.")
        return self._engine.capture().digest()

    @property
    def problems(self) -> list[str]:
        """What is not saved and why, and why the run is not exact; empty when all is well."""
        why, tail = None if self._engine.replaying else self._helm.why_inexact, self._helm.tail
        exactness = [f"Not exact: {why}."] if why else []
        tails = [tail_notice(tail, self.head)] if tail else []
        memory = [self._engine.memory.said] if self._engine.memory.said else []
        schedules = list(self._engine.governors.problems.values())
        return [*exactness, *tails, *memory, *schedules, *self._helm.notices, *self._writer.problems]

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything so far is durable or has failed; returns whether it came to that in time.

        While nobody trains, what the window and the budget do not allow is freed then.
        """
        self._helm.store_history()
        until = None if timeout is None else time.monotonic() + timeout
        done = self._writer.flush(timeout)
        if not done or self.status is Status.RUNNING or not self._helm.is_untidy:
            return done
        try:
            self._runner.submit(commands.Tidy()).result(_left(until))
        except StatusError:  # it is being closed, or a command waits for this: at the next occasion
            return done
        except (TimeoutError, futures.TimeoutError):
            return False
        return self._writer.flush(_left(until))

    def close(self) -> None:
        """Stop training, save everything, let go of threads, workers and files. The run can still be read."""
        self._runner.close()
        self._engine.close()
        keep, tidy = self.path is not None and not self._runner.loop.in_step, self.status is not Status.RUNNING
        self._helm.close(keep=keep, tidy=tidy)
        self._writer.close()
        self._store.close()

    def __repr__(self) -> str:
        head = self.head
        return f"<Run {self.status} on {head.branch!r} at step {head.step:,}, {self.tree.count}>"


def _left(until: float | None) -> float | None:
    return None if until is None else max(0.0, until - time.monotonic())
