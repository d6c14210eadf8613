"""What came of training the way to a node again."""

from dataclasses import dataclass

from retune_widget.tracking.tree import Node


@dataclass(frozen=True)
class Verdict:
    """Whether a replay from the parent gave the node's state. True where it did: `if run.verify(node): …`.

    The node keeps it: one that is not reached again is no longer `exact`, nor is what follows it.

    Attributes:
        node: that was verified.
        steps: that were trained again.
        metric, step: the first metric that was another one, and at which step; None if there was none.
        part: the first part of the state that differs, by its name in the checkpoint; None if all of it is equal.
    """

    node: Node
    steps: int
    metric: str | None
    step: int | None
    part: str | None

    def __bool__(self) -> bool:
        return self.metric is None and self.part is None

    @property
    def found(self) -> str:
        """What was compared, or what differs, in words."""
        if self:
            steps = "1 step" if self.steps == 1 else f"{self.steps:,} steps"
            return (
                f"{steps} trained again, every bit is the same" if self.steps else "there are no steps to train again"
            )
        first = [f"another {self.metric} at step {self.step:,}"] if self.step is not None else []
        return "; ".join([*first, *([f"{self.part} differs"] if self.part else [])])

    def __repr__(self) -> str:
        return f"<Verdict on {self.node.id}: {self.found}>"
