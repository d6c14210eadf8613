"""A snapshot: everything that decides how training goes on, as tensors and plain JSON."""

import json
import threading
from collections.abc import Mapping
from typing import Any

import blake3
import torch
from torch import Tensor

from retune_widget.engine.copies import Copying
from retune_widget.engine.leaves import Tensors


class Snapshot:
    """The full training state at one step boundary, captured in memory.

    Its tensors are valid as long as it is: their memory is used again.

    Attributes:
        values: all but the tensors, as JSON: numbers, text, lists, dicts; floats may be NaN or infinite.
    """

    def __init__(self, tensors: Mapping[str, Tensor], values: dict[str, Any], copying: Copying | None = None) -> None:
        """Take the parts.

        Args:
            tensors: by name, detached copies that nobody writes to.
            values: the rest.
            copying: makes some of the copies now.
        """
        self._tensors, self.values, self._copying = Tensors(tensors), values, copying
        self._digest: str | None = None
        self._lock = threading.Lock()

    @property
    def tensors(self) -> Tensors:
        """Detached copies, by name, that nobody writes to; waits until they are made.

        Raises:
            CaptureError: a tensor was written while it was copied.
        """
        if self._copying is not None:
            self._copying.wait()
        return self._tensors

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.nbytes for tensor in self._tensors.values())

    @property
    def step(self) -> int:
        """Optimizer steps completed since the root when it was captured."""
        return int(self.values["step"])

    def digest(self) -> str:
        """A hash of every bit of it (blake3, hex). Equal digests mean equal states, NaN included."""
        with self._lock:
            if self._digest is None:
                self._digest = _digest(self.tensors, self.values)
            return self._digest

    def without_noise(self) -> "Snapshot":
        """The same without the random generators."""
        return Snapshot(
            {name: tensor for name, tensor in self._tensors.items() if not name.startswith("rng/")},
            {name: value for name, value in self.values.items() if name != "rng"},
            self._copying,
        )


def _digest(tensors: Mapping[str, Tensor], values: dict[str, Any]) -> str:
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
