"""Watches one step of a loop that is not ours: did the optimizer step, did the forward pass leave a trace?"""

import sys
import traceback
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer

from retune_widget.engine.state import LiveState


class StepWatch:
    """Tells whether a loop that was left in the middle of a step had trained on its batch.

    Attributes:
        stepped: whether an optimizer made a step since `reset`.
    """

    def __init__(
        self,
        live: LiveState,
        before_step: Callable[[Optimizer], None],
        check: Callable[[Optimizer], None] = lambda _optimizer: None,
    ) -> None:
        """Watch these optimizers and the models' buffers, until `remove`.

        Args:
            live: has them.
            before_step: is told who steps next.
            check: is told before that; raises what stops the step.
        """
        self.stepped = False
        self._before_step, self._check, self._copies = before_step, check, live.copies
        self._hooks = [optimizer.register_step_post_hook(self._on_step) for optimizer in live.optimizers.values()]
        self._hooks += [optimizer.register_step_pre_hook(self._on_begin) for optimizer in live.optimizers.values()]
        self._buffers = [buffer for model in live.models.values() for buffer in model.buffers()]
        self._versions = 0

    def reset(self) -> None:
        """A step begins."""
        self.stepped = False
        self._versions = self._count_writes()

    def touched(self) -> bool:
        """Whether a buffer was written since the step began (batch statistics)."""
        return self._count_writes() != self._versions

    def remove(self) -> None:
        """Stop watching."""
        for hook in self._hooks:
            hook.remove()

    def _on_begin(self, optimizer: Optimizer, *_: Any) -> None:
        if not torch.compiler.is_compiling():
            self._check(optimizer)
            self._copies.before_update()
            self._before_step(optimizer)

    def _on_step(self, *_: Any) -> None:
        self.stepped = True

    def _count_writes(self) -> int:
        return sum(buffer._version for buffer in self._buffers)  # noqa: SLF001  # torch's count of in-place writes


def callers() -> dict[int, int]:
    """The frames around the generator that asks, by id, each with the instruction that it has come to.

    There is none around one that is freed as the interpreter ends.
    """
    frame = sys._getframe(1).f_back  # noqa: SLF001  # `inspect.currentframe` is the same, one call further
    return {id(frame): frame.f_lasti for frame, _ in traceback.walk_stack(frame)} if frame is not None else {}


def raised_in(error: BaseException, left: dict[int, int]) -> bool:
    """Whether an error was raised where `left` was noted: a loop that it left is told of nothing but its end.

    The innermost frame that both have must have been at the same instruction; after a `break` it was at another.
    """
    entry = error.__traceback__
    same = None
    while entry is not None:
        if id(entry.tb_frame) in left:
            same = entry
        entry = entry.tb_next
    return same is not None and same.tb_lasti == left[id(same.tb_frame)]
