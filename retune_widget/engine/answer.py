"""The answer to a command."""

import threading
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from retune_widget.errors import StatusError

Result = TypeVar("Result")


class Answer(Future[Result], Generic[Result]):
    """A future for what a command gives, once it has been carried out at a step boundary.

    It is what a method returns when it is called by the thread that trains, which cannot wait for itself.
    """

    trainer: threading.Thread | None = None
    replayed = False
    """Whether it was asked for by a step that is trained again: the first time it was carried out."""

    def result(self, timeout: float | None = None) -> Result:
        """What the command gave; raises what it raised.

        Raises:
            StatusError: asked by the training thread, before the boundary at which it takes effect; or by a step that
                is trained again.
        """
        if self.replayed:
            raise StatusError("The step was trained again: what it asked for was carried out the first time.")
        if not self.done() and self.trainer is threading.current_thread():
            raise StatusError("This takes effect at the next step boundary; its result is there after it.")
        return super().result(timeout)

    def __repr__(self) -> str:
        return f"<Answer: {'done' if self.done() else 'takes effect at the next step boundary'}>"


def replayed() -> Answer[Any]:
    """The answer to a step that is trained again."""
    answer: Answer[Any] = Answer()
    answer.replayed = True
    return answer
