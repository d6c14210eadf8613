"""Out of memory in the first steps after the batch size was raised: the state from before is kept to go back to."""

import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from retune_widget.engine.snapshot import Snapshot

FIRST_STEPS = 3
"""So many steps after a raise are watched: the optimizer's state is made in the first, and needs room in the second."""
_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")


@dataclass(slots=True)
class Guard:
    """Watches the steps after a raise.

    Attributes:
        size: the batch size that worked.
        steps: how many are still watched.
        snapshot: the state at the boundary before the step at hand.
    """

    size: int
    steps: int = FIRST_STEPS
    snapshot: "Snapshot | None" = field(default=None, repr=False)


def guard_after(guard: Guard | None, old: int, new: int) -> Guard | None:
    """What is watched after the batch size was changed; `guard`: what was until now."""
    worked = old if guard is None else guard.size
    return Guard(worked) if new > worked else None


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
