"""Schedules of what is beside the optimizer: batch size, dropout, penalties, values that a step asks for."""

import pytest
import torch

import retune_widget as rt
from retune_widget import schedules
from tests.engine.laboratory import Noisy, cross_entropy


def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(6, 8),
        torch.nn.Dropout(0.1),
        torch.nn.Linear(8, 8),
        torch.nn.Dropout(0.3),
        torch.nn.Linear(8, 3),
    )


@pytest.fixture
def begun(request):
    runs = []

    def begin(its=None, **options):
        its = its or model()
        optimizer = torch.optim.SGD(its.parameters(), lr=0.1)
        how = {} if "step" in options else {"loss_fn": cross_entropy}
        runs.append(rt.Run(its, optimizer, Noisy(), path=":memory:", **{"batch_size": 4, **how, **options}))
        return runs[-1]

    yield begin
    for run in runs:
        run.close()


def exact(run):
    digests = {node: node.digest for node in run.tree.nodes}
    assert all(run.verify(node) for node in run.tree.nodes[1:])
    for node, digest in digests.items():
        run.restore(node)
        assert digest in {run.digest(), None}


def test_the_batch_size_with_each_sample_once_an_epoch(begun):
    run = begun()
    run.schedule("batch_size", schedules.linear(4, 10, 4))
    run.step(5)
    assert run.history["batch_size"].tolist() == [4, 6, 7, 8, 10]  # 5.5 and 8.5 are rounded to the even neighbour
    assert run.head.epoch == 1
    run.checkpoint()
    run.flush()
    exact(run)


def test_dropout_all_together_is_each_by_itself(begun):
    its = model()
    run = begun(its)
    run.schedule("dropout", schedules.linear(0.0, 0.4, 4))
    assert set(run.governed) == {"dropout", "1.p", "3.p"}
    run.step(2)
    assert (its[1].p, its[3].p, run.hyperparameters["dropout"].value) == (0.2, 0.2, 0.2)
    assert run.preview("dropout", 3) == pytest.approx([0.2, 0.3, 0.4])
    run.set(dropout=0.1)
    assert run.governed["dropout"].scale == 0.5
    run.hold("3.p", 0.9)
    assert "dropout" not in run.governed
    run.step(2)
    assert (its[1].p, its[3].p) == (0.2, 0.9)
    run.release("dropout")
    run.step(1)
    run.checkpoint()
    assert run.governed["dropout"].mode == "scale"
    run.flush()
    exact(run)


def test_penalties_may_be_0_and_dropout_stays_below_1(begun):
    run = begun()
    run.schedule("l1", schedules.linear(0.0, 0.01, 4))
    run.schedule("grad_clip", schedules.step(5.0, every=2, factor=0.5))
    run.step(4)
    assert run.history["l1"].tolist() == pytest.approx([0, 0.0025, 0.005, 0.0075])
    with pytest.raises(rt.HyperparameterError, match="must be at least 0 and below 1"):
        run.schedule("dropout", schedules.linear(0.5, 1.0, 10))
    run.schedule("dropout", schedules.linear(0.1, 0.8, 2))
    run.set(dropout=0.5)
    run.step(3)
    assert run.hyperparameters["dropout"].value < 1
    assert "1.p is 1 in step 8: its schedule asks for 4, out of bounds." in run.problems
    run.checkpoint()
    run.flush()
    exact(run)


def test_a_value_that_a_step_asks_for(begun):
    its, asked = model(), []

    def step(batch):
        asked.append(run.value("pull", 0.5))
        loss = cross_entropy(its(batch[0]), batch[1]) * asked[-1]
        loss.backward()
        run._engine.live.optimizers["optimizer"].step()
        return loss

    run = begun(its, step=step)
    run.step(1)
    run.schedule("pull", schedules.linear(1.0, 0.0, 4))
    run.step(3)
    assert asked == [0.5, 1.0, 0.75, 0.5]
    assert run.history["pull"].tolist() == asked


def test_out_of_memory_under_a_schedule_holds_the_size_that_worked(begun):
    def loss(output, target):
        if len(output) > 8:
            raise MemoryError("too large")
        return cross_entropy(output, target)

    run = begun(loss_fn=loss)
    run.schedule("batch_size", schedules.linear(4, 16, 3))
    run.step(4)
    assert run.status == "paused"
    assert run.history["batch_size"].tolist()[0] == 4
    assert run.governed["batch_size"].mode == "hold"
    assert run.hyperparameters["batch_size"].value <= 8
    assert any("Out of memory" in problem for problem in run.problems)
