"""Everything that crosses to the browser, and how numbers do. `js/wire.ts` mirrors it; a test compares the two."""

import math
from typing import Any, Literal, TypedDict

from retune_widget.view import wire_schedules
from retune_widget.view.wire_rules import Incident

Cause = Literal["start", "change", "manual", "interval", "best", "policy"]
CheckpointStatus = Literal["saving", "saved", "not saved", "evicted"]
MetricValue = float | str
HyperparameterValue = float | int | bool

INTENTS = frozenset({
    "start", "pause", "stop", "step", "undo", "checkpoint", "set", "restore", "branch", "rename", "note",
    "delete_branch", "verify", "pin", "evict", "dismiss_error", "reset_zoom",
    "add_rule", "try_rule", "forget_trial", "suspend_rule", "resume_rule", "remove_rule", "recover", "select",
    "dismiss_incident",
}) | wire_schedules.INTENTS  # fmt: skip
"""The kinds of messages that come from the browser; each is answered."""


class RunError(TypedDict):
    """What the training step raised."""

    summary: str
    traceback: str


class Checkpoint(TypedDict):
    """Where a node's state is. `reason`: why it is not saved; `bytes`: what it added to the store."""

    status: CheckpointStatus
    reason: str | None
    bytes: int


class Busy(TypedDict):
    """What is being carried out that takes a while; `text` is ready to show, pausing gives up what is cancellable."""

    node: str | None
    text: str
    cancellable: bool


class Verdict(TypedDict):
    """What came of training the way to a node again; `text` says what was compared, or what differs."""

    equal: bool
    text: str


class Disk(TypedDict):
    """What the checkpoints take in their store; no budget: no limit."""

    bytes: int
    budget: int | None


class Status(TypedDict):
    """What the toolbar shows. `eta_seconds` and `steps_per_second` are null while nothing is trained."""

    status: str
    branch: str
    step: int
    epoch: int
    total_steps: int | None
    steps_per_second: float | None
    eta_seconds: float | None
    error: RunError | None
    incident: Incident | None
    notices: list[str]
    can_undo: bool
    busy: Busy | None


class Saved(TypedDict):
    """What stands above a run that is only looked at; `resume` is the line of Python that goes on with it."""

    path: str
    branch: str
    step: int
    epoch: int
    following: bool
    resume: str
    problem: str | None


class Hyperparameter(TypedDict):
    """One control. `zero`: a logarithmic slider whose left end is exactly 0."""

    key: str
    label: str
    group: str
    kind: str
    scale: str
    low: float
    high: float
    help: str
    zero: bool


class Mark(TypedDict):
    """What became of the last value that was asked for; `text` is ready to show."""

    state: Literal["asked", "applied", "refused"]
    value: HyperparameterValue | None
    step: int | None
    text: str


class LegendEntry(TypedDict):
    """A branch that is drawn."""

    id: str
    name: str
    colour: str
    head: bool


class TreeBranch(TypedDict):
    """A line of the tree; `stopped` says why it went no further."""

    id: str
    name: str
    colour: str
    fork: str | None
    fork_step: int
    tip_step: int
    stopped: str | None


class Change(TypedDict):
    """A hyperparameter's value before and after; `governed`: what became of its schedule, in words."""

    key: str
    old: HyperparameterValue | None
    new: HyperparameterValue | None
    governed: str | None


class TreeNode(TypedDict):
    """A node of the tree, with what hovering shows; `rule`: the one that made it."""

    id: str
    branch: str
    step: int
    epoch: int
    parent: str | None
    cause: Cause
    label: str
    exact: bool
    checkpoint: Checkpoint
    pinned: bool
    note: str
    metrics: dict[str, MetricValue]
    values: dict[str, HyperparameterValue]
    changes: list[Change]
    rule: str | None


class Head(TypedDict):
    """Where the run is; sent often, so it is small."""

    branch: str
    step: int
    node: str | None
    running: bool


class DetailMetric(TypedDict):
    """A metric at a node; `delta` is against the node's parent, `better` is null where no direction is known."""

    name: str
    value: MetricValue
    delta: float | None
    better: bool | None


class DetailValue(TypedDict):
    """A hyperparameter in a node's state."""

    key: str
    value: HyperparameterValue


class DetailChange(Change):
    """A change at a node, with what the person should know of it."""

    notice: str | None


class DetailNode(TypedDict):
    """The selected node. `rebuilding`: what restoring it takes, where its checkpoint was freed; `rule`: its maker."""

    id: str
    branch_name: str
    branch: str
    step: int
    epoch: int
    cause: Cause
    label: str
    note: str
    exact: bool
    why: str | None
    digest: str | None
    checkpoint: Checkpoint
    rebuilding: str | None
    pinned: bool
    verdict: Verdict | None
    busy: str | None
    created: str
    is_head: bool
    is_root: bool
    metrics: list[DetailMetric]
    values: list[DetailValue]
    changes: list[DetailChange]
    rule: str | None


class Refusal(TypedDict):
    """The answer to an intent that was not carried out."""

    id: str
    ok: Literal[False]
    error: str


class Consent(TypedDict):
    """The answer to an intent that was carried out."""

    id: str
    ok: Literal[True]
    text: str


class Found(Consent):
    """The answer to a question, with what was asked for."""

    found: dict[str, Any]


def number(value: float) -> MetricValue:
    """A float as JSON can hold it: NaN and the infinities become their names in JavaScript."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
