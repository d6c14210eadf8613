"""A torch scheduler keeps its own value in the param group; ours stands there only while the optimizer steps."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch.optim import Optimizer

from retune_widget.engine.hyperparameters import GroupField, Value
from retune_widget.engine.rules import put_ready


class Swapped(NamedTuple):
    """One value that is scaled or held: where it is, and what becomes of the scheduler's own."""

    place: GroupField
    effective: Callable[[Value], Value]


class Swap:
    """Puts the effective values of one optimizer in right before it steps, and the scheduler's own back right after."""

    def __init__(self, optimizer: Optimizer, swapped: Iterable[Swapped]) -> None:
        """Watch the optimizer, until `remove`."""
        self._swapped = list(swapped)
        self._own: list[Value] | None = None
        # In a compiled step hooks would be traced, and run no more: these are called between its parts.
        before, after = (torch.compiler.disable(its) for its in (self._put_in, self.put_back))  # type: ignore[no-untyped-call]
        self._hooks = [optimizer.register_step_pre_hook(before), optimizer.register_step_post_hook(after)]

    def own(self, place: GroupField) -> Value:
        """The scheduler's own value, also while the effective one stands in its place."""
        for its, own in self.own_values():
            if its == place:
                return own
        return place.read()

    def own_values(self) -> list[tuple[GroupField, Value]]:
        """The scheduler's own values that are not in place just now."""
        return [(its.place, own) for its, own in zip(self._swapped, self._own or (), strict=False)]

    def put_back(self, *_: Any) -> None:
        """The scheduler's own values, where they are not in place."""
        own, self._own = self._own, None
        if own is not None:
            for its, value in zip(self._swapped, own, strict=True):
                its.place.write(value)

    def remove(self) -> None:
        """Put back, and watch no more."""
        self.put_back()
        for hook in self._hooks:
            hook.remove()

    def _put_in(self, *_: Any) -> None:
        self.put_back()  # a step that raised may have left ours there
        own = [its.place.read() for its in self._swapped]
        for its, value in zip(self._swapped, own, strict=True):
            put_ready(its.place, its.effective(value))
        self._own = own
