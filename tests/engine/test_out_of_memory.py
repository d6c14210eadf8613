"""Out of memory after a raise of the batch size: the old size is back, and the state is that from before the step."""

import random

import pytest
import torch
from torch import nn

import retune_widget as rt
from retune_widget.engine.memory import FIRST_STEPS, is_out_of_memory
from tests.engine.laboratory import Noisy, cross_entropy, losses
from tests.engine.regularised import make, model

ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    torch.OutOfMemoryError(),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
    RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"),
]


class Memory:
    """Runs out at one place, once, in a step with more than eight samples."""

    def __init__(self, place, after, error):
        self.place, self.after, self.error = place, after, error
        self.samples, self.steps, self.spent = 0, 0, False

    def need(self, place, samples=None):
        if samples is not None:
            self.samples = samples
            self.steps += samples > 8
        if place == self.place and self.samples > 8 and self.steps > self.after and not self.spent:
            self.spent = True
            torch.rand(5)
            random.random()
            raise self.error


class Greedy(torch.optim.Adam):
    """Runs out of memory when all parameters are written."""

    memory = None

    def step(self, closure=None):
        super().step(closure)
        self.memory.need("step")


class Hungry(nn.Module):
    """Asks for memory after batch norm wrote its buffers, and in the backward pass."""

    def __init__(self, memory):
        super().__init__()
        self.body, self.calls, self._memory = model(), 0, memory

    def __len__(self):
        return len(self.body)

    def __getitem__(self, index):
        return self.body[index]

    def forward(self, x):
        if self.training:
            self.calls += 1
            self._memory.need("start", len(x))
        x = self.body(x)
        self._memory.need("forward")
        if x.requires_grad:
            x.register_hook(lambda _grad: self._memory.need("backward"))
        return x


def begun(place, after=0, error=ERRORS[0], **options):
    memory = Memory(place, after, error)
    return make(network=Hungry(memory), **options), memory


def without(run):
    run.step(8)
    return run.digest(), losses(run)


@pytest.mark.parametrize("error", ERRORS, ids=lambda its: f"{type(its).__name__} {str(its)[:12]}")
@pytest.mark.parametrize("place", ["start", "forward", "backward"])
def test_the_run_goes_on_as_if_nothing_had_been_raised(place, error):
    plain, _ = begun("never")
    expected = without(plain)
    plain.close()
    run, memory = begun(place, error=error)
    run.step(2)
    run.set(batch_size=16)
    run.step(6)
    assert memory.spent
    assert run.hyperparameters["batch_size"].value == 8
    assert losses(run) == expected[1]
    assert run.digest() == expected[0]
    note = "Out of memory with batch_size=16 at step 3: 8 is in force again."
    assert run.problems == [note]
    assert run.changes[["old", "new", "author", "note"]].to_numpy().tolist() == [
        [8, 16, "user", ""],
        [16, 8, "memory", note],
    ]
    run.set(batch_size=4)
    assert run.problems == []
    run.close()


@pytest.mark.parametrize("after", range(FIRST_STEPS))
@pytest.mark.parametrize("place", ["start", "forward", "backward", "step", "fetch"])
def test_in_each_of_the_first_steps_a_hundred_times(place, after):
    """As if the old size had been set by hand in its stead; 15 times at seven sizes and moments."""
    for size, at in [(10, 1), (12, 2), (16, 3), (20, 3), (9, 7), (30, 0), (14, 4)]:
        twins = []
        for fails in (True, False):
            run, memory = begun(place if fails else "never", after, optimizer=Greedy, data=Noisy(120))
            run._engine.live.optimizers["optimizer"].memory = memory
            if place == "fetch" and fails:
                fetch_fails(run, memory, after)
            if at:
                run.step(at)
            run.set(batch_size=size)
            run.step(after) if after else None
            if not fails:
                run.set(batch_size=8)
            run.step(4)
            assert memory.spent == fails
            twins.append((run.digest(), losses(run), run.head.epoch))
            run.close()
        assert twins[0] == twins[1], (place, after, size)


def fetch_fails(run, memory, after):
    """The data set has no room for the batch."""
    feed, fetch = run._engine.feed, run._engine.feed.next
    calls = []

    def next_batch():
        if feed.batch_size > 8:
            calls.append(1)
            if len(calls) > after and not memory.spent:
                memory.spent = True
                raise MemoryError
        return fetch()

    feed.next = next_batch


def test_a_step_of_ones_own():
    def begin(memory):
        network = Hungry(memory)
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)

        def step(batch):
            loss = cross_entropy(network(batch[0]), batch[1]) / 2
            loss.backward()  # gradients are in flight over two steps
            if run.head.step % 2:
                optimizer.step()
                optimizer.zero_grad()
            return loss

        run = rt.Run(network, optimizer, Noisy(), step=step, batch_size=8, path=":memory:")
        return run

    plain, run = begin(Memory("never", 0, ERRORS[0])), begin(Memory("backward", 0, ERRORS[0]))
    expected = without(plain)
    run.step(2)
    run.set(batch_size=16)
    run.step(6)
    assert losses(run) == expected[1]
    assert run.digest() == expected[0]
    plain.close()
    run.close()


def test_other_errors_and_later_ones_end_the_run():
    run, _ = begun("forward", error=RuntimeError("size mismatch"))
    run.step(2)
    run.set(batch_size=16)
    with pytest.raises(RuntimeError, match="size mismatch"):
        run.step(1)
    run.close()
    run, _ = begun("forward", after=FIRST_STEPS, data=Noisy(120))
    run.set(batch_size=9)
    with pytest.raises(torch.OutOfMemoryError):
        run.step(FIRST_STEPS + 1)
    run.close()


def test_nothing_is_kept_without_a_raise_nor_after_the_first_steps():
    run, _ = begun("never")
    run.set(batch_size=4)
    assert run._engine.memory.worked is None
    run.set(batch_size=5)
    assert run._engine.memory.worked == 4
    run.set(batch_size=6)
    assert run._engine.memory.worked == 4, "5 was not trained with"
    run.set(batch_size=3)
    assert run._engine.memory.worked is None
    run.set(batch_size=8)
    run.step(FIRST_STEPS + 1)
    assert run._engine.memory.worked is None
    run.set(batch_size=9)
    run.restore("n0")
    assert run._engine.memory.worked is None
    run.close()


def test_what_is_out_of_memory():
    assert all(is_out_of_memory(error) for error in ERRORS)
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))
