"""Out of memory in the first steps after the batch size was raised: the state from before is kept to go back to."""

import traceback
from collections.abc import Callable

import torch

from retune_widget.engine.snapshot import Snapshot

FIRST_STEPS = 3
"""So many steps after a raise are watched: the optimizer's state is made in the first, and needs room in the second."""
_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")


class MemoryWatch:
    """Watches the steps after a raise.

    Attributes:
        worked: the batch size that worked, as long as it watches; None: it does not.
        said: that a batch size was taken back, until another is set.
    """

    def __init__(self) -> None:
        """Nothing is watched."""
        self.worked: int | None = None
        self.said: str | None = None
        self._steps = 0
        self._before: Snapshot | None = None

    def batch_size_changed(self, old: int, new: int) -> None:
        """Watch the next steps if the new size is above the one that worked."""
        worked = old if self.worked is None else self.worked
        self.end()
        self.said = None
        if new > worked:
            self.worked, self._steps = worked, FIRST_STEPS

    def before_step(self, capture: Callable[[], Snapshot]) -> None:
        """Keep the state before a step that may run out of memory; called at the boundary while it watches."""
        self._before = None
        if self._steps:
            self._steps -= 1
            self._before = capture()
        else:
            self.end()

    def state_before(self) -> Snapshot | None:
        """The state before the step that ran out of memory; None if it had not begun. It is not watched any more."""
        before = self._before
        self.end()
        return before

    def end(self) -> None:
        """Watch no more, and let go of the state."""
        self.worked, self._steps, self._before = None, 0, None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on any device."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _WORDS)


def free(error: BaseException) -> None:
    """Let go of what the step that ran out of memory still holds."""
    traceback.clear_frames(error.__traceback__)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()
