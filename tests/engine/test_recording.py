"""What a run records costs no wait and no memory."""

import gc

import torch
from torch import nn, optim

import retune_widget as rt
from tests.engine.laboratory import make_run, network


def test_metrics_stay_tensors_until_they_are_flushed_together(monkeypatch):
    """Reading a value out of a tensor waits for its device: not once a step."""
    reads = []

    def watched(name):
        original = getattr(torch.Tensor, name)

        def read(self, *arguments):
            if self.is_floating_point():  # orders and generators are whole numbers, and never on a device
                reads.append((name, self.numel()))
            return original(self, *arguments)

        return read

    for name in ("item", "tolist", "__float__", "__int__", "__bool__", "numpy", "cpu"):
        monkeypatch.setattr(torch.Tensor, name, watched(name))
    data = torch.utils.data.TensorDataset(torch.randn(32, 6), torch.zeros(32, dtype=torch.int64))
    model = network()
    run = rt.Run(
        model, optim.SGD(model.parameters(), lr=0.1), data, batch_size=8, path=":memory:",
        policies=[],  # the guard reads on the CPU at once; tests/test_nan_guard.py has what it does on a device
        loss_fn=nn.functional.cross_entropy, val_data=data, metrics={"mean": lambda output, _target: output.mean()},
    )  # fmt: skip
    run.step(1)
    run.flush()
    monkeypatch.setattr(run._helm, "take_mark", lambda: None)  # it reads the state once, where training pauses
    run._helm._mark = None
    del reads[:]
    run.step(200)
    assert len(run.history) == 201
    assert sum(count for _, count in reads) == 200 + 20 + 2 * 50  # a loss a step, a norm every 10, two metrics an epoch
    assert len(reads) <= 30  # by the 256, twice a second, and for the table
    run.close()


def test_memory_does_not_grow_with_the_steps():
    """What is live after 300 steps is what was live after 100."""
    run = make_run(optim.Adam)
    sizes = []
    for _ in range(3):
        run.step(100)
        _ = len(run.history)
        gc.collect()
        sizes.append(sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects()))
    run.close()
    assert sizes[2] <= sizes[1] + 5
