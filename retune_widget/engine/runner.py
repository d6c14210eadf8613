"""The runner: the inbox of commands, the status, and the thread that drives the loop (or the caller's own)."""

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from retune_widget.engine import commands
from retune_widget.engine.answer import Answer, replayed
from retune_widget.engine.countdown import Countdown
from retune_widget.engine.engine import Engine
from retune_widget.engine.inbox import CLOSED, Inbox
from retune_widget.engine.length import Length
from retune_widget.engine.loop import Loop
from retune_widget.engine.status import Status
from retune_widget.engine.watch import StepWatch, callers, raised_in
from retune_widget.errors import StatusError

if TYPE_CHECKING:
    from torch.optim import Optimizer

Execute = Callable[[commands.Steering], Any]
MOVES = (commands.Restore, commands.GrowBranch, commands.Undo)


class Runner:
    """Takes commands from any thread and carries them out between steps, in order.

    Attributes:
        status: what the run is doing.
        error: what the training step raised, while the status is failed.
        length: where training ends by itself.
        revision: rises with every change of the status.
        on_start: called in the driver before training begins or goes on.
        on_finish: called in the driver when training ends; it may raise, which makes the run fail.
        on_status: told every new status; must not raise.
        on_optimizer_step: told which optimizer steps next, where the step is not the built-in one.
        own_step: whether the step is the user's own.
    """

    def __init__(self, engine: Engine, execute: Execute, *, length: Length | None = None) -> None:
        """`execute` carries out the commands that are about the state; the runner those about running."""
        self._engine, self._execute = engine, execute
        self.length = length or Length()
        self.status = Status.READY
        self.error: BaseException | None = None
        self.revision, self.own_step = 0, False
        self.on_start: Callable[[], None] = lambda: None
        self.on_finish: Callable[[], None] = lambda: None
        self.on_status: Callable[[Status], None] = lambda _status: None
        self.on_optimizer_step: Callable[[Optimizer], None] = lambda _optimizer: None
        self._inbox = Inbox(self._carry_out)
        self._changed = self._inbox.changed
        self._countdown = Countdown()
        self._own_loop: StepWatch | None = None
        self._left: dict[int, int] | None = None
        """What `callers` found where an own loop ended inside a step."""
        self.loop = Loop(engine, self._boundary, self._finish)
        engine.is_cancelled = lambda: self._inbox.is_leaving

    @property
    def _closed(self) -> bool:
        return self._inbox.closed

    # Any thread.

    def call(self, command: commands.Command) -> Any:
        """Send a command and return its result; the thread that trains gets an `Answer` instead."""
        answer = self.submit(command)
        return answer if self._inbox.is_driver() and not answer.done() else answer.result()

    def submit(self, command: commands.Command) -> Answer[Any]:
        """Send a command; return at once. It is carried out at the next boundary, or now where nobody trains.

        Raises:
            StatusError: the run is closed.
        """
        return replayed() if self._engine.is_replayed else self._inbox.submit(command)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it is not running.

        Raises:
            StatusError: called by the thread that trains.
            TimeoutError: it still runs after `timeout` seconds.
            BaseException: whatever the training step raised.
        """
        if self._inbox.is_driver():
            raise StatusError("wait() in the training loop would wait for itself.")
        with self._changed:
            if not self._changed.wait_for(lambda: self.status is not Status.RUNNING, timeout):
                raise TimeoutError(f"The run is still running after {timeout} s.")
            error = self.error
        if error is not None:
            raise error

    def close(self) -> None:
        """Stop training after the step at hand; wait for the training thread, but not for a loop of the caller's."""
        driver = self._inbox.close()
        if driver is not None and self._own_loop is None and driver is not threading.current_thread():
            driver.join()

    # The caller's own loop.

    def batches(self) -> Iterator[Any]:
        """Drive the loop in this thread: yields batches for the caller to train on.

        Raises:
            StatusError: it is being trained already.
        """
        watch = StepWatch(self._engine.live, self.on_optimizer_step, self._engine.nan_guard.check_gradients)
        try:
            self._take_over(threading.current_thread(), watch)
            self.on_start()
            for batch in self.loop.steps():
                watch.reset()
                yield batch
        except BaseException as error:  # a failing data set or evaluation; GeneratorExit where the user's loop ended
            if self._own_loop is watch:
                left = callers() if self.loop.in_step else None
                self._end_of_driving(error, failed=isinstance(error, Exception))
                self._left = left
            raise
        finally:
            watch.remove()

    def log(self, metrics: dict[str, Any]) -> None:
        """Metrics of the step that is being trained.

        Raises:
            StatusError: called outside of a step.
        """
        if not (self.loop.in_step or self._engine.replaying) or not self._inbox.is_driver():
            raise StatusError(
                "run.log() belongs inside a step: in the body of `for batch in run.batches():`, or in step()."
            )
        self.loop.log(metrics)

    def loop_broke(self, error: BaseException) -> None:
        """The code around the user's own loop ended with an error. If the loop did, the run has failed.

        Where the error was raised in the loop's body, the loop has been left already, as by a `break`; but a
        generator that the user's variable keeps alive has not been told.
        """
        with self._changed:
            left = self._left
            driving = self._own_loop is not None and self._inbox.is_driver()
        failed = isinstance(error, Exception)
        if driving:
            self._end_of_driving(error, failed=failed)
        elif failed and left is not None and self.status is Status.PAUSED and raised_in(error, left):
            self._fail(error)

    # The driver.

    def _boundary(self) -> bool:
        """The one place where commands are carried out while training; True: train one more step."""
        while True:
            if self._countdown.active and not self._inbox.waiting:
                self._count()
            if not self._inbox.waiting and not self._inbox.leave and self.status is Status.RUNNING:
                if not self.length.is_reached(self._engine):
                    return True
                self._finish()
            with self._changed:
                self._changed.wait_for(
                    lambda: self._inbox.waiting or self._inbox.leave or self.status is not Status.PAUSED
                )
                if self._inbox.waiting:
                    command, answer = self._inbox.waiting.popleft()
                elif self._inbox.leave or self.status is not Status.RUNNING:
                    break
                else:
                    continue
            self._carry_out(command, answer)
        self._let_go()
        return False

    def _train(self) -> None:
        live, check = self._engine.live, self._engine.nan_guard.check_gradients
        watch = StepWatch(live, self.on_optimizer_step, check) if self.own_step else None
        try:
            for batch in self.loop.steps():
                if not self.loop.train(batch):
                    self._set_status(Status.PAUSED)
        except BaseException as error:  # noqa: BLE001  # kept, shown, and raised again by wait()
            self._end_of_driving(error, failed=True)
        finally:
            if watch is not None:
                watch.remove()

    def _carry_out(self, command: commands.Command, answer: Answer[Any]) -> None:
        if not answer.set_running_or_notify_cancel():
            return
        try:
            if isinstance(command, commands.TrainSteps):
                self._start((command.count, answer))  # answered when they are done
            else:
                answer.set_result(self._result(command))
        except BaseException as error:
            answer.set_exception(error)  # to whoever asked; training goes on
            if not isinstance(error, Exception):
                raise

    def _result(self, command: commands.Start | commands.Pause | commands.Stop | commands.Steering) -> Any:
        match command:
            case commands.Start():
                self._start()
            case commands.Pause():
                if self.status is Status.RUNNING:
                    self._set_status(Status.PAUSED)
            case commands.Stop():
                if self.status not in {Status.FAILED, Status.FINISHED}:
                    self._finish()
            case _:
                result = self._execute(command)
                if isinstance(command, MOVES):
                    self._set_status(Status.PAUSED)
                elif self.status is not Status.RUNNING:
                    self._engine.settle()
                return result
        return None

    def _start(self, steps: tuple[int, Answer[Any]] | None = None) -> None:
        if self._closed:
            raise StatusError(CLOSED)
        if self.length.is_reached(self._engine):
            raise StatusError(
                f"All {self._engine.step:,} planned steps are done. Restore an earlier node, or raise run.max_steps."
            )
        if not self._inbox.training and self._engine.train_on is None:
            raise StatusError("Nothing says how to train: pass loss_fn= or step=, or loop over run.batches() yourself.")
        self.on_start()
        if steps is None:
            self._countdown.pause_at = None
        else:
            self._countdown.add(self._engine.trained, *steps)
        if self._inbox.training:
            self._set_status(Status.RUNNING)
        else:
            thread = threading.Thread(target=self._train, name="retune-training", daemon=True)
            self._take_over(thread, None)
            thread.start()

    def _count(self) -> None:
        if self._countdown.is_over(self._engine.trained):
            self._set_status(Status.PAUSED)  # answers everyone
        self._countdown.answer_due(self._engine.trained)

    def _end_of_driving(self, error: BaseException, *, failed: bool) -> None:
        another = self.loop.leave(self._own_loop)
        if failed or another is not None:
            self._fail(error if failed or another is None else another)
        self._let_go()

    def _finish(self) -> None:
        try:
            self.on_finish()
        except Exception as error:
            self._fail(error)
            raise
        self._set_status(Status.FINISHED)

    def _take_over(self, driver: threading.Thread, own_loop: StepWatch | None) -> None:
        """Become the driver; one that is paused is sent away first."""
        with self._changed:
            self._inbox.take_over(driver, lambda: self.status is Status.RUNNING)
            self._own_loop, self._engine.own_loop = own_loop, own_loop is not None
            self._set_status(Status.RUNNING)

    def _let_go(self) -> None:
        """This thread trains no more. What still waits is carried out: no command is dropped."""
        with self._changed:
            self._inbox.driver = threading.current_thread()
            self._inbox.training, self._own_loop = False, None
            if self.status is Status.RUNNING:
                self._set_status(Status.PAUSED)
        self._inbox.empty()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self.error = error
            self._set_status(Status.FAILED)

    def _set_status(self, status: Status) -> None:
        if status is not Status.RUNNING:
            self._engine.settle()
        with self._changed:
            if status is not Status.FAILED:
                self.error = None
            self.status = status
            self.revision += 1
            self._left = None
            waiting = self._countdown.end() if status is not Status.RUNNING else []
            self._changed.notify_all()
        self.on_status(status)
        for _, answer in waiting:
            if self.error is None:
                answer.set_result(None)
            else:
                answer.set_exception(self.error)
