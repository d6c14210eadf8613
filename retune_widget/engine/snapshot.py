"""A snapshot: everything that decides how training goes on, as tensors and plain JSON."""

import json
import threading
from dataclasses import dataclass, field
from typing import Any

import blake3
import torch
from torch import Tensor

Tensors = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The full training state at one step boundary, captured in memory.

    Attributes:
        tensors: by name, detached copies that nobody writes to.
        values: the rest as JSON: numbers, text, lists, dicts; floats may be NaN or infinite.
    """

    tensors: Tensors
    values: dict[str, Any]
    _digest: list[str] = field(default_factory=list, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.nbytes for tensor in self.tensors.values())

    @property
    def step(self) -> int:
        """Optimizer steps completed since the root when it was captured."""
        return int(self.values["step"])

    def digest(self) -> str:
        """A hash of every bit of it (blake3, hex). Equal digests mean equal states, NaN included."""
        with self._lock:
            if not self._digest:
                self._digest.append(_digest(self.tensors, self.values))
            return self._digest[0]


def _digest(tensors: Tensors, values: dict[str, Any]) -> str:
    hasher = blake3.blake3()
    for name in sorted(tensors):
        tensor = tensors[name]
        hasher.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        if tensor.numel():
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            hasher.update(flat.view(torch.uint8).numpy().data)
    state = {name: value for name, value in values.items() if name != "other"}  # names of what is not captured
    hasher.update(json.dumps(state, sort_keys=True).encode())
    return hasher.hexdigest()
