"""What is not finite is found before it damages the weights; the state from before the step is there bit for bit."""

import random

import pytest
import torch

import retune_widget as rt
from retune_widget.policies import Divergence
from tests.engine.laboratory import Odd, cross_entropy
from tests.faults import adam, bits, make, normed
from tests.rig import running


class Counting(torch.nn.Sequential):
    """The forward pass leaves a trace in an attribute, and in no buffer."""

    def __init__(self):
        super().__init__(torch.nn.Linear(6, 3))
        self.calls = 0

    def forward(self, inputs):
        self.calls += 1
        return super().forward(inputs) * (1 + self.calls / 100)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("kind", ["built in", "own"])
@pytest.mark.parametrize("model", [normed, Odd, Counting])
def test_the_state_is_that_of_before_the_step(kind, model, late):
    """Late: as on CUDA, where the answer is read before the next update, and the steps are trained again."""
    run, fault = make(kind, model())
    run._engine.nan_guard.defers = late
    run.step(3)
    run.set(lr=0.02)
    run.step(4)
    before, values = bits(run), dict(run._engine.values())
    fault.at = 7
    run.step(5)
    assert (run.status, run.head.step, bits(run), dict(run._engine.values())) == ("paused", 7, before, values)
    (node,) = [its for its in run.tree.nodes if its.author == "policy:NaNGuard"]
    assert (node.step, node.cause, node.exact, node.checkpoint.training_digest or before) == (7, "policy", True, before)
    told = run.problems[-1]
    first = "the gradient of 'inner.weight'" if model is Odd else "the gradient of '0.weight' is not finite"
    assert told.startswith("NaNGuard: step 8 was stopped: ")
    assert first in told
    assert ("the loss is nan, and" in told) == (kind == "built in")
    samples = run._engine.feed.samples()
    assert f"Its batch: epoch 1, sample 24, batch_size 8; its samples are {', '.join(map(str, samples))}." in told
    fault.at = None
    run.step(5)
    after = bits(run)
    run.restore(node)
    run.step(5)
    assert bits(run) == after
    run.flush()
    assert all(run.verify(its) for its in run.tree.nodes[1:])
    run.close()


def test_a_hundred_faults_and_the_weights_are_those_of_before_each_time():
    draw = random.Random(0)
    for case in range(100):
        every, late = draw.choice([None, 2]), draw.choice([None, True])
        run, fault = make(
            draw.choice(["built in", "own"]),
            optimizer=draw.choice([adam, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)]),
            checkpoint_every=every,
            seed=case,
        )
        run._engine.nan_guard.defers = late
        at = draw.randrange(0, 9)
        fault.at, fault.value = None, draw.choice([float("nan"), float("inf"), -float("inf")])
        good = {0: bits(run)}
        for step in range(1, at + 1):
            run.step(1)
            good[step] = bits(run)
        before, fault.at = bits(run), at
        run.step(4)
        if late and every and (at + 1) % every == 0:  # that state was kept before anybody knew
            damaged = next(its for its in run.tree.nodes if its.step == at + 1)
            assert damaged.note == f"from after step {at + 1} was stopped: its loss or a gradient is not finite"
            before, at = good[at - at % every], at - at % every
        run.flush()
        node = run.tree.node(run.head.node_id)
        assert (run.head.step, bits(run), node.checkpoint.training_digest) == (at, before, before), case
        run.close()


def test_an_exploding_learning_rate_is_stopped_before_the_weights_are_lost():
    run, _ = make(optimizer=lambda p: torch.optim.SGD(p, lr=0.1), policies=None)
    run.step(2)
    run.set(lr=1e30)
    run.step(50)
    assert run.status == "paused"
    assert "was stopped" in run.problems[-1]
    assert all(torch.isfinite(its).all() for its in run._engine.live.models["model"].parameters())
    run.recover("lower lr", node=run.tree.nodes[1], factor=1e-30)
    run.step(5)
    assert run.problems == []
    run.close()


