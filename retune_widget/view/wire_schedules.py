"""What crosses to the browser of schedules. `js/wire_schedules.ts` mirrors it; a test compares the two."""

from typing import Literal, TypedDict

Entry = str | bool
"""What stands in a field: text as it was typed, or a box that is ticked."""

INTENTS = frozenset({"draft_schedule", "preview_schedule", "schedule", "unschedule", "hold", "release"})
"""The kinds of messages about schedules."""


class Governed(TypedDict):
    """Who decides a value. `ours`: a schedule that can be taken away, not a torch scheduler; `title`: all of it."""

    name: str
    mode: Literal["scale", "hold"]
    scale: float
    text: str
    title: str
    ours: bool


class ScheduleField(TypedDict):
    """One argument of a schedule, with what stands in its field at first."""

    name: str
    label: str
    kind: Literal["number", "whole", "switch", "points"]
    entry: Entry
    help: str


class ScheduleKind(TypedDict):
    """One kind of schedule."""

    kind: str
    help: str
    fields: list[ScheduleField]


class ScheduleDraft(TypedDict):
    """What the form of a hyperparameter begins with. `warmup`: the fields of a warm-up in front."""

    kinds: list[ScheduleKind]
    kind: str
    warmup: list[ScheduleField]
    warms_up: bool


class SchedulePreview(TypedDict):
    """The values to come: `values[i]` is used after `steps[i]` steps. `log`: drawn on a logarithmic scale."""

    steps: list[int]
    values: list[float]
    log: bool
    text: str


class ScheduleForm(TypedDict):
    """A form as it was filled in; no warm-up: None."""

    kind: str
    entries: dict[str, Entry]
    warmup: dict[str, Entry] | None
