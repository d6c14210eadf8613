"""Tensors, arrays and scalars as JSON with a mark, for `pack`: the leaves of a state."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from retune_widget.errors import CaptureError


class Tensors(dict[str, Tensor]):
    """Copies of tensors, by name."""

    def own(self, tensor: Tensor) -> Tensor:
        """A detached copy that nothing else writes to."""
        return owned(tensor)


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "!number": lambda inner: np.frombuffer(bytes.fromhex(inner[1]), inner[0])[0],
    "!complex": lambda inner: complex(*inner),
    "!bytes": bytes.fromhex,
    "!size": torch.Size,
    "!dtype": lambda inner: getattr(torch, inner),
    "!device": torch.device,
}
LEAVES = frozenset({"!tensor", "!sparse", "!array", *_SCALARS})
"""The marks of leaves."""


def pack_leaf(state: Any, name: str, tensors: Tensors) -> dict[str, Any]:
    """One value as JSON; a tensor or an array is cloned into `tensors`.

    Raises:
        CaptureError: it is neither data nor a tensor.
    """
    if isinstance(state, Tensor):
        return _pack_tensor(state, name, tensors)
    if isinstance(state, np.ndarray):
        return {"!array": [_put(name, _bytes_of(state, name), tensors), state.dtype.str, list(state.shape)]}
    inner: Any = None
    match state:
        case np.generic() if _is_fixed(state.dtype):
            inner = "!number", [state.dtype.str, state.tobytes().hex()]
        case complex():
            inner = "!complex", [state.real, state.imag]
        case bytes():
            inner = "!bytes", state.hex()
        case torch.Size():
            inner = "!size", list(state)
        case torch.dtype():
            inner = "!dtype", str(state).removeprefix("torch.")
        case torch.device():
            inner = "!device", str(state)
        case _:
            raise CaptureError(
                f"{name} holds a {type(state).__module__}.{type(state).__qualname__}, which a checkpoint cannot keep "
                "(only numbers, text, tensors, arrays, and lists, tuples, sets and dicts of them). Keep it out of the "
                "state_dict, or turn it into these."
            )
    return dict([inner])


def unpack_leaf(mark: str, inner: Any, tensors: Tensors) -> Any:
    """A new object, equal to what `pack_leaf` was given; a tensor is on the device it was captured on."""
    if mark == "!tensor":
        name, device, strides = inner
        saved = tensors[name]
        if strides is None:
            return saved.to(device, copy=True, memory_format=torch.contiguous_format)
        return torch.empty_strided(saved.shape, strides, dtype=saved.dtype, device=device).copy_(saved)
    if mark == "!sparse":
        device, indices, values, shape, coalesced = inner
        at, what = (tensors[name].to(device, copy=True) for name in (indices, values))
        return torch.sparse_coo_tensor(at, what, shape, is_coalesced=coalesced, check_invariants=True)
    if mark == "!array":
        name, dtype, shape = inner
        flat = tensors[name].cpu().numpy().copy()
        return flat.view(dtype).reshape(shape) if flat.size else np.empty(shape, dtype)
    return _SCALARS[mark](inner)


def is_leaf(state: object) -> bool:
    """Whether this is an array or a number of numpy's, a dense tensor, or a scalar that `pack_leaf` takes."""
    if isinstance(state, np.ndarray | np.generic):
        return _is_fixed(state.dtype)
    if isinstance(state, Tensor):
        return state.layout is torch.strided
    return isinstance(state, complex | bytes | torch.Size | torch.dtype | torch.device)


def owned(tensor: Tensor) -> Tensor:
    """A detached copy that nothing else writes to."""
    copy = tensor.detach().clone()
    return copy.resolve_conj().resolve_neg() if copy.is_conj() or copy.is_neg() else copy


def same_bits(one: Tensor, other: Tensor) -> bool:
    """Whether both are the same, NaN included."""
    if (one.shape, one.dtype, one.device) != (other.shape, other.dtype, other.device):
        return False
    flat = (tensor.detach().contiguous().reshape(-1).view(torch.uint8) for tensor in (one, other))
    return torch.equal(*flat)


def _pack_tensor(tensor: Tensor, name: str, tensors: Tensors) -> dict[str, Any]:
    device = "cpu" if tensor.is_cpu else str(tensor.device)
    if tensor.layout is torch.sparse_coo:
        tensor = tensor.detach()
        parts = (tensor._indices(), tensor._values())  # noqa: SLF001  # as they are, coalesced or not
        indices, values = (_put(name, tensors.own(part), tensors) for part in parts)
        return {"!sparse": [device, indices, values, list(tensor.shape), tensor.is_coalesced()]}
    if tensor.layout is not torch.strided:
        raise CaptureError(f"{name} is a tensor of layout {tensor.layout}, which a checkpoint cannot keep.")
    copy = tensors.own(tensor)
    return {"!tensor": [_put(name, copy, tensors), device, None if copy.is_contiguous() else list(copy.stride())]}


def _put(name: str, tensor: Tensor, tensors: Tensors) -> str:
    while name in tensors:
        name += "'"
    tensors[name] = tensor
    return name


def _bytes_of(array: "np.ndarray[Any, Any]", name: str) -> Tensor:
    if not _is_fixed(array.dtype):
        raise CaptureError(f"{name} is an array of {array.dtype}; a checkpoint keeps arrays of numbers or text only.")
    flat = np.array(array, order="C", copy=True).reshape(-1)
    return torch.from_numpy(flat.view(np.uint8)) if flat.size else torch.empty(0, dtype=torch.uint8)


def _is_fixed(dtype: "np.dtype[Any]") -> bool:
    return not dtype.hasobject and dtype.names is None and dtype.itemsize > 0
