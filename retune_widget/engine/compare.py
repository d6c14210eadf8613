"""Compares states."""

from itertools import chain
from typing import Any

from retune_widget.engine.snapshot import Snapshot


def trains_alike(one: Snapshot, other: Snapshot) -> bool:
    """Whether training goes on alike from both: the random generators may differ, every step seeds them anew."""
    return one.training_digest() == other.training_digest()


def first_difference(one: Snapshot, other: Snapshot) -> str | None:
    """The name of the first part that differs, the random generators left out as above; None if they train alike."""
    if trains_alike(one, other):
        return None
    one, other = one.without_noise(), other.without_noise()
    for name in dict.fromkeys(chain(one.tensors, other.tensors)):
        parts = [Snapshot({name: its.tensors[name]}, {}) for its in (one, other) if name in its.tensors]
        if len(parts) < 2 or parts[0].digest() != parts[1].digest():  # noqa: PLR2004  # in one of them only
            return name
    return _first_other_value(one.values, other.values)


def _first_other_value(one: Any, other: Any, path: str = "") -> str | None:
    if isinstance(one, dict) and isinstance(other, dict):
        pairs = [(key, one.get(key), other.get(key)) for key in dict.fromkeys([*one, *other]) if key != "other"]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = [(str(index), *both) for index, both in enumerate(zip(one, other, strict=True))]
    else:
        return None if Snapshot({}, {"": one}).digest() == Snapshot({}, {"": other}).digest() else path
    found = (_first_other_value(here, there, f"{path}/{key}".removeprefix("/")) for key, here, there in pairs)
    return next((its for its in found if its is not None), None)
