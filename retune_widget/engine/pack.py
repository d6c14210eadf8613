"""Any state as named tensors and plain JSON, and back, without pickle.

`state_dict`s hold more than JSON can: tuples, sets, dicts with number keys, tensors inside lists. Everything that is
not a JSON scalar or a list becomes a dict with one marked key, `{"!tuple": [...]}`, and tensors go to a separate dict.
"""

from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

import torch
from torch import Tensor

from retune_widget.engine import generators
from retune_widget.engine.leaves import LEAVES, Tensors, pack_leaf, unpack_leaf
from retune_widget.errors import CaptureError, RestoreError

Written = dict[int, Tensor]

PLAIN = frozenset({type(None), bool, int, float, str})
SEQUENCES: dict[type, str] = {deque: "!deque", tuple: "!tuple", frozenset: "!frozenset", set: "!set"}
MAPPINGS: dict[type, str] = {Counter: "!counter", OrderedDict: "!ordered", dict: "!dict", defaultdict: "!default"}
_KINDS: dict[str, Any] = {mark: kind for kind, mark in [*SEQUENCES.items(), *MAPPINGS.items()]}
MARKS = frozenset({"!generator", *_KINDS, *LEAVES})
"""Of everything that `pack` writes."""
FACTORIES = frozenset({None, dict, list, set, int, float})


def pack(state: Any, name: str, tensors: Tensors) -> Any:
    """Turn `state` into JSON; its tensors are cloned into `tensors` under names that begin with `name`.

    Raises:
        CaptureError: it holds something that is neither data nor a tensor.
    """
    kind = type(state)
    if kind in PLAIN:
        return state
    if kind is list:
        return [pack(item, f"{name}/{i}", tensors) for i, item in enumerate(state)]
    if kind in MAPPINGS:
        return _pack_mapping(state, name, tensors)
    if kind in SEQUENCES:
        ordered = sorted(state, key=repr) if kind in {set, frozenset} else state
        items = [pack(item, f"{name}/{i}", tensors) for i, item in enumerate(ordered)]
        return {SEQUENCES[kind]: [state.maxlen, items] if kind is deque else items}
    if generators.is_generator(state):
        return {"!generator": pack(generators.state_of(state), name, tensors)}
    return pack_leaf(state, name, tensors)


def unpack(packed: Any, tensors: Tensors) -> Any:
    """The state that `pack` was given, made of new objects; tensors are clones on the device they were captured on.

    Raises:
        RestoreError: a random generator was captured here: it can only be restored in place; or `pack` gave no such
            thing.
    """
    if isinstance(packed, list):
        return [unpack(item, tensors) for item in packed]
    if not isinstance(packed, dict):
        return packed
    mark, inner = _marked(packed)
    if mark in _KINDS:
        return _unpack_container(mark, inner, tensors)
    if mark == "!generator":
        return generators.put_state(None, unpack(inner, tensors))
    return unpack_leaf(mark, inner, tensors)


def unpack_into(live: Any, packed: Any, tensors: Tensors, written: Written | None = None) -> Any:
    """The state that `pack` was given, written into the live objects where they fit, so that all who share them see it.

    Args:
        live: what stands in its place now.
        packed: what `pack` gave.
        tensors: the tensors that `pack` filled.
        written: what was written so far in this restore, by address. Two names may share a tensor now that had two when
            they were captured: then the second one gets a tensor of its own.

    Returns:
        What belongs in the place of `live`: the same object, or a new one.

    Raises:
        RestoreError: a random generator was captured here, and now there is none of its kind.
    """
    written = {} if written is None else written
    if isinstance(packed, list) and type(live) is list:
        kept: list[Any] = [*live[: len(packed)], *[None] * (len(packed) - len(live))]
        live[:] = [unpack_into(item, its, tensors, written) for item, its in zip(kept, packed, strict=True)]
        return live
    if not isinstance(packed, dict):
        return unpack(packed, tensors)
    mark, inner = _marked(packed)
    if mark == "!tensor" and _fits(live, inner, tensors, written):
        return write(live, tensors[inner[0]])
    if mark in {"!dict", "!ordered"} and type(live) is _KINDS[mark]:
        pairs = [(unpack(key, tensors), its) for key, its in inner]
        new = {key: unpack_into(live.get(key), its, tensors, written) for key, its in pairs}
        live.clear()
        live.update(new)
        return live
    if mark == "!generator":
        return generators.put_state(live, unpack(inner, tensors))
    return unpack(packed, tensors)


def write(live: Tensor, saved: Tensor) -> Tensor:
    """Copy `saved` into `live`, which may be expanded (several elements in one place)."""
    with torch.no_grad():
        place = live
        for dim, stride in enumerate(live.stride()):
            if stride == 0 and live.shape[dim] > 1:
                place, saved = place.narrow(dim, 0, 1), saved.narrow(dim, 0, 1)
        place.copy_(saved)
    return live


def _marked(packed: dict[str, Any]) -> tuple[str, Any]:
    """The mark and what it marks."""
    if len(packed) != 1 or not MARKS.issuperset(packed):
        raise RestoreError(
            f"The checkpoint holds something that this retune-widget does not know, marked {sorted(packed)[:3]}."
        )
    return next(iter(packed.items()))


def _fits(live: object, inner: Any, tensors: Tensors, written: Written) -> bool:
    name, device, _ = inner
    saved = tensors[name]
    if not isinstance(live, Tensor) or live.layout is not torch.strided:
        return False
    if (live.shape, live.dtype, str(live.device)) != (saved.shape, saved.dtype, device):
        return False
    earlier = written.setdefault(live.data_ptr(), saved) if live.numel() else saved
    return earlier is saved or earlier.shape != saved.shape or torch.equal(earlier, saved)


def _pack_mapping(state: Any, name: str, tensors: Tensors) -> Any:
    pairs = [
        [key, pack(value, f"{name}/{key}", tensors)]
        if type(key) is str
        else [pack(key, f"{name}/key{i}", tensors), pack(value, f"{name}/{key if type(key) is int else i}", tensors)]
        for i, (key, value) in enumerate(state.items())
    ]
    if type(state) is not defaultdict:
        return {MAPPINGS[type(state)]: pairs}
    if state.default_factory not in FACTORIES:
        raise CaptureError(f"{name} is a defaultdict of {state.default_factory!r}, which a checkpoint cannot keep.")
    return {"!default": [getattr(state.default_factory, "__name__", None), pairs]}


def _unpack_container(mark: str, inner: Any, tensors: Tensors) -> Any:
    if mark == "!deque":
        return deque(unpack(inner[1], tensors), inner[0])
    if mark in {"!tuple", "!set", "!frozenset"}:
        return _KINDS[mark](unpack(inner, tensors))
    factory, pairs = inner if mark == "!default" else (None, inner)
    items = {unpack(key, tensors): unpack(value, tensors) for key, value in pairs}
    return defaultdict(_factory(factory), items) if mark == "!default" else _KINDS[mark](items)


def _factory(name: str | None) -> Any:
    return next(factory for factory in FACTORIES if getattr(factory, "__name__", None) == name)
