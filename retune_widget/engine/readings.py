"""Reads every hyperparameter at every step, so it is quick about it: the places are looked up once."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor
from torch.optim import Optimizer

from retune_widget.engine.hyperparameters import Hyperparameter, Value

if TYPE_CHECKING:
    from collections.abc import Callable

Field = tuple[str, str, int | None]
"""A key, its field in the param group, its element if the field is a tuple."""


class Readings:
    """Reads the values of these hyperparameters."""

    def __init__(self, hyperparameters: Mapping[str, Hyperparameter]) -> None:
        """Look up where they are."""
        self.hyperparameters = hyperparameters
        self._groups: dict[tuple[Optimizer, int], list[Field]] = {}
        self._own: list[tuple[str, Callable[[], Value]]] = []
        for key, its in hyperparameters.items():
            if its.place is None:
                self._own.append((key, its.read))
            else:
                group = self._groups.setdefault((its.place.optimizer, its.place.group_index), [])
                group.append((key, its.place.field, its.place.element))

    def read_into(self, values: dict[str, Value], only: Optimizer | None = None) -> None:
        """Put the values now in force into `values`: all of them, or one optimizer's."""
        for (optimizer, index), fields in self._groups.items():
            if only is not None and optimizer is not only:
                continue
            group = optimizer.param_groups[index]
            for key, field, element in fields:
                value = group[field]
                if element is not None:
                    value = value[element]
                values[key] = value.item() if isinstance(value, Tensor) else value
        if only is None:
            for key, read in self._own:
                values[key] = read()