def test_thirty_exploding_learning_rates_and_the_weights_are_those_of_the_last_good_step_each_time():
    """Without the guard the run goes on to numbers that are not finite; up to there the two are the same."""
    draw = random.Random(1)
    for case in range(30):
        kind, momentum, at = draw.choice(["built in", "own"]), draw.choice([0.0, 0.9]), draw.randrange(1, 7)
        rate, late = 10.0 ** draw.uniform(8, 30), draw.choice([False, True])

        def sgd(parameters, momentum=momentum):
            return torch.optim.SGD(parameters, lr=0.1, momentum=momentum)

        run, _ = make(kind, optimizer=sgd, seed=case)
        twin, _ = make(kind, optimizer=sgd, seed=case, policies=[])
        run._engine.nan_guard.defers = late
        for its in (run, twin):
            its.step(at)
            its.set(lr=rate)
        run.step(60)
        stopped = run.head.step
        assert (run.status, run.problems[-1].startswith(f"NaNGuard: step {stopped + 1} was stopped")) == (
            "paused",
            True,
        )
        twin.step(stopped - at) if stopped > at else None
        run.flush()
        node = run.tree.node(run.head.node_id)
        assert (bits(run), node.checkpoint.training_digest) == (bits(twin), bits(twin)), case
        assert all(torch.isfinite(its).all() for its in run._engine.live.models["model"].parameters())
        run.close()
        twin.close()


def test_recover_with_a_lower_learning_rate():
    run, fault = make()
    run.step(3)
    fault.at = 3
    run.step(1)
    node = run.recover("lower lr")
    assert (node.step, node.author, run.hyperparameters["lr"].value) == (3, "policy:NaNGuard", pytest.approx(1e-3))
    assert node.note.startswith("lower lr, because step 4 was stopped: the loss is nan")
    fault.at = None
    run.step(2)
    assert (run.head.step, run.problems) == (5, [])
    with pytest.raises(rt.StatusError, match="nothing to recover from"):
        run.recover("lower lr")
    with pytest.raises(ValueError, match="There is no way 'magic' to recover"):
        run.recover("magic")
    run.close()


def test_recover_behind_the_batch():
    run, fault = make()
    run.step(2)
    fault.at = 2
    skipped = run._engine.feed.samples()
    run.step(1)
    run.recover("skip batch")
    left = run._engine.feed.samples()
    assert not set(left) & set(skipped)
    node = run.tree.nodes[-1]
    assert (node.origin, node.note) == (
        "edited", f"batch skipped: epoch 0, sample 16, batch_size 8; its samples are {', '.join(map(str, skipped))}",
    )  # fmt: skip
    fault.at = None
    run.step(3)
    after = bits(run)
    run.restore(node)
    run.step(3)
    assert bits(run) == after
    run.close()


def test_the_batch_cannot_be_skipped_from_elsewhere():
    run, fault = make()
    run.step(2)
    fault.at = 2
    run.step(1)
    run.restore(run.tree.root)
    with pytest.raises(rt.StatusError, match="not before the step that was stopped"):
        run.recover("skip batch")
    run.close()


def test_suspended_or_removed_it_lets_everything_through():
    for how in ("suspend_policy", "remove_policy"):
        run, fault = make()
        getattr(run, how)("NaNGuard")
        fault.at = 2
        run.step(5)
        assert (run.head.step, run.status) == (5, "paused")
        assert torch.isnan(torch.tensor(run.history["train/loss"].tolist())).any()
        run.close()
    run, fault = make(policies=[])
    fault.at = 2
    run.step(5)
    assert run.policies == ()
    run.close()


def test_divergence_goes_back_to_a_node_from_before():
    factor = [1.0]
    rule = Divergence(steps=2, window=10)
    with running(policies=[rule], checkpoint_every=5, loss_fn=lambda o, t: cross_entropy(o, t) * factor[0]) as run:
        run.step(12)
        factor[0] = 1000.0
        run.step(8)
        assert (run.status, run.head.step) == ("paused", 10)
        assert "since step 13. The run went back to n2 at step 10." in run.problems[0]
        with pytest.raises(rt.StatusError, match="nothing to recover from"):
            run.recover("skip batch")
        factor[0] = 1.0
        node = run.recover("lower lr", node=run.head.node_id)  # where it is already: the rules stay as they are
        assert (node.step, node.author, run.hyperparameters["lr"].value) == (
            10,
            "policy:Divergence",
            pytest.approx(0.01),
        )
        assert node.note.startswith("lower lr, because train/loss is ")
        assert [len(its.fired) for its in run.policies] == [1]
        assert run.problems == []
        run.step(2)
        assert run.head.step == 12


def test_tensors_are_compared_on_their_own_device_without_waiting():
    """The answer of a step is read in the next one, and not asked for in its own."""
    run, fault = make()
    guard = run._engine.nan_guard
    guard.defers = True
    run.step(1)
    assert guard._waiting.step == 1
    fault.at = 1
    run.step(1)
    assert (run.head.step, guard.fault) == (2, None)
    run.step(1)
    assert (run.head.step, guard.fault.step) == (1, 2)
    run.close()
