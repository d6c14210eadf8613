"""The golden test for state in unusual places."""

import pytest
import torch
from torch import nn, optim

import retune_widget as rt
from tests.engine.laboratory import K, Odd, assert_golden, cross_entropy, make_run


def adam(parameters):
    return optim.Adam(parameters, lr=0.01)


@pytest.mark.parametrize("k", [0, K])
def test_state_in_odd_places(k):
    def go(run, steps):
        if steps:
            run.step(steps)

    def make():
        torch.manual_seed(0)
        return make_run(adam, model=Odd())

    assert_golden(make, k=k, go=go)


def test_an_optimizer_with_state_of_its_own():
    class Slow(optim.SGD):
        """Every second step counts double; keeps its count in the state and an average beside it."""

        def __init__(self, params):
            super().__init__(params, lr=0.05, momentum=0.9)
            self.state["count"] = 0
            self.mean = 0.0

        def step(self, closure=None):
            self.state["count"] += 1
            if self.state["count"] % 2:
                self.param_groups[0]["lr"] = 0.05 + 0.001 * self.mean
            self.mean = 0.9 * self.mean + 0.1 * self.state["count"]
            count = self.state.pop("count")
            result = super().step(closure)
            self.state["count"] = count
            return result

    assert_golden(lambda: make_run(Slow))


def test_sparse_gradients_in_flight():
    def make():
        model = nn.EmbeddingBag(SIZE, 3, sparse=True)
        with torch.no_grad():
            model.weight.copy_(torch.arange(SIZE * 3).reshape(SIZE, 3) / SIZE)
        optimizer = optim.SparseAdam(model.parameters(), lr=0.01)
        batches = [(torch.arange(i, i + 4).reshape(2, 2) % SIZE, torch.tensor([i % 3, 1])) for i in range(4)]

        def step(batch):
            optimizer.zero_grad()
            loss = cross_entropy(model(batch[0]), batch[1])
            loss.backward()
            optimizer.step()
            return loss

        return rt.Run(model, optimizer, batches, step=step, path=":memory:")

    SIZE = 10  # noqa: N806  # a constant of the test
    assert_golden(make)


def test_channels_last_through_the_disk(tmp_path):
    """Memory order decides in which order sums are made: state must come back in its own."""
    places = iter(range(2))

    def make():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3))
        model = model.to(memory_format=torch.channels_last)
        data = [(torch.randn(4, 2, 4, 4).to(memory_format=torch.channels_last), torch.arange(4) % 3) for _ in range(3)]
        run = rt.Run(model, adam(model.parameters()), data, loss_fn=cross_entropy, path=tmp_path / str(next(places)))
        run.parts = run.checkpoint()
        return run

    def lose_the_state(run):
        run.restore(run.parts)  # the root, without any optimizer state: what comes back is made anew

    assert_golden(make, before_restore=lose_the_state)
