"""Schedules and compiled updates: a learning rate that is a tensor is filled in place, and nothing is compiled anew."""

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend
from torch.optim import lr_scheduler

import retune_widget as rt
from retune_widget import schedules
from tests.engine.laboratory import Noisy, cross_entropy, network

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch compiles with its own


class Updates:
    """A run whose optimizer step is compiled; a torch scheduler steps after it."""

    def __init__(self, *, compiled=True, scheduler=None):
        torch._dynamo.reset()
        backend = CompileCounterWithBackend("aot_eager")
        model = network()
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=torch.tensor(0.01), capturable=compiled)
        its = scheduler(self.optimizer) if scheduler else None
        self.update = torch.compile(self.optimizer.step, backend=backend) if compiled else self.optimizer.step
        self._backend = backend

        def step(batch):
            self.optimizer.zero_grad()
            loss = cross_entropy(model(batch[0]), batch[1])
            loss.backward()
            self.update()
            if its is not None:
                its.step()
            return loss

        self.run = rt.Run(model, self.optimizer, Noisy(32), batch_size=8, step=step, scheduler=its, path=":memory:")

    @property
    def graphs(self):
        return self._backend.frame_count


@pytest.fixture(autouse=True)
def nothing_compiled_is_left():
    yield
    torch._dynamo.reset()


def in_float32(values):
    return torch.tensor(values, dtype=torch.float32).tolist()


def test_a_schedule_of_ours_compiles_nothing():
    its = Updates()
    its.run.step(2)
    graphs = its.graphs
    assert graphs > 0
    its.run.schedule("lr", schedules.linear(0.1, 0.5, 4))
    its.run.step(2)
    its.run.set(lr=0.15)
    node = its.run.checkpoint()
    its.run.step(2)
    digest = its.run.digest()
    its.run.hold("lr")
    its.run.step(1)
    its.run.restore(node)
    its.run.step(2)
    assert its.run.digest() == digest
    assert its.graphs == graphs
    used = its.run.lineage_history(its.run.head.branch).lr.tolist()
    assert used == in_float32([0.01, 0.01, 0.1, 0.2, 0.15, 0.2])
    its.run.close()


def exponential(optimizer):
    return lr_scheduler.ExponentialLR(optimizer, 0.5)


def story(run):
    """Scale, hold and release; the values that were used."""
    run.step(2)
    run.set(lr=0.02)
    run.step(2)
    node = run.checkpoint()
    run.hold("lr", 0.05)
    run.step(1)
    run.release("lr")
    run.step(1)
    run.restore(node)
    run.step(1)
    return run.history.lr.tolist()


def test_a_torch_scheduler_that_is_scaled_compiles_the_update_once_more_at_most():
    its = Updates(scheduler=exponential)
    its.run.step(2)
    graphs = its.graphs
    its.run.set(lr=0.02)
    its.run.step(2)
    its.run.hold("lr", 0.05)
    its.run.step(2)
    after = its.graphs
    its.run.set(lr=0.07)
    its.run.step(3)
    assert its.graphs == after <= graphs + 1
    its.run.close()


def test_a_compiled_update_uses_what_is_recorded():
    """Bits of a compiled update differ from those of an eager one: the weights are close, the values used the same."""
    weights, used = [], []
    for compiled in (True, False):
        its = Updates(compiled=compiled, scheduler=exponential)
        used.append(story(its.run))
        weights.append(its.optimizer.param_groups[0]["params"][0].detach().clone())
        its.run.close()
    assert used[0] == used[1]
    assert used[0] == pytest.approx([0.01, 0.005, 0.02, 0.01, 0.05, 0.01 / 32, 0.005])
    torch.testing.assert_close(*weights)
