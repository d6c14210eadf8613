"""The training loop: a generator with one suspend point a step.

Whoever drives it trains on the batch that it yields: the runner's thread with the built-in step or the user's, or the
user's own `for` loop. A change, a checkpoint, a restore takes effect in `boundary`, between two steps, nowhere else.
"""

from collections.abc import Callable, Iterator
from typing import Any

from retune_widget.engine.engine import Engine
from retune_widget.engine.steps import Metrics
from retune_widget.engine.watch import StepWatch
from retune_widget.errors import NonFiniteError, RetuneError


class Loop:
    """One training loop over an engine.

    Attributes:
        in_step: whether a batch was yielded and the step is not complete.
        on_begin: called when a step begins, after the boundary.
        recovers: told what a step raised; true: the state is that from before it, and training goes on.
        on_fault: called when a step was stopped because of what is not finite; takes it back.
    """

    def __init__(self, engine: Engine, boundary: Callable[[], bool], on_data_end: Callable[[], None]) -> None:
        """Wire the loop.

        Args:
            engine: what is trained.
            boundary: carries out waiting commands, waits while paused; False ends the loop.
            on_data_end: told when there are no more batches; the next boundary ends the loop.
        """
        self._engine, self._boundary, self._on_data_end = engine, boundary, on_data_end
        self._metrics: Metrics = {}
        self.in_step = False
        self.on_begin: Callable[[], None] = lambda: None
        self.recovers: Callable[[Exception], bool] = lambda _error: False
        self.on_fault: Callable[[NonFiniteError], None] = lambda _error: None

    def log(self, metrics: Metrics) -> None:
        """Metrics of the step that is being trained; in a replay they were recorded already."""
        if not self._engine.replaying:
            self._metrics = {**self._metrics, **metrics} if self._metrics else metrics

    def steps(self) -> Iterator[Any]:
        """The loop itself: yields each batch, to be trained on before the next is asked for."""
        while self._boundary():
            try:
                if self._engine.memory.worked is not None:
                    self._engine.memory.before_step(self._engine.capture)
                batch = self._engine.begin_step()
            except StopIteration:
                self._on_data_end()
                continue
            except (RuntimeError, MemoryError) as error:
                if not self.again(error):
                    raise
                continue
            self.on_begin()
            self.in_step = True
            yield batch
            if self.in_step:
                self._engine.nan_guard.fault = None  # a loop of the caller's own that goes on has dealt with it
                self.complete_step()

    def train(self, batch: Any) -> bool:
        """Train on a batch that `steps` gave, by the engine's own step.

        Returns:
            Whether to go on: false where it was stopped because of what is not finite. Then its batch comes again.
        """
        train_on = self._engine.train_on
        try:
            self.log(train_on(batch) if train_on else {})
        except NonFiniteError as error:
            self.in_step, self._metrics = False, {}
            self.on_fault(error)
            return False
        except (RuntimeError, MemoryError) as error:
            if not self.again(error):
                raise
        return True

    def again(self, error: Exception) -> bool:
        """Whether the step at hand is trained once more after what it raised; then the driver asks for a batch."""
        if not self.recovers(error):
            return False
        self.in_step, self._metrics = False, {}
        return True

    def complete_step(self) -> None:
        """The batch was trained on: count it and report what was logged."""
        self.in_step = False
        metrics, self._metrics = self._metrics, {}
        self._engine.complete_step(metrics)

    def leave(self, watch: StepWatch | None) -> Exception | None:
        """The driver left: count the step at hand if the optimizer made it, else the batch will come again.

        Args:
            watch: what is known of the step in a loop of the caller's own; None: it ended with an error.

        Returns:
            What the evaluation after the step raised, or writing down why it was stopped, if one of them did.
        """
        if not self.in_step:
            return None
        if watch is not None and watch.stepped:
            try:
                self.complete_step()
            except Exception as error:  # noqa: BLE001  # kept as the run's error
                return error
        else:
            if watch is None or watch.touched():
                self._engine.tainted = f"the loop was left inside step {self._engine.step + 1}"
            self.in_step, self._metrics = False, {}
        fault = self._engine.nan_guard.fault
        if watch is not None and fault is not None:
            try:
                self.on_fault(fault)
            except RetuneError as error:
                return error
        return None
