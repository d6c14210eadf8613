"""The training side of a run: start, pause, step, wait, or a loop of the caller's own."""

from collections.abc import Iterator, Mapping
from typing import Any

from retune_widget.engine import commands
from retune_widget.engine.checks import whole
from retune_widget.engine.engine import Engine
from retune_widget.engine.length import Length
from retune_widget.engine.runner import Runner
from retune_widget.engine.status import Status
from retune_widget.engine.steps import named


class Training:
    """Trains through a runner."""

    def __init__(self, engine: Engine, runner: Runner) -> None:
        """Nothing is trained yet."""
        self._engine, self._runner = engine, runner

    def start(self) -> None:
        """Train in the background, or go on after a pause. Returns at once.

        Raises:
            StatusError: nothing says how to train, the planned steps are done, or the run is closed.
        """
        self._runner.call(commands.Start())

    def pause(self) -> None:
        """Wait at the next step boundary. Returns at once."""
        self._runner.submit(commands.Pause())

    def stop(self) -> None:
        """Finish at the next step boundary; the state there becomes a node. Returns at once."""
        self._runner.submit(commands.Stop())

    def step(self, n: int = 1) -> None:
        """Train n steps, then pause; returns when they are done, raises what the training step raised."""
        whole("n", n)
        self._runner.call(commands.TrainSteps(n))

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
    def max_steps(self) -> int | None:
        """Where training ends by itself; may be set at any time."""
        return self._runner.length.last_step(self._engine)

    @max_steps.setter
    def max_steps(self, steps: int | None) -> None:
        self._runner.length = Length(whole("max_steps", steps))
