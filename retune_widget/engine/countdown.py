"""Counts the steps that `step(n)` asked for, and answers who waits for them."""

from retune_widget.engine.answer import Answer

Waiting = list[tuple[int, Answer[None]]]


class Countdown:
    """Where training pauses by itself, and who waits for which step.

    Attributes:
        pause_at: after so many steps of this process it pauses, or None.
        active: whether there is anything to count.
    """

    def __init__(self) -> None:
        self.pause_at: int | None = None
        self._waiting: Waiting = []

    @property
    def active(self) -> bool:
        """Whether there is anything to count."""
        return self.pause_at is not None or bool(self._waiting)

    def is_over(self, step: int) -> bool:
        """Whether to pause at this step."""
        return self.pause_at is not None and step >= self.pause_at

    def add(self, now: int, count: int, answer: Answer[None]) -> None:
        """`count` steps more: from `now`, or from where training would have paused."""
        self.pause_at = count + (now if self.pause_at is None else self.pause_at)
        self._waiting.append((self.pause_at, answer))

    def answer_due(self, step: int) -> None:
        """Answer who waits for this step or an earlier one."""
        due, self._waiting = (
            [pair for pair in self._waiting if pair[0] <= step],
            [pair for pair in self._waiting if pair[0] > step],
        )
        for _, answer in due:
            answer.set_result(None)

    def end(self) -> Waiting:
        """Training ended or paused: nothing is counted any more; returns who still waits."""
        self.pause_at = None
        waiting, self._waiting = self._waiting, []
        return waiting
