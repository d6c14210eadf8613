"""The coming values of a governed hyperparameter, looked up once and shown until they become others."""

import math
from collections.abc import Iterable

import numpy as np

from retune_widget.run import Run
from retune_widget.view import access
from retune_widget.view.reduce import Floats

MOST = 200
"""Points that a preview is drawn with, besides those at which a schedule turns."""
FARTHEST = 20_000
"""Steps that a torch scheduler is run ahead; each takes some 2 µs."""
UNPLANNED = 1000
"""Steps that are shown where neither the run nor the schedule has an end."""
RARELY = 20
"""A scheduler that does not come as foretold is asked again after this part of the way."""
Points = tuple[Floats, Floats]
NOTHING: Points = np.zeros(0), np.zeros(0)


def grid(first: int, last: int, turns: Iterable[int] = ()) -> list[int]:
    """Steps from first to last: all of them where they are few, else evenly spread, with the turns and before them."""
    count = last - first
    even = range(first, last + 1) if count <= MOST else (first + index * count // MOST for index in range(MOST + 1))
    beside = (at for turn in turns for at in (turn - 1, turn) if first <= at <= last)
    return sorted({*even, *beside})


def parted(steps: Floats, values: Floats, at: float) -> tuple[Points, Points]:
    """The line through these points in two, which meet at a step."""
    if not len(steps) or at >= steps[-1]:
        return (steps, values), NOTHING
    if at <= steps[0]:
        return NOTHING, (steps, values)
    cut, value = int(np.searchsorted(steps, at)), float(np.interp(at, steps, values))
    near = np.append(steps[:cut], at), np.append(values[:cut], value)
    return near, (np.insert(steps[cut:], 0, at), np.insert(values[cut:], 0, value))


class Ahead:
    """Looks ahead in a run, for one hyperparameter at a time. For the pump's thread."""

    def __init__(self) -> None:
        self._basis: object = None
        self._asked = 0
        self._known = NOTHING
        self._foretold: dict[int, float] = {}

    def points(self, run: Run, key: str) -> Points:
        """The steps to come and the values that are used after each, from the head on; nothing if nobody governs."""
        now, planned = run.head.step, run.max_steps
        governing = access.governing(run, key)
        if governing is None or (planned is not None and planned <= now):
            return NOTHING
        end = planned or governing.end(now) or (now // UNPLANNED + 2) * UNPLANNED
        basis = key, governing, end
        if basis != self._basis or self._came_otherwise(run, key, now):
            self._basis, self._asked = basis, now
            self._look(run, key, now, end, governing)
        steps, values = self._known
        first = max(0, int(np.searchsorted(steps, now, "right")) - 1)
        return steps[first:], values[first:]

    def _look(self, run: Run, key: str, now: int, end: int, governing: access.Governing) -> None:
        if governing.by_torch:
            every = range(now, min(end, now + FARTHEST) + 1)
            coming = access.coming(run, key, every, now)
            self._foretold = dict(zip(every, coming, strict=False))
            steps = grid(now, now + len(coming) - 1)
            values = [self._foretold[step] for step in steps]
        else:
            self._foretold = {}
            steps = grid(now, end, governing.turns(end))
            values = access.coming(run, key, steps, now)
        self._known = np.array(steps, np.float64), np.array(values, np.float64)

    def _came_otherwise(self, run: Run, key: str, now: int) -> bool:
        if now < self._asked:
            return True
        foretold, span = self._foretold.get(now), len(self._foretold)
        if foretold is None or now - self._asked < max(1, span // RARELY):
            return bool(span) and foretold is None
        return not math.isclose(foretold, float(run.hyperparameters[key].value), rel_tol=1e-9)
