"""Where an axis ends and where its ticks stand: round numbers, so that it holds still while training goes on. Pure."""

import math

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
MANTISSAS = (1.0, 2.0, 5.0)
LOWEST = 1e-3
"""Where an empty logarithmic axis begins."""
MARGIN = 0.06
"""Part of an axis."""
Axis = tuple[float, float, list[float]]


def linear_axis(low: float, high: float, count: int = 5) -> Axis:
    """Low end, high end and about `count` ticks of an axis on which values from low to high have room."""
    if low == high:
        room = abs(low) / 4 or 1.0
        low, high = (low - room if low else 0.0), high + room
    step = _nice((high - low) / count)
    first, last = math.floor(low / step), math.ceil(high / step)
    return first * step, last * step, [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def log_axis(low: float, high: float, count: int = 5) -> Axis:
    """The same with equal ratios; both values above 0."""
    if low == high:
        low, high = low / 3, high * 3
    marks = [
        float(f"{mantissa}e{exponent}")
        for exponent in range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
        for mantissa in MANTISSAS
    ]
    first = max(index for index, mark in enumerate(marks) if mark <= low)
    last = min(index for index, mark in enumerate(marks) if mark >= high)
    within = marks[first : last + 1]
    decades = [mark for mark in within if f"{mark:e}".startswith("1.0")]
    ticks = within if len(within) <= count + 1 or len(decades) < 2 else decades  # noqa: PLR2004  # one is no scale
    every = math.ceil(len(ticks) / (count + 1))
    return within[0], within[-1], ticks[::every]


def with_margin(low: float, high: float, *, log: bool) -> tuple[float, float]:
    """The same ends a little further out, so that a line along one of them is not cut off."""
    if log:
        room = (high / low) ** MARGIN
        return low / room, high * room
    return low - MARGIN * (high - low), high + MARGIN * (high - low)


def _nice(step: float) -> float:
    """The round number that is at least `step`."""
    size = 10.0 ** math.floor(math.log10(step))
    return next(size * nice for nice in STEPS if size * nice >= step * (1 - 1e-9))
