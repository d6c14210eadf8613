"""What may be wrong with a rule of the user's own: found where it is added, or kept away from those that look at it."""

import json
from typing import Literal

from retune_widget.errors import PolicyError
from retune_widget.policies.policy import Policy


def check_keys(policy: Policy) -> None:
    """Refuse keys that are no names: `keys = ("lr")` is text.

    Raises:
        PolicyError: with what to write.
    """
    keys: object = policy.keys
    if not isinstance(keys, tuple) or not all(isinstance(key, str) for key in keys):
        raise PolicyError(f"keys of a {type(policy).__name__} must be a tuple of names, ('lr',), not {keys!r}.")


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
