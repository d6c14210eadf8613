"""What may be wrong with a rule: found where it is added, or kept away from those who look at it."""

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from retune_widget.engine.hyperparameters import Hyperparameter
from retune_widget.engine.keys import unknown
from retune_widget.errors import PolicyError, UnknownHyperparameterError
from retune_widget.policies.action import full_keys
from retune_widget.policies.policy import Policy


def check_keys(policy: Policy) -> None:
    """Refuse keys that are no names: `keys = ("lr")` is text.

    Raises:
        PolicyError: with what to write.
    """
    keys: object = policy.keys
    if not isinstance(keys, tuple) or not all(isinstance(key, str) for key in keys):
        raise PolicyError(f"keys of a {type(policy).__name__} must be a tuple of names, ('lr',), not {keys!r}.")


def check_policy(policy: object, known: Mapping[str, Hyperparameter] | None) -> None:
    """Refuse a rule whose keys mean nothing. What is no rule at all is refused where it is added.

    Args:
        policy: the rule.
        known: the hyperparameters that there are; None: the first step has yet to ask for some.

    Raises:
        PolicyError: the keys are no names.
        UnknownHyperparameterError: with the nearest names.
    """
    if not isinstance(policy, Policy):
        return
    check_keys(policy)
    if known is None:
        return
    for key in policy.keys:
        alias = next((its.key for its in known.values() if its.alias == key), None)
        if alias is not None:
            raise UnknownHyperparameterError(f"{key!r} is another word for {alias!r} here: give the rule that key.")
        if not full_keys(key, known):
            raise unknown(list(known), key)


def waits_for(policies: Mapping[str, Policy], metrics: Sequence[str], known: Mapping[str, object]) -> list[str]:
    """What rules that act wait for and may never find: a misspelt name.

    Args:
        policies: the rules, by name.
        metrics: those that were measured so far.
        known: the hyperparameters that there are.
    """
    found: list[str] = []
    for name, its in policies.items():
        if its.metric is not None and its.metric not in metrics:
            there = ", ".join(metrics)
            found.append(f"{name} waits for {its.metric!r}, which was not measured so far. There are: {there}.")
        missing = [key for key in its.keys if not full_keys(key, known)]
        found += [f"{name} waits for the hyperparameter {key!r}, which is not there." for key in missing]
    return found


def said_of(policy: Policy, what: Literal["words", "aim"]) -> str:
    """What a rule says of itself; of one that raises, that it does: it is the user's code."""
    try:
        return str(getattr(policy, what))
    except Exception as error:  # noqa: BLE001  # looking at the rules goes on
        return f"its {what} raised {error!r}"


def is_kept(policy: Policy) -> bool:
    """Whether a node can keep its state."""
    try:
        json.dumps(policy.state_dict())
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def check_state(policy: Policy) -> None:
    """Refuse a state that a node cannot keep.

    Raises:
        PolicyError: JSON cannot hold it.
    """
    if not is_kept(policy):
        raise PolicyError(
            f"the state of a {type(policy).__name__} must be what JSON holds (numbers of Python, text, lists, dicts), "
            f"not {policy.state!r}"
        )
