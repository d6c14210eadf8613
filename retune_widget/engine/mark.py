"""A mark on the live state while nobody trains, to see whether it was written by hand before training goes on.

It is cheap: parameters and optimizer state are told by torch's count of writes and their address in memory, parameters
by a sample of their content too, since writes to `.data` are not counted. What is small, or may be written uncounted
elsewhere (batch norm's statistics), is told by its whole content. A few elements written through `.data` can go unseen.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from retune_widget.engine.attributes import Attributes
from retune_widget.engine.engine import Engine
from retune_widget.engine.leaves import Tensors
from retune_widget.engine.pack import pack
from retune_widget.engine.snapshot import Snapshot
from retune_widget.engine.state import MODULE_INTERNAL, LiveState, Stateful

Mark = dict[str, Any]
SAMPLED = 1024
"""Elements of a parameter, about."""


def mark(engine: Engine) -> Mark:
    """Equal to an earlier mark as long as nothing of the state was written in between.

    Raises:
        CaptureError: a part holds something that is neither data nor a tensor.
    """
    live = engine.live
    return {
        "writes": tuple(_writes(live)),
        "groups": [_fields(group) for optimizer in live.optimizers.values() for group in optimizer.param_groups],
        "content": _content(live),
        "values": dict(engine.values()),
    }


def _writes(live: LiveState) -> Iterator[tuple[int, int, bool]]:
    for model in live.models.values():
        for parameter in model.parameters():
            yield *_written(parameter), parameter.requires_grad
    for optimizer in live.optimizers.values():
        for tensor in _tensors_in(optimizer.state):
            yield *_written(tensor), False


def _tensors_in(state: Any) -> Iterator[Tensor]:
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, Mapping | list | tuple):
        for value in state.values() if isinstance(state, Mapping) else state:
            yield from _tensors_in(value)


def _written(tensor: Tensor) -> tuple[int, int]:
    place = tensor.data_ptr() if tensor.layout is torch.strided else id(tensor)
    return place, tensor._version  # noqa: SLF001  # torch's count of in-place writes


def _sample(parameter: Tensor) -> Tensor:
    if parameter.layout is not torch.strided:
        return torch.empty(0)
    flat = parameter.detach().reshape(-1)
    return flat[:: max(1, flat.numel() // SAMPLED)]


def _fields(group: dict[str, Any]) -> dict[str, Any]:
    return {
        name: [id(its) for its in value] if name == "params" else value.item() if _is_number(value) else repr(value)
        for name, value in group.items()
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, Tensor) and value.numel() == 1


def _content(live: LiveState) -> str:
    named = [tensor for model in live.models.values() for tensor in (*model.parameters(), *model.buffers())]
    tensors = Tensors()
    attributes = Attributes(tensors, named)
    values: dict[str, Any] = {}
    for name, model in live.models.items():
        tensors |= {f"param/{name}/{key}": _sample(parameter) for key, parameter in model.named_parameters()}
        tensors |= {f"buffer/{name}/{key}": buffer.detach() for key, buffer in model.named_buffers()}
        for key, module in model.named_modules():
            values[f"{name}/{key}"] = attributes.capture(module, MODULE_INTERNAL, f"attribute/{name}/{key}")
    for name, extra in live.extras.items():
        state = extra.state_dict() if isinstance(extra, Stateful) else extra
        values[f"extra/{name}"] = pack(state, f"extra/{name}", tensors)
    return Snapshot(tensors, values).digest()
