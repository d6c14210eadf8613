"""The random generators of torch (every device), numpy and python: read, put back, and seed for a step."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from retune_widget.engine.leaves import Tensors

_WORD = 2**64 - 1
_HAS_MPS = torch.backends.mps.is_available()
_BACKENDS: tuple[Any, ...] = (
    *((torch.cuda,) if torch.backends.cuda.is_built() else ()),  # type: ignore[no-untyped-call]
    *((torch.xpu,) if torch.xpu.is_available() else ()),
)
_python: random.Random = random.seed.__self__  # type: ignore[attr-defined]  # the generator behind random.random()
_seed_python = super(random.Random, _python).seed
"""What `random.seed` comes to for a whole number."""


def mix(*numbers: int) -> int:
    """One well-spread 63-bit number from several, for seeds (the finaliser of splitmix64).

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    state = 0x9E3779B97F4A7C15
    for number in numbers:
        state = (state ^ (number & _WORD)) * 0xBF58476D1CE4E5B9 & _WORD
        state ^= state >> 31
        state = (state * 0x94D049BB133111EB + 0x9E3779B97F4A7C15) & _WORD
        state ^= state >> 29
    return state >> 1


def step_seed(kind: int, seed: int, step: int) -> int:
    """`mix(kind, seed, step)`, made for many steps at once: what runs once a step runs cold, ten times as long."""
    return _step_seeds(kind, seed, step // 256)[step % 256]


@lru_cache(maxsize=8)
def _step_seeds(kind: int, seed: int, block: int) -> list[int]:
    return [mix(kind, seed, step) for step in range(256 * block, 256 * block + 256)]


def seed_generators(seed: int) -> None:
    """Seed all generators for one step or one sample. 5 µs; `torch.manual_seed` alone takes 115."""
    torch.default_generator.manual_seed(seed)
    for generator in _of_devices():
        generator.manual_seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)  # noqa: NPY002  # the global generator is the one that user code draws from
    _seed_python(seed)
    _python.gauss_next = None  # type: ignore[attr-defined]  # the second of a pair of normal numbers


def capture(tensors: Tensors) -> dict[str, Any]:
    """The state of every generator: tensors go to `tensors`, the rest is returned as JSON."""
    tensors["rng/torch"] = torch.get_rng_state()
    devices = _of_devices()
    for index, generator in enumerate(devices):
        tensors[f"rng/device{index}"] = generator.get_state()
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)  # noqa: NPY002
    tensors["rng/numpy"] = torch.from_numpy(np.asarray(keys, np.uint32).view(np.int32).copy())
    version, words, gauss = random.getstate()
    tensors["rng/python"] = torch.from_numpy(np.array(words, np.int64))
    return {
        "devices": len(devices),
        "numpy": [kind, position, has_gauss, cached],
        "python": [version, gauss],
    }


def restore(values: dict[str, Any], tensors: Tensors) -> None:
    """Put every generator back to a captured state."""
    torch.set_rng_state(tensors["rng/torch"].cpu())
    for index, generator in enumerate(_of_devices()[: values["devices"]]):
        generator.set_state(tensors[f"rng/device{index}"].cpu())
    kind, position, has_gauss, cached = values["numpy"]
    keys = tensors["rng/numpy"].cpu().numpy().view(np.uint32)
    np.random.set_state((kind, keys, position, has_gauss, cached))  # noqa: NPY002
    version, gauss = values["python"]
    random.setstate((version, tuple(tensors["rng/python"].tolist()), gauss))


@contextmanager
def undisturbed() -> Iterator[None]:
    """Whatever is drawn inside leaves no trace outside."""
    tensors = Tensors()
    values = capture(tensors)
    try:
        yield
    finally:
        restore(values, tensors)


def _of_devices() -> list[torch.Generator]:
    """The default generators of the accelerators that are in use."""
    found: list[torch.Generator] = []
    for backend in _BACKENDS:
        if backend.is_initialized():
            found += backend.default_generators
    if _HAS_MPS:
        found.append(torch.mps._get_default_mps_generator())  # noqa: SLF001  # torch.mps has no public name for it
    return found
