"""The inbox: commands from any thread, carried out one at a time, in order, by the thread that is the driver."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from retune_widget.engine.answer import Answer
from retune_widget.engine.commands import Command, Pause, Stop
from retune_widget.errors import StatusError

CLOSED = "This run is closed: it can be read, not trained."


class Inbox:
    """The commands that wait, and who carries them out.

    The driver is the thread that trains, or, while nobody trains, one that just sent a command, until the inbox is
    empty. No lock is held while a command is carried out.

    Attributes:
        changed: guards and announces everything here, and the runner's status.
        waiting: the commands that wait, oldest first.
        driver: the thread that carries them out, or None.
        training: whether the driver trains; else it only empties the inbox.
        leave: whether the driver is asked to train no more.
        closed: whether new commands are refused.
    """

    def __init__(self, carry_out: Callable[[Command, Answer[Any]], None]) -> None:
        """`carry_out` answers a command; only interrupts come out of it."""
        self._carry_out = carry_out
        self.changed = threading.Condition(threading.RLock())
        self.waiting: deque[tuple[Command, Answer[Any]]] = deque()
        self.driver: threading.Thread | None = None
        self.training = self.leave = self.closed = False

    def submit(self, command: Command) -> Answer[Any]:
        """Send a command; return at once. It is carried out by the driver, or now where there is none.

        Raises:
            StatusError: the run is closed.
        """
        answer: Answer[Any] = Answer()
        with self.changed:
            if self.closed:
                raise StatusError(CLOSED)
            self.waiting.append((command, answer))
            if self.driver is not None:
                answer.trainer = self.driver
                self.changed.notify_all()
                return answer
            self.driver = threading.current_thread()
        self.empty()
        return answer

    def take_over(self, driver: threading.Thread, busy: Callable[[], bool]) -> None:
        """Make a thread the one that trains; one that is paused is sent away first. Call it with the lock.

        Raises:
            StatusError: another one is busy, or the run is closed.
        """
        while self.driver is not None and (self.training or not self.is_driver()):
            if busy():
                self.leave = self.closed
                raise StatusError("The run is training already: pause or stop it first.")
            self.leave = True
            self.changed.notify_all()
            self.changed.wait()
        self.leave = self.closed
        if self.closed:
            raise StatusError(CLOSED)
        self.driver, self.training = driver, True

    def close(self) -> threading.Thread | None:
        """Refuse commands from now on, and send the driver away; returns it."""
        with self.changed:
            self.closed = self.leave = True
            self.changed.notify_all()
            return self.driver if self.training else None

    @property
    def is_leaving(self) -> bool:
        """Whether the driver is asked to pause, to stop or to leave."""
        with self.changed:
            return self.leave or any(isinstance(command, Pause | Stop) for command, _ in self.waiting)

    def is_driver(self) -> bool:
        """Whether the thread that asks is the driver."""
        return self.driver is threading.current_thread()

    def empty(self) -> None:
        """Carry out what waits, until nothing does or a command made another thread the driver."""
        interrupt: BaseException | None = None
        while True:
            with self.changed:
                if not self.is_driver():
                    break
                if not self.waiting:
                    self.driver = None
                    self.changed.notify_all()
                    break
                command, answer = self.waiting.popleft()
            try:
                self._carry_out(command, answer)
            except BaseException as error:  # noqa: BLE001  # an interrupt waits until all are answered
                interrupt = error
        if interrupt is not None:
            raise interrupt
