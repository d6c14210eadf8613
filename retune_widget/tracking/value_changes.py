"""What was changed at a node: values, and who decides them; in words too."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Value = float | int | bool
ChangedValue = tuple[Any, ...]
"""Key, old, new, notice; and where somebody else decides: the ownership before, after, and in words."""
PLAIN = 0.01, 100_000
"""Sizes that are written without an exponent."""


@dataclass(frozen=True, slots=True)
class Governing:
    """What a change says of who decides the value: `run.schedule`, `hold`, `release`, or a value under a schedule.

    Attributes:
        before, after: the ownership as JSON; None: nobody but the person.
        text: in words: `cosine(1e-3 → 1e-5, 3000)`, `×0.5 of cosine`; empty: nobody else decides any more.
    """

    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    text: str

    @property
    def brief(self) -> str:
        """The same without numbers that make it long: `~ cosine`, `×0.33 of cosine`, `held at 3e-4`."""
        after = self.after or {}
        if after.get("held") is not None:
            return f"held at {short(after['held'])}"
        if self.text.startswith("×") and after.get("scale") is not None:
            return f"×{factor(after['scale'])} of {self.text.partition(' of ')[2]}"
        return f"~ {_name(self.text)}" if "(" in self.text else self.text


@dataclass(frozen=True, slots=True)
class ValueChange:
    """One hyperparameter's value before and after a change; `notice` says what the person should know."""

    key: str
    old: Value
    new: Value
    notice: str | None = None
    governing: Governing | None = None

    @classmethod
    def from_record(cls, record: Sequence[Any]) -> "ValueChange":
        """The change that was kept as plain data."""
        key, old, new, notice, *more = record
        return cls(key, old, new, notice, Governing(*more[0]) if more else None)

    @property
    def governed(self) -> str | None:
        """Who decides the value from then on, in words; None: nobody did, or does."""
        return (self.governing.text or None) if self.governing is not None else None

    def record(self) -> ChangedValue:
        """The change as plain data."""
        plain = self.key, self.old, self.new, self.notice
        if self.governing is None:
            return plain
        return *plain, (self.governing.before, self.governing.after, self.governing.text)

    def then(self, later: "ValueChange") -> "ValueChange | None":
        """This and another change of the same key as one: from the first old value to the last new one.

        None: they cancel each other.
        """
        shifts = [its.governing for its in (self, later) if its.governing is not None]
        before, after = shifts[0].before if shifts else None, later.governing.after if later.governing else None
        if self.old == later.new and before == after:
            return None
        governed = before is not None or after is not None
        text = later.governing.text if later.governing else ""
        governing = Governing(before, after, text) if governed else None
        return ValueChange(self.key, self.old, later.new, later.notice, governing)


def _name(text: str) -> str:
    """`warmup(100, then cosine(0.1 → 0, 900))` in a word or two."""
    kind, _, inner = text.partition("(")
    return f"warmup + {_name(inner.partition('then ')[2])}" if kind == "warmup" else kind


def brief_label(changes: tuple[ValueChange, ...]) -> str:
    """`lr ~ cosine, momentum 0→0.9`: the changes where there is little room."""
    return ", ".join(
        f"{its.key} {its.governing.brief}" if its.governing is not None and its.governing.text else _label(its)
        for its in changes
    )


def change_label(changes: tuple[ValueChange, ...]) -> str:
    """`lr 0.01→0.003, momentum 0→0.9`: the changes in a few characters."""
    return ", ".join(_label(its) for its in changes)


def _label(its: ValueChange) -> str:
    if its.governing is not None and its.governing.text:
        return f"{its.key}: {its.governing.text}"
    return f"{its.key} {short(its.old)}→{short(its.new)}"


def factor(scale: float) -> str:
    """The factor on a schedule, as one on which a slider stands: `1.0`, `0.50`, `0.33`, `12`, `3.2e-4`."""
    rounded = float(f"{scale:.2g}")
    return f"{rounded:#.2g}" if PLAIN[0] <= abs(rounded) < 10 else short(rounded)  # noqa: PLR2004  # two digits


def short(value: Value) -> str:
    """A number as a person would write it: `1e-3`, `0.05`, `64`, `on`."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int):
        return str(value)
    if value and math.isfinite(value) and not PLAIN[0] <= abs(value) < PLAIN[1]:
        mantissa, exponent = f"{value:.3e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"{value:.4g}"
