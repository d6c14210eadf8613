"""A few samples of the data, hashed: whether a run that is resumed reads the same data as before."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import blake3
import numpy as np
import torch
from torch import Tensor

from retune_widget.engine import generators, rng
from retune_widget.engine.feed import Feed
from retune_widget.engine.leaves import is_leaf
from retune_widget.engine.pack import PLAIN

Hashes = list[tuple[int, str]]

SAMPLES, SECONDS = 16, 0.25
"""The most samples, and the time after which no further one is fetched."""
_ELEMENTS, _DEPTH = 1 << 16, 8
"""Elements of one tensor that are read, at the most about twice as many; levels of containers."""


def data_hash(feed: Feed) -> Hashes | None:
    """Hashes of evenly spaced samples, each with its index; those that cannot be fetched are left out.

    Nothing is left behind: the generators, those that the data set holds included, are seeded for each sample and put
    back. None where there is nothing to read by index in this process: an iterable, no data, or a data set that worker
    processes read (files that are opened here, before the workers are forked, are of no use to them).
    """
    source = feed.source
    if source is None:
        return None
    own = generators.held_by(source)
    states = [generators.state_of(its) for its in own]
    found: Hashes = []
    until = time.monotonic() + SECONDS
    try:
        with rng.undisturbed():
            for index in _evenly(len(source)):
                rng.seed_generators(index)
                for its in own:
                    generators.seed(its, index)
                sample = _fetched(source, index)
                if sample is not None:
                    found.append((index, sample))
                if time.monotonic() > until:
                    break
    finally:
        for its, state in zip(own, states, strict=True):
            generators.put_state(its, state)
    return found


def first_other_sample(then: Sequence[Sequence[Any]], now: Sequence[Sequence[Any]]) -> int | None:
    """The index of the first sample with another hash, of those that both have."""
    known = {index: sample for index, sample in then}  # noqa: C416  # lists, where they come from the disk
    others = [index for index, sample in now if known.get(index, sample) != sample]
    return min(others, default=None)


def _evenly(length: int) -> list[int]:
    """Indices over the whole length, far apart from each other first: the time may end before all are read."""
    places = sorted(range(SAMPLES), key=lambda place: f"{place:04b}"[::-1])
    return list(dict.fromkeys(place * length // SAMPLES for place in places))


def _fetched(source: Any, index: int) -> str | None:
    hasher = blake3.blake3()
    try:
        _add(hasher, source[index], _DEPTH)
    except Exception:  # noqa: BLE001  # the user's code: it is raised when training comes to this sample
        return None
    return hasher.hexdigest(length=8)


def _add(hasher: Any, value: Any, depth: int) -> None:
    """What has the same bytes, or the same text, in every process; of other objects only the type."""
    hasher.update(f"|{type(value).__qualname__}".encode())
    if isinstance(value, Tensor) and value.layout is torch.strided:
        flat = value.detach().resolve_conj().resolve_neg().reshape(-1)
        some = flat[:: max(1, flat.numel() // _ELEMENTS)].cpu().contiguous()
        hasher.update(f"|{value.dtype}|{tuple(value.shape)}|".encode())
        hasher.update(some.view(torch.uint8).numpy().tobytes() if some.numel() else b"")
    elif isinstance(value, np.ndarray | np.generic) and is_leaf(value):
        hasher.update(f"|{value.dtype.str}|{value.shape}|".encode())
        hasher.update(value.reshape(-1)[:: max(1, value.size // _ELEMENTS)].tobytes())
    elif type(value) in PLAIN or is_leaf(value):
        hasher.update(repr(value).encode())
    elif isinstance(value, Mapping) and depth:
        for key, item in value.items():
            _add(hasher, key, 0)
            _add(hasher, item, depth - 1)
    elif isinstance(value, list | tuple) and depth:
        for item in value:
            _add(hasher, item, depth - 1)
