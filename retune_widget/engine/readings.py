"""Reads every hyperparameter at every step, so it is quick where nothing is new: one comparison a group.

A value in a tensor is read only when the tensor was written to: reading waits for its device.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.optim import Optimizer

from retune_widget.engine.hyperparameters import Hyperparameter, Value

if TYPE_CHECKING:
    from collections.abc import Callable

Values = dict[str, Value]


class Readings:
    """The values of these hyperparameters, as of the last reading.

    Attributes:
        hyperparameters: whose values they are.
        values: by key; another dict after a reading that found something new.
    """

    def __init__(self, hyperparameters: Mapping[str, Hyperparameter]) -> None:
        """Look up where they are; nothing is read yet."""
        self.hyperparameters = hyperparameters
        self.values: Values = {}
        groups: dict[tuple[Optimizer, int], list[Hyperparameter]] = {}
        self._others: list[tuple[str, Callable[[], Value], Optimizer | None]] = []
        """Those of the user's own, and those that are not what stands in the param group."""
        self._stamped: dict[Callable[[], object], list[Hyperparameter]] = {}
        self._stamps: list[object] = []
        for key, its in hyperparameters.items():
            if its.place is None and its.stamp is not None:
                self._stamped.setdefault(its.stamp, []).append(its)
            elif its.place is None or its.read != its.place.read:
                self._others.append((key, its.read, its.place.optimizer if its.place is not None else None))
            else:
                groups.setdefault((its.place.optimizer, its.place.group_index), []).append(its)
        self._groups = [_Group(*place, members) for place, members in groups.items()]

    def read(self, only: Optimizer | None = None) -> Values:
        """The values now in force; those of one optimizer are read anew, or all of them."""
        new: Values = {}
        for group in self._groups:
            if (only is None or group.optimizer is only) and group.is_new():
                new.update(group.read())
        for key, read, optimizer in self._others:
            if only is None or optimizer is only:
                value = read()
                if self.values.get(key) != value:
                    new[key] = value
        if only is None:
            stamps = [stamp() for stamp in self._stamped]
            if stamps != self._stamps:
                self._stamps = stamps
                new.update((its.key, its.read()) for members in self._stamped.values() for its in members)
        if new:
            self.values = {**self.values, **new}
        return self.values


class _Group:
    """The hyperparameters of one param group."""

    def __init__(self, optimizer: Optimizer, index: int, members: Sequence[Hyperparameter]) -> None:
        self.optimizer, self._index, self._members = optimizer, index, members
        self._fields = list(dict.fromkeys(its.place.field for its in members if its.place is not None))
        self._found: list[Any] = []
        self._versions: list[Any] | None = None
        """Of what can be changed in place (tensors, lists); None where nothing can."""

    def is_new(self) -> bool:
        """Whether something changed since it was asked last."""
        group = self.optimizer.param_groups[self._index]
        found = [group[field] for field in self._fields]
        if self._versions is None and found == self._found:
            return False
        versions = list(_versions(found))
        if versions == self._versions:
            return False
        self._found = found
        self._versions = versions if any(isinstance(version, tuple) for version in versions) else None
        return True

    def read(self) -> Values:
        """The values now."""
        return {its.key: its.read() for its in self._members}


def _versions(found: Sequence[Any]) -> Iterator[Any]:
    """What differs as soon as a field does: plain values as they are, the others as tuples."""
    for value in found:
        if isinstance(value, list | tuple):
            inner = list(_versions(value))
            in_place = isinstance(value, list) or any(isinstance(version, tuple) for version in inner)
            yield from [("list", *inner)] if in_place else inner
        elif isinstance(value, Tensor):
            yield id(value), value._version  # noqa: SLF001  # torch's own count of writes in place
        else:
            yield value
