"""What the values of a checkpoint must look like, so that a restore of it cannot fail in the middle.

A restore compares a checkpoint with the live model; this is what does not depend on the model. It is looked at once,
when a process first reads a checkpoint that another one wrote.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from retune_widget.engine.snapshot import Snapshot
from retune_widget.errors import RestoreError
from retune_widget.storage.checked import Check, flag, listing, maybe, table, text, value, whole
from retune_widget.storage.checked_pack import packed_in

POSITIONS: tuple[set[str], ...] = ({"epoch", "sample", "batch_size", "seed", "next_seed"}, {"epoch", "batch"}, set())
"""What the feeds count."""
WORDS_NUMPY, WORDS_PYTHON = 624, 625
"""The numbers that a Mersenne twister is made of; Python keeps its place in them as one more."""


def check_state(snapshot: Snapshot) -> None:
    """Refuse a checkpoint that no `capture` made.

    Raises:
        RestoreError: it says which part.
    """
    packed = packed_in(snapshot.tensors)
    checks: dict[str, Check] = {
        "step": whole,
        "noise_seed": _seed,
        "position": _position,
        "modules": table(lambda its: _attributes(its, packed)),
        "requires_grad": table(flag),
        "gradients": table(packed),
        "optimizers": table(lambda its: _optimizer(its, packed, snapshot.values.get("requires_grad"))),
        "extras": table(packed),
        "registered": table(packed),
        "other": table(listing(text)),
        "rng": lambda its: _generators(its, snapshot.tensors),
    }
    if "settings" in snapshot.values:  # the first checkpoints had none
        checks["settings"] = _settings
    for name, check in checks.items():
        if name not in snapshot.values or not check(snapshot.values[name]):
            raise RestoreError(
                f"The checkpoint cannot be restored: its {name!r} is nothing that retune-widget writes, or not here. "
                "Restore another node."
            )


def _settings(its: Any) -> bool:
    if not isinstance(its, Mapping) or set(its) != {"built_in", "asked", "frozen"}:
        return False
    return table(value)(its["built_in"]) and table(value)(its["asked"]) and table(listing(whole))(its["frozen"])


def _seed(its: Any) -> bool:
    return type(its) is int and abs(its) < 2**64


def _position(its: Any) -> bool:
    if not isinstance(its, Mapping) or set(its) not in POSITIONS:
        return False
    counts = [its[name] for name in its if name not in {"seed", "next_seed"}]
    seeds = [its[name] for name in its if name in {"seed", "next_seed"}]
    return all(map(whole, counts)) and all(map(_seed, seeds)) and its.get("batch_size", 1) > 0


def _attributes(its: Any, packed: Check) -> bool:
    if not isinstance(its, Mapping):
        return False
    return table(packed)(its.get("data")) and table(packed)(its.get("in_place", {}))


def _optimizer(its: Any, packed: Check, parameters: Any) -> bool:
    if not isinstance(its, Mapping) or not isinstance(parameters, Mapping):
        return False

    def group(its: Any) -> bool:
        fits = isinstance(its, Mapping) and listing(text)(its.get("params")) and table(packed)(its.get("fields"))
        return fits and set(its["params"]) <= set(parameters) and "lr" in its["fields"]

    state, shared = its.get("state"), its.get("shared")
    return (
        listing(group)(its.get("groups"))
        and table(packed)(state)
        and set(state or ()) <= set(parameters)
        and isinstance(shared, Mapping)
        and list(shared) == ["!dict"]
        and packed(shared)
        and _attributes(its.get("attributes"), packed)
    )


def _generators(its: Any, tensors: Mapping[str, torch.Tensor]) -> bool:
    """The states of torch's, numpy's and Python's generators: each of the size that it has here."""
    if not isinstance(its, Mapping) or not whole(its.get("devices")):
        return False
    wanted = {
        "rng/torch": (torch.get_rng_state().shape, torch.uint8),
        "rng/numpy": (torch.Size([WORDS_NUMPY]), torch.int32),
        "rng/python": (torch.Size([WORDS_PYTHON]), torch.int64),
    }
    found = {name: (tensors[name].shape, tensors[name].dtype) for name in wanted if name in tensors}
    if found != wanted or not all(f"rng/device{index}" in tensors for index in range(min(its["devices"], 1000))):
        return False
    words = tensors["rng/python"]
    if int(words.min()) < 0 or int(words[:-1].max()) >= 2**32 or int(words[-1]) >= WORDS_PYTHON:
        return False
    return _numpy(its.get("numpy")) and _python(its.get("python"))


def _numpy(its: Any) -> bool:
    match its:
        case ["MT19937", int(place), 0 | 1, float() | int() as cached]:
            return 0 <= place <= WORDS_NUMPY and bool(np.isfinite(float(cached)))
        case _:
            return False


def _python(its: Any) -> bool:
    match its:
        case [3, gauss]:
            return maybe(lambda its: type(its) is float)(gauss)
        case _:
            return False
