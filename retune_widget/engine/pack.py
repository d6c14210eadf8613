"""Any state as named tensors and plain JSON, and back, without pickle.

`state_dict`s hold more than JSON can: tuples, sets, dicts with number keys, tensors inside lists. Everything that is
not a JSON scalar or a list becomes a dict with one marked key, `{"!tuple": [...]}`, and tensors go to a separate dict.
"""

from collections import Counter, OrderedDict, deque
from typing import Any

import numpy as np
import torch
from torch import Tensor

from retune_widget.errors import CaptureError

Tensors = dict[str, Tensor]


def pack(state: Any, name: str, tensors: Tensors) -> Any:
    """Turn `state` into JSON; its tensors are cloned into `tensors` under names that begin with `name`.

    Raises:
        CaptureError: it holds something that is neither data nor a tensor.
    """
    match state:
        case None | bool() | int() | float() | str() if type(state) in _PLAIN:
            return state
        case Tensor():
            while name in tensors:
                name += "'"
            tensors[name] = owned(state)
            return {"!tensor": [name, str(state.device)]}
        case np.ndarray():
            tensors[name] = torch.from_numpy(np.array(state, order="C", copy=True))
            return {"!array": name}
        case np.generic():
            return {"!number": [state.dtype.str, state.item()]}
        case complex():
            return {"!complex": [state.real, state.imag]}
        case bytes():
            return {"!bytes": state.hex()}
        case Counter() | OrderedDict() | dict():
            marks = {Counter: "!counter", OrderedDict: "!ordered"}
            pairs = [[pack(k, f"{name}/key{i}", tensors), pack(v, f"{name}/{_word(k, i)}", tensors)]
                     for i, (k, v) in enumerate(state.items())]  # fmt: skip
            return {marks.get(type(state), "!dict"): pairs}
        case list():
            return [pack(item, f"{name}/{i}", tensors) for i, item in enumerate(state)]
        case tuple() | set() | frozenset() | deque():
            mark = next(mark for kind, mark in _SEQUENCES.items() if isinstance(state, kind))
            ordered = sorted(state, key=repr) if isinstance(state, set | frozenset) else state
            items = [pack(item, f"{name}/{i}", tensors) for i, item in enumerate(ordered)]
            return {mark: [state.maxlen, items]} if isinstance(state, deque) else {mark: items}
        case _:
            kind = f"{type(state).__module__}.{type(state).__qualname__}"
            message = (
                f"{name} holds a {kind}, which a checkpoint cannot keep (only numbers, text, tensors, arrays, and "
                "lists, tuples, sets and dicts of them). Keep it out of the state_dict, or turn it into these."
            )
            raise CaptureError(message)


def unpack(packed: Any, tensors: Tensors) -> Any:
    """The state that `pack` was given, made of new objects; tensors are clones on the device they were captured on."""
    if isinstance(packed, list):
        return [unpack(item, tensors) for item in packed]
    if not isinstance(packed, dict):
        return packed
    ((mark, inner),) = packed.items()
    match mark:
        case "!tensor":
            name, device = inner
            return tensors[name].to(device, copy=True)
        case "!array":
            return tensors[inner].cpu().numpy().copy()
        case "!number":
            return np.dtype(inner[0]).type(inner[1])
        case "!complex":
            return complex(*inner)
        case "!bytes":
            return bytes.fromhex(inner)
        case "!deque":
            return deque(unpack(inner[1], tensors), inner[0])
        case "!tuple" | "!set" | "!frozenset":
            return {"!tuple": tuple, "!set": set, "!frozenset": frozenset}[mark](unpack(inner, tensors))
    pairs = [(unpack(k, tensors), unpack(v, tensors)) for k, v in inner]
    return {"!counter": Counter, "!ordered": OrderedDict, "!dict": dict}[mark](
        dict(pairs) if mark == "!counter" else pairs
    )


def owned(tensor: Tensor) -> Tensor:
    """A detached copy that nothing else writes to."""
    return tensor.detach().clone()


def _word(key: Any, index: int) -> str:
    return str(key) if isinstance(key, str | int) else str(index)


_PLAIN = (type(None), bool, int, float, str)
_SEQUENCES = {deque: "!deque", tuple: "!tuple", frozenset: "!frozenset", set: "!set"}
