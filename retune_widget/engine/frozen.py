"""Freezing a param group: its parameters need no gradient, and the optimizer leaves them and its state of them."""

from collections.abc import Mapping

from torch import nn, optim

from retune_widget.engine.discover import groups
from retune_widget.engine.hyperparameters import Hyperparameter, Value
from retune_widget.engine.known import FROZEN
from retune_widget.engine.settings import Settings
from retune_widget.errors import HyperparameterError


def find(optimizers: Mapping[str, optim.Optimizer], settings: Settings) -> dict[str, Hyperparameter]:
    """`head.frozen` for each param group; nothing where there is one alone, or LBFGS, which moves them all together."""
    if any(isinstance(optimizer, optim.LBFGS) for optimizer in optimizers.values()):
        return {}
    found = {
        ".".join([*parts, "frozen"]): _Group(settings, optimizers[name], name, index)
        for name, index, parts in groups(optimizers)
    }
    if len(found) == 1:
        return {}

    def review(values: Mapping[str, Value]) -> str | None:
        if not any(not values.get(key) and group.can_train for key, group in found.items()):
            raise HyperparameterError("Everything would be frozen: leave one param group that is trained.")
        return None

    return {
        key: FROZEN.hyperparameter(key, group.read, group.write, review=review, stamp=settings.stamp)
        for key, group in found.items()
    }


class _Group:
    """One param group, and which of its parameters were frozen here: others may have been frozen from the start."""

    def __init__(self, settings: Settings, optimizer: optim.Optimizer, name: str, index: int) -> None:
        self._settings, self._optimizer, self._index = settings, optimizer, index
        self._name = f"{name}[{index}]"

    @property
    def _parameters(self) -> list[nn.Parameter]:
        parameters: list[nn.Parameter] = self._optimizer.param_groups[self._index]["params"]
        return parameters

    @property
    def can_train(self) -> bool:
        """Whether there is a parameter to train in it, frozen or not."""
        return bool(self._settings.frozen.get(self._name)) or any(its.requires_grad for its in self._parameters)

    def read(self) -> Value:
        return self._name in self._settings.frozen

    def write(self, value: Value) -> None:
        parameters = self._parameters
        if value:
            numbers = [number for number, its in enumerate(parameters) if its.requires_grad]
            for number in numbers:
                parameters[number].requires_grad_(False)
                parameters[number].grad = None
            self._settings.frozen[self._name] = sorted({*self._settings.frozen.get(self._name, ()), *numbers})
        else:
            for number in self._settings.frozen.pop(self._name, ()):
                parameters[number].requires_grad_(True)
        self._settings.revision += 1
