"""What the form for a schedule begins with: the schedule there is, or the value in force and what steps are left."""

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any, NamedTuple

from retune_widget.engine.hyperparameters import Hyperparameter
from retune_widget.engine.ownership import Curve
from retune_widget.policies.schedule import Schedule
from retune_widget.view.schedule_fields import FIELDS, HELP, LONGEST_TEXT, WARMUP, Field, summary
from retune_widget.view.wire_schedules import Entry, ScheduleDraft, ScheduleField

UNPLANNED = 1000
"""Steps of a schedule where nobody knows how long the run will be."""


class Standing(NamedTuple):
    """Where a hyperparameter stands.

    Attributes:
        its: the hyperparameter.
        left: steps of the planned run that are left; None: not known.
        curve: the schedule of ours that decides it, or None.
        elapsed: steps since that was set.
    """

    its: Hyperparameter
    left: int | None
    curve: Curve | None
    elapsed: int

    @property
    def steps(self) -> int:
        """How many steps a new schedule should take: to the end of the one there is, or of the run."""
        length = None if self.curve is None else self.curve.length
        if length is not None and length > self.elapsed:
            return length - self.elapsed
        return self.left or UNPLANNED


def draft(standing: Standing) -> ScheduleDraft:
    """The form for a hyperparameter: the schedule that it follows, exactly; the other kinds with what is likely."""
    at, kept, front = _filled_in(standing.curve)
    first = first_entries(standing)
    warmup: Mapping[str, Any] = front or {"steps": max(1, standing.steps // 20), "start": max(0.0, standing.its.least)}
    return {
        "kinds": [
            {
                "kind": kind, "help": summary(kind),
                "fields": _filled(fields, first | (kept if kind == at else {})),
            }
            for kind, fields in FIELDS.items()
        ],
        "kind": at,
        "warmup": _filled(WARMUP, warmup),
        "warms_up": front is not None,
    }  # fmt: skip


def first_entries(standing: Standing) -> dict[str, Any]:
    """A likely value for each argument by its name; those that are missing have a default in the signature."""
    its, steps = standing.its, standing.steps
    value, other = float(its.value), _other_end(its)
    high, low = max(value, other), min(value, other)
    rate = 0.1 if other < value or not value else other / value
    half = value + (other - value) / 2 if its.scale == "linear" else _middle(value, other)
    return {
        "value": value, "start": value, "end": other, "steps": steps, "rate": rate, "every": max(1, steps // 3),
        "factor": 0.1 if other < value else 2.0, "peak": high, "low": low, "high": high, "up": max(1, steps // 10),
        **({"start_factor": max(1 / 25, its.least / high), "end_factor": 1.0} if its.kind == "int" else {}),
        "values": f"0: {_text(value)}, {max(1, steps // 2)}: {_text(round(half) if its.kind == 'int' else half)}",
    }  # fmt: skip


def _other_end(its: Hyperparameter) -> float:
    """Where a schedule that begins at the value in force may go: down as a rule, up from 0 and for whole numbers."""
    value = float(its.value)
    if its.kind == "int":
        return float(min(4 * max(value, 1.0), its.most)) if 2 * value <= its.most else max(its.least, value // 4)
    if not value:
        return its.high / 10
    if its.scale == "one_minus_log":
        return max(0.0, 1 - 1.5 * (1 - value))
    return value / 100 if its.scale == "log" else max(its.low, 0.0) if value > its.low else its.high


def _middle(one: float, other: float) -> float:
    return float((one * other) ** 0.5) if one > 0 and other > 0 else (one + other) / 2


def _filled_in(curve: Curve | None) -> tuple[str, dict[str, Entry], dict[str, Entry] | None]:
    """The kind, the entries and the warm-up of a schedule; a cosine without any where a form cannot show it."""
    front, now = None, curve
    if isinstance(now, Schedule) and now.kind == "warmup":
        front, now = _exact({name: its for name, its in now.arguments.items() if name != "then"}), now.arguments["then"]
    if not isinstance(now, Schedule) or now.kind not in FIELDS:
        return "cosine", {}, None
    kept = _exact(now.arguments)
    if any(isinstance(its, str) and len(its) > LONGEST_TEXT for its in kept.values()):
        return "cosine", {}, None
    return now.kind, kept, front


def _exact(arguments: Mapping[str, Any]) -> dict[str, Entry]:
    """Entries from which just these arguments are read again."""
    entries: dict[str, Entry] = {}
    for name, its in arguments.items():
        if name == "points":
            entries["values"] = ", ".join(f"{at}: {_exact_text(value)}" for at, value in its)
        else:
            entries[name] = its if isinstance(its, bool) else _exact_text(its)
    return entries


def _exact_text(value: float) -> str:
    """The shortest text, of six digits or more, that is read as just this number."""
    return next(text for digits in count(6) if float(text := _text(value, digits)) == value)


def _filled(fields: Iterable[Field], entries: Mapping[str, Any]) -> list[ScheduleField]:
    return [
        {
            "name": its.name, "label": its.label, "kind": its.kind, "help": HELP[its.name],
            "entry": _entry(its, entries.get(its.name, its.default)),
        }
        for its in fields
    ]  # fmt: skip


def _entry(field: Field, value: Any) -> Entry:
    if field.kind == "switch":
        return bool(value)
    return value if isinstance(value, str) else "" if value is None else _text(value)


def _text(value: float, digits: int = 6) -> str:
    """A number to be edited: `1e-3`, `0.05`, `1500`; steps may be many."""
    text = f"{value:.{digits}g}" if abs(value) < 1e6 else f"{value:.{max(digits, 10)}g}"  # noqa: PLR2004
    if value and abs(value) < 0.01:  # noqa: PLR2004  # as the controls show it
        text = f"{value:.{digits - 1}e}"
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}" if e else text
