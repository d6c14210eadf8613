"""Why a rule ended or paused the training, as facts: for the sentence in `run.problems`, and for the widget."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a rule said when it paused or ended the run. It is gone once training goes on.

    Attributes:
        by: the rule's name.
        kind: the name of its class.
        step: number of the step that was stopped, or after which it acted.
        what: why, in words.
        node: where the run was put, or stood.
        at: the step of that.
        text: all of it, as `run.problems` says it.
        batch: where the batch of that step is in the data, in words, where it is known.
        samples: the indices of its samples, where they are known.
        reached: whether the run is at the node; else the step has left traces, and `run.recover` goes back there.
        ways: how `run.recover` can go on: "lower lr", "skip batch".
    """

    by: str
    kind: str
    step: int
    what: str
    node: str
    at: int
    text: str
    batch: str | None = None
    samples: tuple[int, ...] = ()
    ways: tuple[str, ...] = ()
    reached: bool = True
