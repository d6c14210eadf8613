"""What a run keeps without anybody asking, and for how long."""

from dataclasses import dataclass
from typing import Any

from retune_widget.engine.checks import whole
from retune_widget.tracking.budget import as_bytes
from retune_widget.tracking.goal import Goal, as_goal

INTERVALS = 20
"""Interval nodes that keep their checkpoint where no window is given."""


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """What is kept without anybody asking, and for how long.

    Attributes:
        every: steps between interval nodes; None: rolling ones by time; 0: none.
        window: steps behind the head after which interval nodes lose their checkpoint; None: never for that.
        budget: bytes that the checkpoints may take; None: no limit.
        goal: what makes a node the best.
    """

    every: int | None
    window: int | None
    budget: int | None
    goal: Goal | None

    @classmethod
    def of(
        cls, checkpoint_every: int | None, window: int | None, budget: Any, best: Any, *, own_step: bool
    ) -> "RetentionSettings":
        """The settings from the arguments of `Run`, which documents them.

        A step of the user's own may count its calls: without a wish that implies it, no step is trained again.

        Raises:
            ValueError: one of them means nothing.
        """
        if checkpoint_every != 0 or isinstance(checkpoint_every, bool):
            whole("checkpoint_every", checkpoint_every)
        whole("window", window)
        if window is None and checkpoint_every and not own_step:
            window = INTERVALS * checkpoint_every
        return cls(checkpoint_every, window, as_bytes(budget), as_goal(best))
