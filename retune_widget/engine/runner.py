"""The runner: the inbox of commands, the status, and the thread that drives the loop (or the caller's own)."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from retune_widget.engine.answer import Answer
from retune_widget.engine.commands import Command, GrowBranch, Pause, Restore, Start, Steering, Stop, TrainSteps, Undo
from retune_widget.engine.engine import Engine
from retune_widget.engine.loop import Loop
from retune_widget.engine.status import Status
from retune_widget.engine.watch import StepWatch
from retune_widget.errors import StatusError

Execute = Callable[[Steering], Any]
MOVES = (Restore, GrowBranch, Undo)


class Runner:
    """Takes commands from any thread and carries them out between steps, in order.

    While nobody drives the loop (before the start, after the end), the thread that sends a command carries it out.

    Attributes:
        status: what the run is doing.
        error: what the training step raised, while the status is failed.
        max_steps: where training ends by itself, or None.
        revision: rises with every change of the status.
    """

    def __init__(self, engine: Engine, execute: Execute, *, max_steps: int | None = None) -> None:
        """`execute` carries out the commands that are about the state; the runner those about running."""
        self._engine, self._execute = engine, execute
        self.max_steps = max_steps
        self.status = Status.READY
        self.error: BaseException | None = None
        self.revision = 0
        self.on_finish: Callable[[], None] = lambda: None
        self.on_status: Callable[[Status], None] = lambda _status: None
        self._changed = threading.Condition(threading.RLock())
        self._inbox: deque[tuple[Command, Answer[Any]]] = deque()
        self._driver: threading.Thread | None = None
        self._leave = False
        self._closed = False
        self._pause_at: int | None = None
        self._counting: list[Answer[Any]] = []
        self._own_loop: object = None
        self._loop = Loop(engine, self._boundary, self._finish)

    # Any thread.

    def call(self, command: Command) -> Any:
        """Send a command and return its result; the thread that trains gets an `Answer` instead."""
        answer = self.submit(command)
        return answer if self._is_trainer() and not answer.done() else answer.result()

    def submit(self, command: Command) -> Answer[Any]:
        """Send a command; return at once. It is carried out at the next boundary, or now where nobody trains.

        Raises:
            StatusError: the run is closed.
        """
        answer: Answer[Any] = Answer()
        with self._changed:
            if self._closed:
                message = "This run is closed: it can be read, not trained."
                raise StatusError(message)
            if self._driver is None:
                self._carry_out(command, answer)
            else:
                answer.trainer = self._driver
                self._inbox.append((command, answer))
                self._changed.notify_all()
            return answer

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it is not running.

        Raises:
            StatusError: called by the thread that trains.
            TimeoutError: it still runs after `timeout` seconds.
            BaseException: whatever the training step raised.
        """
        if self._is_trainer():
            message = "wait() in the training loop would wait for itself."
            raise StatusError(message)
        with self._changed:
            if not self._changed.wait_for(lambda: self.status is not Status.RUNNING, timeout):
                message = f"The run is still running after {timeout} s."
                raise TimeoutError(message)
        if self.status is Status.FAILED and self.error is not None:
            raise self.error

    def close(self) -> None:
        """Stop training after the step at hand and let go of the thread."""
        with self._changed:
            self._closed = self._leave = True
            self._changed.notify_all()
            driver = self._driver
        if driver is not None and driver is not threading.current_thread() and driver is not threading.main_thread():
            driver.join()

    # The caller's own loop.

    def batches(self) -> Iterator[Any]:
        """Drive the loop in this thread: yields batches for the caller to train on.

        Raises:
            StatusError: it is being trained already.
        """
        self._take_over(threading.current_thread())
        this = self._own_loop = object()
        self._set_status(Status.RUNNING)
        watch = StepWatch(self._engine.live)
        try:
            for batch in self._loop.steps():
                watch.reset()
                yield batch
        except BaseException as error:  # a failing data set or evaluation; GeneratorExit where the user's loop ended
            if self._own_loop is this:
                self._leave_step(watch)
                self._end_of_driving(error)
            raise
        finally:
            watch.remove()

    def log(self, metrics: dict[str, Any]) -> None:
        """Metrics of the step that is being trained.

        Raises:
            StatusError: called outside of a step.
        """
        if not self._loop.in_step or not self._is_trainer():
            message = "run.log() belongs inside a step: in the body of `for batch in run.batches():`, or in step()."
            raise StatusError(message)
        self._loop.log(metrics)

    def loop_broke(self, error: BaseException) -> None:
        """The user's own loop ended with an error; its frames are kept alive, so the generator is not told."""
        with self._changed:
            if not self._is_trainer() or self._own_loop is None:
                return
            self._leave_step(None)
            self._end_of_driving(error)

    # The thread that drives.

    def _boundary(self) -> bool:
        """The one place where commands are carried out while training; True: train one more step."""
        while True:
            if self._pause_at is not None and self._engine.step >= self._pause_at:
                self._set_status(Status.PAUSED)
            if not self._inbox and not self._leave and self.status is Status.RUNNING:
                if self.max_steps is None or self._engine.step < self.max_steps:
                    return True
                self._finish()
            with self._changed:
                self._changed.wait_for(lambda: self._inbox or self._leave or self.status is not Status.PAUSED)
                if self._inbox:
                    command, answer = self._inbox.popleft()
                elif self._leave or self.status is not Status.RUNNING:
                    self._let_go()
                    return False
                else:
                    continue
            self._carry_out(command, answer)

    def _train(self) -> None:
        train_on = self._engine.train_on
        assert train_on is not None
        try:
            for batch in self._loop.steps():
                self._loop.log(train_on(batch))
        except BaseException as error:  # noqa: BLE001  # kept, shown, and raised again by wait()
            self._leave_step(None)
            self._end_of_driving(error)

    def _carry_out(self, command: Command, answer: Answer[Any]) -> None:
        try:
            match command:
                case Start():
                    answer.set_result(self._start(None))
                case TrainSteps(count):
                    self._start(count)
                    self._counting.append(answer)
                case Pause():
                    if self.status is Status.RUNNING:
                        self._set_status(Status.PAUSED)
                    answer.set_result(None)
                case Stop():
                    if self.status is not Status.FAILED:
                        self._finish()
                    answer.set_result(None)
                case _:
                    result = self._execute(command)
                    if isinstance(command, MOVES):
                        self._set_status(Status.PAUSED)
                    answer.set_result(result)
        except Exception as error:  # noqa: BLE001  # the answer carries it to whoever asked; training goes on
            answer.set_exception(error)

    def _start(self, count: int | None) -> None:
        if self.max_steps is not None and self._engine.step >= self.max_steps:
            message = f"All {self.max_steps:,} planned steps are done. Restore an earlier node, or raise run.max_steps."
            raise StatusError(message)
        if self._driver is None:
            if self._engine.train_on is None:
                message = "Nothing says how to train: pass loss_fn= or step=, or loop over run.batches() yourself."
                raise StatusError(message)
            thread = threading.Thread(target=self._train, name="retune-training", daemon=True)
            self._take_over(thread)
            thread.start()
        self._pause_at = None if count is None else self._engine.step + count
        self._set_status(Status.RUNNING)

    def _leave_step(self, watch: "StepWatch | None") -> None:
        """The loop ended inside a step: count it if the optimizer made it; else the batch will come again."""
        if not self._loop.in_step:
            return
        if watch is not None and watch.stepped:
            self._loop.complete_step()
            return
        if watch is None or watch.touched():
            self._engine.tainted = f"the loop was left inside step {self._engine.step + 1}"
        self._loop.abandon_step()

    def _end_of_driving(self, error: BaseException) -> None:
        with self._changed:
            if isinstance(error, Exception):
                self.error = error
                self._set_status(Status.FAILED)
            elif self.status is Status.RUNNING:
                self._set_status(Status.PAUSED)
            self._let_go()

    def _finish(self) -> None:
        self.on_finish()
        self._set_status(Status.FINISHED)

    def _take_over(self, driver: threading.Thread) -> None:
        with self._changed:
            if self._driver is not None:
                if self.status is Status.RUNNING:
                    message = "The run is training already: pause or stop it first."
                    raise StatusError(message)
                self._leave = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._driver is None)
                self._leave = False
            if self._closed:
                message = "This run is closed: it can be read, not trained."
                raise StatusError(message)
            self._driver, self._own_loop = driver, None

    def _let_go(self) -> None:
        """Nobody drives any more. What still waits is carried out here: no command is dropped."""
        with self._changed:
            waiting, self._inbox = self._inbox, deque()
            self._driver = self._own_loop = None
            if self._closed and self.status is Status.RUNNING:
                self._set_status(Status.PAUSED)
            for command, answer in waiting:
                self._carry_out(command, answer)
            self._changed.notify_all()

    def _set_status(self, status: Status) -> None:
        with self._changed:
            if status is not Status.FAILED:
                self.error = None
            self.status = status
            self.revision += 1
            if status is not Status.RUNNING:
                self._pause_at = None
                counting, self._counting = self._counting, []
                for answer in counting:
                    if self.error is None:
                        answer.set_result(None)
                    else:
                        answer.set_exception(self.error)
            self._changed.notify_all()
        self.on_status(status)

    def _is_trainer(self) -> bool:
        return self._driver is threading.current_thread()
