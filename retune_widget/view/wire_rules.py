"""What crosses to the browser of rules, and of what stopped a run. `js/wire_rules.ts` mirrors it."""

from typing import Literal, TypedDict


class Incident(TypedDict):
    """What stopped the run, or a batch size that did not fit; `ways`: of `run.recover`, each a button."""

    kind: Literal["not finite", "diverged", "memory"]
    title: str
    facts: list[str]
    samples: list[int]
    node: str | None
    ways: list[str]


class RuledBy(TypedDict):
    """A rule that governs a hyperparameter; `suspended` says why it does not."""

    rule: str
    suspended: str | None
    resumable: bool


class Tab(TypedDict):
    """One panel on the right; `note` stands beside its words."""

    name: str
    label: str
    note: str


class Rule(TypedDict):
    """A rule's card. `by_hand`: a person suspended it; `resumable`: its code is there."""

    name: str
    kind: str
    aim: str
    suspended: str | None
    by_hand: bool
    resumable: bool


class Fired(TypedDict):
    """Where a rule fired, and the node that shows it."""

    step: int
    reason: str
    node: str


class RuleArgument(TypedDict):
    """One field of a form; `optional`: it may stay empty."""

    name: str
    kind: Literal["metric", "hyperparameter", "number", "whole", "choice"]
    required: bool
    optional: bool
    default: str | float | None
    choices: list[str]
    help: str


class RuleForm(TypedDict):
    """A rule that can be added."""

    kind: str
    summary: str
    arguments: list[RuleArgument]


class TrialResult(TypedDict):
    """Where a rule would have fired, in words; the marks are in the chart."""

    aim: str
    text: str
    times: int
