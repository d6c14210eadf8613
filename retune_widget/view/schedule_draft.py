"""What the form for a schedule begins with: the value in force, the steps that are left, the schedule there is."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from retune_widget.engine.hyperparameters import Hyperparameter
from retune_widget.engine.ownership import Curve
from retune_widget.policies.schedule import Schedule
from retune_widget.view.schedule_fields import FIELDS, HELP, WARMUP, Field, summary
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
    """The form for a hyperparameter."""
    now, front = standing.curve, False
    if isinstance(now, Schedule) and now.kind == "warmup":
        front, now = standing.elapsed < now.arguments["steps"], now.arguments["then"]
    at = now.kind if isinstance(now, Schedule) and now.kind in FIELDS else "cosine"
    kept = now.arguments if isinstance(now, Schedule) else {}
    first = first_entries(standing)
    return {
        "kinds": [
            {
                "kind": kind, "help": summary(kind),
                "fields": _filled(fields, first | (_kept(kept) if kind == at else {})),
            }
            for kind, fields in FIELDS.items()
        ],
        "kind": at,
        "warmup": _filled(WARMUP, {"steps": max(1, standing.steps // 20), "start": max(0.0, standing.its.least)}),
        "warms_up": front,
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


def _kept(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What an edited schedule keeps; it begins anew from the value in force, and ends where it would have."""
    return {name: its for name, its in arguments.items() if name not in {"start", "value", "steps", "points"}}


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


def _text(value: float) -> str:
    """A number to be edited: `1e-3`, `0.05`, `1500`; six digits."""
    text = f"{value:.6g}" if abs(value) < 1e6 else f"{value:.10g}"  # noqa: PLR2004  # steps may be many
    if value and abs(value) < 0.01:  # noqa: PLR2004  # as the controls show it
        text = f"{value:.5e}"
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}" if e else text
