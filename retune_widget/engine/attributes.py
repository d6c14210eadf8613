"""What objects keep in plain attributes: a dropout's `p`, a counter, a hidden state, a generator of their own.

Only data is captured: numbers, words, tensors, arrays, random generators, and containers of them. Anything else
(functions, other objects, parameters, views of parameters, tensors that belong to a graph) stays as it is.

Values are not written into the live ones but put in their place: `self.last = batch` may be the user's own data.
Generators are the exception: they are set in place.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from retune_widget.engine import generators
from retune_widget.engine.leaves import Tensors, is_leaf, same_bits
from retune_widget.engine.pack import FACTORIES, MAPPINGS, PLAIN, SEQUENCES, pack, unpack, unpack_into

Json = dict[str, Any]
_SEQUENCES = frozenset({list, *SEQUENCES})


class Attributes:
    """Captures, or restores, the attributes of several objects; a tensor that some of them share stays shared."""

    def __init__(self, tensors: Tensors, named: Iterable[Tensor], other: dict[str, list[str]] | None = None) -> None:
        """Take part in one capture or one restore.

        Args:
            tensors: the snapshot's.
            named: parameters and buffers, which are captured under names of their own.
            other: for a restore: what the capture left in `other`, the names of the attributes that held no data.
        """
        self._tensors = tensors
        self.other = {} if other is None else other
        self._storages = {_storage(tensor) for tensor in named}
        self._packed: dict[int, Json] = {}
        self._put: dict[str, Tensor] = {}
        self._kept: set[int] = set()

    def capture(self, owner: object, internal: frozenset[str], name: str) -> Json:
        """The attributes of `owner`, without those in `internal`, as JSON; tensors go to the snapshot's.

        Returns:
            `data`: the values by attribute; `in_place`: those that hold generators.
        """
        captured: Json = {"data": {}}
        for key, value in vars(owner).items():
            if key in internal:
                continue
            if type(value) in PLAIN:
                captured["data"][key] = value
            elif not self._is_data(value):
                self.other.setdefault(name, []).append(key)
            elif isinstance(value, Tensor):
                if id(value) not in self._packed:
                    self._packed[id(value)] = pack(value, f"{name}/{key}", self._tensors)
                captured["data"][key] = self._packed[id(value)]
            else:
                part = "in_place" if _holds_generator(value) else "data"
                captured.setdefault(part, {})[key] = pack(value, f"{name}/{key}", self._tensors)
        return captured

    def restore(self, owner: object, internal: frozenset[str], name: str, captured: Json) -> None:
        """Put the attributes back; one that holds data and came later goes.

        Raises:
            RestoreError: in the place of a random generator is none of its kind now.
        """
        attributes, in_place = vars(owner), captured.get("in_place", {})
        known = internal.union(captured["data"], in_place, self.other.get(name, ()))
        for key in [key for key, value in attributes.items() if key not in known and self._is_data(value)]:
            del attributes[key]
        for key, saved in captured["data"].items():
            is_tensor = isinstance(saved, dict) and "!tensor" in saved
            live = attributes.get(key)
            attributes[key] = self._tensor(live, saved) if is_tensor else unpack(saved, self._tensors)
        for key, saved in in_place.items():
            attributes[key] = unpack_into(attributes.get(key), saved, self._tensors)

    def _tensor(self, live: object, saved: Json) -> Tensor:
        name: str = saved["!tensor"][0]
        if name not in self._put:
            if isinstance(live, Tensor) and id(live) not in self._kept and same_bits(live, self._tensors[name]):
                self._put[name] = live
                self._kept.add(id(live))
            else:
                self._put[name] = unpack(saved, self._tensors)
        return self._put[name]

    def _is_data(self, value: Any) -> bool:
        kind = type(value)
        if kind in _SEQUENCES:
            return all(self._is_data(item) for item in value)
        if kind in MAPPINGS:
            known = getattr(value, "default_factory", None) in FACTORIES
            return known and all(self._is_data(key) and self._is_data(item) for key, item in value.items())
        if isinstance(value, Tensor):
            free = kind is Tensor and value.grad_fn is None and is_leaf(value)
            return free and _storage(value) not in self._storages
        return kind in PLAIN or is_leaf(value) or generators.is_generator(value)


def _holds_generator(value: Any) -> bool:
    items = value.values() if isinstance(value, dict) else value if type(value) in _SEQUENCES else ()
    return generators.is_generator(value) or any(type(item) not in PLAIN and _holds_generator(item) for item in items)


def _storage(tensor: Tensor) -> int:
    """The address of a tensor's memory: a tensor without any has none."""
    return tensor.untyped_storage().data_ptr() if tensor.layout is torch.strided and tensor.numel() else -id(tensor)
