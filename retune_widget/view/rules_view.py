"""The rules: a card for each, and a form for a new one."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import traitlets

from retune_widget.policies.active import PolicyStatus
from retune_widget.policies.catalogue import Form, forms
from retune_widget.policies.own_code import said_of
from retune_widget.view import wire_rules
from retune_widget.view.bundles import bundle
from retune_widget.view.firings import finder
from retune_widget.view.outlook import Outlook
from retune_widget.view.part import Part, sync_dict

if TYPE_CHECKING:
    from retune_widget.view.trials import Trial

USUAL = ("train/loss",)
"""Metrics to choose from before the first step."""


class Rules(Part):
    """The panel of rules. What changes often, their states, is apart from what does not."""

    _esm = bundle("rules.js")
    rules = traitlets.List(traitlets.Dict()).tag(sync=True)
    states = sync_dict()
    fired = sync_dict()
    forms = traitlets.List(traitlets.Dict()).tag(sync=True)
    metrics = traitlets.List(traitlets.Unicode()).tag(sync=True)
    keys_to_move = traitlets.List(traitlets.Unicode()).tag(sync=True)
    trial = traitlets.Dict(allow_none=True).tag(sync=True)
    steerable = traitlets.Bool(True).tag(sync=True)

    @traitlets.default("trial")
    def _no_trial_yet(self) -> None:
        return None

    def __init__(self, *, steerable: bool = True, **layout: str) -> None:
        """`steerable`: whether rules can be added, suspended, removed."""
        offered = [dict(described(form)) for form in forms()] if steerable else []
        self._drawn: object = None
        super().__init__({"steerable": steerable, "forms": offered}, **layout)

    def update(self, look: Outlook) -> None:
        """Show the rules as they are on the way to the head."""
        traits: dict[str, Any] = {}
        drawn = look.tree, look.tree.revision, len(look.firings), [(its.name, its.fired) for its in look.rules]
        if drawn != self._drawn:
            self._drawn = drawn
            traits["fired"] = fired(look)
        self.show(
            **traits,
            rules=[dict(card(its)) for its in look.rules],
            states={its.name: its.state for its in look.rules},
            metrics=list(look.history.names("metric")) or list(USUAL),
            keys_to_move=keys_to_move(look.keys),
            trial=tried(look.trial),
        )


def card(its: PolicyStatus) -> wire_rules.Rule:
    """What a card says that changes only when a person does something."""
    return {
        "name": its.name,
        "kind": its.kind,
        "aim": said_of(its.policy, "aim") if its.policy is not None else "its code was not given in this process",
        "suspended": its.suspended,
        "by_hand": its.suspended_by_hand,
        "resumable": its.policy is not None,
    }


def fired(look: Outlook) -> dict[str, list[wire_rules.Fired]]:
    """Where each rule fired on the way to the head, the newest first."""
    find = finder(look.tree, look.tree.node(look.head.node_id), look.firings)
    return {
        its.name: [
            {"step": step, "reason": reason, "node": find(its.name, step, reason)}
            for step, reason in reversed(its.fired)
        ]
        for its in look.rules
        if its.fired
    }


def described(form: Form) -> wire_rules.RuleForm:
    """A rule that can be added."""
    arguments: list[wire_rules.RuleArgument] = [
        {
            "name": its.name, "kind": its.kind, "required": its.required, "optional": its.optional,
            "default": its.default, "choices": list(its.choices), "help": its.help,
        }
        for its in form.arguments
    ]  # fmt: skip
    return {"kind": form.kind, "summary": form.summary, "arguments": arguments}


def keys_to_move(keys: Sequence[str]) -> list[str]:
    """The keys that a rule may be given: those of several groups together, `lr`, before each one, `head.lr`."""
    fields = [key.rpartition(".")[2] for key in keys if "." in key]
    shared = [field for field in dict.fromkeys(fields) if fields.count(field) > 1 and field not in keys]
    return [*shared, *keys]


def tried(trial: "Trial | None") -> dict[str, Any] | None:
    """What a dry run gave."""
    if trial is None:
        return None
    shown: wire_rules.TrialResult = {"aim": trial.aim, "text": trial.text, "times": trial.times}
    return dict(shown)


def tab_note(rules: Iterable[PolicyStatus]) -> str:
    """What stands on the tab: how many there are, and how many of them do nothing."""
    rules = list(rules)
    off = sum(its.suspended is not None for its in rules)
    return f"{len(rules)}, {off} off" if off else str(len(rules) or "")
