"""Optimizers with `train()` and `eval()`: the schedule-free ones, which evaluate other weights than they train."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch import optim

from retune_widget.engine import optimizer_state
from retune_widget.engine.attributes import Attributes
from retune_widget.engine.leaves import Tensors, owned
from retune_widget.engine.pack import write

if TYPE_CHECKING:
    from retune_widget.engine.pack import Written


@contextmanager
def in_evaluation_mode(optimizers: Iterable[optim.Optimizer]) -> Iterator[None]:
    """Inside: evaluation mode, for those that have one. Outside: their parameters, state and mode, bit for bit.

    The way there and back by `eval()` and `train()` alone would round the weights.
    """
    switching = [_Kept(optimizer) for optimizer in optimizers if _has_modes(optimizer)]
    try:
        for kept in switching:
            kept.optimizer.eval()
        yield
    finally:
        for kept in switching:
            kept.put_back()


def _has_modes(optimizer: object) -> bool:
    return all(callable(getattr(optimizer, word, None)) for word in ("train", "eval"))


class _Kept:
    """An optimizer with everything that it may change when it changes its mode."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        self._parameters = {f"{index}": parameter for index, parameter in enumerate(parameters)}
        self._weights = {name: owned(parameter) for name, parameter in self._parameters.items()}
        self._tensors = Tensors()
        attributes = Attributes(self._tensors, parameters)
        names = {parameter: name for name, parameter in self._parameters.items()}
        self._state = optimizer_state.capture(optimizer, "its", names, self._tensors, attributes)
        self._other = attributes.other

    def put_back(self) -> None:
        written: Written = {}
        for name, parameter in self._parameters.items():
            written[write(parameter, self._weights[name]).data_ptr()] = self._weights[name]
        optimizer_state.restore(
            self.optimizer, "its", self._state, self._parameters, tensors=self._tensors,
            attributes=Attributes(self._tensors, self._parameters.values(), self._other), written=written,
        )  # fmt: skip
