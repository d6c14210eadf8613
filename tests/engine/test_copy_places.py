"""Where the copies of a snapshot go: each tensor has its place, as long as it is the same tensor in the same memory."""

import gc

import pytest
import torch
from torch import nn

from retune_widget.engine import copies
from tests.rig import batches, running


def snapshot(its, *tensors):
    """What is copied, once it is."""
    collected = its.collect()
    with collected.written_by_the_optimizer_alone():
        made = [collected.own(tensor) for tensor in tensors]
    its.begin(collected)
    its.wait()
    return collected, made


@pytest.fixture
def its():
    its = copies.Copies()
    yield its
    its.close()


@pytest.mark.parametrize(
    "replace",
    [
        lambda data: data.clone(),
        lambda data: data.t(),
        lambda data: data[:2],
        lambda data: data.reshape(2, 8),
        lambda data: data.double(),
        lambda data: data.view(torch.int32).float(),
    ],
    ids=["other memory", "transposed", "a part", "another shape", "another type", "other values"],
)
def test_a_tensor_that_was_given_other_data_is_copied_as_it_is_now(its, replace):
    weight = nn.Parameter(torch.arange(16.0).reshape(4, 4))
    for _ in range(copies.ARENAS):
        snapshot(its, weight)
    gc.collect()
    weight.data = replace(weight.data)
    for _ in range(copies.ARENAS):
        weight.data.mul_(3)
        _, (copy,) = snapshot(its, weight)
        assert (copy.shape, copy.dtype) == (weight.shape, weight.dtype)
        assert torch.equal(copy, weight)
    gc.collect()


def test_another_order_or_number_of_tensors_is_no_trouble(its):
    first, second, third = (torch.full((4, 4), float(number)) for number in range(3))
    for order in ([first, second], [second, first], [third], [first, second, third], [], [third, first]):
        collected, made = snapshot(its, *order)
        assert all(torch.equal(copy, tensor) for copy, tensor in zip(made, order, strict=True))
        del collected, made
        gc.collect()


def test_the_same_tensor_has_the_same_place(its):
    weight = nn.Parameter(torch.zeros(4, 4))
    places = set()
    for _ in range(6):
        collected, (copy,) = snapshot(its, weight)
        places.add(copy.data_ptr())
        del collected, copy
        gc.collect()
    assert len(places) == copies.ARENAS


def test_the_memory_of_a_snapshot_is_used_again_when_nobody_holds_it(its):
    live = torch.arange(8.0)
    held = [snapshot(its, live) for _ in range(3)]
    live.zero_()
    places = {copy.data_ptr() for _, (copy,) in held}
    assert len(places) == 3
    assert all(torch.equal(copy, torch.arange(8.0)) for _, (copy,) in held)
    first = held.pop(0)[1][0].data_ptr()
    gc.collect()
    _, (again,) = snapshot(its, live)
    assert again.data_ptr() == first
    assert not again.any()
    assert all(torch.equal(copy, torch.arange(8.0)) for _, (copy,) in held)


def test_the_snapshots_of_a_long_run_share_two_places(tmp_path):
    places = set()

    def note(copying, pairs, *samples, make=copies.Copying.make):
        places.update(pair.copy.data_ptr() for pair in pairs[:1])
        make(copying, pairs, *samples)

    with running(path=tmp_path / "run") as run, pytest.MonkeyPatch.context() as patch:
        patch.setattr(copies.Copying, "make", note)
        for _ in range(8):
            run.step()
            run.checkpoint()
            run.flush()
    assert len(places) <= 3


@pytest.mark.parametrize(("least", "later"), [(1, True), (10**6, False)])
def test_only_states_that_are_large_are_copied_later(monkeypatch, least, later):
    monkeypatch.setattr(copies, "LARGE", least)
    with running(data=batches()) as run:
        run.step(3)
        its = run._engine.live.copies
        collected = its.collect()
        run._engine.live.copies.pending = False
        with collected.written_by_the_optimizer_alone():
            collected.own(next(run._engine.live.models["model"].parameters()))
        its.begin(collected)
        assert its.pending is later
        its.written()


def test_a_parameter_without_elements():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.nothing = nn.Linear(4, 3), nn.Parameter(torch.zeros(0, 4))

        def forward(self, x):
            return self.linear(x)

    with running(model=Odd()) as run:
        run.step(2)
        digest = run.digest()
        node = run.checkpoint()
        run.step(2)
        run.restore(node)
        assert run.digest() == digest
