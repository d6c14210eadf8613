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
        self._digests: list[str] = []
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
        return self._both()[0]

    def training_digest(self) -> str:
        """The same without the random generators: equal ones train on alike, since every step seeds them anew."""
        return self._both()[1]

    def _both(self) -> list[str]:
        with self._lock:
            if not self._digests:
                self._digests.extend(_digests(self.tensors, self.values))
            return self._digests

    def without_noise(self) -> "Snapshot":
        """The same without the random generators."""
        return Snapshot(
            {name: tensor for name, tensor in self._tensors.items() if not name.startswith("rng/")},
            {name: value for name, value in self.values.items() if name != "rng"},
            self._copying,
        )


def _digests(tensors: Mapping[str, Tensor], values: dict[str, Any]) -> tuple[str, str]:
    """Of all of it, and of all but the generators. They come last, so every bit is read once."""
    hasher = blake3.blake3()
    generators = [name for name in sorted(tensors) if name.startswith("rng/")]
    for name in sorted(tensors.keys() - generators):
        _add(hasher, name, tensors[name])
    state = {name: value for name, value in values.items() if name not in {"other", "rng"}}  # what is not captured
    hasher.update(json.dumps(state, sort_keys=True).encode())
    training = hasher.hexdigest()
    for name in generators:
        _add(hasher, name, tensors[name])
    hasher.update(json.dumps(values.get("rng"), sort_keys=True).encode())
    return hasher.hexdigest(), training


def _add(hasher: "blake3.blake3", name: str, tensor: Tensor) -> None:
    hasher.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
    if tensor.numel():
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        hasher.update(flat.view(torch.uint8).numpy().data)
