"""After a restore no live tensor shares memory with the snapshot or with what the store keeps."""

import pytest
import torch

from retune_widget.engine import copies
from retune_widget.engine.snapshot import Snapshot
from tests.engine.laboratory import K
from tests.engine.matrix.cases import CASES, begin


def tensors_in(thing, seen):
    """Every tensor that can be reached from an object through attributes and containers, `.grad` included."""
    if id(thing) in seen or isinstance(thing, type | Snapshot):
        return
    seen[id(thing)] = thing  # kept, so that no other object gets its id
    if isinstance(thing, torch.Tensor):
        yield thing
        yield from tensors_in(thing.grad, seen)
    elif isinstance(thing, dict):
        for key, value in thing.items():
            yield from tensors_in(key, seen)
            yield from tensors_in(value, seen)
    elif isinstance(thing, list | tuple | set):
        for value in thing:
            yield from tensors_in(value, seen)
    elif hasattr(thing, "__dict__"):
        yield from tensors_in(vars(thing), seen)


def memory(tensor):
    """The addresses of a tensor's memory: of both its parts where it is sparse."""
    if tensor.layout is torch.sparse_coo:
        return memory(tensor._indices()) | memory(tensor._values())
    return {tensor.untyped_storage().data_ptr()} - {0}


def live_memory(run):
    live = run._engine.live
    found = {}
    for part in (live.models, live.optimizers, live.extras):
        for tensor in tensors_in(part, found):
            yield from memory(tensor)


def kept_memory(run, snapshot):
    """The snapshot's own, and those of every checkpoint that the store and the helm hold."""
    kept = [snapshot, run._helm._before, *(run._writer.load_checkpoint(node.checkpoint) for node in run.tree.nodes)]
    return {address for its in kept for tensor in its.tensors.values() for address in memory(tensor)}


NAMES = [name for name in CASES if " over " not in name or name.startswith(("ChainedScheduler", "OneCycleLR"))]
"""Of the schedulers the two that keep tensors, where the learning rate is one."""


@pytest.mark.parametrize("name", NAMES)
def test_no_memory_is_shared(name, monkeypatch):
    monkeypatch.setattr(copies, "LARGE", 1)  # in memory that is used again, too
    run = begin(name)
    run.step(K)
    node = run.checkpoint()
    kept = run._writer.load_checkpoint(node.checkpoint)
    before = Snapshot(kept.tensors, kept.values).digest()
    for at in (node, run.tree.root, node):
        run.restore(at)
        addresses = set(live_memory(run))
        assert addresses
        assert not addresses & kept_memory(run, kept)
        run.step(2)
    run.flush()
    assert Snapshot(kept.tensors, kept.values).digest() == before
    run.close()
