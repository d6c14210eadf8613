"""Watches one step of a loop that is not ours: did the optimizer step, did the forward pass leave a trace?"""

from typing import Any

from retune_widget.engine.state import LiveState


class StepWatch:
    """Tells whether a loop that was left in the middle of a step had trained on its batch."""

    def __init__(self, live: LiveState) -> None:
        """Watch these optimizers and the models' buffers, until `remove`."""
        self.stepped = False
        self._hooks = [optimizer.register_step_post_hook(self._on_step) for optimizer in live.optimizers.values()]
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

    def _on_step(self, *_: Any) -> None:
        self.stepped = True

    def _count_writes(self) -> int:
        return sum(buffer._version for buffer in self._buffers)  # noqa: SLF001  # torch's count of in-place writes
