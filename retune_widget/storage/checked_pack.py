"""Whether packed values (`engine/pack.py`) can be unpacked: known marks, tensors that are there, honest sizes."""

import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from retune_widget.engine import generators
from retune_widget.engine.leaves import Tensors, unpack_leaf
from retune_widget.engine.pack import FACTORIES, MARKS, PLAIN, unpack
from retune_widget.storage.checked import Check, listing, text, whole

LONGEST = 2**40
"""No dimension is longer, not even of what has no elements."""
_FACTORIES = {getattr(factory, "__name__", None) for factory in FACTORIES}
_BITS: dict[str, Callable[[], Any]] = {
    name: getattr(np.random, name) for name in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
}
_SEQUENCES = frozenset({"!tuple", "!set", "!frozenset"})
_MAPPINGS = frozenset({"!dict", "!ordered", "!counter"})
_SCALARS = frozenset({"!number", "!complex", "!bytes", "!size", "!dtype", "!device"})


def packed_in(tensors: Mapping[str, torch.Tensor]) -> Check:
    """A check of packed values whose tensors are these."""
    return _Packed(tensors).fits


class _Packed:
    def __init__(self, tensors: Mapping[str, torch.Tensor]) -> None:
        self._tensors = tensors
        self._devices: dict[str, bool] = {}

    def fits(self, its: Any) -> bool:
        """Whether this can be unpacked."""
        if type(its) in PLAIN:
            return True
        if isinstance(its, list):
            return all(map(self.fits, its))
        if not isinstance(its, dict) or len(its) != 1 or not MARKS.issuperset(its):
            return False
        ((mark, inner),) = its.items()
        if mark in _SCALARS:
            return _scalar(mark, inner)
        if mark in {"!tensor", "!sparse", "!array"}:
            return {"!tensor": self._tensor, "!sparse": self._sparse, "!array": self._array}[mark](inner)
        return self._container(mark, inner)

    def _container(self, mark: str, inner: Any) -> bool:
        match mark, inner:
            case "!generator", [str(), _]:
                return self.fits(inner) and self._generator(inner)
            case "!deque", [None | int() as longest, list(items)]:
                return (longest is None or whole(longest)) and self.fits(items)
            case "!default", [None | str() as factory, pairs]:
                return factory in _FACTORIES and self._pairs(pairs)
        if mark in _MAPPINGS:
            return self._pairs(inner)
        hashed = mark in {"!set", "!frozenset"}
        fits = mark in _SEQUENCES and isinstance(inner, list) and self.fits(inner)
        return fits and (not hashed or all(map(_hashable, inner)))

    def _generator(self, inner: Any) -> bool:
        """Whether a generator of that kind takes the state."""
        try:
            kind, state = unpack(inner, Tensors(self._tensors))
            if kind == "torch.Generator":
                here = torch.Generator().get_state()
                return (
                    isinstance(state, torch.Tensor)
                    and state.dtype == torch.uint8
                    and (state.shape != here.shape or torch.Generator().set_state(state) is not None)
                )
            generators.put_state(_fresh(kind, state), [kind, state])
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            RuntimeError,
            TypeError,
            ValueError,
        ):  # RestoreError is one of these
            return False
        return True

    def _pairs(self, pairs: Any) -> bool:
        def pair(its: Any) -> bool:
            return isinstance(its, list) and len(its) == len(("key", "value")) and self.fits(its) and _hashable(its[0])

        return listing(pair)(pairs)

    def _tensor(self, inner: Any) -> bool:
        match inner:
            case [str(name), str(device), strides]:
                if name not in self._tensors or not self._device(device):
                    return False
                return strides is None or _dense(self._tensors[name].shape, strides)
            case _:
                return False

    def _sparse(self, inner: Any) -> bool:
        match inner:
            case [str(device), str(indices), str(values), shape, bool()]:
                there = {indices, values} <= set(self._tensors) and listing(whole)(shape) and self._device(device)
                return there and _is_sparse(self._tensors[indices], self._tensors[values], shape)
            case _:
                return False

    def _array(self, inner: Any) -> bool:
        match inner:
            case [str(name), str(dtype), shape]:
                if name not in self._tensors or not listing(whole)(shape):
                    return False
                kind, saved = _dtype(dtype), self._tensors[name]
                fits = kind is not None and saved.dtype == torch.uint8 and saved.ndim == 1
                return (
                    fits
                    and math.prod(shape) * getattr(kind, "itemsize", 0) == saved.numel()
                    and max([0, *shape]) < 2**40
                )
            case _:
                return False

    def _device(self, name: str) -> bool:
        if name not in self._devices:
            try:
                torch.empty(0, device=name)
            except (AssertionError, RuntimeError, NotImplementedError):
                self._devices[name] = False
            else:
                self._devices[name] = name != "meta"
        return self._devices[name]


def _fresh(kind: str, state: Any) -> Any:
    makers: dict[str, Callable[[], Any]] = {
        "numpy.random.Generator": lambda: np.random.Generator(_BITS[state["bit_generator"]]()),
        "numpy.random.RandomState": lambda: np.random.RandomState(_BITS[state["bit_generator"]]()),
        "random.Random": random.Random,
    }
    return makers[kind]()


def _scalar(mark: str, inner: Any) -> bool:
    fits = {
        "!number": listing(text)(inner) and len(inner) == len(("type", "bytes")),
        "!complex": isinstance(inner, list) and len(inner) == len(("real", "imaginary")),
        "!size": listing(whole)(inner),
    }.get(mark, text(inner))
    if not fits or (mark == "!dtype" and not isinstance(getattr(torch, inner, None), torch.dtype)):
        return False
    if mark == "!number" and (_dtype(inner[0]) is None or len(inner[1]) != 2 * np.dtype(inner[0]).itemsize):
        return False
    try:
        unpack_leaf(mark, inner, Tensors())
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
        return False
    return True


def _dtype(name: str) -> "np.dtype[Any] | None":
    try:
        kind = np.dtype(name)
    except (TypeError, ValueError, SyntaxError):
        return None
    return None if kind.hasobject or kind.names is not None or not kind.itemsize else kind


def _dense(shape: torch.Size, strides: Any) -> bool:
    """Whether strides fill the memory of the elements, no more: a copy of a tensor has no others."""
    if not listing(whole)(strides) or len(strides) != len(shape):
        return False
    expected = 1
    for stride, length in sorted((stride, length) for stride, length in zip(strides, shape, strict=True) if length > 1):
        if stride != expected:
            return False
        expected *= length
    return all(stride <= max(1, shape.numel()) for stride in strides)


def _is_sparse(indices: torch.Tensor, values: torch.Tensor, shape: list[int]) -> bool:
    if indices.dtype != torch.int64 or indices.ndim != len(("dimension", "element")) or values.ndim < 1:
        return False
    dims, count = indices.shape
    if count != values.shape[0] or list(values.shape[1:]) != shape[dims:] or max([0, *shape]) >= LONGEST:
        return False
    if not count:
        return True
    limits = torch.tensor(shape[:dims]).unsqueeze(1)
    return bool(((indices >= 0) & (indices < limits)).all())


def _hashable(packed: Any) -> bool:
    """Whether what this becomes can be in a set, or be a key."""
    if isinstance(packed, list):
        return False
    if not isinstance(packed, dict):
        return True
    ((mark, inner),) = packed.items()
    if mark in {"!tuple", "!frozenset"}:
        return all(map(_hashable, inner))
    return mark in {"!tensor", "!sparse", *_SCALARS}
