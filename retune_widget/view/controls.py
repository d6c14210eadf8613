"""The controls: a slider and an exact field for each hyperparameter, and what became of what was asked."""

from collections.abc import Mapping
from typing import Any

import traitlets

from retune_widget.engine.governors import Governed
from retune_widget.engine.hyperparameters import Hyperparameter, Value
from retune_widget.policies.action import full_keys
from retune_widget.run import Run
from retune_widget.tracking.changes import Change
from retune_widget.tracking.value_changes import ValueChange, factor, short
from retune_widget.view import access, wire, wire_rules, wire_schedules
from retune_widget.view.bundles import bundle
from retune_widget.view.firings import PREFIX
from retune_widget.view.part import Part, sync_dict
from retune_widget.view.state import ViewState

OFF_AT_ZERO = frozenset({"weight_decay", "lr_decay", "momentum_decay"})
"""Fields on a logarithmic scale for which 0 is the usual way to switch them off."""
CLIPPED, RECENT = "train/clipped", 300
"""The steps of which the part that was clipped is shown."""
DECADES = 1e-6
"""How far below its upper end a logarithmic slider begins when its lower end is 0."""


class Controls(Part):
    """The part on the left."""

    _esm = bundle("controls.js")
    hyperparameters = traitlets.List(traitlets.Dict()).tag(sync=True)
    values = sync_dict()
    marks = sync_dict()
    ruled = sync_dict()
    governed = sync_dict()
    notes = sync_dict()

    def __init__(self, **layout: str) -> None:
        """`layout`: fields of its `ipywidgets.Layout`."""
        super().__init__(**layout)
        self._reaching_zero: set[str] = set()

    def update(self, run: Run, state: ViewState) -> None:
        """Show the values in force, unless the run is being moved just now."""
        traits: dict[str, Any] = {}
        if state.busy is None:
            shown = {k: h for k, h in run.hyperparameters.items() if not h.takes_effect.startswith("never")}
            values = {key: hyperparameter.value for key, hyperparameter in shown.items()}
            self._reaching_zero |= {key for key, value in values.items() if value == 0}
            traits["hyperparameters"] = [describe(its, key in self._reaching_zero) for key, its in shown.items()]
            traits["values"] = values
            traits["governed"] = {key: dict(describe_governed(run, key, its)) for key, its in run.governed.items()}
            traits["notes"] = notes_of(run, values)
        note_changes(run, state)
        self.show(**traits, marks=dict(state.marks), ruled=ruled_by(run))


def describe(hyperparameter: Hyperparameter, reaches_zero: bool = False) -> wire.Hyperparameter:
    """A hyperparameter as a control; `reaches_zero`: it has been exactly 0, so its slider keeps a place for that."""
    place, key = hyperparameter.place, hyperparameter.key
    group, label, low, zero = hyperparameter.group, key, hyperparameter.low, False
    if hyperparameter.section == "own":
        group = "Registered"
    if place is not None:
        label = place.field if place.element is None else f"{place.field}[{place.element}]"
    if hyperparameter.scale == "log":
        zero = low <= 0 or reaches_zero or (place is not None and place.field in OFF_AT_ZERO)
        low = low if low > 0 else hyperparameter.high * DECADES
    return {
        "key": key,
        "label": label,
        "group": group,
        "kind": hyperparameter.kind,
        "scale": hyperparameter.scale,
        "low": low,
        "high": hyperparameter.high,
        "help": f"{hyperparameter.help} Used {used(hyperparameter.takes_effect)}.",
        "zero": zero,
    }


def used(effect: str) -> str:
    """When a new value is used, as the help ends."""
    return "from the next step on" if effect == "at the next step" else effect


def describe_governed(run: Run, key: str, governed: Governed) -> wire_schedules.Governed:
    """Who decides a value, as it stands below its slider."""
    held = f"held at {short(governed.value)} ({governed.name})"
    return {
        "name": governed.name,
        "mode": governed.mode,
        "scale": governed.scale,
        "text": held if governed.mode == "hold" else f"×{factor(governed.scale)} of {governed.name}",
        "title": str(governed),
        "ours": access.has_schedule(run, key),
    }


def notes_of(run: Run, values: Mapping[str, Value]) -> dict[str, str]:
    """What the last steps say of a value: `12 % of steps clipped`."""
    if not values.get("grad_clip"):
        return {}
    clipped = access.history(run).last(run.tree.path(run.tree.branch(run.head.branch)), CLIPPED, RECENT)
    if not len(clipped):
        return {}
    return {"grad_clip": f"{100 * clipped.mean():.0f} % of steps clipped"}


def asked(value: Value | None = None, what: str = "") -> wire.Mark:
    """A value, or what else is in words, is on its way to the next step boundary."""
    return {"state": "asked", "value": value, "step": None, "text": f"asked {what or short(value or 0)} …"}


def applied(key: str, value: Value | None, change: Change) -> wire.Mark:
    """A value was acknowledged, with the first step that uses it and what else there is to know.

    Who decides it from then on is not said again: it stands below the slider.
    """
    mine = [part for part in change.values if part.key == key] or list(change.values[:1])  # of one it stands for
    if not mine:
        return {"state": "applied", "value": value, "step": None, "text": "already in force"}
    said = (text for part in mine for text in (no_longer(part), part.notice) if text)
    texts = [f"used from step {change.used_from:,}", *said]
    return {"state": "applied", "value": mine[0].new, "step": change.used_from, "text": " · ".join(texts)}


def no_longer(part: ValueChange) -> str:
    """Who decided the value before and does no more, or nothing."""
    return part.governing.text if part.governing is not None and part.governing.after is None else ""


def refused(value: Value | None, error: BaseException) -> wire.Mark:
    """A value was not taken; training goes on with the old one."""
    return {"state": "refused", "value": value, "step": None, "text": str(error)}


def ruled_by(run: Run) -> dict[str, list[wire_rules.RuledBy]]:
    """The rules that move each hyperparameter, those that are suspended too."""
    found: dict[str, list[wire_rules.RuledBy]] = {}
    for its in run.policies:
        for full in dict.fromkeys(full for key in its.keys for full in full_keys(key, run.hyperparameters)):
            by: wire_rules.RuledBy = {"rule": its.name, "suspended": its.suspended, "resumable": its.policy is not None}
            found.setdefault(full, []).append(by)
    return found


def note_changes(run: Run, state: ViewState) -> None:
    """Mark what was changed from elsewhere, by `run.set` in a cell or by a rule, on the branch that is trained."""
    here = run.tree.branch(run.head.branch).id
    if state.branch not in {None, here}:
        state.forget_marks()
    state.branch = here
    changes = access.changes(run)
    new, state.changes_seen = changes[state.changes_seen :], len(changes)
    for record in new:
        if record["branch"] != here or isinstance(record["new"], str):  # of a rule
            continue
        mark, first = state.marks.get(record["key"]), record["step"] + 1
        if mark is None or mark["step"] != first or mark["value"] != record["new"]:
            by = "" if record["author"] == "user" else f" · {record['author'].removeprefix(PREFIX)}"
            state.mark(
                record["key"],
                {"state": "applied", "value": record["new"], "step": first, "text": f"used from step {first:,}{by}"},
            )
