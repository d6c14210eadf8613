"""Where the run is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Head:
    """The place in the tree that is being trained on.

    Attributes:
        branch: its name.
        step: optimizer steps completed since the root.
        epoch: full passes over the data completed.
        node_id: the last node on the way here.
    """

    branch: str
    step: int
    epoch: int
    node_id: str
