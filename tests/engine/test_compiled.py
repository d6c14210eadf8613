"""Compiled models and optimizer steps: a restore or a new learning rate compiles nothing anew; bits are equal."""

import shutil

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend

import retune_widget as rt
from retune_widget.engine import copies
from tests.engine.laboratory import Noisy, assert_golden, cross_entropy, losses

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch compiles with its own
SAMPLES, BATCH = 32, 8  # whole batches only: a smaller one at the end would be a graph of its own


class Net(nn.Module):
    """Batch statistics and noise."""

    def __init__(self):
        torch.manual_seed(3)
        super().__init__()
        self.body, self.norm, self.drop, self.head = (
            nn.Linear(6, 8),
            nn.BatchNorm1d(8),
            nn.Dropout(0.3),
            nn.Linear(8, 3),
        )

    def forward(self, x):
        return self.head(self.drop(torch.relu(self.norm(self.body(x)))))


class Compiled:
    """Makes runs of which a part is compiled; `graphs` counts what was compiled."""

    def __init__(self, backend="aot_eager"):
        torch._dynamo.reset()
        self._backend = CompileCounterWithBackend(backend)
        self.model, self.optimizer = Net(), None

    @property
    def graphs(self):
        return self._backend.frame_count

    def wrapped(self, **options):
        return self._run(torch.compile(self.model, backend=self._backend), loss_fn=cross_entropy, **options)

    def in_place(self, **options):
        self.model.compile(backend=self._backend)
        return self._run(self.model, loss_fn=cross_entropy, **options)

    def update(self, **options):
        """The optimizer's step is compiled."""
        run = self._run(self.model, capturable=True, **{"step": self.train, **options})
        self.step = torch.compile(self.optimizer.step, backend=self._backend)
        return run

    def train(self, batch):
        self.optimizer.zero_grad()
        loss = cross_entropy(self.model(batch[0]), batch[1])
        loss.backward()
        self.step()
        return loss

    def _run(self, model, *, capturable=False, **options):
        lr = torch.tensor(0.01)  # a number would be part of the graph
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=lr, capturable=capturable)
        return rt.Run(model, self.optimizer, Noisy(SAMPLES), batch_size=BATCH, path=":memory:", **options)


@pytest.fixture(autouse=True)
def nothing_compiled_is_left(monkeypatch):
    monkeypatch.setattr(copies, "LARGE", 1)  # copied while training goes on, where that may be
    yield
    torch._dynamo.reset()


kinds = pytest.mark.parametrize("kind", ["wrapped", "in_place", "update"])


@kinds
def test_a_restore_and_a_change_compile_nothing(kind):
    compiled = Compiled()
    run = getattr(compiled, kind)()
    run.step(2)
    node = run.checkpoint()
    run.step(3)
    graphs = compiled.graphs
    assert graphs > 0
    expected = losses(run), run.digest()
    for lr in (0.5, 0.02):
        run.restore(node)
        run.step(3)
        assert (losses(run), run.digest()) == expected
        run.branch(node, lr=lr)
        run.step(3)
        assert (losses(run), run.digest()) != expected
        assert run.verify(run.checkpoint())
    assert compiled.graphs == graphs
    run.close()


@kinds
def test_every_bit_is_the_same_after_going_back(kind):
    def make():
        return getattr(Compiled(), kind)()

    assert_golden(make)


def test_the_start_has_no_optimizer_state_so_a_compiled_update_is_compiled_once_more_there():
    """Torch looks at which state there is. It gives up at eight graphs: the page on exactness tells people."""
    compiled = Compiled()
    run = compiled.update()
    run.step(5)
    expected, graphs = run.digest(), compiled.graphs
    for times in (1, 2):
        run.restore("n0")
        run.step(5)
        assert run.digest() == expected
        assert compiled.graphs == graphs + times
    run.close()


def test_the_values_that_a_compiled_update_uses_are_recorded():
    compiled = Compiled()
    run = compiled.update()
    run.step(2)
    run.set(lr=0.5)
    run.step(2)
    assert run.history.lr.tolist() == pytest.approx([0.01, 0.01, 0.5, 0.5])
    run.close()


def test_a_loop_that_is_left_after_a_compiled_update_has_trained_on_its_batch():
    compiled = Compiled()
    run = compiled.update(step=None)
    for batch in run.batches():
        loss = compiled.train(batch)
        run.log(loss=loss)
        if run.head.step == 2:
            break  # after the update of the third step
    assert (run.head.step, len(run.history)) == (3, 3)
    assert run.checkpoint().exact
    run.close()


@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
@pytest.mark.parametrize("kind", ["wrapped", "update"])
def test_with_inductor(kind):
    compiled = Compiled("inductor")
    run = getattr(compiled, kind)()
    run.step(5)
    node = run.checkpoint()
    run.step(4)
    expected, graphs = (losses(run), run.digest()), compiled.graphs
    run.set(lr=0.1)
    run.step(1)
    run.restore(node)
    run.step(4)
    assert (losses(run), run.digest()) == expected
    assert compiled.graphs == graphs > 0
    run.close()
