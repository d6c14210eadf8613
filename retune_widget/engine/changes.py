"""From what a person asks (`lr=1e-3`, `betas=(0.8, 0.99)`) to checked changes that can be applied at once."""

import difflib
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch.optim import lr_scheduler

from retune_widget.engine import rules
from retune_widget.engine.hyperparameters import GroupField, Hyperparameter, Value, checked
from retune_widget.errors import HyperparameterError, UnknownHyperparameterError

Hyperparameters = Mapping[str, Hyperparameter]


class PlannedChange(NamedTuple):
    """A change that was checked and can be applied."""

    hyperparameter: Hyperparameter
    old: Value
    new: Value
    notice: str | None


def plan(
    hyperparameters: Hyperparameters, values: Mapping[str, Any], schedulers: Mapping[str, object]
) -> list[PlannedChange]:
    """Check new values together, as they would stand after the change; values that stay are left out.

    Raises:
        UnknownHyperparameterError: a key names nothing, or several things.
        HyperparameterError: a value would be refused, ignored, or overwritten.
    """
    wanted = {}
    for key, value in expand(hyperparameters, values).items():
        new = checked(key, hyperparameters[key].kind, value)
        if new != hyperparameters[key].value:
            wanted[key] = new
    notices = _review(hyperparameters, wanted)
    for key in wanted:
        place = hyperparameters[key].place
        notice = _scheduled(place, schedulers) if place else None
        notices[key] = "; ".join(text for text in (notices.get(key), notice) if text) or None
    return [PlannedChange(hyperparameters[k], hyperparameters[k].value, new, notices[k]) for k, new in wanted.items()]


def apply(changes: list[PlannedChange]) -> None:
    """Put planned values in force."""
    for place, fields in _by_group({c.hyperparameter.key: c.new for c in changes}, {
        c.hyperparameter.key: c.hyperparameter for c in changes
    }):  # fmt: skip
        rules.make_ready(place.optimizer, place.param_group, fields)
    for change in changes:
        change.hyperparameter.write(change.new)


def in_group(hyperparameters: Hyperparameters, values: Mapping[str, Any], group: str) -> dict[str, Any]:
    """`lr` in group `head` is `head.lr`; group `*` means every group that has it.

    Raises:
        UnknownHyperparameterError: no group of this name has it.
    """
    named = {}
    for key, value in values.items():
        if group == "*":
            keys = [k for k in hyperparameters if k == key or k.endswith(f".{key}") or _stem(k).endswith(f".{key}")]
            if not keys:
                raise _unknown(hyperparameters, key)
            named |= dict.fromkeys(keys, value) if not isinstance(value, tuple | list) else {
                _stem(k): value for k in keys
            }  # fmt: skip
        else:
            named[f"{group}.{key}"] = value
    return named


def expand(hyperparameters: Hyperparameters, values: Mapping[str, Any]) -> dict[str, Any]:
    """Full keys for what was asked: a tuple becomes its elements.

    Raises:
        UnknownHyperparameterError: a key names nothing, or several things.
    """
    expanded = {}
    for key, value in values.items():
        if key in hyperparameters:
            expanded[key] = value
            continue
        elements = [k for k in hyperparameters if _stem(k) == key and k != key]
        if not elements:
            raise _unknown(hyperparameters, key)
        if not isinstance(value, tuple | list) or len(value) != len(elements):
            message = f"{key} takes {len(elements)} numbers, ({', '.join(elements)}), not {value!r}."
            raise HyperparameterError(message)
        expanded |= dict(zip(elements, value, strict=True))
    return expanded


def _review(hyperparameters: Hyperparameters, wanted: Mapping[str, Value]) -> dict[str, str | None]:
    notices: dict[str, str | None] = {}
    for place, fields in _by_group(wanted, hyperparameters):
        found = rules.review(place.optimizer, place.param_group, fields)
        for key in wanted:
            its = hyperparameters[key].place
            if its and its.optimizer is place.optimizer and its.group_index == place.group_index:
                notices[key] = found.get(its.field)
    for key, new in wanted.items():
        hyperparameter = hyperparameters[key]
        if hyperparameter.place is None and not hyperparameter.low <= float(new) <= hyperparameter.high:
            message = f"{key} must be from {hyperparameter.low:g} to {hyperparameter.high:g}: {new}."
            raise HyperparameterError(message)
    return notices


def _by_group(
    wanted: Mapping[str, Value], hyperparameters: Hyperparameters
) -> list[tuple[GroupField, dict[str, Any]]]:
    """For each param group that is touched: one of its places, and the fields' whole new values."""
    groups: dict[tuple[int, int], tuple[GroupField, dict[str, Any]]] = {}
    for key, new in wanted.items():
        place = hyperparameters[key].place
        if place is None:
            continue
        _, fields = groups.setdefault((id(place.optimizer), place.group_index), (place, {}))
        if place.element is None:
            fields[place.field] = new
        else:
            elements = list(fields.get(place.field, place.param_group[place.field]))
            elements[place.element] = new
            fields[place.field] = tuple(elements)
    return list(groups.values())


# These compute the value from their own formula at every step; the others go on from the value they find.
OVERWRITING = (
    lr_scheduler.LambdaLR,
    lr_scheduler.CosineAnnealingWarmRestarts,
    lr_scheduler.OneCycleLR,
    lr_scheduler.CyclicLR,
)


def _scheduled(place: GroupField, schedulers: Mapping[str, object]) -> str | None:
    for scheduler in schedulers.values():
        if getattr(scheduler, "optimizer", None) is not place.optimizer or not _governs(scheduler, place):
            continue
        kind = type(scheduler).__name__
        if isinstance(scheduler, OVERWRITING):
            message = f"{place.field} is set by {kind} at every step, which would overwrite this value."
            raise HyperparameterError(message)
        return f"{kind} goes on from this value"
    return None


def _governs(scheduler: object, place: GroupField) -> bool:
    if place.field in {"momentum", "betas"}:
        cycles = getattr(scheduler, "cycle_momentum", None)
        uses_beta1 = getattr(scheduler, "use_beta1", place.field == "betas")
        return bool(cycles) and uses_beta1 == (place.field == "betas") and place.element in {None, 0}
    return place.field == "lr"


def _stem(key: str) -> str:
    return key.partition("[")[0]


def _unknown(hyperparameters: Hyperparameters, key: str) -> UnknownHyperparameterError:
    same = [k for k in hyperparameters if k.endswith(f".{key}") or _stem(k).endswith(f".{key}")]
    if same:
        group = same[0].rpartition(".")[0]
        return UnknownHyperparameterError(
            f"{key!r} is in several param groups: {', '.join(same)}. Name one, or pass group={group!r}, or group='*' "
            "for all of them."
        )
    near = difflib.get_close_matches(key, hyperparameters, n=3, cutoff=0.4) or list(hyperparameters)
    return UnknownHyperparameterError(f"There is no hyperparameter {key!r}. Did you mean {', '.join(near)}?")


