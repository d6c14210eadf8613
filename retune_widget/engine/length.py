"""How long a run is planned to be: in steps, in epochs, or until it is stopped."""

from dataclasses import dataclass

from retune_widget.engine.engine import Engine
from retune_widget.engine.feed import steps_until


@dataclass(slots=True)
class Length:
    """Where training ends by itself: at whichever comes first, or nowhere.

    Epochs are counted as they pass: another batch size in mid-run makes other steps of them.
    """

    steps: int | None = None
    epochs: int | None = None

    def is_reached(self, engine: Engine) -> bool:
        """Whether all is done."""
        if self.steps is not None and engine.step >= self.steps:
            return True
        return self.epochs is not None and engine.epoch >= self.epochs

    def last_step(self, engine: Engine) -> int | None:
        """The step at which it ends, as far as it can be known."""
        left = None if self.epochs is None else steps_until(engine.feed, self.epochs)
        ends = [end for end in (self.steps, None if left is None else engine.step + left) if end is not None]
        return min(ends, default=None)
