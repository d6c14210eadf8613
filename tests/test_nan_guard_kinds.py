"""The guard in every kind of loop and for every kind of gradient."""

import pytest
import torch
from torch import nn

import retune_widget as rt
from tests.engine.laboratory import Noisy, cross_entropy
from tests.faults import Faulty, adam, bits, in_own_step, normed
from tests.rig import running


def test_a_loop_of_ones_own_gets_an_error_before_its_optimizer_steps():
    model = normed()
    optimizer = adam(model.parameters())
    run = rt.Run(model, optimizer, Noisy(), batch_size=8, path=":memory:")
    step = in_own_step(model, optimizer, lambda out, y: cross_entropy(out, y) * (run._engine.step != 3 or float("nan")))

    def loop(steps):
        for count, batch in enumerate(run.batches(), 1):
            run.log(loss=step(batch))
            if count == steps:
                break

    loop(2)
    node, weights = run.checkpoint(), [its.clone() for its in model.parameters()]
    loop(1)
    with pytest.raises(rt.NonFiniteError, match=r"step 4 was stopped: the gradient of '0.weight' is not finite"):
        loop(2)
    assert all(torch.isfinite(its).all() for its in model.parameters())
    run.recover("lower lr")
    assert run.head.step == node.step
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), weights, strict=True))
    loop(1)
    run.close()


def test_only_the_gradient_may_be_bad():
    class Root(torch.autograd.Function):
        @staticmethod
        def forward(_ctx, x):
            return x

        @staticmethod
        def backward(_ctx, grad):
            return grad * float("inf")

    bad = []
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    model[1].register_forward_hook(lambda _m, _i, out: Root.apply(out) if bad else None)
    with running(model=model) as run:
        run.step(2)
        bad.append(True)
        run.step(2)
        assert "step 3 was stopped: the gradient of '0.weight' is not finite, the first of them." in run.problems[0]
        assert "Its batch: epoch 0, batch 2." in run.problems[0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16, torch.complex64])
def test_every_type_of_gradient_is_looked_at(dtype):
    weight = nn.Parameter(torch.ones(3, dtype=dtype))
    gradients = [1.0, 1.0, float("nan"), 1e4]

    def step(_batch):
        weight.grad = torch.full_like(weight, gradients[run._engine.step])
        optimizer.step()

    optimizer = torch.optim.SGD([weight], lr=0.1)
    run = rt.Run(nn.Linear(1, 1), optimizer, step=step, path=":memory:")
    run.step(2)
    before = weight.detach().clone()
    run.step(2)
    assert (run.head.step, torch.equal(weight, before)) == (2, True)
    gradients[2] = torch.finfo(dtype).max  # large, and finite
    run.step(1)
    assert run.head.step == 3
    run.close()


def test_the_closure_of_lbfgs_is_watched_too():
    fault = Faulty()
    with running(lambda m: torch.optim.LBFGS(m.parameters(), max_iter=3), loss_fn=fault) as run:
        fault.run = run
        run.step(2)
        before = bits(run)
        fault.at = 2
        run.step(1)
        assert (run.head.step, bits(run)) == (2, before)


def test_what_a_scaler_skips_is_no_fault_but_a_loss_is():
    fault, model = Faulty(), normed()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    run = rt.Run(
        model, adam(model.parameters()), Noisy(), batch_size=8, path=":memory:", scaler=scaler,
        loss_fn=lambda output, target: fault(output * 100, target),
    )  # fmt: skip
    fault.run = run
    run.step(6)
    assert (run.head.step, scaler.get_scale() < 2.0**127) == (6, True)
    before = bits(run)
    fault.at = 6
    run.step(1)
    assert (run.head.step, bits(run)) == (6, before)
    assert "the loss is nan" in run.problems[0]
    run.close()
