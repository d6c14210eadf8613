"""What came of training the way to a node again."""

from dataclasses import dataclass

from retune_widget.tracking.tree import Node


@dataclass(frozen=True)
class Verdict:
    """Whether a replay from the parent gave the node's state. True where it did: `if run.verify(node): …`.

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

    def __repr__(self) -> str:
        again = f"{self.steps:,} steps trained again" if self.steps else "no steps to train again"
        if self:
            return f"Verdict({self.node.id}: equal, {again})"
        first = [f"first another {self.metric} at step {self.step:,}"] if self.step is not None else []
        return f"Verdict({self.node.id}: {'; '.join([*first, f'{self.part} differs'])}, {again})"
