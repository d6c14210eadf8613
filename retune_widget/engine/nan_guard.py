"""Looks at the loss and the gradients of a step before an optimizer uses them.

On the CPU the answer is there at once, and the optimizer is not called. On CUDA reading it would wait for the device at
every step: the device writes it into page-locked memory, and it is read before the *next* update, when that copy is
long done. The weights have taken one bad update by then, and go back to where they were by training again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn, optim

from retune_widget.errors import CaptureError, NonFiniteError


class Waiting(NamedTuple):
    """An answer that the device has not given yet."""

    step: int
    flag: Tensor
    event: Any


class NonFiniteGuard:
    """Watches the steps of one run. Used by the thread that trains.

    Attributes:
        enabled: whether steps are watched.
        also_replays: whether those that are trained again are watched too.
        fault: what was found last, until training goes on.
        leaves_traces: whether the forward pass changes more than buffers: then putting those back does not take back a
            step that was stopped. Found out once, at the first step.
        defers: whether answers are read one step late. None: where the parameters are on CUDA.
    """

    def __init__(
        self,
        models: Mapping[str, nn.Module],
        optimizers: Mapping[str, optim.Optimizer],
        mark: Callable[[], object] = lambda: None,
    ) -> None:
        """Watch these, once it is enabled.

        Args:
            models: their buffers are kept.
            optimizers: the gradients of their parameters are looked at.
            mark: gives something that is equal as long as the state is; None: nothing is known of that.
        """
        self.enabled = self.also_replays = False
        self.fault: NonFiniteError | None = None
        self.leaves_traces = False
        self.defers: bool | None = None
        self._models, self._optimizers, self._mark = models, optimizers, mark
        self._step: int | None = None
        self._waiting: Waiting | None = None
        self._mark_before: object = None
        self._tried = False
        self._written = False
        self._buffers: list[Tensor] | None = None
        self._kept: list[Tensor] = []

    # A step.

    def arm(self, step: int) -> None:
        """Step number `step` begins: keep the buffers, which its forward pass may write."""
        self._step, self._written = step, False
        if self._buffers is None:
            self._buffers = self._live_buffers()
            self._kept = [torch.empty_like(buffer) for buffer in self._buffers]
        _copy(self._kept, self._buffers)
        if not self._tried:
            self._mark_before = self._marked()

    def disarm(self) -> None:
        """The step is over."""
        self._step = None

    def check(self, loss: Tensor) -> None:
        """The built-in step is about to update.

        Raises:
            NonFiniteError: the loss or a gradient is not finite.
        """
        self._check(self._optimizers.values(), loss)

    def check_loss(self, loss: Tensor) -> None:
        """The same for the loss alone: a gradient scaler looks at the gradients itself, and skips the update."""
        self._check((), loss)

    def check_closure(self, loss: Tensor) -> None:
        """The same within the closure of an optimizer, which from the second call on has written weights."""
        self._check((), loss)
        self._written = True

    def check_gradients(self, optimizer: optim.Optimizer) -> None:
        """An optimizer is about to step in a step of the user's own; a closure makes its gradients only later.

        Raises:
            NonFiniteError: a gradient is not finite.
        """
        self._check((optimizer,), None)
        self._written = True

    def _check(self, optimizers: Iterable[optim.Optimizer], loss: Tensor | None) -> None:
        step = self._step
        if step is None:
            return
        if not self._tried:
            self._try()
        self.look_back()
        tensors = [
            parameter.grad
            for optimizer in optimizers
            for group in optimizer.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        if loss is not None:
            tensors.append(loss.detach())
        flags = list(_flags(tensors))
        if self.defers or (self.defers is None and any(flag.device.type == "cuda" for flag in flags)):
            self._waiting = _sent(step, flags)
        elif any(flag.item() for flag in flags):
            self.fault = NonFiniteError(step, self._what(loss), written=self._written)
            raise self.fault

    def look_back(self) -> None:
        """Read the answer of the step before.

        Raises:
            NonFiniteError: it was bad; the optimizer has used it.
        """
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        if waiting.event is not None:
            waiting.event.synchronize()
        if waiting.flag.item():
            self.fault = NonFiniteError(waiting.step, "its loss or a gradient is not finite", written=True)
            raise self.fault

    def forget(self) -> None:
        """Training goes on from another state."""
        self._waiting = self._step = None

    def look_anew(self) -> None:
        """Models may have other buffers by now."""
        self._buffers = None

    def take_back(self) -> bool:
        """Put the buffers back to where they were when the step began, and drop its gradients.

        Returns:
            Whether that is the whole state of before.
        """
        self.drop_gradients()
        if self._buffers is None or list(map(id, self._buffers)) != list(map(id, self._live_buffers())):
            return False
        _copy(self._buffers, self._kept)
        return not self.leaves_traces

    def drop_gradients(self) -> None:
        """Those of a step that was stopped must not be added to."""
        for optimizer in self._optimizers.values():
            optimizer.zero_grad()

    # What was found.

    def _what(self, loss: Tensor | None) -> str:
        named = (
            (name if len(self._models) == 1 else f"{word}/{name}", parameter)
            for word, model in self._models.items()
            for name, parameter in model.named_parameters()
        )
        first = next((name for name, its in named if its.grad is not None and not _is_finite(its.grad)), None)
        found = [f"the loss is {loss.item():g}"] if loss is not None and not _is_finite(loss) else []
        if first is not None:
            found.append(f"the gradient of {first!r} is not finite" + (", the first of them" if not found else ""))
        return ", and ".join(found) or "a gradient is not finite"

    def _try(self) -> None:
        """Whether the forward pass changed anything but the buffers; once."""
        self._tried = True
        buffers = self._buffers or []
        written = [buffer.clone() for buffer in buffers]
        _copy(buffers, self._kept)
        self.leaves_traces = self._mark_before is None or self._marked() != self._mark_before
        self._mark_before = None
        _copy(buffers, written)

    def _live_buffers(self) -> list[Tensor]:
        return [buffer for model in self._models.values() for buffer in model.buffers()]

    def _marked(self) -> object:
        try:
            return self._mark()
        except CaptureError:
            return None


def _flags(tensors: Sequence[Tensor]) -> Iterable[Tensor]:
    """One for each device and type, above 0 where a tensor is not finite. Nothing waits for a device."""
    groups: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
    for tensor in tensors:
        if tensor.layout is not torch.strided or not tensor.is_floating_point():
            values = tensor.detach().coalesce().values() if tensor.layout is torch.sparse_coo else tensor.detach()
            yield (~torch.isfinite(values)).any().float()
        else:
            groups.setdefault((tensor.device, tensor.dtype), []).append(tensor)
    for (device, _), group in groups.items():
        flag = torch.zeros((), device=device)
        # What a GradScaler uses: it multiplies by 1, which keeps every bit, and notes what is not finite.
        torch._amp_foreach_non_finite_check_and_unscale_(group, flag, _one(device))
        yield flag


@cache
def _one(device: torch.device) -> Tensor:
    return torch.ones((), device=device)


def _sent(step: int, flags: Sequence[Tensor]) -> Waiting | None:
    """Let the device write its answer where it can be read without waiting for what follows."""
    if not flags:
        return None
    device = flags[0].device
    flag = torch.stack([its.to(device) for its in flags]).sum()
    if device.type != "cuda":
        return Waiting(step, flag, None)
    there = torch.empty((), pin_memory=True).copy_(flag, non_blocking=True)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record()
    return Waiting(step, there, event)


def _is_finite(tensor: Tensor) -> bool:
    return not any(flag.item() for flag in _flags([tensor.detach().clone()]))


def _copy(to: list[Tensor], what: list[Tensor]) -> None:
    if to:
        with torch.no_grad():
            torch._foreach_copy_(to, what)
