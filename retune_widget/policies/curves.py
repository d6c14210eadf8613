"""The curves of the schedules: value at a step as a function of plain numbers, and where each one turns."""

import math
from collections.abc import Callable, Iterable
from typing import Any, Protocol

Points = list[list[float]]


class Inner(Protocol):
    """A schedule that follows another one."""

    def __call__(self, step: int) -> float:
        """Its value."""

    def turns(self, until: int) -> list[int]:
        """Where it turns."""


def constant(_t: int, *, value: float) -> float:
    """The same at every step."""
    return value


def step(t: int, *, start: float, every: int, factor: float) -> float:
    """Stairs."""
    return float(start * factor ** (t // every))


def exponential(t: int, *, start: float, rate: float, steps: int, staircase: bool) -> float:
    """`start · rate^(t/steps)`."""
    return float(start * rate ** (t // steps if staircase else t / steps))


def piecewise(t: int, *, points: Points) -> float:
    """The value of the last point that was reached."""
    return next(value for at, value in reversed(points) if at <= t)


def linear(t: int, *, start: float, end: float, steps: int) -> float:
    """A straight line, then its end."""
    return end if t >= steps else start + (end - start) * (t / steps)


def cosine(t: int, *, start: float, end: float, steps: int) -> float:
    """Half a cosine, then its end."""
    return end if t >= steps else _between(start, end, t / steps)


def one_cycle(t: int, *, peak: float, steps: int, rise: float, start_factor: float, end_factor: float) -> float:
    """Up and down by half a cosine each, as torch's OneCycleLR."""
    top, last = rise * steps - 1, steps - 1
    start, t = start_factor * peak, min(t, last)
    if t <= top:
        return _between(start, peak, t / top if top > 0 else 1.0)
    return _between(peak, start * end_factor, (t - top) / (last - top))


def warmup(t: int, *, steps: int, start: float, then: Inner) -> float:
    """A straight line up to where another curve begins."""
    return linear(t, start=start, end=then(0), steps=steps) if t < steps else then(t - steps)


def cyclic(t: int, *, low: float, high: float, up: int, down: int, decay: float) -> float:
    """Triangles."""
    cycle, within = divmod(t, up + down)
    share = within / up if within <= up else 1 - (within - up) / down
    return low + (high - low) * share * float(decay**cycle)


def table(t: int, *, values: list[float]) -> float:
    """One value after another, the last one for ever."""
    return values[min(t, len(values) - 1)]


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _cycles(until: int, *, up: int, down: int, **_: float) -> Iterable[int]:
    whole = up + down
    last = until // whole * whole
    return (up, whole, last - down, last, last + up)


CURVES: dict[str, Callable[..., float]] = {
    its.__name__: its
    for its in (constant, step, exponential, piecewise, linear, cosine, one_cycle, warmup, cyclic, table)
}
TURNS: dict[str, Callable[..., Iterable[int]]] = {
    "piecewise": lambda _until, *, points: (at for at, _ in points),
    "one_cycle": lambda _until, *, steps, rise, **_: (math.floor(rise * steps - 1), math.ceil(rise * steps - 1)),
    "warmup": lambda until, *, steps, then, **_: (steps, *(steps + at for at in then.turns(until - steps))),
    "cyclic": _cycles,
    "table": lambda until, *, values: range(min(until + 1, len(values))),
}
"""The steps at which a curve may be lowest or highest, besides the first and the last. The others rise, or fall."""

END: dict[str, Callable[..., int | None]] = {
    "constant": lambda **_: 0,
    "piecewise": lambda *, points: points[-1][0],
    "linear": lambda *, steps, **_: steps,
    "cosine": lambda *, steps, **_: steps,
    "one_cycle": lambda *, steps, **_: steps - 1,
    "warmup": lambda *, steps, then, **_: None if then.length is None else steps + then.length,
    "table": lambda *, values: len(values) - 1,
}
"""The step from which on a curve stays as it is. The others go on for ever."""
Arguments = dict[str, Any]
