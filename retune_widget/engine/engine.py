"""The engine: the live objects, and what can be done with them between two steps."""

import threading
from collections.abc import Callable
from typing import Any

from retune_widget.engine import beyond, changes, rng
from retune_widget.engine.claims import Claim, Claims
from retune_widget.engine.discover import discover
from retune_widget.engine.evaluation import aside
from retune_widget.engine.feed import Feed, check_position
from retune_widget.engine.governors import Governors
from retune_widget.engine.hyperparameters import Hyperparameter, Value
from retune_widget.engine.memory import MemoryWatch, free
from retune_widget.engine.nan_guard import NonFiniteGuard
from retune_widget.engine.ownership import Revive
from retune_widget.engine.settings import Access
from retune_widget.engine.snapshot import Snapshot
from retune_widget.engine.state import LiveState
from retune_widget.engine.steps import Metrics, Step, without_gradients
from retune_widget.errors import HyperparameterError

OnStep = Callable[[int, Metrics], None]

STEP, EVALUATION = 3, 4
"""Kinds of seeds beside those of the feed: the same numbers give unrelated ones for each."""


class Engine:
    """Trains step by step; captures and restores; changes hyperparameters. Used by one thread at a time.

    Attributes:
        step: optimizer steps completed since the root.
        trained: steps completed in this process, whatever was gone back to; replays do not count.
        tainted: why the state can no longer be reproduced, or None.
        governors: who decides the values that a schedule or a torch scheduler drives.
        elsewhere: how this process differs from the one that began the run, in what decides about bits, or None.
        memory: watches the steps after the batch size was raised.
        on_step: told (step, metrics) when a step is complete.
        measured: the names that the last evaluation gave; None before the first.
        own_loop: whether a loop of the caller's trains, and not the engine's own step.
        own_step: whether the step is a function of the user's.
        replayer: the thread that trains steps again beside the run, or None.
        nan_guard: looks at each step before an optimizer writes.
        is_cancelled: whether somebody waits for a replay to be given up.
    """

    def __init__(
        self,
        live: LiveState,
        feed: Feed,
        step: Step | None,
        *,
        seed: int = 0,
        evaluate: Callable[[], Metrics] | None = None,
        eval_every: int | None = None,
        revive: Revive | None = None,
    ) -> None:
        """Put the parts together.

        Args:
            live: the models, optimizers and whatever else is captured.
            feed: where batches come from.
            step: trains on one batch; None for a loop of the caller's own.
            seed: of the noise in every step (dropout and other draws).
            evaluate: measures on held-out data.
            eval_every: steps between evaluations; None: at the end of each epoch.
            revive: makes a schedule of the JSON that a checkpoint has of it.
        """
        self.live, self.feed = live, feed
        self.train_on = step if step is None or live.keep_gradients else without_gradients(step, live)
        self.evaluate, self.eval_every = evaluate, eval_every
        self.step = self.trained = 0
        self.noise_seed = seed
        self.tainted: str | None = None
        self.elsewhere: str | None = None
        self.memory = MemoryWatch()
        self.on_step: OnStep = lambda _step, _metrics: None
        self.measured: tuple[str, ...] | None = None
        self.own_loop = self.own_step = False
        self.replayer: int | None = None
        self.nan_guard = NonFiniteGuard(live.models, live.optimizers)
        self.is_cancelled: Callable[[], bool] = lambda: False
        self.governors = Governors(live, lambda: self.step, revive)
        self._registered: dict[str, Hyperparameter] = {}
        self.hyperparameters: dict[str, Hyperparameter] = {}
        self.rediscover()

    @property
    def replaying(self) -> bool:
        """Whether steps are trained again beside the run."""
        return self.replayer is not None

    @property
    def is_replayed(self) -> bool:
        """Whether who asks is a step that is trained again."""
        return self.replayer == threading.get_ident()

    @property
    def epoch(self) -> int:
        """Full passes over the data completed."""
        return self.feed.epoch

    @property
    def why_inexact(self) -> str | None:
        """Why a restore of this state would not give the same bits again, or None if it will."""
        return self.tainted or self._why_other_bits

    @property
    def why_not_replayed(self) -> str | None:
        """Why steps cannot be trained again to the same bits in this process, or None if they can."""
        if self.train_on is None:
            return "it is trained by a loop over run.batches(), which cannot be replayed"
        return self._why_other_bits

    @property
    def _why_other_bits(self) -> str | None:
        missing = (f"the checkpoint has a value of {key!r} that nobody registered" for key in self.live.to_come)
        return self.elsewhere or self.feed.why or next(missing, None)

    def back_before(self, error: Exception) -> None:
        """Back to before the step that ran out of memory, with the batch size that did."""
        free(error)
        tainted, before = self.tainted, self.memory.state_before()
        if before is not None:
            self.restore(before)
        self.tainted = tainted

    # One step, in three parts: `loop.py` puts them in order.

    def begin_step(self) -> Any:
        """The batch to train on, with every generator seeded for this step. Raises StopIteration at the end of data.

        Sibling branches share (seed, step), so the noise of the step too: they differ by their changes alone.
        """
        batch = self.feed.next()
        if self.nan_guard.enabled and (not self.replaying or self.nan_guard.also_replays):
            self.nan_guard.arm(self.step + 1)
        self.live.keep_gradients = True
        rng.seed_generators(rng.step_seed(STEP, self.noise_seed, self.step))
        return batch

    def complete_step(self, metrics: Metrics) -> None:
        """Count the step, move on in the data, evaluate if it is time, report."""
        epoch = self.feed.epoch
        self.nan_guard.disarm()
        if self.live.copies.pending:
            self.live.copies.unannounced()
        self.count_step()
        self.trained += 1
        try:
            if self.evaluate is not None and self._is_time_to_evaluate(epoch):
                with aside(self.live):
                    rng.seed_generators(rng.mix(EVALUATION, self.noise_seed, self.step))
                    evaluated = self.evaluate()
                self.measured = tuple(evaluated)
                metrics = {**metrics, **evaluated}
        finally:
            self.on_step(self.step, metrics)

    def count_step(self) -> None:
        """A batch was trained on: move on in the data, and in the schedules."""
        self.feed.advance()
        self.step += 1
        if self.governors.active:
            self._changed(self.governors.advance())

    def _is_time_to_evaluate(self, epoch_before: int) -> bool:
        return self.feed.epoch != epoch_before if self.eval_every is None else self.step % self.eval_every == 0

    # Between two steps.

    def settle(self) -> None:
        """Finish what is being copied: code that is not ours may run now."""
        self.live.copies.wait()

    def close(self) -> None:
        """Let go of threads and workers; it can still capture."""
        self.live.copies.close()
        self.governors.close()
        self.feed.close()

    def capture(self) -> Snapshot:
        """The whole state. Raises CaptureError where a part cannot be kept."""
        cursor = {"step": self.step, "noise_seed": self.noise_seed, "position": self.feed.position()}
        return self.live.capture({**cursor, **self.governors.capture()})

    def restore(self, snapshot: Snapshot, *, resuming: bool = False) -> None:
        """Put everything back, the random generators last. Raises RestoreError; then nothing was changed.

        Args:
            snapshot: the state.
            resuming: registered values that are not known yet wait until they are.
        """
        self.live.check(snapshot, resuming=resuming)
        check_position(self.feed, snapshot.values["position"])
        owned = self.governors.parse(snapshot.values)
        self.governors.put_back()
        if not self.replaying:
            self.nan_guard.forget()
        self.tainted = "a restore was cut off in the middle: restore again"
        self.feed.seek(snapshot.values["position"])
        self.step = snapshot.step
        self.noise_seed = snapshot.values["noise_seed"]
        self.live.restore(snapshot, resuming=resuming)
        self.governors.owned = owned
        self.tainted = None
        self.memory.end()
        self.rediscover()

    def reseed(self, seed: int) -> None:
        """Other noise from the next step on, another order of the data from the next epoch on."""
        self.noise_seed = seed
        self.feed.reseed(seed)

    @property
    def claims(self) -> Claims:
        """Plans changes; nothing is changed yet."""
        return Claims(self.hyperparameters, self.governors, self.step)

    def apply(self, planned: list[Claim]) -> None:
        """Put planned values in force, and who decides them: the next step uses them."""
        written = [its.change for its in planned if its.change.hyperparameter.key not in self.governors.drivers]
        if any(change.hyperparameter.section == "own" for change in written):
            self.live.copies.written()
        changes.apply(written)
        self._changed(written)
        if owners := {its.change.hyperparameter.key: its.shift.after for its in planned if its.shift is not None}:
            self.governors.shift(owners)
            self.rediscover()

    def _changed(self, written: list[changes.PlannedChange]) -> None:
        for change in written:
            if change.hyperparameter.key == "batch_size":
                self.memory.batch_size_changed(int(change.old), int(change.new))
        if any(change.hyperparameter.section == "own" for change in written):
            self.feed.refetch()  # the user's own value may be one of the dataset's, of which each worker has a copy

    def value(self, key: str, default: Value) -> Value:
        """The value in force, for a step of the user's own; a hyperparameter from the first time that it is read.

        Raises:
            HyperparameterError: the default is no value that it may have.
        """
        value = self.live.settings.asked.get(key)
        if value is not None:
            return value
        if key in self.hyperparameters and key not in self.live.settings.keys_asked:
            return self.hyperparameters[key].read()
        first = beyond.named(key, default).check(key, default)
        value = self.live.settings.ask(key, self.live.to_come.pop(key, first))
        if key not in self.hyperparameters:
            self.rediscover()
        return value

    def values(self) -> list[tuple[str, Value]]:
        """Every hyperparameter's value in force, by key."""
        return [(key, hyperparameter.read()) for key, hyperparameter in self.hyperparameters.items()]

    def register(self, hyperparameter: Hyperparameter) -> None:
        """Add one of the user's own; it takes the place of one that was found beside the optimizer.

        Raises:
            HyperparameterError: its key is taken.
        """
        taken = self.hyperparameters.get(hyperparameter.key)
        if taken is not None and (taken.place is not None or taken.key in self._registered):
            raise HyperparameterError(f"There is a hyperparameter {hyperparameter.key!r} already: choose another key.")
        self._registered[hyperparameter.key] = hyperparameter
        self.live.registered[hyperparameter.key] = (hyperparameter.read, hyperparameter.write)
        if hyperparameter.key in self.live.to_come:
            hyperparameter.write(self.live.to_come.pop(hyperparameter.key))
        self.rediscover()

    @property
    def registered(self) -> dict[str, Hyperparameter]:
        """Those of the user's own, by key."""
        return self._registered

    @registered.setter
    def registered(self, registered: dict[str, Hyperparameter]) -> None:
        self._registered = registered
        self.live.registered = {key: (its.read, its.write) for key, its in registered.items()}
        self.rediscover()

    def accumulates(self) -> None:
        """The step takes several batches: offer `accumulate`."""
        access = Access(lambda: beyond.count_of(self.feed), self._group)
        self.live.settings.build_in("accumulate", 1, access)
        self.rediscover()

    def _group(self, count: int) -> None:
        self.feed = beyond.grouped(self.feed, count)

    def rediscover(self) -> None:
        """Look again at the param groups and modules, which may have come or gone."""
        found = discover(self.live.optimizers)
        beside = {key: its for key, its in beyond.find(self.live, lambda: self.feed).items() if key not in found}
        self.hyperparameters = self.governors.bind({**found, **beside, **self._registered})
