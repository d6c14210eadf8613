"""The kinds of schedules and their fields, out of the signatures of `schedules`; and a form back into a schedule."""

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from types import UnionType
from typing import Any, Literal, get_args

from retune_widget.errors import ScheduleError
from retune_widget.policies import schedules
from retune_widget.policies.schedule import Schedule
from retune_widget.view.wire_schedules import Entry, ScheduleForm

FieldKind = Literal["number", "whole", "switch", "points"]
KINDS = ("cosine", "linear", "exponential", "step", "piecewise", "one_cycle", "cyclic", "constant")
"""In the order of the menu. `table` and `from_torch` need Python."""
POINTS = "step: value, with commas between; the first at step 0"
HELP = {
    "start": "the value at first", "end": "the value at last", "steps": "in how many steps",
    "value": "the value at every step", "rate": "what it is multiplied by in all the steps together",
    "staircase": "in jumps, one every so many steps", "every": "steps between two jumps",
    "factor": "what each jump multiplies it by", "values": POINTS, "peak": "the highest value",
    "rise": "the part of the steps until the peak, between 0 and 1",
    "start_factor": "it starts at the peak times this", "end_factor": "and ends at the start times this",
    "low": "the lowest value", "high": "the highest value", "up": "steps from low to high",
    "down": "steps back down; empty: as many as up", "decay": "each cycle is so many times as high as the one before",
}  # fmt: skip
COUNT = re.compile(r"\d{1,3}(,\d{3})+")
"""A whole number as steps are shown, `1,000`. Elsewhere a comma is refused: `1,5` is two numbers to two readers."""
COUNT_OF_POINT = re.compile(rf"((?:^|,)\s*)({COUNT.pattern})(?=\s*:)")
LONGEST_TEXT = 100_000
"""Characters in a field; some thousand points."""


class Field:
    """One argument.

    Attributes:
        name: the argument's.
        kind: what it takes.
        default: of the signature; None: it has none, or may be left empty.
        optional: whether it may be left empty.
    """

    def __init__(self, argument: inspect.Parameter) -> None:
        types = get_args(argument.annotation) if isinstance(argument.annotation, UnionType) else (argument.annotation,)
        kinds: dict[Any, FieldKind] = {bool: "switch", int: "whole", float: "number"}
        self.name = argument.name
        self.kind: FieldKind = next((kinds[its] for its in types if its in kinds), "points")
        self.default = None if argument.default is argument.empty else argument.default
        self.optional = type(None) in types

    @property
    def label(self) -> str:
        """Its name as a person reads it."""
        return self.name.replace("_", " ")

    def parsed(self, entry: object) -> Any:
        """What was filled in, as the schedule takes it.

        Raises:
            ScheduleError: it is no number, or none of its kind.
        """
        if self.kind == "switch":
            return entry is True
        text = entry.strip() if isinstance(entry, str) else ""
        if len(text) > LONGEST_TEXT:
            raise ScheduleError(
                f"{self.label} has {len(text):,} characters, and {LONGEST_TEXT:,} at most fit: run.schedule takes more."
            )
        if not text and self.optional:
            return None
        if not text:
            raise ScheduleError(f"{self.label} is empty.")
        return _points(text) if self.kind == "points" else _number(self.label, text, whole=self.kind == "whole")


def fields_of(make: Callable[..., Schedule]) -> list[Field]:
    """The arguments of a schedule, but for a schedule that follows it."""
    arguments = inspect.signature(make).parameters.values()
    return [Field(its) for its in arguments if its.annotation is not Schedule]


FIELDS = {kind: fields_of(getattr(schedules, kind)) for kind in KINDS}
WARMUP = fields_of(schedules.warmup)


def summary(kind: str) -> str:
    """What a kind of schedule does, in one sentence; names of arguments are in backticks."""
    return (inspect.getdoc(getattr(schedules, kind)) or "").partition("\n\n")[0].replace("\n", " ")


def schedule_of(form: ScheduleForm) -> Schedule:
    """The schedule that was filled in.

    Raises:
        ScheduleError: a field is wrong, or there is no such kind.
    """
    kind, entries, front = (form.get(name) for name in ("kind", "entries", "warmup"))
    if (
        not isinstance(kind, str)
        or kind not in FIELDS
        or not isinstance(entries, Mapping)
        or not isinstance(front, Mapping | None)
    ):
        raise ScheduleError(f"There is no schedule of the kind {kind!r}: reload the page if the package was updated.")
    schedule = _called(getattr(schedules, kind), FIELDS[kind], entries)
    if front is None:
        return schedule
    return _called(lambda **its: schedules.warmup(then=schedule, **its), WARMUP, front, "warm-up: ")


def _called(
    make: Callable[..., Schedule], fields: Iterable[Field], entries: Mapping[str, Entry], where: str = ""
) -> Schedule:
    try:
        return make(**{its.name: its.parsed(entries.get(its.name)) for its in fields})
    except ScheduleError as error:
        raise ScheduleError(f"{where}{error}") from error


def _number(label: str, text: str, *, whole: bool) -> int | float:
    plain = text.replace(",", "") if whole and COUNT.fullmatch(text) else text
    try:
        number = float(plain.replace("−", "-"))
    except ValueError as error:
        raise ScheduleError(f"{label}: “{text[:24]}” is not a number.") from error
    if not whole:
        return number
    if not math.isfinite(number) or not number.is_integer():
        raise ScheduleError(f"{label} must be a whole number, not {text[:24]}.")
    return int(number)


def _points(text: str) -> dict[int, float]:
    points: dict[int, float] = {}
    text = COUNT_OF_POINT.sub(lambda found: found[1] + found[2].replace(",", ""), text)
    for part in text.strip(", ").split(","):
        at, colon, value = part.partition(":")
        if not colon:
            raise ScheduleError(f"“{part.strip()[:24]}” has no colon: write {POINTS}.")
        step = int(_number("a step", at.strip(), whole=True))
        if step in points:
            raise ScheduleError(f"Step {step:,} has two values.")
        points[step] = float(_number("a value", value.strip(), whole=False))
    return points
