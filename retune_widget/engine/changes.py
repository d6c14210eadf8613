"""From what a person asks (`lr=1e-3`, `betas=(0.8, 0.99)`) to checked changes that can be applied at once."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from retune_widget.engine import rules
from retune_widget.engine.hyperparameters import GroupField, Hyperparameter, Value, checked
from retune_widget.engine.keys import expand
from retune_widget.errors import HyperparameterError

Hyperparameters = Mapping[str, Hyperparameter]


class PlannedChange(NamedTuple):
    """A change that was checked and can be applied."""

    hyperparameter: Hyperparameter
    old: Value
    new: Value
    notice: str | None


def plan(
    hyperparameters: Hyperparameters, values: Mapping[str, Any], *, at: Mapping[str, Value] | None = None
) -> list[PlannedChange]:
    """Check new values together, as they would stand after the change; values that stay are left out.

    Args:
        hyperparameters: all there are, by key.
        values: what is asked, by key.
        at: the values before the change, where they are not the live ones.

    Raises:
        UnknownHyperparameterError: a key names nothing, or several things.
        HyperparameterError: a value would be refused, or ignored.
    """
    standing = {key: its.value for key, its in hyperparameters.items()} | dict(at or {})
    wanted: dict[str, Value] = {}
    asked = _with_members(hyperparameters, expand(hyperparameters, without_aliases(hyperparameters, values)))
    for key, value in asked.items():
        its = hyperparameters[key]
        new = as_stored(its, value)
        if new != standing[key]:
            wanted[key] = new
    notices = _review(hyperparameters, wanted, standing)
    return [PlannedChange(hyperparameters[key], standing[key], new, notices.get(key)) for key, new in wanted.items()]


def leaves_a_trace(keys: Iterable[str], hyperparameters: Hyperparameters) -> bool:
    """Whether changing these and changing them back may leave something in the state."""
    keys = list(keys)
    places = [hyperparameters[key].place for key in keys if key in hyperparameters]
    return any(place is not None and place.field in rules.BUFFERS for place in places) or any(
        hyperparameters[key].section in {"own", "data"} for key in keys if key in hyperparameters
    )


def without_aliases(hyperparameters: Hyperparameters, values: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked, by each one's own key."""
    aliases = {its.alias: key for key, its in hyperparameters.items() if its.alias is not None}
    return {aliases.get(key, key): value for key, value in values.items()}


def _with_members(hyperparameters: Hyperparameters, asked: dict[str, Any]) -> dict[str, Any]:
    """Those that stand for others first: what is asked of a member by itself counts."""
    whole = {key: value for key, value in asked.items() if hyperparameters[key].members}
    members = {member: value for key, value in whole.items() for member in hyperparameters[key].members}
    return {**whole, **members, **asked}


def as_stored(its: Hyperparameter, value: object) -> Value:
    """A value of this kind, as it will read when it is there.

    Raises:
        HyperparameterError: it is of another type, or not finite.
    """
    new = its.check(value) if its.check is not None else checked(its.key, its.kind, value)
    return new if its.place is None else its.place.stored(new)


def apply(changes: list[PlannedChange]) -> None:
    """Put planned values in force: all of them, or none.

    Raises:
        HyperparameterError: a setter of the user's own raised.
    """
    own = [change for change in changes if change.hyperparameter.place is None]
    own.sort(key=lambda change: change.hyperparameter.section != "own")  # the user's first: they may raise
    written: list[PlannedChange] = []
    try:
        for change in own:
            written.append(change)
            change.hyperparameter.write(change.new)
    except Exception as error:
        for change in written:
            change.hyperparameter.write(change.old)
        key = written[-1].hyperparameter.key
        raise HyperparameterError(f"{key} was not taken: {type(error).__name__}: {error}") from error
    by_key = {change.hyperparameter.key: change.hyperparameter for change in changes}
    for group in _by_group({change.hyperparameter.key: change.new for change in changes}, by_key, {}):
        rules.make_ready(group.place.optimizer, group.place.param_group, group.fields)
    for change in changes:
        if change.hyperparameter.place is not None:
            change.hyperparameter.write(change.new)


class _Group(NamedTuple):
    """A param group that is changed."""

    place: GroupField
    before: dict[str, Any]
    fields: dict[str, Any]
    """Whole new values (tuples too)."""

    def key_of(self, hyperparameters: Hyperparameters, field: str) -> str | None:
        """The key of one of its fields, whichever element."""
        for key, its in hyperparameters.items():
            if its.place is not None and its.place.is_beside(self.place) and its.place.field == field:
                return key
        return None


def _review(
    hyperparameters: Hyperparameters, wanted: dict[str, Value], standing: Mapping[str, Value]
) -> dict[str, str | None]:
    """A notice for each key, or None; adds the values that follow from others to `wanted`."""
    for key, new in wanted.items():
        its = hyperparameters[key]
        if its.place is None and its.check is None and not its.low <= float(new) <= its.high:
            raise HyperparameterError(f"{key} must be from {its.low:g} to {its.high:g}: {new}.")
    after = {**standing, **wanted}
    notices = {key: review(after) for key in wanted if (review := hyperparameters[key].review) is not None}
    for group in _by_group(wanted, hyperparameters, standing):
        for field, value in rules.follows(group.place.optimizer, group.fields).items():
            follower = group.key_of(hyperparameters, field)
            if follower is not None and standing[follower] != value:
                wanted[follower] = group.fields[field] = value
                notices[follower] = "follows max_iter"
        found = rules.review(group.place.optimizer, group.before, group.fields)
        for key in wanted:
            place = hyperparameters[key].place
            if place is not None and place.is_beside(group.place):
                texts = notices.get(key), found.get(place.field)
                notices[key] = "; ".join(text for text in texts if text) or None
    return notices


def _by_group(
    wanted: Mapping[str, Value], hyperparameters: Hyperparameters, standing: Mapping[str, Value]
) -> list[_Group]:
    """Each param group that is touched, as it stands and with its new fields."""
    groups: list[_Group] = []
    for key, new in wanted.items():
        place = hyperparameters[key].place
        if place is None:
            continue
        group = next((g for g in groups if g.place.is_beside(place)), None)
        if group is None:
            group = _Group(place, dict(place.param_group), {})
            for other, value in standing.items():
                its = hyperparameters[other].place if other in hyperparameters else None
                if its is not None and its.is_beside(place):
                    its.put(group.before, group.before, value)
            groups.append(group)
        place.put(group.before, group.fields, new)
    return groups
