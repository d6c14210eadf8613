"""Random generators that somebody keeps for themselves: a dataset's `np.random.default_rng()`, a layer's own."""

import random
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import torch

from retune_widget.errors import RestoreError

_KINDS: dict[type, str] = {
    torch.Generator: "torch.Generator",
    np.random.Generator: "numpy.random.Generator",
    np.random.RandomState: "numpy.random.RandomState",
    random.Random: "random.Random",
}
_DEPTH, _MANY = 5, 64
"""How far `held_by` looks: levels of parts, and the longest container that it goes through."""


def is_generator(thing: object) -> bool:
    """Whether this is a random generator whose state can be read and set."""
    return type(thing) in _KINDS


def state_of(generator: Any) -> list[Any]:
    """Its kind and its state, as data."""
    kind = _KINDS[type(generator)]
    match generator:
        case torch.Generator():
            state: Any = generator.get_state()
        case np.random.Generator():
            state = generator.bit_generator.state
        case np.random.RandomState():
            state = generator.get_state(legacy=False)
        case _:
            version, words, gauss = generator.getstate()
            state = [version, np.array(words, np.uint32), gauss]
    return [kind, state]


def put_state(generator: Any, captured: list[Any]) -> Any:
    """Put a generator back, in place; returns it.

    Raises:
        RestoreError: this is no generator of the kind that was captured.
    """
    kind, state = captured
    if _KINDS.get(type(generator)) != kind:
        raise RestoreError(
            f"The checkpoint holds the state of a {kind}, and in its place is a {type(generator).__name__} now: put "
            "a generator of that kind there, then restore."
        )
    match generator:
        case torch.Generator():
            generator.set_state(state)
        case np.random.Generator():
            generator.bit_generator.state = state
        case np.random.RandomState():
            generator.set_state(state)
        case _:
            version, words, gauss = state
            generator.setstate((version, tuple(words.tolist()), gauss))
    return generator


def seed(generator: Any, number: int) -> None:
    """Seed a generator, in place. `number` has 63 bits."""
    match generator:
        case torch.Generator():
            generator.manual_seed(number)
        case np.random.Generator():
            generator.bit_generator.state = type(generator.bit_generator)(number).state
        case np.random.RandomState():
            generator.seed(number & 0xFFFFFFFF)
        case _:
            generator.seed(number)


def held_by(owner: object) -> list[Any]:
    """The generators that an object keeps in its attributes, or in those of its parts (transforms, other datasets)."""
    found: dict[int, Any] = {}
    seen: set[int] = set()
    level: list[object] = [owner]
    for _ in range(_DEPTH):
        parts = {id(part): part for thing in level for part in _parts(thing)}
        level = [part for key, part in parts.items() if key not in seen]
        seen.update(parts)
        found |= {id(part): part for part in level if is_generator(part)}
    return [generator for generator in found.values() if generator is not torch.default_generator]


def _parts(thing: object) -> Iterator[object]:
    if isinstance(thing, dict):
        yield from thing.values() if len(thing) <= _MANY else ()
    elif isinstance(thing, list | tuple):
        yield from thing if len(thing) <= _MANY else ()
    elif not isinstance(thing, type | ModuleType | torch.Tensor | np.ndarray) and hasattr(thing, "__dict__"):
        yield from vars(thing).values()
