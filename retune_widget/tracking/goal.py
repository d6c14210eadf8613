"""Which node is the best: the one with the lowest or the highest value of a metric so far on its lineage."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from retune_widget.tracking.history import History
from retune_widget.tracking.tree import Branch

Direction = Literal["min", "max"]
HIGHER_IS_BETTER = frozenset({
    "acc", "accuracy", "f1", "auc", "auroc", "precision", "recall", "score", "iou", "bleu", "r2",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Goal:
    """A metric of the evaluation, and which way is better."""

    metric: str
    direction: Direction

    def is_reached(self, history: History, path: Sequence[tuple[Branch, int]], step: int) -> bool:
        """Whether the value measured at `step` is better than every one before it on this way; NaN never is."""
        steps, values = history.lineage_pairs(path, self.metric)
        if not len(steps) or steps[-1] != step or not math.isfinite(values[-1]):
            return False
        sign = 1 if self.direction == "min" else -1
        return not any(math.isfinite(value) and sign * value <= sign * values[-1] for value in values[:-1].tolist())


def is_better_high(metric: str) -> bool:
    """Whether a metric of this name should be high: accuracy, F1 and the like."""
    return bool(HIGHER_IS_BETTER.intersection(re.split(r"[^a-z0-9]+", metric.lower())))


def as_goal(best: str | tuple[str, str] | None) -> Goal | None:
    """What `Run(best=…)` means: a metric that should be low, or a pair of a metric and "min" or "max".

    Raises:
        ValueError: it is neither; or the name is one of a metric that should be high, and "max" is not said.
    """
    match best:
        case None:
            return None
        case str(metric) if metric:
            if is_better_high(metric):
                raise ValueError(f"best={metric!r} means that lower is better. Say which: best=({metric!r}, 'max').")
            return Goal(metric, "min")
        case (str(metric), "min" | "max" as direction) if metric:
            return Goal(metric, direction)
    raise ValueError(f"best must be a metric, 'val/loss', or a pair such as ('val/accuracy', 'max'), not {best!r}.")


def check_goal(goal: Goal | None, known: Sequence[str] | None) -> None:
    """Refuse a metric that the evaluation does not give.

    Args:
        goal: what is asked for.
        known: the metrics of the evaluation; None where only the evaluation itself will tell.

    Raises:
        ValueError: with the names there are.
    """
    if goal is not None and known is not None and goal.metric not in known:
        raise ValueError(not_measured(goal.metric, known))


def not_measured(metric: str, known: Sequence[Any]) -> str:
    """What to say of a metric that the evaluation does not give."""
    if not known:
        return f"best={metric!r} needs an evaluation that measures it: pass val_data= or evaluate=."
    return f"best={metric!r}: the evaluation gives no such metric, only {', '.join(known)}."
