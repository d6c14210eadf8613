"""An optimizer's state and param groups, read and written in place."""

from typing import Any

import torch
from torch import Tensor, optim

from retune_widget.engine.attributes import Attributes
from retune_widget.engine.leaves import Tensors
from retune_widget.engine.pack import Written, pack, unpack, unpack_into

Json = dict[str, Any]

INTERNAL = frozenset(vars(optim.SGD([torch.zeros(1)], lr=0.1)))
"""Attributes that torch keeps for itself: hooks, and the state and groups, which are captured by name."""


def capture(
    optimizer: optim.Optimizer, name: str, names: dict[Tensor, str], tensors: Tensors, attributes: Attributes
) -> Json:
    """The groups, the state of each parameter, state under other keys, and plain attributes; tensors go to `tensors`.

    Args:
        optimizer: what is read.
        name: the optimizer's.
        names: of every parameter in its groups.
        tensors: where copies go.
        attributes: captures what is kept beside the state.

    Raises:
        CaptureError: a group or the state holds something that is neither data nor a tensor.
    """
    groups = [
        {
            "params": [names[parameter] for parameter in group["params"]],
            "fields": {
                field: pack(value, f"group/{name}/{index}/{field}", tensors)
                for field, value in group.items()
                if field != "params"
            },
        }
        for index, group in enumerate(optimizer.param_groups)
    ]
    live: dict[Any, Any] = optimizer.state
    state = {
        known: pack(its, f"optim/{name}/{known}", tensors)
        for parameter, its in live.items()
        if (known := names.get(parameter)) is not None
    }
    shared = {key: its for key, its in live.items() if not isinstance(key, Tensor)}
    return {
        "groups": groups,
        "state": state,
        "shared": pack(shared, f"optim/{name}", tensors),
        "attributes": attributes.capture(optimizer, INTERNAL, f"optim/{name}"),
    }


def restore(
    optimizer: optim.Optimizer,
    name: str,
    captured: Json,
    parameters: dict[str, Any],
    *,
    tensors: Tensors,
    attributes: Attributes,
    written: Written,
) -> None:
    """Put an optimizer back: the same groups, the same state, nothing else.

    Args:
        optimizer: what is written.
        name: the optimizer's.
        captured: what `capture` gave.
        tensors: the tensors that `capture` filled.
        parameters: by name.
        attributes: restores what is kept beside the state.
        written: as for `unpack_into`.
    """
    _restore_groups(optimizer.param_groups, captured["groups"], parameters, tensors, written)
    state: dict[Any, Any] = optimizer.state
    live = {key: state.pop(key) for key in list(state)}
    for its, saved in captured["state"].items():
        parameter = parameters[its]
        state[parameter] = unpack_into(live.get(parameter), saved, tensors, written)
    for packed_key, saved in captured["shared"]["!dict"]:
        key = unpack(packed_key, tensors)
        state[key] = unpack_into(live.get(key), saved, tensors, written)
    attributes.restore(optimizer, INTERNAL, f"optim/{name}", captured["attributes"])


def _restore_groups(
    groups: list[dict[str, Any]], captured: list[Json], parameters: dict[str, Any], tensors: Tensors, written: Written
) -> None:
    del groups[len(captured) :]
    groups.extend({"params": []} for _ in captured[len(groups) :])
    for group, saved in zip(groups, captured, strict=True):
        group["params"][:] = [parameters[its] for its in saved["params"]]
        for field in set(group) - set(saved["fields"]) - {"params"}:
            del group[field]
        for field, packed in saved["fields"].items():
            group[field] = unpack_into(group.get(field), packed, tensors, written)
