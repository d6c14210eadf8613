"""Schedules: pure functions from a step to a value, for any hyperparameter.

Step 0 is the step at which a schedule is set. A schedule is data: checkpoints keep its name and its numbers.

    run.schedule("lr", rt.schedules.warmup(100, rt.schedules.cosine(1e-3, 1e-5, steps=3000)))
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch.optim import lr_scheduler

from retune_widget.engine.schedulers import tabulate
from retune_widget.errors import ScheduleError
from retune_widget.policies.schedule import Schedule

__all__ = [
    "constant",
    "cosine",
    "cyclic",
    "exponential",
    "from_record",
    "from_torch",
    "linear",
    "one_cycle",
    "piecewise",
    "step",
    "table",
    "warmup",
]


LONGEST = 2**53
"""Steps beyond this are no longer told apart as floats."""


def constant(value: float) -> Schedule:
    """The same value at every step."""
    return Schedule("constant", {"value": _finite("value", value)})


def step(start: float, *, every: int, factor: float) -> Schedule:
    """Multiplied by `factor` after every `every` steps."""
    return Schedule(
        "step",
        {"start": _finite("start", start), "every": _count("every", every), "factor": _positive("factor", factor)},
    )


def exponential(start: float, rate: float, steps: int, *, staircase: bool = False) -> Schedule:
    """`start · rate^(t/steps)`; with `staircase` the exponent is rounded down, so it falls every `steps` steps."""
    return Schedule(
        "exponential",
        {
            "start": _finite("start", start), "rate": _positive("rate", rate), "steps": _count("steps", steps),
            "staircase": bool(staircase),
        },
    )  # fmt: skip


def piecewise(values: Mapping[int, float]) -> Schedule:
    """Each value from its step on, the first at step 0.

    `piecewise({0: 0.1, 1000: 0.01})` falls once.
    """
    if 0 not in values or any(type(at) is not int or at < 0 for at in values):
        raise ScheduleError("piecewise needs a value for each of some whole steps, step 0 among them: {0: 0.1, …}.")
    points = [[at, _finite(f"the value at {at}", values[at])] for at in sorted(values)]
    return Schedule("piecewise", {"points": points})


def linear(start: float, end: float, steps: int) -> Schedule:
    """A straight line from `start` to `end` in `steps` steps, then `end`."""
    return Schedule("linear", _span(start, end, steps))


def cosine(start: float, end: float, steps: int) -> Schedule:
    """Half a cosine from `start` to `end` in `steps` steps, then `end`.

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017.
    """
    return Schedule("cosine", _span(start, end, steps))


def one_cycle(
    peak: float, steps: int, *, rise: float = 0.3, start_factor: float = 1 / 25, end_factor: float = 1e-4
) -> Schedule:
    """From `start_factor · peak` up to `peak` in a share `rise` of the steps, then down to `end_factor` of the start.

    Source: Smith and Topin, "Super-Convergence", 2018; the shape is that of torch's OneCycleLR.
    """
    if not 0 < _finite("rise", rise) < 1:
        raise ScheduleError(f"rise must be between 0 and 1: {rise}.")
    return Schedule(
        "one_cycle",
        {
            "peak": _finite("peak", peak), "steps": _count("steps", steps), "rise": float(rise),
            "start_factor": _finite("start_factor", start_factor), "end_factor": _finite("end_factor", end_factor),
        },
    )  # fmt: skip


def warmup(steps: int, then: Schedule, *, start: float = 0.0) -> Schedule:
    """A straight line from `start` to the first value of `then` in `steps` steps, then that schedule from there."""
    if not isinstance(then, Schedule):
        raise ScheduleError(f"warmup needs the schedule that follows, not {then!r}.")
    _span(start, then(0), steps)
    return Schedule("warmup", {"steps": _count("steps", steps), "start": _finite("start", start), "then": then})


def cyclic(low: float, high: float, up: int, down: int | None = None, *, decay: float = 1.0) -> Schedule:
    """Up from `low` to `high` in `up` steps, down again in `down`, and so on, each cycle `decay` times as high.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017.
    """
    _span(low, high, 1)
    return Schedule(
        "cyclic",
        {
            "low": _finite("low", low), "high": _finite("high", high), "up": _count("up", up),
            "down": _count("down", up if down is None else down), "decay": _positive("decay", decay),
        },
    )  # fmt: skip


def table(values: Iterable[float]) -> Schedule:
    """One value a step, the last one for ever: for a function of your own, `table(f(t) for t in range(1000))`."""
    listed = [_finite("each value", value) for value in values]
    if not listed:
        raise ScheduleError("A table needs at least one value.")
    return Schedule("table", {"values": listed})


def from_torch(
    scheduler: lr_scheduler.LRScheduler, steps: int, *, group: int = 0, field: str = "lr", element: int | None = None
) -> Schedule:
    """The values that a torch LR scheduler would give in the next `steps` steps, as a table.

    A copy is run on an optimizer made up for it: the scheduler and its optimizer are left as they are.

    Args:
        scheduler: where it stands now is step 0.
        steps: how many values, the one in force now among them; fewer where the scheduler ends before.
        group: the number of the param group.
        field: what is read there: `lr`, or `momentum` or `betas` under a scheduler that cycles them.
        element: of a tuple: 0 for `betas[0]`.

    Raises:
        ScheduleError: it follows a metric, or is none; or there is no such field.
    """
    if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
        raise ScheduleError(
            "ReduceLROnPlateau follows a metric, so its values are not known ahead. Pass it as Run(scheduler=…) and "
            "step it in your own step=."
        )
    if not isinstance(scheduler, lr_scheduler.LRScheduler):
        raise ScheduleError(f"from_torch needs a scheduler of torch.optim.lr_scheduler, not {scheduler!r}.")
    try:
        values = tabulate(scheduler, _count("steps", steps), group, field, element)
    except (KeyError, IndexError, TypeError) as error:
        raise ScheduleError(f"The optimizer has no number {field!r} in group {group}: {error!r}.") from error
    return table(values)


def from_record(record: Mapping[str, Any]) -> Schedule:
    """The schedule that was kept as JSON.

    Raises:
        ScheduleError: it is none that this version knows.
    """
    try:
        arguments = {str(name): value for name, value in record.items() if name != "kind"}
        return _again(record["kind"], arguments)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ScheduleError(f"This is no schedule that this version knows: {str(record)[:200]}") from error


def _again(kind: str, arguments: dict[str, Any]) -> Schedule:
    match kind:
        case "piecewise":
            return piecewise({int(at): value for at, value in arguments["points"]})
        case "warmup":
            return warmup(arguments["steps"], from_record(arguments["then"]), start=arguments["start"])
    return _MAKERS[kind](**arguments)


_MAKERS: dict[str, Callable[..., Schedule]] = {
    "constant": constant, "step": step, "exponential": exponential, "linear": linear, "cosine": cosine,
    "one_cycle": one_cycle, "cyclic": cyclic, "table": table,
}  # fmt: skip
"""Those that take what they keep."""


def _finite(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ScheduleError(f"{name} must be a finite number, not {value!r}.")
    return float(value)


def _positive(name: str, value: Any) -> float:
    if _finite(name, value) <= 0:
        raise ScheduleError(f"{name} must be above 0: {value}.")
    return float(value)


def _count(name: str, value: Any) -> int:
    if type(value) is not int or not 1 <= value <= LONGEST:
        raise ScheduleError(f"{name} must be a whole number of at least 1, not {str(value)[:50]}.")
    return value


def _span(start: float, end: float, steps: int) -> dict[str, Any]:
    _finite("the distance from start to end", _finite("end", end) - _finite("start", start))
    return {"start": _finite("start", start), "end": _finite("end", end), "steps": _count("steps", steps)}
